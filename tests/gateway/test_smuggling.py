"""Raw bytes that two servers may read differently: refused, and nothing of them goes on."""

import asyncio

import pytest

from tests.gateway.edge import Edge
from tests.support.tokens import bearer
from tests.support.wire import request

TOKEN = f"Authorization: {bearer()['Authorization']}\r\n"
INNER = "GET /v1/orders/smuggled HTTP/1.1\r\nHost: api\r\n\r\n"
JSON = "Content-Type: application/json\r\n"


def raw(headers: str, body: str = "", line: str = "POST /v1/orders HTTP/1.1") -> bytes:
    return f"{line}\r\nHost: api\r\n{TOKEN}{JSON}{headers}\r\n{body}".encode("latin-1")


REFUSED = {
    "CL and TE": raw("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", f"0\r\n\r\n{INNER}"),
    "TE and CL": raw("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", f"0\r\n\r\n{INNER}"),
    "two CL that differ": raw("Content-Length: 2\r\nContent-Length: 60\r\n", "{}" + INNER),
    "two CL that agree": raw("Content-Length: 2\r\nContent-Length: 2\r\n", "{}" + INNER),
    "CL with a sign": raw("Content-Length: +2\r\n", "{}"),
    "CL below zero": raw("Content-Length: -2\r\n", "{}"),
    "CL in hexadecimal": raw("Content-Length: 0x2\r\n", "{}"),
    "CL of two numbers": raw("Content-Length: 2, 60\r\n", "{}" + INNER),
    "TE twice": raw("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"),
    "TE unknown": raw("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
    "TE with a tab": raw("Transfer-Encoding: \tchunked, identity\r\n", "0\r\n\r\n"),
    "TE with a space in its name": raw("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"),
    "chunk size no number": raw("Transfer-Encoding: chunked\r\n", "zz\r\n{}\r\n0\r\n\r\n"),
    "chunk size with a sign": raw("Transfer-Encoding: chunked\r\n", "+2\r\n{}\r\n0\r\n\r\n"),
    "chunk size too large": raw("Transfer-Encoding: chunked\r\n", "f" * 17 + "\r\n{}\r\n0\r\n\r\n"),
    "chunk longer than its size": raw("Transfer-Encoding: chunked\r\n", "1\r\n{}\r\n0\r\n\r\n"),
    "NUL in a value": raw("X-Note: a\0b\r\n"),
    "NUL in a name": raw("X-No\0te: a\r\n"),
    "NUL in the path": raw("", line="GET /v1/or\0ders HTTP/1.1"),
    "no name": raw(": nothing\r\n"),
    "no host": f"GET /v1/orders HTTP/1.1\r\n{TOKEN}\r\n".encode(),
    "HTTP/1.0": raw("", line="GET /v1/orders HTTP/1.0"),
    "HTTP/9.9": raw("", line="GET /v1/orders HTTP/9.9"),
    "underscore that reads as a dash": raw("Content_Length: 60\r\n"),
}


MENDED = {
    "bare CR in a value": raw("X-Note: a\rContent-Length: 60\r\n"),
    "folded header": raw("X-Note: a\r\n Content-Length: 60\r\n"),
}
CODES = {400: "malformed_request", 426: "upgrade_required", 501: "not_implemented"}


async def refused(gateway: Edge, data: bytes) -> str:
    """What is wrong about the answer to these bytes; nothing if they are refused for good."""
    async with gateway.connection() as connection:
        await connection.send(data)
        answer = await connection.answer()
        if answer.status not in CODES or answer.problem()["code"] != CODES[answer.status]:
            return str(answer)
        return "" if await connection.is_closed() else "the connection is still open"


async def test_what_two_servers_may_read_differently_is_refused(gateway: Edge) -> None:
    """At once, since each waits for Envoy to close its connection a second later."""
    found = await asyncio.gather(*(refused(gateway, data) for data in REFUSED.values()))
    assert {name: row for name, row in zip(REFUSED, found, strict=True) if row} == {}
    assert [event.line for event in gateway.upstream.received] == []


async def test_two_hosts_are_refused(gateway: Edge) -> None:
    answer = await gateway.ask(raw("Host: elsewhere\r\n"))
    assert (answer.status, answer.problem()["code"]) == (400, "malformed_request")
    assert gateway.upstream.received == []


async def test_nobody_gets_a_tunnel(gateway: Edge) -> None:
    async with gateway.connection() as connection:
        await connection.send(raw("", line="CONNECT api:80 HTTP/1.1"))
        assert (await connection.answer()).status in {401, 404}
    assert gateway.upstream.received == []


@pytest.mark.parametrize("name", MENDED)
async def test_what_rfc_9112_has_mended_becomes_one_value(gateway: Edge, name: str) -> None:
    assert (await gateway.ask(MENDED[name])).status == 200
    (seen,) = gateway.upstream.received
    assert seen.all("content-length") == ["0"]
    assert [value.replace(" ", "") for value in seen.all("x-note")] == ["aContent-Length:60"]


async def test_a_chunked_body_goes_on_whole_with_one_length(gateway: Edge) -> None:
    chunked = raw("Transfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n")
    assert (await gateway.ask(chunked)).status == 200
    (seen,) = gateway.upstream.received
    assert seen.body == b"{}"
    assert seen.all("content-length") == ["2"]
    assert seen.all("transfer-encoding") == []


async def test_two_requests_on_one_connection_are_two_requests(gateway: Edge) -> None:
    async with gateway.connection() as connection:
        await connection.send(request("GET", "/v1/orders/a") + request("GET", "/v1/orders/b"))
        assert [(await connection.answer()).status for _ in range(2)] == [200, 200]
    lines = [event.line.split()[1] for event in gateway.upstream.received]
    assert lines == ["/v1/orders/a", "/v1/orders/b"]
