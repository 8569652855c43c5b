"""What one saga of each subject costs, counted: history, persistence operations, transactions."""

from collections.abc import Sequence
from statistics import median

from temporalio.client import Client

from benchmarks import load
from benchmarks.counters import count_operations, history, wait_for_statistics, wait_until_published
from benchmarks.data import table_growth
from benchmarks.environment import BenchEnvironment
from benchmarks.report.result import Cost
from benchmarks.subjects.registry import databases_of, namespace_of
from benchmarks.subjects.subject import Subject
from local_stack.options import HOST

SAGAS = 20
AT_ONCE = 4
NOTICED = 0.5


async def cost(bench: BenchEnvironment, subject: Subject, *, settle: bool) -> Cost:
    """Of one saga, as the mean of several. What ran before must be handed in, see `counters`.

    Persistence operations are all that its server made meanwhile, on whoever's behalf.
    """
    default = subject.name == "default"
    port = bench.ports.default_metrics if default else bench.ports.metrics
    urls = (f"http://{HOST}:{port}/metrics", bench.superuser_url("postgres"))
    ended: list[str] = []

    async def one() -> None:
        workflow = (await subject.run()).workflow_id
        if workflow is not None:
            ended.append(workflow)

    databases = {database: bench.superuser_url(database) for database in databases_of(subject.name)}
    before = await count_operations(*urls)
    scans_before = await table_growth.counts(databases)
    done = await load.run_alone(one, warmup=0, count=SAGAS if settle else AT_ONCE)
    await subject.settle()
    if settle:
        await wait_for_statistics()
    elif ended:
        await wait_until_published(urls[0], than=before.persistence)
    after = await count_operations(*urls)
    sagas = len(done.latencies)
    scans = await table_growth.counts(databases)
    kept = await _history(bench, namespace_of(subject.name), ended, default=default)
    transactions = (after.transactions - before.transactions) / sagas if settle else None
    persistence = (after.persistence - before.persistence) / sagas if ended else None
    return Cost(
        history_events=kept[0],
        history_bytes=kept[1],
        persistence=persistence,
        transactions=transactions,
        read_whole={
            table: read
            for table, scan in scans.items()
            if (read := (scan.read_whole - scans_before[table].read_whole) / sagas) >= NOTICED
        },
    )


async def _history(
    bench: BenchEnvironment, namespace: str | None, ended: Sequence[str], *, default: bool
) -> tuple[float | None, float | None]:
    """Events and bytes, each in the median."""
    if not ended or namespace is None:
        return None, None
    port = bench.ports.default_temporal if default else bench.options.ports.temporal
    client = await Client.connect(f"{HOST}:{port}", namespace=namespace)
    found = [await history(client, saga) for saga in ended]
    return median(row.events for row in found), median(row.size for row in found)
