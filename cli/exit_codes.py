"""How a command ends, told to the shell by what came of it; see docs/exit-codes.md."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The same for every command."""

    DONE = 0  # it is done, and what was looked at is well
    WRONG = 1  # what was looked at is not well, or something here must be mended first
    USAGE = 2  # the command was called in a way that it does not have
    DEGRADED = 3  # `saga status`: not all runs
    REFUSED = 4  # the API said no: the same again changes nothing
    NO_ANSWER = 5  # nobody answered, or not for sure: try the same again later


def exit_code_of(status: int, code: str) -> ExitCode:
    """For an answer of the API with this status, which is 0 if there was none."""
    if status >= 500 or code == "unreachable":
        return ExitCode.NO_ANSWER
    return ExitCode.REFUSED if status >= 400 else ExitCode.WRONG
