"""A server that is told to stop drains: it goes on, says so, and has clients close connections."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI, Request

from api.http.h11_protocol import LEAVING, TimeLimitedH11Protocol
from api.http.prefer import wait_for
from infrastructure.http.graceful_shutdown import DRAINING, DrainingServer, is_draining
from tests.support.ports import free_port
from tests.support.waiting import until


def app() -> FastAPI:
    """What the API and services have of it."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, asyncio.Event]]:
        yield {DRAINING: asyncio.Event(), LEAVING: asyncio.Event()}

    made = FastAPI(lifespan=lifespan)

    @made.get("/draining")
    async def draining(request: Request) -> bool:
        return is_draining(request.scope)

    @made.get("/wait")
    async def wait(request: Request) -> str:
        await wait_for(asyncio.sleep(60), request, 60)
        return "waited"

    return made


class Server(DrainingServer):
    """Leaves signals to pytest."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass
class Running:
    """A server, how to call it, and its end."""

    server: Server
    http: httpx2.AsyncClient
    task: "asyncio.Task[None]"

    def stop(self) -> None:
        """Tell it to stop."""
        self.server.should_exit = True

    async def until_draining(self) -> None:
        async def so() -> bool:
            return bool((await self.http.get("/draining")).json())

        await until(so)


@asynccontextmanager
async def running(drain: float) -> AsyncIterator[Running]:
    port = free_port()
    config = uvicorn.Config(app(), port=port, http=TimeLimitedH11Protocol, log_config=None)
    server = Server(config, drain)
    task = asyncio.create_task(server.serve())

    async def up() -> bool:
        return server.started

    await until(up)
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
        yield Running(server, http, task)
    server.should_exit = server.force_exit = True
    await task


async def test_it_goes_on_and_ends_each_connection_with_its_answer() -> None:
    async with running(drain=60) as it:
        before = await it.http.get("/draining")
        assert (before.json(), before.headers.get("connection")) == (False, None)
        it.stop()
        await it.until_draining()
        for _ in range(3):  # each on a connection of its own, which is still taken
            answer = await it.http.get("/draining")
            assert (answer.json(), answer.headers["connection"]) == (True, "close")
        assert not it.task.done()


async def test_it_stops_when_the_time_is_over() -> None:
    async with running(drain=0.3) as it:
        it.stop()
        async with asyncio.timeout(10):
            await it.task
        with pytest.raises(httpx2.ConnectError):
            await it.http.get("/draining")


async def test_a_wait_ends_early_and_in_order() -> None:
    """Not before the drain is over: until then nothing is in a hurry."""
    async with running(drain=0.5) as it:
        waiting = asyncio.create_task(it.http.get("/wait", timeout=30))

        async def begun() -> bool:
            return bool(it.server.server_state.tasks)

        await until(begun)
        it.stop()
        async with asyncio.timeout(10):
            answer = await waiting
            await it.task
        assert (answer.status_code, answer.json()) == (200, "waited")
