"""`saga bench`, from starting the stack to the results."""

import os
import platform
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.counters import wait_for_statistics
from benchmarks.data.orders import Shop, open_shop
from benchmarks.environment import BenchEnvironment, running_bench_environment
from benchmarks.measure import BenchOptions, Measurement
from benchmarks.report.result import Cost, Results, summary
from benchmarks.saga_costs import cost
from benchmarks.soak import SoakResult, SoakTest
from benchmarks.subjects.registry import namespaces_of, open_subjects
from benchmarks.subjects.subject import Subject
from infrastructure.settings import DatabaseSettings, ProviderSettings
from services.composition import open_services

Tell = Callable[[str], None]
STACK_WORKERS = 2


@asynccontextmanager
async def prepare_bench(
    folder: Path, tell: Tell, wanted: Sequence[str]
) -> AsyncIterator[tuple[BenchEnvironment, Shop]]:
    """The environment for these subjects, with a shop in it."""
    tell("starting the stack")
    async with running_bench_environment(folder, STACK_WORKERS, namespaces_of(wanted)) as bench:
        settings = bench.settings(DatabaseSettings), bench.settings(ProviderSettings)
        async with open_services(*settings) as services:
            shop = await open_shop(services)
        yield bench, shop


async def bench(folder: Path, wanted: Sequence[str], options: BenchOptions, tell: Tell) -> Results:
    """Measure these subjects."""
    async with (
        prepare_bench(folder, tell, wanted) as (bench, shop),
        open_subjects(bench, shop, wanted) as subjects,
    ):
        measurement = Measurement(bench, options, tell)
        turns = await measurement.rounds(subjects)
        if options.count:
            await wait_for_statistics()
        found = {subject.name: await _cost(bench, subject, tell, options) for subject in subjects}
        return Results(
            machine=machine(),
            subjects={
                subject.name: summary(
                    subject.name,
                    subject.title,
                    measurement.at_once[subject.name],
                    [turn for turn in turns if turn.subject == subject.name],
                    found[subject.name],
                )
                for subject in subjects
            },
            turns=turns,
        )


async def soak(folder: Path, name: str, minutes: float, tell: Tell) -> SoakResult:
    """Soak one subject."""
    async with (
        prepare_bench(folder, tell, [name]) as (bench, shop),
        open_subjects(bench, shop, [name]) as subjects,
    ):
        return await SoakTest(bench, subjects[0], tell).run(minutes)


async def _cost(
    bench: BenchEnvironment, subject: Subject, tell: Tell, options: BenchOptions
) -> Cost:
    tell(f"counting: {subject.title}")
    return await cost(bench, subject, settle=options.count)


def machine() -> dict[str, str]:
    """Where it ran."""
    return {
        "system": platform.platform(),
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
    }
