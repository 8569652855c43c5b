"""`saga demo`: six orders, how each ends, and a ledger that must add up."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from cli.client import STATE_DIR, Api, ApiError, fail
from cli.demo import screen
from cli.demo.balance import Books, balance
from cli.demo.faults import LocalStack
from cli.demo.run import Demo
from cli.demo.scenarios import Story, in_flight, tell_worker_killed
from local_stack.state import state_file
from local_stack.state_dir import find_state_dir


def demo(
    url: Annotated[
        str | None, typer.Option("--url", envvar="SAGA_URL", help="An API; else the local stack's")
    ] = None,
    state_dir: Annotated[Path, typer.Option("--state-dir")] = STATE_DIR,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs")] = False,
) -> None:
    """Show what happens to six orders, and that stock and money add up at the end.

    Exit code 1 if an order ends otherwise than it should, or the ledger does not add up.
    """
    console = Console(quiet=as_json)
    stack = None if url else state_file.running(find_state_dir(state_dir))
    local = LocalStack(stack) if stack else None
    try:
        stories, books = _run(Demo(Api.at(url, state_dir), local), console)
    except ApiError as error:
        raise fail(error) from error
    if as_json:
        typer.echo(json.dumps({"orders": [item.as_dict() for item in stories]} | books.as_dict()))
    if not (books.adds_up and all(story.as_expected for story in stories)):
        raise typer.Exit(1)


def _run(demo: Demo, console: Console) -> tuple[list[Story], Books]:
    demo.seed()
    together, alone = in_flight(), [tell_worker_killed()] if demo.local else []
    stories = [*together, *alone]
    screen.introduce(console, demo)
    with Live(console=console, auto_refresh=False) as live:
        for batch in (together, alone):
            demo.run(batch, lambda: live.update(screen.table(stories), refresh=True))
    books = balance(demo, stories)
    screen.conclude(console, stories, books)
    return stories, books
