"""How a short-lived command ends, if it spoke to Temporal."""

import os
import sys
from collections.abc import Callable
from typing import Any


def run_and_end(command: Callable[[], Any]) -> None:
    """Run it, and end the process with its exit code.

    A thread of Temporal's client may turn the interpreter's own ending into an abort
    (temporalio/sdk-python issue 300). So what was printed is flushed, and the process ends at once.
    """
    try:
        command()
        code = 0
    except SystemExit as ending:
        if "temporalio" not in sys.modules or not isinstance(ending.code, int | None):
            raise
        code = ending.code or 0
    if "temporalio" in sys.modules:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
