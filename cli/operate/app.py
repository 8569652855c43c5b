"""The operators' commands as a program of their own: `temporal-saga`, run by `temporal saga …`.

The Temporal CLI offers an executable `temporal-NAME` on PATH as its own subcommand NAME.
"""

from collections.abc import Callable
from functools import partial

import typer

from cli.operate.audit import audit
from cli.operate.deploy.app import app as deploy
from cli.operate.explain import explain
from cli.operate.exposure import exposure
from cli.operate.replay import replay
from cli.operate.reset_preview import reset_preview
from cli.operate.resolve_cancel_return import (
    cancel,
    resolve,
    retry,
    return_orders,
    settle,
)
from cli.operate.stuck import list_stuck_sagas
from infrastructure.temporal.program import run_and_end

COMMANDS: dict[str, Callable[..., None]] = {
    "stuck": list_stuck_sagas,
    "explain": explain,
    "exposure": exposure,
    "replay": replay,
    "reset-preview": reset_preview,
    "audit": audit,
    "resolve": resolve,
    "retry": retry,
    "settle": settle,
    "cancel": cancel,
    "return": return_orders,
}


def install(app: typer.Typer, panel: str | None = None) -> None:
    """Add the operators' commands to an app; its help shows them in this panel."""
    for name, command in COMMANDS.items():
        app.command(name, rich_help_panel=panel)(command)
    app.add_typer(deploy, name="deploy", rich_help_panel=panel)


def main() -> None:
    """The executable `temporal-saga`."""
    app = typer.Typer(
        name="temporal saga",
        help="Inspect, replay and repair order sagas.",
        no_args_is_help=True,
        pretty_exceptions_show_locals=False,
    )
    install(app)
    run_and_end(partial(app, prog_name="temporal saga"))
