"""`saga deploy …`: reads flags, calls, prints."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.console import Console
from rich.markup import escape

from cli.operate.batch import AsJson
from cli.operate.errors import NoVersion, report_errors
from cli.operate.temporal import connect
from cli.output import mark

# What knows Temporal takes half a second to load, which other commands need not wait for.
if TYPE_CHECKING:
    from cli.operate.deploy.deployment import Deployment, Routing
    from cli.operate.deploy.open_sagas import Moved
    from cli.operate.replay import Replayed

T = TypeVar("T")

app = typer.Typer(
    help="A new version of the workers beside the old one, a part of the orders at a time.",
    no_args_is_help=True,
)

# The same default as `workers.deployment_version`, which is slow to load.
Name = Annotated[
    str,
    typer.Option("--deployment", envvar="TEMPORAL_DEPLOYMENT_NAME", help="All versions together"),
]
Build = Annotated[str, typer.Argument(help="A version's build id")]
Move = Annotated[
    bool,
    typer.Option(
        "--move", help="Have the current version go on with those that replay on this folder's code"
    ),
]
ORDERS = "orders"


@app.command()
def status(deployment: Name = ORDERS, *, as_json: AsJson = False) -> None:
    """Show the versions, where new orders go, and how many sagas are open on each."""
    routing, opened = _run(deployment, _status)
    if as_json:
        rows = {"current": routing.current, "ramping": routing.ramping, "percent": routing.percent}
        typer.echo(json.dumps({**rows, "open": opened}, indent=2))
        return
    for build_id, sagas in opened.items():
        share = _share(routing, build_id)
        typer.echo(f"{build_id or '(no version)'}: {share:g} % of new orders, {sagas} sagas open")


@app.command()
def check(*, as_json: AsJson = False) -> None:
    """Replay all open sagas against the code in this folder. Exit code 1 if one differs."""
    from cli.operate.deploy.open_sagas import OPEN, replay_open  # noqa: PLC0415 - heavy
    from cli.operate.replay import show  # noqa: PLC0415 - heavy

    logging.getLogger("temporalio").setLevel(logging.CRITICAL)  # what it complains of is shown

    async def replays(it: "Deployment") -> "list[Replayed]":
        return [one async for one in replay_open(it.client, OPEN)]

    show(_run(ORDERS, replays), as_json=as_json)


@app.command(name="promote")
def promote_version(
    build_id: Build,
    *,
    deployment: Name = ORDERS,
    steps: Annotated[str, typer.Option(help="Percent of new orders, one after the other")] = (
        "10,50,100"
    ),
    seconds: Annotated[
        float, typer.Option("--for", min=0, help="Watch each step so many seconds at least")
    ] = 60,
    orders: Annotated[
        int, typer.Option(min=0, help="… and until so many of its orders have ended in it")
    ] = 1,
    patience: Annotated[float, typer.Option(min=0, help="… but no longer than so many seconds")] = (
        600
    ),
    tolerate: Annotated[
        float, typer.Option(min=0, max=100, help="Percent of its orders that may go badly")
    ] = 5,
) -> None:
    """Give more and more new orders to a version. Exit code 1 if it went wrong and was rolled back.

    It is rolled back as soon as one of its sagas is stuck because its code fails, or if more of
    its orders than tolerated time out, are blocked, or are retried for long.
    """
    from cli.operate.deploy.rollout import Pace, promote  # noqa: PLC0415 - heavy

    pace = Pace(_percentages(steps), seconds, orders, patience, tolerate)
    good = _run(deployment, lambda it: promote(it, build_id, pace, _say))
    raise typer.Exit(0 if good else 1)


@app.command()
def drain(
    build_id: Build,
    *,
    deployment: Name = ORDERS,
    within: Annotated[float, typer.Option(min=0, help="Wait so many seconds at most")] = 3600,
    moving: Move = False,
) -> None:
    """Wait until a version has no open saga, so that its workers can be stopped.

    Exit code 1 if it still has some in the end. Those that wait for a person are best resolved, or
    else moved to the current version.
    """
    from cli.operate.deploy.open_sagas import move  # noqa: PLC0415 - heavy
    from cli.operate.deploy.rollout import wait_until_drained  # noqa: PLC0415 - heavy

    async def act(it: "Deployment") -> bool:
        if moving:
            _tell(await move(it, build_id, (await it.routing()).current))
        return await wait_until_drained(it, build_id, within, _say)

    raise typer.Exit(0 if _run(deployment, act) else 1)


@app.command()
def rollback(
    *,
    deployment: Name = ORDERS,
    to: Annotated[
        str | None, typer.Option(help="This version, instead of the one before; '' for none")
    ] = None,
    moving: Move = False,
) -> None:
    """Give all new orders to the version that was current before.

    The sagas of the version that is left stay with it, except such as have never got past their
    first task: so keep its workers until it is drained, or move its sagas.
    """
    from cli.operate.deploy.open_sagas import move  # noqa: PLC0415 - heavy
    from cli.operate.deploy.rollout import roll_back  # noqa: PLC0415 - heavy

    async def act(it: "Deployment") -> None:
        left = await roll_back(it, to, _say)
        if moving:
            _tell(await move(it, left, (await it.routing()).current))

    _run(deployment, act)


async def _status(it: "Deployment") -> "tuple[Routing, dict[str, int]]":
    from cli.operate.deploy.open_sagas import count, open_of  # noqa: PLC0415 - heavy

    routing = await it.routing()
    builds = sorted({"", *(one.build_id for one in routing.versions)})
    return routing, {one: await count(it.client, open_of(it, one)) for one in builds}


def _share(routing: "Routing", build_id: str) -> float:
    """How many percent of new orders a version gets."""
    if build_id == routing.ramping:
        return routing.percent
    return 100 - routing.percent if build_id == routing.current else 0


def _percentages(text: str) -> list[float]:
    try:
        found = [float(word) for word in text.split(",")]
    except ValueError as error:
        raise typer.BadParameter(f"{text} is no list of percentages, such as 10,50,100") from error
    if found != sorted(found) or not 0 < found[0] <= found[-1] <= 100:
        raise typer.BadParameter("percentages rise, from above 0 to 100 at most")
    return found


def _tell(moved: "Sequence[Moved]") -> None:
    console = Console(soft_wrap=True, highlight=False)
    for reservation in moved:
        became = "is moved" if reservation.stays is None else f"stays: {escape(reservation.stays)}"
        console.print(f"{mark(well=reservation.stays is None)} {reservation.saga_id} {became}")


def _say(what: str) -> None:
    typer.echo(what)


def _run(deployment: str, act: "Callable[[Deployment], Awaitable[T]]") -> T:
    """Do it; what a person can mend is told, with exit code 1."""
    from cli.operate.deploy.deployment import Deployment  # noqa: PLC0415 - heavy

    async def run() -> T:
        return await act(Deployment(await connect(), deployment))

    with report_errors():
        try:
            return asyncio.run(run())
        except NoVersion as error:
            typer.secho(str(error), fg="red", err=True)
            raise typer.Exit(1) from error
