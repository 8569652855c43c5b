"""How much of a request is taken, and in what form: all bounds in one place.

Sizes are in bytes. The server enforces the first group before the app is reached
(`api/http/h11_protocol.py`), the app the others (`api/http/request_limits.py`).
"""

from datetime import timedelta

MAX_HEAD = 32 * 1024  # request line and headers while they arrive; more is not even parsed
HEAD_TIMEOUT = timedelta(seconds=10)  # for the head, from its first byte or the connection on

MAX_URI = 8 * 1024  # path and query
MAX_HEADERS = 100  # how many
MAX_HEADER_BYTES = 16 * 1024  # names and values, together
MAX_BODY = 64 * 1024
BODY_TIMEOUT = timedelta(seconds=10)  # for the whole body
MAX_DEPTH = 20  # of JSON; ours has four levels

# A client that does not take what it asked for: how long an answer may stand before it.
WRITE_TIMEOUT = timedelta(seconds=30)

# What is still taken off a client that is refused, so that it sees the answer and not a reset.
LINGER = timedelta(seconds=1)
LINGER_BYTES = 1024 * 1024
