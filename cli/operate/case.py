"""All that the REST API knows of one order, read once, for commands that tell of it."""

from dataclasses import dataclass
from typing import Any

from cli.client import Api, ApiError
from contracts.names import order_of

Json = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """An order; its saga, or None if Temporal has forgotten it, or it was not asked for; what
    services have on record.

    `payment` is None if no charge was begun.
    """

    order: Json
    saga: Json | None
    events: list[Json]
    records: list[Json]
    payment: Json | None

    def record(self, step: str, op: str = "action") -> str | None:
        """The state of a step's record, if there is one."""
        found = [it["state"] for it in self.records if (it["step"], it["op"]) == (step, op)]
        return found[0] if found else None

    @property
    def money_held(self) -> int:
        """Captured and not given back, or perhaps so, in minor units of the order's currency.

        A charge whose answer did not come shows as created; its money may have moved.
        """
        payment = self.payment or {"intent_id": None}
        held = payment["intent_id"] and payment["status"] in {"created", "captured"}
        return int(self.order["total"]["minor"]) if held else 0

    @property
    def stock_held(self) -> int:
        """Pieces that are reserved and neither sold nor released."""
        held = self.record("reserve_inventory") == "done"
        sold = self.record("commit_inventory") == "done"
        return sum(it["quantity"] for it in self.order["items"]) if held and not sold else 0


def case_of(api: Api, order_id: str, *, with_saga: bool = True) -> Case:
    """Read it. ApiError if there is no such order.

    `with_saga` asks the workflow too, which cannot answer if its code fails.
    """
    order = api.get(f"/v1/orders/{order_id}")
    return Case(
        order=order,
        saga=_if_any(api, f"/v1/orders/{order_id}/saga") if with_saga else None,
        events=api.get(f"/v1/orders/{order_id}/events"),
        records=api.get(f"/v1/sagas/order-{order_id}/records"),
        payment=_if_any(api, f"/v1/payments/{order_id}"),
    )


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
    part = "return" if saga_id.startswith("return-") else "saga"
    return f"/v1/orders/{order_of(saga_id)}/{part}"


def reason_in(order: Json) -> str:
    """How an order stands, in words."""
    reason = order["reason"]
    return str(order["status"]) + (f" ({reason['code']})" if reason else "")
