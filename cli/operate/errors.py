"""What goes wrong in an operator's command, told in words, with an exit code for what it was."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from cli.client import STATE_DIR, ApiError, fail
from cli.exit_codes import ExitCode
from infrastructure.security.key_ring import EncryptionError
from local_stack.state.running_stacks import describe_others


class NoHistory(Exception):
    """There is no history there; the message says what to give instead."""


class NoVersion(Exception):
    """There is no such version of the workers; the message says what to do first."""


@contextmanager
def report_errors() -> Iterator[None]:
    """Print errors that a person can mend, and exit; all others are bugs and pass."""
    try:
        yield
    except typer.Exit:  # is a RuntimeError too
        raise
    except ApiError as error:
        raise fail(error) from error
    except NoHistory as error:
        raise _fail(str(error)) from error
    except EncryptionError as error:
        raise _fail(f"{error}; see docs/encryption.md") from error
    except RuntimeError as error:  # the SDK's word for a server that it cannot connect to
        others = describe_others(STATE_DIR)
        said = f"Temporal: {error}; set TEMPORAL_ADDRESS{others}"
        raise _fail(said, ExitCode.NO_ANSWER) from error
    except Exception as error:
        from temporalio.service import RPCError, RPCStatusCode  # noqa: PLC0415 - heavy

        if not isinstance(error, RPCError):
            raise
        said_no = error.status in {RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT}
        code = ExitCode.REFUSED if said_no else ExitCode.NO_ANSWER
        raise _fail(f"Temporal: {error.message}", code) from error


def _fail(detail: str, code: ExitCode = ExitCode.WRONG) -> typer.Exit:
    typer.secho(detail, fg="red", err=True)
    return typer.Exit(code)
