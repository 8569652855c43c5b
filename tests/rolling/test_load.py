"""The judge of answers is judged: what is no answer, or does not say "later", is a failure."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from signal import SIGTERM

import pytest

from tests.rolling.load import BY_API, BY_GATEWAY, FAILED, GATEWAYS, GOOD, Load
from tests.rolling.parts import Entry, Part

PROBLEM = "application/problem+json"


def answer(status: int, detail: str = "", **headers: str) -> bytes:
    body = json.dumps({"id": "ord", "code": "unavailable", "detail": detail})
    fields = {"content_length": str(len(body))} | headers
    head = "".join(f"{name.replace('_', '-')}: {field}\r\n" for name, field in fields.items())
    return f"HTTP/1.1 {status} X\r\n{head}\r\n{body}".encode()


GOOD_ORDER, GOOD_READ = answer(202), answer(200)
SAID_LATER = answer(503, "a part is missing", retry_after="0", content_type=PROBLEM)
SAID_LOST = answer(503, GATEWAYS[1], retry_after="0", content_type=PROBLEM)


@asynccontextmanager
async def facing(first: bytes | None) -> AsyncIterator[Load]:
    """A load whose first request is answered so, or not at all; all others are answered well."""
    script = [first]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        if "content-length: " in head.lower():
            length = int(head.lower().split("content-length: ")[1].split("\r\n")[0])
            await reader.readexactly(length)
        usual = GOOD_ORDER if head.startswith("POST") else GOOD_READ
        said = script.pop() if script else usual
        if said is None:
            writer.transport.abort()
            return
        writer.write(said.replace(b"\r\n", b"\r\nconnection: close\r\n", 1))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    nobody = Part("nobody", lambda: None, lambda: False, SIGTERM)
    async with server:
        yield Load([Entry(port, nobody, Path("/dev/null"))], {}, "usr_1", "SKU")


async def judged(first: bytes | None) -> dict[str, int]:
    async with facing(first) as load:
        over = asyncio.Event()
        coming = asyncio.create_task(load.come(1, over))
        async with asyncio.timeout(20):
            while len(load.placed) < 1:  # noqa: ASYNC110 - what is waited for has no event here
                await asyncio.sleep(0.01)
            over.set()
            await coming
        assert len(load.failures) == load.counts["calm"][FAILED]
        return dict(load.counts["calm"])


async def test_an_answer_as_expected_is_good() -> None:
    assert await judged(GOOD_ORDER) == {GOOD: 3}


@pytest.mark.parametrize(("said", "counted"), [(SAID_LATER, BY_API), (SAID_LOST, BY_GATEWAY)])
async def test_one_that_says_later_is_no_failure(said: bytes, counted: str) -> None:
    assert await judged(said) == {counted: 1, GOOD: 3}


@pytest.mark.parametrize(
    "said",
    [
        None,
        answer(500, content_type=PROBLEM),
        answer(503, content_type=PROBLEM),
        answer(503, retry_after="0"),
        answer(404, retry_after="0", content_type=PROBLEM),
    ],
    ids=["no answer", "500", "503 without a time", "503 without a problem", "404"],
)
async def test_everything_else_is(said: bytes | None) -> None:
    assert await judged(said) == {FAILED: 1, GOOD: 3}
