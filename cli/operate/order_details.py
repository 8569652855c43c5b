"""All that the REST API knows of one order, read once, for commands that tell of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from cli.client import Api, ApiError
from contracts.names import STEP_RECORDERS, order_of
from contracts.orders import OrderStatus
from contracts.payments import Payment, is_at_stake
from contracts.workflow_io import PLACING, RETURNING, type_of

Json = dict[str, Any]
DOWN = 503


@dataclass(frozen=True)
class OrderDetails:
    """An order and its story; its saga, or None if Temporal has forgotten it, or it was not asked
    for; what services have on record.

    `payment` is None if no charge was begun. `silent` are the services that do not answer, of which
    nothing is known here. `mute`: the saga is there and does not tell, as no worker does so for it.
    """

    order: Json
    story: Json
    saga: Json | None
    events: list[Json]
    records: list[Json]
    payment: Json | None
    silent: Sequence[str]
    mute: bool = False

    def record(self, step: str, op: str = "action") -> str | None:
        """The state of a step's record, if there is one."""
        found = [row["state"] for row in self.records if (row["step"], row["op"]) == (step, op)]
        return found[0] if found else None

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
        if "inventory" in self.silent:
            return None
        held = self.record("reserve_inventory") == "done"
        sold = self.record("commit_inventory") == "done"
        return sum(item["quantity"] for item in self.order["items"]) if held and not sold else 0


def read_order_details(api: Api, order_id: str, *, stakes_only: bool = False) -> OrderDetails:
    """Read it. ApiError if there is no such order, or if the order service is down.

    `stakes_only` leaves out its saga, which cannot be asked if its code fails, and its events.
    """
    order = api.get(f"/v1/orders/{order_id}")
    records, silent = _records(api, f"/v1/sagas/order-{order_id}/records")
    asked = "payment" not in silent
    saga, mute = (None, False) if stakes_only else _saga(api, order_id)
    return OrderDetails(
        order=order,
        story=api.get(f"/v1/orders/{order_id}/story"),
        saga=saga,
        events=api.get(f"/v1/orders/{order_id}/events") if not stakes_only else [],
        records=records,
        payment=_if_any(api, f"/v1/payments/{order_id}") if asked else None,
        silent=silent,
        mute=mute,
    )


def _saga(api: Api, order_id: str) -> tuple[Json | None, bool]:
    """What it tells of itself, and whether it is there but tells nothing."""
    return unless_down(lambda: _if_any(api, f"/v1/orders/{order_id}/saga"))


def _records(api: Api, path: str) -> tuple[list[Json], list[str]]:
    """What is on record, oldest first, and who does not answer: then each is asked alone."""
    found, down = unless_down(partial(api.get, path))
    if not down:
        return found, []
    found, silent = [], []
    for service in STEP_RECORDERS:
        records, down = unless_down(partial(api.get, path, service=service))
        found += records or []
        silent += [service] if down else []
    return sorted(found, key=lambda it: str(it["recorded_at"])), silent


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
    kind = type_of(saga_id) or PLACING
    return kind.view.format(order_id=order_of(saga_id))


def reason_in(order: Json) -> str:
    """How an order stands, in words."""
    reason = order["reason"]
    return str(order["status"]) + (f" ({reason['code']})" if reason else "")
