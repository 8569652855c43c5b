"""Links that sign in once: for whom, how often, for how long, and what is left of them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx2
import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy import text

from api.security.authentication import Scope
from console.security.wrong_codes import MOST, WINDOW, WrongCodes
from infrastructure.postgres.database import Database
from tests.console.test_sign_in import HERE, opened, token
from tests.support.world import World, api_app

MADE = {"Accept": "application/json"}


@pytest_asyncio.fixture(scope="module")
async def events(world: World) -> AsyncIterator[Database]:
    database = Database(world.databases.event_database_url, pool_size=1)
    yield database
    await database.close()


@pytest_asyncio.fixture(scope="module")
async def http(world: World) -> AsyncIterator[httpx2.AsyncClient]:
    async with opened(of_another_process(world)) as client:
        yield client


def of_another_process(world: World) -> FastAPI:
    url = world.databases.event_database_url
    return api_app(world.client, world.services, event_database_url=url)


async def create(http: httpx2.AsyncClient, bearer: str = "") -> str:
    headers = {**MADE, "Authorization": f"Bearer {bearer or token()}"}
    made = (await http.post("/console/sign-in/links", headers=headers)).raise_for_status()
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    assert made.json()["expires_in"] == 60
    code: str = made.json()["code"]
    return code


async def use(
    http: httpx2.AsyncClient, code: str, origin: str = HERE["Origin"], to: str = "/console"
) -> httpx2.Response:
    http.cookies.clear()
    form = {"code": code, "next": to}
    return await http.post("/console/sign-in/link", data=form, headers={"Origin": origin})


async def test_a_link_signs_in_once_and_leads_to_where_one_wanted(http: httpx2.AsyncClient) -> None:
    code = await create(http)
    taken = await use(http, code, to="/console/stock")
    assert (taken.status_code, taken.headers["location"]) == (303, "/console/stock")
    assert (await http.get("/console/stock")).status_code == 200
    again = await use(http, code)
    assert again.status_code == 401
    assert "it was used, or is older than a minute" in again.text
    assert "saga console" in again.text
    assert code not in again.text
    assert "set-cookie" not in again.headers


async def test_a_session_by_a_link_is_of_its_token(http: httpx2.AsyncClient) -> None:
    bearer = token(subject="grace", lasts=timedelta(minutes=5))
    taken = await use(http, await create(http, bearer))
    assert taken.cookies["saga_console"] == bearer
    assert "Signed in as grace" in (await http.get("/console/stock")).text


async def test_of_two_who_use_a_link_at_once_one_gets_in(http: httpx2.AsyncClient) -> None:
    code = await create(http)
    answers = await asyncio.gather(*(use(http, code) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [303, 401, 401, 401]


async def test_a_link_of_one_process_is_used_at_another(
    world: World, http: httpx2.AsyncClient
) -> None:
    async with opened(of_another_process(world)) as other:
        code = await create(other)
    assert (await use(http, code)).status_code == 303


async def test_a_link_that_has_expired_is_refused_and_forgotten(
    http: httpx2.AsyncClient, events: Database
) -> None:
    first, second = await create(http), await create(http)
    past = text("UPDATE sign_in_links SET expires_at = now() - interval '1 ms'")
    async with events.transaction() as tx:
        await tx.execute(past)
    refused = await use(http, first)
    assert refused.status_code == 401
    assert "older than a minute" in refused.text
    await use(http, await create(http))
    async with events.transaction() as tx:
        left = await tx.execute(text("SELECT count(*) FROM sign_in_links"))
        assert left.scalar_one() == 0
    assert (await use(http, second)).status_code == 401


async def test_who_reads_the_database_has_neither_code_nor_token(
    http: httpx2.AsyncClient, events: Database
) -> None:
    bearer = token()
    code = await create(http, bearer)
    async with events.transaction() as tx:
        rows = (await tx.execute(text("SELECT * FROM sign_in_links"))).all()
    assert rows
    for secret in (code, bearer, bearer.split(".")[2]):
        assert secret not in str(rows)
        assert secret.encode() not in b"".join(bytes(row.sealed_token) for row in rows)
    assert (await use(http, code)).status_code == 303


async def test_another_sites_form_spends_no_link(http: httpx2.AsyncClient) -> None:
    code = await create(http)
    assert (await use(http, code, origin="http://evil.example")).status_code == 403
    assert (await use(http, code)).status_code == 303


@pytest.mark.parametrize(
    ("bearer", "status"), [("", 401), ("nonsense", 401), (token(Scope.SERVICE), 403)]
)
async def test_only_an_operators_token_makes_a_link(
    http: httpx2.AsyncClient, bearer: str, status: int
) -> None:
    http.cookies.clear()
    http.cookies.set("saga_console", token(), path="/console")
    headers = {**MADE, **({"Authorization": f"Bearer {bearer}"} if bearer else {})}
    refused = await http.post("/console/sign-in/links", headers=headers)
    assert refused.status_code == status
    http.cookies.clear()


async def test_after_many_wrong_codes_none_is_looked_at_for_a_while(world: World) -> None:
    async with opened(of_another_process(world)) as http:
        code = await create(http)
        wrong = [(await use(http, f"wrong-{n}")).status_code for n in range(MOST)]
        assert set(wrong) == {401}
        refused = await use(http, code)
        assert refused.status_code == 429
        assert 0 < int(refused.headers["retry-after"]) <= WINDOW
        assert "paste a token" in refused.text


def test_wrong_codes_are_forgotten_after_their_window() -> None:
    now = 100.0
    wrong = WrongCodes(lambda: now)
    for _ in range(MOST):
        assert wrong.seconds_to_wait() == 0
        wrong.note()
    assert wrong.seconds_to_wait() == WINDOW
    now += WINDOW - 0.5
    assert wrong.seconds_to_wait() == 1
    now += 0.5
    assert wrong.seconds_to_wait() == 0


async def test_without_an_event_database_there_are_no_links(world: World) -> None:
    async with opened(api_app(world.client, world.services)) as http:
        headers = {**MADE, "Authorization": f"Bearer {token()}"}
        refused = await http.post("/console/sign-in/links", headers=headers)
        assert refused.status_code == 503
        assert "EVENT_DATABASE_URL" in refused.json()["detail"]
        page = await use(http, "any")
        assert page.status_code == 503
        assert "EVENT_DATABASE_URL" in page.text
