"""What callers send and get. Requests refuse unknown fields, so that a typo is not ignored."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.temporal.troubles import Trouble
from contracts.base import Evidence, Identifier, Money, Quantity, Reason, ReasonText, Sku, ToldTime
from contracts.event_records import PositionedEvent, RecordedEvent
from contracts.inventory import AddStock, NewProduct
from contracts.orders import NextAction, Order, OrderLine, OrderStatus, SettledStep
from contracts.users import NewUser
from saga import Resolving, Role, WaitView
from saga.participant.records import StepRecord

MAX_LINES = 100
ORDER = {
    "id": "ord_pz3kwc5ydsjtdw3rpyvm2tbwqe",
    "status": "confirmed",
    "customer_id": "usr_1",
    "items": [{"sku": "ANVIL-1", "quantity": 2, "unit_price": {"minor": 2500, "currency": "EUR"}}],
    "total": {"minor": 5000, "currency": "EUR"},
    "reason": None,
    "version": 3,
    "created_at": "2026-01-01T12:00:00.000000Z",
    "updated_at": "2026-01-01T12:00:00.250000Z",
    "settled_by_hand": [],
    "next_action": None,
    "links": {"self": "/v1/orders/ord_pz3kwc5ydsjtdw3rpyvm2tbwqe"},
}


def example(**fields: Any) -> ConfigDict:
    """A model's settings: an example for the OpenAPI document."""
    return ConfigDict(json_schema_extra={"example": fields})


class Body(BaseModel):
    """A request's body."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NewUserBody(Body, NewUser):
    """Open an account."""

    model_config = example(name="Ada", email="ada@example.com")


class NewProductBody(Body, NewProduct):
    """Offer a product."""

    model_config = example(
        sku="ANVIL-1", name="Anvil", price={"minor": 2500, "currency": "EUR"}, stock=10
    )


class AddStockBody(Body, AddStock):
    """Put pieces on the shelf."""

    model_config = example(quantity=5)


class ItemBody(Body):
    """So many pieces of one product."""

    sku: Sku
    quantity: Quantity


class PlaceOrderBody(Body):
    """An order. Each SKU at most once; the price is the product's when the order is accepted."""

    model_config = example(
        customer_id="usr_1",
        items=[{"sku": "ANVIL-1", "quantity": 2}],
        payment_method="pm_card_visa",
    )

    customer_id: Identifier
    items: Annotated[list[ItemBody], Field(min_length=1, max_length=MAX_LINES)]
    payment_method: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9_-]{1,100}$", examples=["pm_card_visa"])
    ]
    expected_total: Annotated[
        Money | None, Field(description="Refuse the order if its total is another")
    ] = None


class CancelBody(Body):
    """Why the customer cancels."""

    model_config = example(reason="changed my mind")

    reason: Annotated[ReasonText, Field(min_length=1)] = "cancelled by the customer"


class ReturnBody(Body):
    """Nothing: an order is returned whole."""

    model_config = example()


class ResolveBody(Body):
    """An operator's word on a blocked step; `skip` and `mark_done` need evidence."""

    model_config = example(action="mark_done", evidence="refunded by hand, bank reference 4711")

    action: Resolving
    evidence: Evidence = ""
    role: Annotated[
        Role | None, Field(description="What of the step is meant; else what is blocked of it")
    ] = None


class SettleBody(Body):
    """An operator's word on money of an ended order: moved by other means, or left where it is.

    With `dry_run` it is only told what the word would mean.
    """

    model_config = example(action="mark_done", evidence="paid back by bank transfer 4711")

    action: Literal[Resolving.MARK_DONE, Resolving.SKIP]
    evidence: Annotated[Evidence, Field(min_length=1)]
    dry_run: bool = False


class OrderOut(BaseModel):
    """An order. `version` counts its events; 0 means accepted, but not recorded yet.

    Its status does not promise what is in `settled_by_hand`: an operator has said of this step of
    its sagas that it is not done and never will be (`skip`), or was done by other means
    (`mark_done`). If `refund_payment` was skipped, a returned order's money was kept.
    `next_action`: lead the customer to its `url` by then; the order is timed out otherwise.
    """

    model_config = example(**ORDER)

    id: str
    status: OrderStatus
    customer_id: str
    items: tuple[OrderLine, ...]
    total: Money
    reason: Reason | None
    version: int
    created_at: ToldTime
    updated_at: ToldTime
    settled_by_hand: tuple[SettledStep, ...]
    next_action: NextAction | None
    links: dict[str, str]

    @classmethod
    def of(cls, order: Order) -> "OrderOut":
        """The order, with where to go from it."""
        self = f"/v1/orders/{order.id}"
        links = {"self": self} | {
            name: f"{self}/{name}" for name in ("saga", "events", "cancel", "return")
        }
        links["payment"] = f"/v1/payments/{order.id}"
        return cls(**dict(order), links=links)


class OrderEventOut(RecordedEvent):
    """An event among those of all orders. `version` counts its order's."""

    id: str = Field(description="Where it stands among all, for `Last-Event-ID`")
    order_id: str

    @classmethod
    def of(cls, event: PositionedEvent) -> "OrderEventOut":
        """The event, as the API names its parts."""
        own = {name: getattr(event, name) for name in RecordedEvent.model_fields}
        return cls(id=str(event.position), order_id=event.stream_id, **own)


class StepOut(BaseModel):
    """A step, or its compensation. `attempts` counts how often its activity was started.

    `error` is what it failed of, or fails of again and again while it is retried.
    While it is blocked: what of it is (`role`), and the words that it takes, with what each means.
    `waiting`, while it waits for a person or a partner; or for `waits_for_saga`, another saga whose
    lock it has met: past `until` it is blocked then.
    """

    name: str
    kind: str
    state: str
    attempts: int
    started_at: str | None
    finished_at: str | None
    error: str | None
    role: str | None = None
    words: dict[str, str] = {}
    waiting: WaitView | None = None
    waits_for_saga: str | None = None


class CompensationOut(BaseModel):
    """A compensation, in the order in which they run; `error` as for a step."""

    name: str
    step: str
    state: str
    attempts: int
    error: str | None = None


class SagaOut(BaseModel):
    """How an order's saga stands. `trouble` is what is wrong with it; it may then tell no steps."""

    saga_id: str
    state: str
    cause: str | None
    steps: list[StepOut]
    compensations: list[CompensationOut]
    links: dict[str, str]
    trouble: Trouble | None = None


class ServiceRecord(StepRecord):
    """What one service has on record of a step."""

    service: str
    recorded_at: ToldTime
