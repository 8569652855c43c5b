"""`python -m benchmarks.event_store_run`: the event store beside `eventsourcing`, in one run.

On a PostgreSQL of its own, as `saga up` starts it: with fsync. Rounds alternate, so that whatever
else the machine does meets both. Prints medians and ratios; asserts no time.
"""

import argparse
import asyncio
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.event_stores import WRITERS, EventStoreSubject, Ours, Theirs
from benchmarks.stats import Spread, ratio
from infrastructure.postgres.database import Database
from infrastructure.postgres.migrations import upgrade
from infrastructure.settings import with_driver
from local_stack.ports import free_port
from local_stack.postgres.databases import HOST
from local_stack.postgres.server import Postgres
from services.schema import migrations_of

WORKS = ("append", "read", "relay")
Found = Mapping[str, Mapping[str, Spread]]  # by work and subject: events a second


async def measure(rounds: int, seconds: float, relayed: int) -> Found:
    """Measure both, turn by turn."""
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with tempfile.TemporaryDirectory() as folder:
        async with _subjects(Path(folder)) as subjects:
            for _ in range(rounds):
                for name, subject in subjects.items():
                    values["append"][name].append(await subject.append(seconds))
                    values["read"][name].append(await subject.read())
                    values["relay"][name].append(await subject.relay(relayed))
    return {
        work: {name: Spread.of(rates) for name, rates in by_name.items()}
        for work, by_name in values.items()
    }


@asynccontextmanager
async def _subjects(folder: Path) -> AsyncIterator[dict[str, EventStoreSubject]]:
    postgres = Postgres.at(folder, free_port())
    await postgres.start()
    orders, events, theirs = (_url(postgres, name) for name in ("orders", "events", "users"))
    await upgrade(migrations_of("order"), orders)
    await upgrade(migrations_of("event"), events)
    order_database, event_database = Database(orders), Database(events)
    peer = Theirs(theirs)
    try:
        yield {"ours": Ours(order_database, event_database), "eventsourcing": peer}
    finally:
        peer.close()
        await order_database.close()
        await event_database.close()
        await postgres.stop()
        postgres.remove()


def _url(postgres: Postgres, role: str) -> str:
    password = postgres.credentials.roles[role]
    return with_driver(f"postgresql://{role}:{password}@{HOST}:{postgres.port}/{role}")


def table(found: Found) -> Table:
    """For eyes on a terminal."""
    shown = Table(title="events a second: median of rounds (lowest to highest)")
    for name in ("", "ours", "eventsourcing", "ratio"):
        shown.add_column(name, justify="right" if name else "left", no_wrap=True)
    titles = {"append": f"append, {WRITERS} writers", "read": "read all", "relay": "relay"}
    for work in WORKS:
        ours, theirs = found[work]["ours"], found[work]["eventsourcing"]
        times = f"{ratio(ours.median, theirs.median):.2f}"
        shown.add_row(titles[work], _format_spread(ours), _format_spread(theirs), times)
    return shown


def _format_spread(spread: Spread) -> str:
    return f"{spread.median:.0f} ({spread.low:.0f} to {spread.high:.0f})"


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.event_store_run", description=__doc__
    )
    parser.add_argument("--quick", action="store_true", help="only see that it works")
    quick = parser.parse_args().quick
    rounds, seconds, relayed = (1, 0.5, 100) if quick else (5, 2.0, 300)
    Console(width=100).print(table(asyncio.run(measure(rounds, seconds, relayed))))


if __name__ == "__main__":
    main()
