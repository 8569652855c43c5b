"""All that the REST API knows of one order, read once, for commands that tell of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from cli.client import Api, ApiError
from contracts.names import STEP_RECORDERS
from contracts.workflow_io import SAGA_TYPES, SagaType

Json = dict[str, Any]
DOWN = 503


@dataclass(frozen=True)
class SagaDetails:
    """One saga of an order: what it tells of itself, and what services have on record of it.

    `view` is None if Temporal has forgotten it. `mute`: it is there and does not tell, as no worker
    does so for it.
    """

    kind: SagaType
    saga_id: str
    view: Json | None
    mute: bool
    records: list[Json]

    @property
    def is_known(self) -> bool:
        """Whether there is or was such a saga, as far as anybody tells."""
        return self.view is not None or self.mute or bool(self.records)


@dataclass(frozen=True)
class OrderDetails:
    """An order and its story, its sagas with what services have on record of them, its events.

    The first saga is the one that places it. `silent` are the services that do not answer, of which
    nothing is known here.
    """

    order: Json
    story: Json
    sagas: Sequence[SagaDetails]
    events: list[Json]
    silent: Sequence[str]

    @property
    def records(self) -> list[Json]:
        """What is on record of all its sagas, oldest first."""
        records = [record for saga in self.sagas for record in saga.records]
        return sorted(records, key=lambda record: str(record["recorded_at"]))


def read_order_details(api: Api, order_id: str) -> OrderDetails:
    """Read it. ApiError if there is no such order, or if the order service is down."""
    order = api.get(f"/v1/orders/{order_id}")
    events: list[Json] = api.get_items(f"/v1/orders/{order_id}/events")
    types = [event["type"] for event in events]
    sagas: list[SagaDetails] = []
    silent: dict[str, None] = {}
    for kind in SAGA_TYPES:
        for saga_id in kind.list_ids(order_id, types):
            records, down = _records(api, f"/v1/sagas/{saga_id}/records")
            silent |= dict.fromkeys(down)
            sagas.append(SagaDetails(kind, saga_id, *_view(api, saga_id), records))
    story = api.get(f"/v1/orders/{order_id}/story")
    return OrderDetails(order, story, sagas, events, [*silent])


def _view(api: Api, saga_id: str) -> tuple[Json | None, bool]:
    """What it tells of itself, and whether it is there but tells nothing."""
    return unless_down(lambda: _if_any(api, saga_path(saga_id)))


def _records(api: Api, path: str) -> tuple[list[Json], list[str]]:
    """What is on record, and who does not answer: then each is asked alone."""
    found, down = unless_down(partial(api.get_items, path))
    if not down:
        return found, []
    found, silent = [], []
    for service in STEP_RECORDERS:
        records, down = unless_down(partial(api.get_items, path, service=service))
        found += records or []
        silent += [service] if down else []
    return found, silent


def unless_down(ask: Callable[[], Any]) -> tuple[Any, bool]:
    """The answer, and whether there is none as who should give it is down."""
    try:
        return ask(), False
    except ApiError as error:
        if error.status != DOWN:
            raise
        return None, True


def _if_any(api: Api, path: str) -> Json | None:
    try:
        found: Json = api.get(path)
    except ApiError as error:
        if error.status != 404:
            raise
        return None
    return found


def saga_path(saga_id: str) -> str:
    """Where the API shows a saga."""
    return f"/v1/sagas/{saga_id}"


def reason_in(order: Json) -> str:
    """How an order stands, in words."""
    reason = order["reason"]
    return str(order["status"]) + (f" ({reason['code']})" if reason else "")
