"""All that the REST API knows of one order, read once, for commands that tell of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from cli.client import Api, ApiError
from contracts.names import STEP_RECORDERS, order_of
from contracts.orders import OrderStatus
from contracts.payments import Payment, is_at_stake
from contracts.workflow_io import PLACING, RETURNING, SAGA_TYPES, SagaType, type_of

Json = dict[str, Any]
DOWN = 503


@dataclass(frozen=True)
class SagaDetails:
    """One saga of an order: what it tells of itself, and what services have on record of it.

    `view` is None if Temporal has forgotten it, or it was not asked for. `mute`: it is there and
    does not tell, as no worker does so for it.
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

    @property
    def standing(self) -> set[str]:
        """Its steps that took effect, and were not undone."""
        return {
            record["step"]
            for record in self.records
            if (record["op"], record["state"]) == ("action", "done")
        }


@dataclass(frozen=True)
class OrderDetails:
    """An order and its story, its sagas with what services have on record of them, its events.

    The first saga is the one that places it. `payment` is None if no charge was begun. `silent` are
    the services that do not answer, of which nothing is known here.
    """

    order: Json
    story: Json
    sagas: Sequence[SagaDetails]
    events: list[Json]
    payment: Json | None
    silent: Sequence[str]

    @property
    def saga(self) -> Json | None:
        """What the saga that places it tells of itself."""
        return self.sagas[0].view

    @property
    def records(self) -> list[Json]:
        """What is on record of all its sagas, oldest first."""
        records = [record for saga in self.sagas for record in saga.records]
        return sorted(records, key=lambda record: str(record["recorded_at"]))

    @property
    def money_held(self) -> int | None:
        """Captured and not given back, or perhaps so, in minor units of the order's currency.

        A charge whose answer did not come shows as created; its money may have moved. None if it is
        not known.
        """
        if "payment" in self.silent:
            return None
        payment = self._payment
        return int(self.order["total"]["minor"]) if payment and payment.holds_money else 0

    def money_at_stake(self, saga_id: str) -> int | None:
        """What is held as long as this saga has not settled the order; None if it is not known."""
        if "payment" in self.silent:
            return None
        status, is_return = OrderStatus(self.order["status"]), type_of(saga_id) is RETURNING
        staked = is_at_stake(self._payment, status, is_returning=is_return)
        return int(self.order["total"]["minor"]) if staked else 0

    @property
    def _payment(self) -> Payment | None:
        return Payment.model_validate(self.payment) if self.payment else None

    @property
    def stock_held(self) -> int | None:
        """Pieces that are reserved and neither sold nor released; None if it is not known."""
        from api.orders.stock_held import holds_stock  # noqa: PLC0415 - heavy

        if "inventory" in self.silent:
            return None
        pieces: int = sum(item["quantity"] for item in self.order["items"])
        return pieces * sum(holds_stock(saga.kind, saga.standing) for saga in self.sagas)


def read_order_details(api: Api, order_id: str) -> OrderDetails:
    """Read it. ApiError if there is no such order, or if the order service is down."""
    order = api.get(f"/v1/orders/{order_id}")
    events: list[Json] = api.get(f"/v1/orders/{order_id}/events")
    types = [event["type"] for event in events]
    ids = [saga_id for kind in SAGA_TYPES for saga_id in kind.list_ids(order_id, types)]
    return _read(api, order, ids, events)


def read_stakes(api: Api, saga_id: str) -> OrderDetails:
    """The order of a saga, and what is at stake in it. ApiError as above.

    Without events and what sagas tell, as those whose code fails tell nothing.
    """
    order_id = order_of(saga_id)
    ids = dict.fromkeys((PLACING.first_id(order_id), saga_id))
    return _read(api, api.get(f"/v1/orders/{order_id}"), [*ids], None)


def _read(
    api: Api, order: Json, saga_ids: Sequence[str], events: list[Json] | None
) -> OrderDetails:
    sagas: list[SagaDetails] = []
    silent: dict[str, None] = {}
    for saga_id in saga_ids:
        records, down = _records(api, f"/v1/sagas/{saga_id}/records")
        silent |= dict.fromkeys(down)
        view, mute = (None, False) if events is None else _view(api, saga_id)
        sagas.append(SagaDetails(type_of(saga_id) or PLACING, saga_id, view, mute, records))
    asked = "payment" not in silent
    payment = _if_any(api, f"/v1/payments/{order['id']}") if asked else None
    return OrderDetails(
        order=order,
        story=api.get(f"/v1/orders/{order['id']}/story"),
        sagas=sagas,
        events=events or [],
        payment=payment,
        silent=[*silent],
    )


def _view(api: Api, saga_id: str) -> tuple[Json | None, bool]:
    """What it tells of itself, and whether it is there but tells nothing."""
    return unless_down(lambda: _if_any(api, saga_path(saga_id)))


def _records(api: Api, path: str) -> tuple[list[Json], list[str]]:
    """What is on record, and who does not answer: then each is asked alone."""
    found, down = unless_down(partial(api.get, path))
    if not down:
        return found, []
    found, silent = [], []
    for service in STEP_RECORDERS:
        records, down = unless_down(partial(api.get, path, service=service))
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
