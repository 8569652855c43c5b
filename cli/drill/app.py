"""`saga drill …`: reads flags, calls, prints."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.markup import escape

from cli.client import STATE_DIR
from cli.drill import incident as record
from cli.operate.errors import report_errors
from cli.output import FittingTable, keep_whole, mark
from local_stack.errors import StackError

# What knows Temporal takes half a second to load, which other commands need not wait for.
if TYPE_CHECKING:
    from cli.drill.drill import Drill, Finding
    from cli.drill.incident import Incident
    from cli.drill.practice_stack import PracticeStack

T = TypeVar("T")

app = typer.Typer(help="Practise the runbooks: real incidents on the local stack.")

Name = Annotated[str, typer.Argument(help="A drill, as `saga drill` lists them")]
StateFolder = Annotated[Path, typer.Option("--state-dir", help="Of the stack")]


@app.callback(invoke_without_command=True)
def list_drills(context: typer.Context) -> None:
    """Practise the runbooks: real incidents on the local stack. Without a command: list them."""
    if context.invoked_subcommand is not None:
        return
    from cli.drill.drills import DRILLS  # noqa: PLC0415 - heavy

    Console().print(make_table(DRILLS))


def make_table(drills: "Sequence[Drill]") -> FittingTable:
    """A line a drill; what happens is wrapped."""
    table = FittingTable(*keep_whole("drill", "page"), "what happens")
    for drill in drills:
        table.add_row(drill.name, drill.page, drill.happens)
    return table


@app.command()
def start(name: Name, state_dir: StateFolder = STATE_DIR) -> None:
    """Make an incident, and say what one would notice of it, and which page to open."""

    async def act(stack: "PracticeStack") -> "tuple[Drill, Incident]":
        if under_way := record.read(stack.state_dir):
            raise StackError(f"{under_way.drill} is under way: check it, or stop it first")
        drill = _find(name)
        made = await drill.make(stack)
        record.write(stack.state_dir, made)
        await stack.until_listed(made.order_id, late=drill.late)
        return drill, made

    drill, made = _run(state_dir, act)
    console = Console(soft_wrap=True, highlight=False)
    console.print(escape(drill.seen.format(order_id=made.order_id)))
    console.print(f"\nOpen [bold]{drill.page}[/], and solve it. The page's commands take:")
    console.print(f"ORDER_ID={made.order_id}", markup=False)
    console.print("\nThen `saga drill check`; or `saga drill stop`, which puts all back.")


@app.command()
def check(
    name: Annotated[str | None, typer.Argument(help="The drill that you mean")] = None,
    state_dir: StateFolder = STATE_DIR,
) -> None:
    """Tell whether the incident is over. Exit code 0 only if all is well, which ends the drill."""

    async def act(stack: "PracticeStack") -> "tuple[str, list[Finding]]":
        from cli.drill.findings import examine  # noqa: PLC0415 - heavy

        drill, made = _find_under_way(stack, name)
        findings = await examine(stack, drill, made)
        if all(finding.well for finding in findings):
            await _clear_away(stack, made)
        return drill.name, findings

    which, findings = _run(state_dir, act)
    console = Console(soft_wrap=True, highlight=False)
    for finding in findings:
        console.print(f"{mark(well=finding.well)} {escape(finding.text)}")
    solved = all(finding.well for finding in findings)
    console.print(f"Solved: {which} is over." if solved else f"{which} is not over yet.")
    raise typer.Exit(0 if solved else 1)


@app.command()
def stop(state_dir: StateFolder = STATE_DIR) -> None:
    """Give up: put things back as they were, as far as the drill has changed them."""

    async def act(stack: "PracticeStack") -> str:
        drill, made = _find_under_way(stack, None)
        await drill.put_back(stack, made)
        await _clear_away(stack, made)
        await stack.until_listed(made.order_id, listed=False)
        return drill.name

    typer.echo(f"{_run(state_dir, act)} is stopped, and what it changed is put back")


async def _clear_away(stack: "PracticeStack", made: "Incident") -> None:
    """End what was only there for the drill."""
    from cli.drill.processes import end_process  # noqa: PLC0415 - heavy

    end_process(made)
    stack.forget_faults(made.order_id)
    record.forget(stack.state_dir)


def _find(name: str) -> "Drill":
    from cli.drill.drills import DRILLS  # noqa: PLC0415 - heavy

    for drill in DRILLS:
        if drill.name == name:
            return drill
    raise StackError(f"there is no drill {name}: `saga drill` lists them")


def _find_under_way(stack: "PracticeStack", name: str | None) -> "tuple[Drill, Incident]":
    """The drill that is under way, which must be the one of this name if one is given."""
    made = record.read(stack.state_dir)
    if made is None:
        raise StackError("no drill is under way: `saga drill` lists them")
    if name not in {None, made.drill}:
        raise StackError(f"{name} is not under way, {made.drill} is")
    return _find(made.drill), made


def _run(state_dir: Path, act: "Callable[[PracticeStack], Coroutine[Any, Any, T]]") -> T:
    """Do it on the stack that runs here; what a person can mend is told, with exit code 1."""
    from cli.drill.practice_stack import PracticeStack  # noqa: PLC0415 - heavy

    with report_errors(), closing(PracticeStack.find(state_dir)) as stack:
        return asyncio.run(act(stack))
