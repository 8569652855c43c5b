"""The codec server: Temporal's protocol, for operators of our namespace and the Web UI's pages."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from temporalio.api.common.v1 import Payload

from api.security.authentication import Scope
from infrastructure.codec_server.app import create_app
from infrastructure.temporal.payload_codec import Plaintext
from tests.codec.rings import LATER, NEW, OLD, SAID, encrypting, encryptor
from tests.support.tokens import bearer, verifier

UI = "http://127.0.0.1:8233"
OURS = {"X-Namespace": "default"}


@pytest_asyncio.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(encryptor(NEW, OLD, plaintext=Plaintext.ACCEPT), "default", verifier(), [UI])
    transport = httpx2.ASGITransport(app)
    url = "http://127.0.0.1:8234"
    async with httpx2.AsyncClient(transport=transport, base_url=url) as client:
        yield client


def wired(*payloads: Payload) -> dict[str, Any]:
    """As protocol buffers write them in JSON."""
    return {
        "payloads": [
            {
                "metadata": {name: in_base64(item) for name, item in each.metadata.items()},
                "data": in_base64(each.data),
            }
            for each in payloads
        ]
    }


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def unwired(answer: httpx2.Response) -> list[Payload]:
    assert answer.status_code == 200, answer.text
    return [
        Payload(
            metadata={name: base64.b64decode(item) for name, item in each["metadata"].items()},
            data=base64.b64decode(each["data"]),
        )
        for each in answer.json()["payloads"]
    ]


async def test_payloads_of_any_workflow_are_decoded_in_order(http: httpx2.AsyncClient) -> None:
    sent = wired(encryptor(NEW).seal(SAID, "order-1"), SAID, encryptor(OLD).seal(SAID, "order-2"))
    answer = await http.post("/decode", json=sent, headers=bearer() | OURS)
    assert unwired(answer) == [SAID, SAID, SAID]


async def test_what_is_encoded_is_taken_by_workers(http: httpx2.AsyncClient) -> None:
    answer = await http.post("/encode", json=wired(SAID), headers=bearer() | OURS)
    (sealed,) = unwired(answer)
    assert b"ada" not in sealed.SerializeToString()
    assert await encrypting().decode([sealed]) == ["ada@example.com"]


async def test_what_cannot_be_opened_says_why_and_hides_nothing_else(
    http: httpx2.AsyncClient,
) -> None:
    good, spoilt = encryptor(NEW).seal(SAID, None), encryptor(NEW).seal(SAID, None)
    spoilt.data = spoilt.data[:-1]
    unknown = encryptor(LATER).seal(SAID, None)
    elsewhere = encryptor(NEW, namespace="other").seal(SAID, None)
    sent = wired(spoilt, unknown, elsewhere, good)
    *bad, last = unwired(await http.post("/decode", json=sent, headers=bearer() | OURS))
    said = [json.loads(item.data)["not decoded"] for item in bad]
    assert said == ["Tampered", "UnknownKey", "Misplaced"]
    assert last == SAID


@pytest.mark.parametrize("path", ["/encode", "/decode"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (OURS, 401),
        ({"Authorization": "Bearer x.y.z"} | OURS, 401),
        (bearer("usr_1", Scope.CUSTOMER) | OURS, 403),
        (bearer("machine", Scope.SERVICE) | OURS, 403),
        (bearer() | {"X-Namespace": "other"}, 403),
        (bearer(), 403),
    ],
)
async def test_only_operators_of_this_namespace_are_served(
    http: httpx2.AsyncClient, path: str, headers: dict[str, str], status: int
) -> None:
    sealed = wired(encryptor(NEW).seal(SAID, None))
    answer = await http.post(path, json=sealed, headers=headers)
    assert answer.status_code == status
    assert "payloads" not in answer.json()


@pytest.mark.parametrize(
    "body", [{"payloads": [{"data": "%%"}]}, {"payloads": [{"data": 1}]}, {"payloads": "x"}, []]
)
async def test_what_is_no_payloads_is_refused(http: httpx2.AsyncClient, body: Any) -> None:
    answer = await http.post("/decode", json=body, headers=bearer() | OURS)
    assert answer.status_code == 422


async def test_pages_of_the_web_ui_may_call_and_others_may_not(http: httpx2.AsyncClient) -> None:
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-namespace",
    }
    allowed = await http.options("/decode", headers={"Origin": UI, **asked})
    assert allowed.headers["access-control-allow-origin"] == UI
    assert allowed.headers["access-control-allow-credentials"] == "true"
    foreign = await http.options("/decode", headers={"Origin": "http://evil.example", **asked})
    assert foreign.status_code == 400
    assert "access-control-allow-origin" not in foreign.headers


async def test_a_browser_signs_in_with_an_operators_token(http: httpx2.AsyncClient) -> None:
    customer = bearer("usr_1", Scope.CUSTOMER)["Authorization"].split()[1]
    refused = await http.post("/sign-in", data={"token": customer})
    assert refused.status_code == 403
    assert "set-cookie" not in refused.headers
    token = bearer()["Authorization"].split()[1]
    answer = await http.post("/sign-in", data={"token": token})
    assert answer.status_code == 303
    for attribute in ("HttpOnly", "SameSite=strict"):
        assert attribute in answer.headers["set-cookie"]
    sealed = wired(encryptor(NEW).seal(SAID, "order-1"))
    asked = await http.post("/decode", json=sealed, headers=OURS | {"Origin": UI})
    assert unwired(asked) == [SAID]
