"""One operator's command over many sagas: planned, shown, confirmed, and at a bounded rate."""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from cli.client import ApiError
from cli.exit_codes import ExitCode, exit_code_of
from cli.operate.temporal import connect
from cli.output import mark
from contracts.names import order_of

Query = Annotated[str | None, typer.Option("--query", help="Sagas that Temporal finds by this")]
Rate = Annotated[float, typer.Option("--rate", min=0.1, max=100, help="At most so many a second")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, do nothing")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask before doing it")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs")]
Url = Annotated[
    str | None, typer.Option("--url", envvar="SAGA_URL", help="An API; else the local stack's")
]
MOST = 1000  # sagas of one command: more are a mistake, or a matter for several


@dataclass(frozen=True)
class Done:
    """What came of one target; `error` is None if it was accepted, and `code` says how it ended."""

    target: str
    answer: str
    error: str | None = None
    code: ExitCode = ExitCode.DONE


@dataclass(frozen=True)
class Batch:
    """How to go about it."""

    rate: float
    dry_run: bool
    yes: bool
    as_json: bool

    def run(
        self,
        what: str,
        targets: Sequence[str],
        act: Callable[[str], str],
        preview: Callable[[str], str] | None = None,
    ) -> None:
        """Do `act` for each target, which answers in words.

        The exit code of a single one says what came of it; of several it is 1 if one failed.
        A single target needs no confirmation: it was named. In a dry run nothing is done, and
        `preview` answers with what would be; it fails where `act` would.
        """
        if not targets:
            typer.echo("[]" if self.as_json else "there is no such saga: nothing to do")
            return
        if self.dry_run:
            self._run_all(preview or (lambda _: f"would {what}"), targets, pause=0)
        if len(targets) > 1 and not self.yes and not _confirm(what, targets):
            raise typer.Exit(1)
        self._run_all(act, targets, pause=1 / self.rate)

    def _run_all(
        self, act: Callable[[str], str], targets: Sequence[str], *, pause: float
    ) -> NoReturn:
        """Do it for each, with so many seconds between two, tell of each, and end the command."""
        done: list[Done] = []
        for target in targets:
            if done:
                time.sleep(pause)
            done.append(_do_one(act, target))
        self._tell(done)
        raise typer.Exit(_sum_up([outcome.code for outcome in done]))

    def _tell(self, done: Sequence[Done]) -> None:
        if self.as_json:
            told = ("target", "answer", "error")
            rows = [{name: getattr(outcome, name) for name in told} for outcome in done]
            typer.echo(json.dumps(rows, indent=2))
            return
        console = Console(soft_wrap=True, highlight=False)
        for outcome in done:
            said = escape(outcome.error or outcome.answer)
            console.print(f"{mark(well=outcome.error is None)} {outcome.target}: {said}")


def _do_one(act: Callable[[str], str], target: str) -> Done:
    try:
        return Done(target, act(target))
    except ApiError as error:
        return Done(target, "", str(error), exit_code_of(error.status, error.code))


def _sum_up(codes: Sequence[ExitCode]) -> ExitCode:
    """How the command ends."""
    if len(codes) == 1:
        return codes[0]
    return ExitCode.WRONG if any(codes) else ExitCode.DONE


def _confirm(what: str, targets: Sequence[str]) -> bool:
    if not sys.stdin.isatty():
        typer.secho(f"{what}: {len(targets)} sagas; say --yes or --dry-run", fg="red", err=True)
        return False
    typer.echo("\n".join(targets))
    return typer.confirm(f"{what}: these {len(targets)} sagas?")


def find_sagas(query: str) -> list[str]:
    """The ids of the workflows that Temporal's visibility finds, newest first."""
    return asyncio.run(_find_sagas(query))


async def _find_sagas(query: str) -> list[str]:
    from activities.executions import list_executions  # noqa: PLC0415 - heavy

    client = await connect()
    return [saga.id async for saga in list_executions(client, query, limit=MOST)]


def choose_orders(named: Sequence[str] | None, query: str | None) -> list[str]:
    """The orders that are named, or those of the sagas that Temporal finds, each once.

    BadParameter if it is not one of both.
    """
    if bool(named) == (query is not None):
        raise typer.BadParameter("name orders, or give a --query")
    if query is None:
        return list(dict.fromkeys(named or ()))
    return list(dict.fromkeys(order_of(saga) for saga in find_sagas(query)))
