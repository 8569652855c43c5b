"""The Temporal development server as a child, with its Web UI and a database file.

It begins with our search attributes. What its database file lacks, since it is of an earlier
release, is registered by `attributes`, which works on any server.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from contracts.names import SEARCH_ATTRIBUTES
from local_stack.options import HOST
from local_stack.supervision import readiness
from local_stack.supervision.child import Child

# Measured: WAL is twice as fast as SQLite's default and, fully synchronous, as durable; the poll
# rate takes a wait of 50 ms out of every dispatch. A development server reads the list of search
# attributes from its database at each start of a workflow and each upsert, 2 ms of an order; a list
# that is kept knows of a new one two seconds late, so ours are given at the start.
TUNING = (
    *("--sqlite-pragma", "journal_mode=wal"),
    *("--dynamic-config-value", "history.transferProcessorMaxPollRPS=100"),
    *("--dynamic-config-value", "system.forceSearchAttributesCacheRefreshOnRead=false"),
)
ATTRIBUTES = tuple(
    word for name in SEARCH_ATTRIBUTES for word in ("--search-attribute", f"{name}=Keyword")
)


def program() -> Path:
    """The `temporal` executable of the wheel, beside the interpreter; elsewhere it is not ours."""
    return Path(sys.executable).parent / "temporal"


def server(
    port: int,
    ui_port: int,
    database: Path,
    env: Mapping[str, str],
    codec: str | None = None,
    *,
    durable: bool = True,
) -> Child:
    """The server. It accepts connections a moment before it serves; `attributes` waits for that.

    `codec` is the URL by which its Web UI reads encrypted payloads. Not `durable`: what it has
    answered survives its crash, but not the machine's.
    """
    flushes = ("--sqlite-pragma", f"synchronous={'full' if durable else 'off'}")
    decoding = ("--ui-codec-endpoint", codec) if codec else ()
    places = ("--ip", HOST, "--port", str(port), "--ui-port", str(ui_port))
    return Child(
        name="temporal",
        argv=(
            *(str(program()), "server", "start-dev", *places, "--db-filename", str(database)),
            *("--ui-disable-news-fetch", "--disable-config-file", *TUNING, *flushes),
            *ATTRIBUTES,
            *decoding,
        ),
        env=env,
        ready=readiness.accepts(HOST, port),
        rank=1,
    )
