"""Each of the five databases goes back to an earlier moment, and the audit is let loose.

Judged from the databases and the provider's ledger: what was confirmed keeps its money and its
goods; what does not fit together any more is named by the audit; new orders succeed; and whoever
hears of events hears of them.
"""

import asyncio
from itertools import count
from pathlib import Path

import pytest

from contracts.audits import AuditReport
from contracts.names import DATABASES
from tests.restore.conftest import WHOLE
from tests.restore.events import listening
from tests.restore.judging import amiss, at_work, stands_now, undone
from tests.restore.recording import Recording
from tests.restore.scheduled import scheduled_audit
from tests.support.databases import Server
from tests.support.world import World
from tests.workflows.test_audit import audited

pytestmark = pytest.mark.restore

AUDITS = 6  # at most; each may be bounded in what it repairs
LAST = 10
CAUTIOUS = {"order", "inventory", "payment"}  # whose word the audit believes
NUMBERS = count(100_000, 1000)


@pytest.mark.parametrize("where", ["fresh", "same"] if WHOLE else ["fresh"])
@pytest.mark.parametrize("service", DATABASES)
async def test_a_restored_database_takes_nothing_from_anybody(
    recording: Recording, fresh: Server, tmp_path: Path, service: str, where: str
) -> None:
    server = fresh if where == "fresh" else None
    async with recording.with_restored(service, tmp_path, server) as world:
        async with listening(world, recording.ears):
            first = await scheduled_audit(world)
            assert service not in CAUTIOUS or (first.dry_run and not first.repaired)
            reports = await looked_at(world)
            last = await last_orders(world, recording)
            await recording.ears.hear(last)
        await judged(world, recording, service, reports)


async def looked_at(world: World) -> list[AuditReport]:
    """What audits tell: repairing ones until they have nothing more to do, and a dry one."""
    reports: list[AuditReport] = []
    for _ in range(AUDITS):
        reports.append(await audited(world))
        if not (reports[-1].repaired or reports[-1].settled):
            break
    return [*reports, await audited(world, repair=False)]


async def last_orders(world: World, recording: Recording) -> set[str]:
    """Orders that are placed now: they succeed."""
    world.placed = next(NUMBERS)  # keys that no client has used, here or in another world
    placed: dict[str, str] = {}
    for number in range(LAST):
        world.fast_path = number % 2 == 0
        sku = await world.product()
        placed[await world.place(sku, user=recording.ears.customer)] = sku
    await asyncio.gather(*(world.settled(*order, "confirmed") for order in placed.items()))
    return set(placed)


async def judged(
    world: World, recording: Recording, service: str, reports: list[AuditReport]
) -> None:
    """Nothing confirmed is undone; whatever does not fit is carried on, or named at the last."""
    orders = {placed.id: placed for placed in recording.orders}
    now = await stands_now(world, orders)
    before = recording.stands
    taken = [
        item for key, one in orders.items() for item in undone(one, before[key], now[key], service)
    ]
    named = reports[-1].model_dump_json()
    unnamed = []
    for key, order in orders.items():
        wrong = amiss(order, before[key], now[key])
        if wrong and key not in named and not await at_work(world, order):
            unnamed.append(wrong)
    told = "\n".join(["taken:", *taken, "not named:", *unnamed])
    print(f"{service}: {len(taken)} taken, {len(unnamed)} not named\n{told}")
    assert (taken, unnamed) == ([], []), told
