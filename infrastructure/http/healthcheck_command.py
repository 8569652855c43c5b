"""`saga-healthcheck URL`: whether something answers 200 there; for health checks.

An image without curl needs it, and it must start fast: it loads nothing but the standard library.
"""

import sys
from http.client import HTTPConnection as Plain
from http.client import HTTPException, HTTPSConnection
from urllib.parse import urlsplit

PATIENCE = 3.0


def answers(url: str) -> bool:
    """Whether GET is answered by 200 in time. Certificates are verified."""
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else Plain
    connection = kind(parts.hostname or "", parts.port, timeout=PATIENCE)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def main() -> None:
    """Entry point: exit code 0 if it answers."""
    sys.exit(0 if answers(sys.argv[1]) else 1)


if __name__ == "__main__":
    main()
