"""All that people are told of one order, by every place that tells of it, at one moment."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from unittest.mock import patch

from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.service import RPCError
from typer.testing import CliRunner

from activities.executions import describe
from cli.client import Api
from cli.main import app
from console.dependencies import ConsoleBackend
from console.order_details import read_order_details
from console.pages.order import PARTS, _view
from console.settings import Settings
from console.templating import part
from contracts.names import order_of
from tests.story.deliveries import Subscriber, open_subscriber
from tests.support.telling import backend_of
from tests.support.tokens import bearer
from tests.support.wire import serve
from tests.support.world import World, api_app

METADATA = "__temporal_workflow_metadata"
WIDE = "400"  # columns of a terminal, so that no table is cut
PATIENCE = 60.0  # seconds for an answer
INLINE = {"b", "code", "time"}
AT_ONCE_LATE = 0  # seconds after which an open saga is in the list


@dataclass(frozen=True)
class Told:
    """The API's answers, what the commands print, the console's page, and Temporal's details.

    `listed` are its customer's orders in the API's list, `by_hand` those of which operators settled
    something, and `rows` what the command prints of them. `saga` places it, `returns` are the sagas
    that return it. `details` are the current details by saga, of those that tell any. `messages`
    are the bodies that a webhook of the customer has got, in the order of what happened.
    """

    order: dict[str, Any]
    story: dict[str, Any]
    listed: list[dict[str, Any]]
    by_hand: list[dict[str, Any]]
    rows: str
    events: list[dict[str, Any]]
    saga: dict[str, Any]
    returns: list[dict[str, Any]]
    attention: list[dict[str, Any]]
    explained: str
    shown: str
    stuck: str
    page: str
    summary: str
    details: dict[str, str]
    messages: list[dict[str, Any]]

    @property
    def sagas(self) -> list[dict[str, Any]]:
        """All that the API tells of, the one that places the order first."""
        return [self.saga, *self.returns]


class Surfaces:
    """Asks all of them."""

    def __init__(self, world: World, port: int, subscriber: Subscriber) -> None:
        self._world = world
        self._subscriber = subscriber
        token = bearer()["Authorization"].removeprefix("Bearer ")
        self.api = Api(f"http://127.0.0.1:{port}", token, patience=PATIENCE)

    async def read(self, order_id: str, saga_ids: list[str]) -> Told:
        """All that is told of the order now."""
        rest = self._world.rest
        path = f"/v1/sagas?attention=true&late={AT_ONCE_LATE}&limit=500"
        listed = await self._world.rest_items(path)
        order = await rest(f"/v1/orders/{order_id}")
        its = f"/v1/orders?customer_id={order['customer_id']}"
        return Told(
            order=order,
            listed=await self._world.rest_items(its),
            by_hand=await self._world.rest_items(f"{its}&settled_by_hand=true"),
            rows=await self._run("order", "list", "--customer", order["customer_id"]),
            events=await self._read_events(order_id),
            story=await rest(f"/v1/orders/{order_id}/story"),
            saga=await rest(f"/v1/orders/{order_id}/saga"),
            returns=[await rest(f"/v1/sagas/{saga_id}") for saga_id in saga_ids[1:]],
            attention=[row for row in listed if order_of(row["saga_id"]) == order_id],
            explained=await self._run("explain", order_id),
            shown=await self._run("order", "show", order_id),
            stuck=await self._run("stuck", "--older-than", str(AT_ONCE_LATE)),
            page=await self._render(order_id),
            summary=await self._summary(saga_ids[0]),
            details={saga_id: await self._details(saga_id) for saga_id in saga_ids},
            messages=await self._subscriber.read(order_id),
        )

    async def _read_events(self, order_id: str) -> list[dict[str, Any]]:
        """None before its first step is on record."""
        answer = await self._world.http.get(f"/v1/orders/{order_id}/events")
        events: list[dict[str, Any]] = answer.json().get("items", [])
        return events

    async def _run(self, *arguments: str) -> str:
        """What a command prints."""
        runner = CliRunner(env={"COLUMNS": WIDE, "NO_COLOR": "1"})
        with patch.object(Api, "at", staticmethod(lambda *_, **__: self.api)):
            ran = await asyncio.to_thread(runner.invoke, app, list(arguments))
        assert ran.exit_code in {0, 1}, ran.output
        assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
        return str(ran.stdout)

    async def _render(self, order_id: str) -> str:
        deps = ConsoleBackend.extend(backend_of(self._world), Settings())
        case = await read_order_details(order_id, deps)
        return "\n".join(
            part("order_parts.html", f"{name}_part", case, _view(case, deps)) for name in PARTS
        )

    async def _summary(self, saga_id: str) -> str:
        """Not by the SDK's description, which raises where a workflow is paused."""
        saga = await describe(self._world.client, saga_id)
        assert saga is not None
        assert saga.described is not None
        summary = saga.described.execution_config.user_metadata.summary
        return str((await saga.converter.decode([summary]))[0]) if summary.data else ""

    async def _details(self, saga_id: str) -> str:
        """Empty if no worker can tell: its code fails, or it never began."""
        handle = self._world.client.get_workflow_handle(saga_id)
        try:
            told = await handle.query(METADATA, result_type=WorkflowMetadata)
        except (RPCError, ValueError):  # a status that is newer than the SDK
            return ""
        return str(told.current_details)


@asynccontextmanager
async def open_surfaces(world: World) -> AsyncIterator[Surfaces]:
    """The API behind a socket, for the commands; and a subscriber of webhooks."""
    app = api_app(world.client, world.services)
    async with serve(app) as served, open_subscriber(world) as subscriber:
        surfaces = Surfaces(world, served.port, subscriber)
        try:
            yield surfaces
        finally:
            surfaces.api._http.close()


class _Reader(HTMLParser):
    """Collects what is read in one go: a paragraph, a cell, a badge."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = [""]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in INLINE:
            self.pieces.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag not in INLINE:
            self.pieces.append("")

    def handle_data(self, data: str) -> None:
        self.pieces[-1] += data


def read_texts(page: str) -> list[str]:
    """The pieces of text of a page, as they are read."""
    reader = _Reader()
    reader.feed(page)
    return [" ".join(piece.split()) for piece in reader.pieces if piece.strip()]
