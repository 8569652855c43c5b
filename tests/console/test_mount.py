"""Where the API's own address leads: people to the console, programs nowhere."""

from contextlib import AbstractAsyncContextManager

import httpx2
import pytest

from api.app import create_app
from api.dependencies import Backend
from console.mount import install


def never() -> AbstractAsyncContextManager[Backend]:
    raise AssertionError("nothing is asked for that needs more than the app")


@pytest.mark.parametrize(
    ("accept", "status", "leads"), [("text/html,*/*;q=0.8", 303, "/console"), ("*/*", 404, None)]
)
async def test_a_browser_is_led_to_the_console(accept: str, status: int, leads: str | None) -> None:
    transport = httpx2.ASGITransport(create_app(never, install))
    async with httpx2.AsyncClient(transport=transport, base_url="http://api") as http:
        answer = await http.get("/", headers={"Accept": accept})
    assert (answer.status_code, answer.headers.get("Location")) == (status, leads)
