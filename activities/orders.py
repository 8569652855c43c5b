"""Steps of the order service."""

from temporalio import activity
from temporalio.common import SearchAttributeKey

from contracts.base import MAX_EVIDENCE, MAX_NAME, MAX_REASON, MAX_WHO, Reason, storable
from contracts.names import CUSTOMER_ID, ORDER_STATUS
from contracts.orders import (
    ConfirmOrder,
    CreateOrder,
    Order,
    OrderService,
    OrderStatus,
    RequireAction,
    StartReturn,
    StepNote,
)
from saga import Call, FailureCause
from saga.participant.activity_errors import key_of

# Search attributes of a saga of an order, beside those of the engine.
ORDER_STATUS_KEY = SearchAttributeKey.for_keyword(ORDER_STATUS)
CUSTOMER_ID_KEY = SearchAttributeKey.for_keyword(CUSTOMER_ID)
REFUSED_BY_TOMBSTONE = "already_compensated"  # `saga.participant.Compensated`
UNDONE_BEFORE = "undone_before"


class OrderActivities:
    """Activities `order.*`, on the queue `orders`."""

    def __init__(self, orders: OrderService) -> None:
        self._orders = orders

    @activity.defn(name="order.create")
    async def create(self, call: Call, command: CreateOrder) -> Order:
        """Record the order as pending."""
        return await self._orders.create(key_of(call), command)

    @activity.defn(name="order.close")
    async def close(self, call: Call, command: CreateOrder) -> Order:
        """End the order without effect, for the call's cause."""
        cause = _cause(call)
        status, reason = OrderStatus(cause.ending), reason_of(cause)
        return await self._orders.close(key_of(call), command, status, reason)

    @activity.defn(name="order.confirm")
    async def confirm(self, call: Call, command: ConfirmOrder) -> Order:
        """Make the order binding."""
        return await self._orders.confirm(key_of(call), command)

    @activity.defn(name="order.fence_confirm")
    async def fence_confirm(self, call: Call) -> bool:
        """Refuse a confirmation that has not landed; True if it had."""
        return await self._orders.fence_confirm(key_of(call))

    @activity.defn(name="order.begin_return")
    async def begin_return(self, call: Call, command: StartReturn) -> Order:
        """Put on record that the order is being returned."""
        return await self._orders.begin_return(key_of(call), command)

    @activity.defn(name="order.abandon_return")
    async def abandon_return(self, call: Call, command: StartReturn) -> Reason:
        """End the return without effect, for the call's cause."""
        return await self._orders.abandon_return(key_of(call), command, reason_of(_cause(call)))

    @activity.defn(name="order.complete_return")
    async def complete_return(self, call: Call, command: StartReturn) -> Order:
        """Put on record that the order is returned."""
        return await self._orders.complete_return(key_of(call), command)

    @activity.defn(name="order.note")
    async def note(self, call: Call, command: StepNote) -> StepNote:
        """Put on record that a step of the saga is blocked, or no longer."""
        return await self._orders.note(key_of(call), _make_storable(command))

    @activity.defn(name="order.require_action")
    async def require_action(self, call: Call, command: RequireAction) -> RequireAction:
        """Put on record that the order waits until somebody acts."""
        return await self._orders.require_action(key_of(call), command)

    @activity.defn(name="order.words")
    async def words(self, call: Call) -> list[StepNote]:
        """What operators said of the saga's steps in any of its lives."""
        return await self._orders.words(call.saga_id)


def _cause(call: Call) -> FailureCause:
    if call.cause is None:
        raise ValueError(f"{call.step}: the call of a compensation must have a cause")
    return call.cause


def reason_of(cause: FailureCause) -> Reason:
    """As callers of the API are told, and as it is on record: in words that it can keep.

    An action that was undone is refused by its tombstone. That is no cause, but what an earlier run
    has left, or a task that was lost: the cause has gone with it.
    """
    if cause.code == REFUSED_BY_TOMBSTONE:
        detail = "it was undone before, and what for is not known any more"
        return Reason(code=UNDONE_BEFORE, detail=detail)
    return Reason(code=storable(cause.code, MAX_NAME), detail=storable(cause.detail, MAX_REASON))


def _make_storable(note: StepNote) -> StepNote:
    """The note as it can be put on record, which must not fail for what it says."""
    bounds = {"step": MAX_NAME, "blocked": MAX_EVIDENCE, "evidence": MAX_EVIDENCE, "who": MAX_WHO}
    said = {name: text for name in bounds if (text := getattr(note, name)) is not None}
    kept = {name: storable(text, bounds[name]) for name, text in said.items()}
    return note.model_copy(update=kept)
