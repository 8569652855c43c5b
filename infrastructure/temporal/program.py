"""How a program ends that spoke to Temporal."""

import os
import sys
from collections.abc import Callable
from typing import Any


def run_and_end(program: Callable[[], Any]) -> None:
    """Run it, and end the process with its exit code: that of its SystemExit, or else 0.

    A thread of Temporal's client may turn the interpreter's own ending into an abort
    (temporalio/sdk-python issue 300). So what was printed is flushed, and the process ends at once.
    """
    code = 0
    try:
        program()
    except SystemExit as ending:
        if isinstance(ending.code, str):
            sys.stderr.write(f"{ending.code}\n")
        code = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    if "temporalio" not in sys.modules:
        sys.exit(code)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
