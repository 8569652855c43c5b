"""Renamed operations keep their names on the wire: releases that run side by side agree on them."""

import inspect

import httpx2
import pytest

from infrastructure.http.circuit_breaker import Breaker
from infrastructure.rpc.client import ServiceClient, remote
from infrastructure.rpc.operations import operations
from infrastructure.rpc.server import create_app
from infrastructure.rpc.tokens import Bearer
from saga.participant import Unavailable
from services.composition import PROTOCOLS
from tests.support.remote import ISSUER, service_verifier

WIRE_NAMES = [
    ("inventory", "list_holdings", "held"),
    ("inventory", "list_step_records", "recorded"),
    ("order", "get_accepted_order", "accepted"),
    ("order", "list_step_records", "recorded"),
    ("payment", "list_captured", "captured"),
    ("payment", "list_step_records", "recorded"),
]
renamed = pytest.mark.parametrize(("service", "method", "name"), WIRE_NAMES)


async def nothing_needed() -> None:
    """Always ready."""


@renamed
def test_a_server_has_the_operation_by_its_earlier_name(
    service: str, method: str, name: str
) -> None:
    protocol = PROTOCOLS[service]
    nobody = type("Nobody", (), dict.fromkeys(operations(protocol), nothing_needed))
    app = create_app(service, protocol, nobody, service_verifier(service), nothing_needed)
    paths = app.openapi()["paths"]
    assert paths[f"/v1/{service}/{name}"]["post"]["operationId"] == name
    assert f"/v1/{service}/{method}" not in paths


@renamed
async def test_a_client_calls_the_operation_by_its_earlier_name(
    service: str, method: str, name: str
) -> None:
    asked = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.path)
        return httpx2.Response(503)

    transport = httpx2.MockTransport(answer)
    async with httpx2.AsyncClient(transport=transport, base_url="http://service") as http:
        bearer = Bearer(ISSUER, service, "test")
        client = ServiceClient(service, http, bearer, Breaker(service), deadline=1.0)
        call = getattr(remote(PROTOCOLS[service], client), method)
        listed = "ids" in str(inspect.signature(getattr(PROTOCOLS[service], method)))
        with pytest.raises(Unavailable):
            await call(["one"] if listed else "one")
    assert asked == [f"/v1/{service}/{name}"]
