"""`saga bench`, from the ground to the results."""

import os
import platform
from collections.abc import AsyncIterator, Callable, Container, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.costs import cost
from benchmarks.ground import Ground, running_ground
from benchmarks.measure import Asked, Measuring
from benchmarks.orders import Shop, open_shop
from benchmarks.result import Cost, Results, summary
from benchmarks.subject import Subject
from benchmarks.subjects import namespace_of, opened
from infrastructure.settings import DatabaseSettings, ProviderSettings
from services.composition import open_services

Tell = Callable[[str], None]
STACK_WORKERS = 2


@asynccontextmanager
async def prepared(folder: Path, tell: Tell) -> AsyncIterator[tuple[Ground, Shop]]:
    """A ground with a shop on it."""
    tell("starting the stack")
    async with running_ground(folder, STACK_WORKERS) as ground:
        env = {name.lower(): value for name, value in ground.plan.environment.items()}
        databases = DatabaseSettings.model_validate(_only(env, DatabaseSettings.model_fields))
        provider = ProviderSettings.model_validate(_only(env, ProviderSettings.model_fields))
        async with open_services(databases, provider) as services:
            shop = await open_shop(services)
        yield ground, shop


async def bench(folder: Path, wanted: Sequence[str], asked: Asked, tell: Tell) -> Results:
    """Measure these subjects."""
    async with prepared(folder, tell) as (ground, shop), opened(ground, shop, wanted) as subjects:
        measuring = Measuring(ground, asked, tell)
        turns = await measuring.rounds(subjects)
        found = {it.name: await _cost(ground, it, tell, asked) for it in subjects}
        return Results(
            machine=machine(),
            subjects={
                it.name: summary(
                    it.name,
                    it.title,
                    measuring.at_once[it.name],
                    [turn for turn in turns if turn.subject == it.name],
                    found[it.name],
                )
                for it in subjects
            },
            turns=turns,
        )


async def _cost(ground: Ground, subject: Subject, tell: Tell, asked: Asked) -> Cost:
    tell(f"counting: {subject.title}")
    return await cost(ground, subject, namespace_of(subject.name), settle=asked.count)


def machine() -> dict[str, str]:
    """Where it ran."""
    return {
        "system": platform.platform(),
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
    }


def _only(env: dict[str, str], names: Container[str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name in names}
