"""A run's results for eyes on a terminal."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from benchmarks.report.goals import GoalResult
from benchmarks.report.result import Cost, Results
from benchmarks.soak import SoakResult
from benchmarks.stats import Spread


def peers(results: Results) -> Table:
    """Speed of each subject: medians of the rounds, with the lowest and highest."""
    table = Table(title="medians of rounds (lowest to highest)")
    table.add_column("subject")
    for name in ("a second", "at once", "ms alone", "p95", "p99", "half: p50", "p95", "p99"):
        table.add_column(name, justify="right", no_wrap=True)
    for subject in results.subjects.values():
        half = (
            (subject.half.p50, subject.half.p95, subject.half.p99) if subject.half else (None,) * 3
        )
        speeds = (_spread(subject.rate), str(subject.at_once), _spread(subject.alone_ms))
        table.add_row(
            subject.title, *speeds, *map(_number, (subject.alone.p95, subject.alone.p99, *half))
        )
    return table


COLUMNS = ("program", "temporal", "postgres", "provider", "relay", "webhooks", "harness")


def costs(results: Results) -> Table:
    """Cost of each subject's saga: CPU by process, and what was counted."""
    table = Table(title="cost of one: CPU milliseconds by process, and what was counted")
    table.add_column("subject")
    counts = ("events", "bytes", "persistence", "transactions")
    for name in ("CPU ms", *COLUMNS[:-1], "(harness)", *counts):
        table.add_column(name, justify="right", no_wrap=True)
    for subject in results.subjects.values():
        cpu = _by_column(subject.cpu_by_process)
        table.add_row(
            subject.title,
            _spread(subject.cpu_ms),
            *(_number(cpu.get(column)) for column in COLUMNS),
            *map(_number, _counts(subject.cost)),
        )
    return table


def slices(soaked: SoakResult) -> Table:
    """Latencies and memory, slice by slice, and the memory's slope over the second half."""
    processes = list(soaked.memory_slopes)
    table = Table(title=f"{soaked.orders} orders at {soaked.rate:.1f} a second; memory in MiB")
    for name in ("minutes", "p50", "p95", "p99", *processes):
        table.add_column(name, justify="right")
    for slot in soaked.slices:
        percentiles = (slot.latency.p50, slot.latency.p95, slot.latency.p99)
        memory = [slot.memory.get(name) for name in processes]
        table.add_row(f"{slot.minutes:.1f}", *map(_number, (*percentiles, *memory)))
    per_minute = (f"{soaked.memory_slopes[name]:+.2f}" for name in processes)
    table.add_row("MiB a minute, second half", "", "", "", *per_minute, style="bold")
    return table


def growth(soaked: SoakResult) -> Table:
    """Rows that each table grew by, per order."""
    table = Table(title="rows per order")
    table.add_column("table")
    table.add_column("rows", justify="right")
    for name, rows in soaked.rows.items():
        table.add_row(name, f"{rows:.3f}")
    return table


def _counts(cost: Cost | None) -> tuple[float | None, ...]:
    if cost is None:
        return (None,) * 4
    return (cost.history_events, cost.history_bytes, cost.persistence, cost.transactions)


def _by_column(by_process: Mapping[str, float]) -> dict[str, float]:
    """Either Temporal is Temporal; what is no server is the subject's own program."""
    sums: dict[str, float] = {}
    for process, ms in by_process.items():
        column = process.removeprefix("default-")
        column = column if column in COLUMNS else "program"
        sums[column] = sums.get(column, 0) + ms
    return sums


def goals(judged: Sequence[GoalResult]) -> Table:
    """Each goal, what was measured, and whether it is met."""
    table = Table(title="goals")
    for name in ("goal", "asked", "measured", "by round", ""):
        table.add_column(name, no_wrap=name != "goal")
    words = {True: "[green]met[/]", False: "[red]not met[/]", None: "[yellow]not measured[/]"}
    for goal in judged:
        value = "" if goal.value is None else f"{goal.value:.3g}"
        rounds = "" if goal.rounds is None else f"{goal.rounds.low:.3g} to {goal.rounds.high:.3g}"
        table.add_row(goal.name, goal.goal, value, rounds, words[goal.met])
    return table


def _spread(spread: Spread) -> str:
    return f"{spread.median:.1f} ({spread.low:.1f}-{spread.high:.1f})"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}" if value >= 100 else f"{value:.1f}"
