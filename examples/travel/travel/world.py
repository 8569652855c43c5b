"""Puts the parts together: services on a database, the rental company, and their activities."""

import inspect
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter
from temporalio.worker import Interceptor

from saga.participant.activity_errors import ServiceErrors
from saga.verify.environment.postgres import temporary_postgres
from travel.activities import Activities, Services
from travel.insurance import InsuranceActivities, InsureTrip
from travel.rental_company import RentalCompany
from travel.services.accounts import Accounts
from travel.services.documents import Documents
from travel.services.mail import Mail
from travel.services.rentals import Rentals
from travel.services.reservations import Reservations
from travel.services.trips import Trips
from travel.tables import metadata
from travel.trip import BookTrip

POOL = 20


@dataclass(frozen=True)
class World:
    """Everything that a worker of the two sagas needs."""

    engine: AsyncEngine
    company: RentalCompany
    services: Services
    activities: Sequence[Callable[..., Any]]
    interceptors: Sequence[Interceptor] = (ServiceErrors(),)
    workflows: Sequence[type] = (BookTrip, InsureTrip)
    converter: DataConverter = pydantic_data_converter


def put_together(engine: AsyncEngine, company: RentalCompany) -> World:
    """The composition root. Opens nothing."""
    services = Services(
        trips=Trips(engine),
        reservations=Reservations(engine),
        rentals=Rentals(company),
        documents=Documents(engine),
        accounts=Accounts(engine),
        mail=Mail(engine),
    )
    activities = [*_activities_of(Activities(services)), *_activities_of(InsuranceActivities())]
    return World(engine, company, services, activities)


@asynccontextmanager
async def temporary_world() -> AsyncIterator[World]:
    """One on a fresh PostgreSQL, which is gone at the end."""
    async with temporary_postgres() as url:
        engine = create_async_engine(url, pool_size=POOL)
        try:
            async with engine.begin() as tx:
                await tx.run_sync(metadata.create_all)
            yield put_together(engine, RentalCompany({}))
        finally:
            await engine.dispose()


def _activities_of(owner: object) -> list[Callable[..., Any]]:
    """Its methods that are activities."""
    methods = (method for _, method in inspect.getmembers(owner, inspect.ismethod))
    return [method for method in methods if hasattr(method, "__temporal_activity_definition")]
