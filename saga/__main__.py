"""`python -m saga new` and `verify`: the commands of the engine."""

import os
import sys
from collections.abc import Sequence


def main(words: Sequence[str]) -> int:
    """Run the command that is asked for; 2 if there is none of that name."""
    command, *arguments = words or [""]
    if command == "verify":
        from saga.verify.command import main as verify  # noqa: PLC0415 - of an extra

        return verify(arguments)
    if command == "new":
        from saga.new import main as new  # noqa: PLC0415 - only if it is asked for

        return new(arguments)
    print("usage: python -m saga new NAME | verify package.module:SUBJECT", file=sys.stderr)
    return 2


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # A thread of Temporal's client may turn the interpreter's own ending into an abort
    # (temporalio/sdk-python issue 300).
    os._exit(code)
