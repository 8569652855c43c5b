"""Whatever comes back instead of a token that was handed out: refused, and never a fault of ours.

The places are found in the OpenAPI document, so a new cursor is tried from its first day on.
"""

import base64
import json
import random
from collections.abc import Iterator

import pytest

from contracts.opaque import seal
from tests.support.openapi import document
from tests.support.world import World

NAMES = {"cursor", "Last-Event-ID"}
REFUSALS = {"invalid_cursor", "unknown_event_id", "uri_too_long"}
SEED = 20261129
MOMENT = "2026-01-01T00:00:00+00:00"
PARTS = [
    *(
        "",
        "a",
        "a\0",
        "\ud800",
        "x" * 3000,
        "0",
        "-1",
        "9" * 30,
        MOMENT,
        "0001-01-01T00:00:00+14:00",
    ),
    *("9999-12-31T23:59:59-14:00", "10000-01-01T00:00:00Z", "NaN", "infinity"),
]
LARGE = ["0", "1", "-1", str(2**63 - 1), str(2**63), str(2**64), "9999999999999999999", "٣", ""]


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def forged() -> Iterator[str]:
    """Tokens that nobody was given; none is empty, since that is none."""
    yield from (seal(one, two) for one in PARTS for two in PARTS)
    odd: list[object] = [[], [1, 2], {}, None, [MOMENT], [MOMENT, 5], "x", [[[]]] * 2]
    yield from map(encoded, odd)
    yield from (f"{one}-{two}" for one in LARGE for two in LARGE)
    yield from ("=", "====", "%", "a" * 4000, "[" * 3000, "ZZZZ", "0-0-0", "1e3-1")
    dice = random.Random(SEED)
    good = seal(MOMENT, "ord_x")
    for _ in range(200):
        at = dice.randrange(len(good))
        yield good[:at] + chr(dice.randrange(33, 127)) + good[at + dice.randrange(2) :]


def places() -> list[tuple[str, str, str]]:
    """(path, in, name) of all that takes a token."""
    return [
        (path, item["in"], item["name"])
        for path, methods in document()["paths"].items()
        for item in methods.get("get", {}).get("parameters", [])
        if item["name"] in NAMES
    ]


def test_the_document_names_the_places() -> None:
    assert {name for _, _, name in places()} == NAMES


@pytest.mark.parametrize(("path", "where", "name"), places())
async def test_a_forged_token_is_refused(world: World, path: str, where: str, name: str) -> None:
    order_id = await world.place(await world.product())
    await world.sagas_end(order_id)
    statuses = set()
    for token in forged():
        if where == "header" and not token.isascii():
            continue
        params = {name: token} if where == "query" else {}
        headers = {name: token} if where == "header" else {}
        answer = await world.http.get(
            path.format(order_id=order_id), params=params, headers=headers
        )
        if answer.status_code != 200:
            assert answer.status_code in {400, 414}, (token, answer.text)
            assert answer.json()["code"] in REFUSALS, (token, answer.text)
        statuses.add(answer.status_code)
    assert statuses - {200}


async def test_a_cursor_that_was_given_is_taken(world: World) -> None:
    user, sku = await world.user(), await world.product()
    placed = [await world.place(sku, user=user) for _ in range(3)]
    for order_id in placed:
        await world.sagas_end(order_id)
    found: list[str] = []
    further = ""
    for _ in placed:
        page = await world.rest(f"/v1/orders?customer_id={user}&limit=1{further}")
        found += [item["id"] for item in page["items"]]
        further = f"&cursor={page['next_cursor']}"
    assert sorted(found) == sorted(placed)
    assert further == "&cursor=None"
