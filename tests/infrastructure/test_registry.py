"""Who is on the registry's list: only instances that are ready, alive and well."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import pytest_asyncio
from sqlalchemy.exc import InvalidRequestError

from infrastructure.envoy.endpoints import EndpointFiles
from infrastructure.postgres.database import Database
from infrastructure.postgres.migrations import upgrade
from infrastructure.registry.health_checker import HealthChecker
from infrastructure.registry.lease import RENEWED_EVERY, keep_registered
from infrastructure.registry.postgres import LEASE, MIGRATIONS, PostgresRegistry
from infrastructure.registry.registry import Instance
from infrastructure.settings import with_driver
from saga.participant import Unavailable
from tests.support.databases import Server
from tests.support.waiting import until

ONE = Instance("payment", "payment-1", "127.0.0.1", 1001)
TWO = Instance("payment", "payment-2", "127.0.0.1", 1002)
USER = Instance("user", "user-1", "127.0.0.1", 1003)


@pytest_asyncio.fixture(scope="module")
async def url(server: Server) -> str:
    """A migrated database for the registry."""
    await server.execute("CREATE DATABASE test_registry")
    url = with_driver(server.url("test_registry"))
    await upgrade(MIGRATIONS, url)
    return url


@pytest_asyncio.fixture
async def registry(url: str) -> AsyncIterator[PostgresRegistry]:
    """An empty one."""
    database = Database(url)
    made = PostgresRegistry(database)
    for instance in await made.instances():
        await made.drop(instance.instance)
    yield made
    await database.close()


async def listed(registry: PostgresRegistry) -> list[Instance]:
    return [instance.instance for instance in await registry.instances()]


async def test_an_instance_is_listed_once_however_often_it_renews(
    registry: PostgresRegistry,
) -> None:
    for instance in (TWO, ONE, USER, ONE):
        await registry.renew(instance)
    assert await listed(registry) == [ONE, TWO, USER]
    found = (await registry.instances())[0]
    assert found.since is not None
    assert found.until is not None
    assert found.until - found.since > LEASE  # renewed after it came
    await registry.drop(ONE)
    assert await listed(registry) == [TWO, USER]


async def test_a_lease_that_is_not_renewed_ends(url: str, registry: PostgresRegistry) -> None:
    database = Database(url)
    brief = PostgresRegistry(database, timedelta(seconds=0.2))
    await brief.renew(ONE)
    assert await listed(registry) == [ONE]

    async def gone() -> bool:
        return await listed(registry) == []

    await until(gone, within=5)
    await database.close()


async def test_who_came_back_elsewhere_is_not_dropped_for_who_was_there(
    registry: PostgresRegistry,
) -> None:
    moved = Instance(ONE.service, ONE.name, "127.0.0.1", 2001)
    await registry.renew(ONE)
    await registry.renew(moved)
    await registry.drop(ONE)
    assert await listed(registry) == [moved]


async def test_an_instance_is_listed_while_it_is_ready_and_not_after_it_stops(
    registry: PostgresRegistry,
) -> None:
    is_ready = False

    async def ready() -> None:
        if not is_ready:
            raise Unavailable("starting")

    async def is_listed() -> bool:
        return await listed(registry) == [ONE]

    async with keep_registered(registry, ONE, ready, every=0.05):
        await asyncio.sleep(0.2)
        assert not await is_listed()
        is_ready = True
        await until(is_listed)
        await registry.drop(ONE)  # as for a failed health check; it is well, so it comes back
        await until(is_listed)
    assert not await is_listed()


async def test_whatever_befalls_one_renewal_the_next_one_comes(registry: PostgresRegistry) -> None:
    """A database that dies has errors that are no service's: a pool's, a driver's."""
    asked = 0

    async def ready() -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise InvalidRequestError("This connection is closed")

    async def is_listed() -> bool:
        return await listed(registry) == [ONE]

    async with keep_registered(registry, ONE, ready):
        await until(is_listed)
    assert asked > 1


async def test_who_fails_its_health_check_twice_is_dropped_and_nobody_else(
    registry: PostgresRegistry,
) -> None:
    published: list[Mapping[str, Sequence[Instance]]] = []
    sick: set[Instance] = set()

    async def healthy(instance: Instance) -> bool:
        return instance not in sick

    checker = HealthChecker(registry, ["payment", "user", "order"], healthy, published.append)
    for instance in (ONE, TWO, USER):
        await registry.renew(instance)
    await checker.look()
    sick.add(ONE)
    await checker.look()
    assert published[0] == published[1] == {"payment": [ONE, TWO], "user": [USER], "order": []}
    await checker.look()
    assert published[2] == {"payment": [TWO], "user": [USER], "order": []}
    assert await listed(registry) == [TWO, USER]


async def test_one_failure_between_good_answers_drops_nobody(registry: PostgresRegistry) -> None:
    answers = iter([False, True, False, True])

    async def healthy(_: Instance) -> bool:
        return next(answers)

    checker = HealthChecker(registry, ["payment"], healthy, lambda _: None)
    await registry.renew(ONE)
    for _ in range(4):
        await checker.look()
    assert await listed(registry) == [ONE]


async def test_while_the_registry_is_away_the_last_list_stands(tmp_path: Path) -> None:
    class Away:
        async def renew(self, _: Instance) -> None:
            raise Unavailable("away")

        drop = renew

        async def instances(self) -> list[object]:
            raise Unavailable("away")

    files = EndpointFiles(tmp_path)
    files.publish({"payment": [ONE]})
    before = files.path("payment").read_text()

    async def healthy(_: Instance) -> bool:
        return True

    await HealthChecker(Away(), ["payment"], healthy, files.publish).look()  # type: ignore[arg-type]  # its list holds nothing
    assert files.path("payment").read_text() == before


def test_a_file_of_endpoints_is_replaced_when_something_changed_and_only_then(
    tmp_path: Path,
) -> None:
    files = EndpointFiles(tmp_path)
    files.publish({"payment": [ONE, TWO], "user": []})
    first = files.path("payment").stat().st_ino
    files.publish({"payment": [ONE, TWO]})
    assert files.path("payment").stat().st_ino == first
    files.publish({"payment": [TWO]})
    assert files.path("payment").stat().st_ino != first
    found = json.loads(files.path("payment").read_text())["resources"][0]
    assert found["cluster_name"] == "payment"
    endpoints = [
        endpoint["endpoint"]["address"] for endpoint in found["endpoints"][0]["lb_endpoints"]
    ]
    assert endpoints == [{"socket_address": {"address": "127.0.0.1", "port_value": 1002}}]
    assert {path.name for path in tmp_path.iterdir()} == {"payment.json", "user.json"}


def test_a_lease_outlasts_two_renewals_that_are_lost() -> None:
    assert LEASE.total_seconds() > 3 * RENEWED_EVERY
