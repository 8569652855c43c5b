"""`saga bench`, from the ground to the results."""

import os
import platform
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.counters import handed_in
from benchmarks.data.orders import Shop, open_shop
from benchmarks.environment import Ground, running_ground
from benchmarks.measure import Asked, Measuring
from benchmarks.report.result import Cost, Results, summary
from benchmarks.saga_costs import cost
from benchmarks.soak import Soaked, Soaking
from benchmarks.subjects.registry import namespaces_of, opened
from benchmarks.subjects.subject import Subject
from infrastructure.settings import DatabaseSettings, ProviderSettings
from services.composition import open_services

Tell = Callable[[str], None]
STACK_WORKERS = 2


@asynccontextmanager
async def prepared(
    folder: Path, tell: Tell, wanted: Sequence[str]
) -> AsyncIterator[tuple[Ground, Shop]]:
    """A ground for these subjects, with a shop on it."""
    tell("starting the stack")
    async with running_ground(folder, STACK_WORKERS, namespaces_of(wanted)) as ground:
        settings = ground.settings(DatabaseSettings), ground.settings(ProviderSettings)
        async with open_services(*settings) as services:
            shop = await open_shop(services)
        yield ground, shop


async def bench(folder: Path, wanted: Sequence[str], asked: Asked, tell: Tell) -> Results:
    """Measure these subjects."""
    async with (
        prepared(folder, tell, wanted) as (ground, shop),
        opened(ground, shop, wanted) as subjects,
    ):
        measuring = Measuring(ground, asked, tell)
        turns = await measuring.rounds(subjects)
        if asked.count:
            await handed_in()
        found = {subject.name: await _cost(ground, subject, tell, asked) for subject in subjects}
        return Results(
            machine=machine(),
            subjects={
                subject.name: summary(
                    subject.name,
                    subject.title,
                    measuring.at_once[subject.name],
                    [turn for turn in turns if turn.subject == subject.name],
                    found[subject.name],
                )
                for subject in subjects
            },
            turns=turns,
        )


async def soak(folder: Path, name: str, minutes: float, tell: Tell) -> Soaked:
    """Soak one subject."""
    async with (
        prepared(folder, tell, [name]) as (ground, shop),
        opened(ground, shop, [name]) as subjects,
    ):
        return await Soaking(ground, subjects[0], tell).run(minutes)


async def _cost(ground: Ground, subject: Subject, tell: Tell, asked: Asked) -> Cost:
    tell(f"counting: {subject.title}")
    return await cost(ground, subject, settle=asked.count)


def machine() -> dict[str, str]:
    """Where it ran."""
    return {
        "system": platform.platform(),
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
    }
