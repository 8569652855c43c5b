"""Promoting a version: more and more of the new sagas go to it, as long as nothing goes wrong."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cli.operate.deploy.deployment import Deployment, Routing
from cli.operate.deploy.failures import Troubles, look
from cli.operate.deploy.open_sagas import ids, open_of
from cli.operate.errors import NoVersion

LOOK = 1.0  # seconds between two looks
Say = Callable[[str], None]


@dataclass(frozen=True)
class Pace:
    """How to go about it.

    `steps` are percentages of new sagas. Each is held for `seconds` at least, and until `orders`
    sagas of the version have ended in it, which is waited for `patience` seconds. `tolerate` is how
    many percent of its orders may go badly; none may get stuck.
    """

    steps: Sequence[float] = (10, 50, 100)
    seconds: float = 60
    orders: int = 1
    patience: float = 600
    tolerate: float = 5


async def promote(deployment: Deployment, build_id: str, pace: Pace, say: Say) -> bool:
    """Make this version the current one, step by step; False if it was rolled back instead.

    NoVersion if its workers have never been there.
    """
    routing = await _find_version(deployment, build_id)
    if routing.current == build_id:
        say(f"{describe_workers(build_id)} take all new orders already")
        return True
    await deployment.refuse_working_api()
    others = await deployment.unversioned_workers()
    if not routing.current and not others:
        await deployment.set_current(build_id)
        say(f"{describe_workers(build_id)} take all new orders: there are no others")
        return True
    before = describe_workers(routing.current)
    for percent in pace.steps:
        await deployment.ramp(build_id, percent)
        say(f"{percent:g} % of new orders go to {build_id}")
        if why := await _watch_step(deployment, build_id, pace, say):
            await deployment.unramp()
            say(f"rolled back, {before} take all new orders: {why}")
            return False
    await deployment.set_current(build_id)
    say(f"{describe_workers(build_id)} take all new orders; before, {before} did")
    return True


def describe_workers(build_id: str) -> str:
    """Name the workers of a version, in words."""
    return f"workers of {build_id}" if build_id else "workers without a version"


async def _find_version(deployment: Deployment, build_id: str) -> Routing:
    routing = await deployment.routing()
    if not routing.knows(build_id):
        known = ", ".join(version.build_id for version in routing.versions) or "none"
        raise NoVersion(f"no workers of version {build_id} have been there; known are: {known}")
    return routing


async def _watch_step(deployment: Deployment, build_id: str, pace: Pace, say: Say) -> str | None:
    """Watch this step until it is over; why the version must not stay, if so."""
    since = (await deployment.routing()).since
    assert since is not None  # noqa: S101 - it has just been changed
    began = time.monotonic()
    while True:
        found = await look(deployment, build_id, since)
        if why := explain_unfit(found, pace):
            return why
        waited = time.monotonic() - began
        if waited >= pace.seconds and found.ended >= pace.orders:
            say(f"  {found.ended} of its sagas ended, {len(found.badly)} go badly")
            return None
        if waited >= max(pace.seconds, pace.patience):
            return f"only {found.ended} of its sagas ended in {waited:.0f} s, not {pace.orders}"
        await asyncio.sleep(LOOK)


def explain_unfit(found: Troubles, pace: Pace) -> str | None:
    """Why a version with these troubles must not stay; None if it may."""
    if found.standing:
        saga_id, why = next(iter(found.standing.items()))
        return f"{saga_id} is stuck: {why}"
    if found.badly and found.percent > pace.tolerate:
        saga_id, why = next(iter(found.badly.items()))
        return f"{found.percent:.0f} % of its orders go badly, such as {saga_id}: {why}"
    return None


async def roll_back(deployment: Deployment, to: str | None, say: Say) -> str:
    """Give new sagas to the former version again, or to `to`; the build id that they go away from.

    If another is being tried, it is enough to try it no longer.
    """
    routing = await deployment.routing()
    if routing.ramping is not None and to is None:
        await deployment.unramp()
        say(f"{describe_workers(routing.current)} take all new orders again")
        return routing.ramping
    former = routing.former if to is None else to
    if former and not routing.knows(former):
        raise NoVersion(f"there was no version {former}")
    if not former and not await deployment.unversioned_workers():
        raise NoVersion("no version was current before, and no workers without a version are there")
    if routing.ramping is not None:
        await deployment.unramp()
    await deployment.set_current(former)
    others = describe_workers(routing.current)
    say(f"{describe_workers(former)} take all new orders again, instead of {others}")
    return routing.current


async def wait_until_drained(
    deployment: Deployment, build_id: str, within: float, say: Say
) -> bool:
    """Wait until a version has no open saga; False if it has some when the time is over.

    NoVersion if it still gets new ones.
    """
    routing = await deployment.routing()
    if build_id in {routing.current, routing.ramping}:
        raise NoVersion(f"{build_id} still gets new orders: promote another version first")
    began, empty, last = time.monotonic(), 0, -1
    while empty < 2:  # visibility lags a little
        found = await ids(deployment.client, open_of(deployment, build_id))
        empty = 0 if found else empty + 1
        if len(found) not in {0, last}:
            last = len(found)
            say(f"{last} open: {', '.join(found[:5])}{' …' if last > 5 else ''}")
        if found and time.monotonic() - began >= within:
            return False
        await asyncio.sleep(LOOK)
    say(f"{describe_workers(build_id)} have no open saga: they can be stopped")
    return True
