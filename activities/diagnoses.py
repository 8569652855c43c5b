"""Tells what is wrong with a saga that nobody may carry on, and what an audit may do about it.

What was confirmed is never undone. An order's own record may have forgotten that, in a database
that was restored, so others are asked too: how the workflow ended, what its history shows, whether
the stock is sold. Where they contradict each other, only a person can know.
"""

from collections.abc import Sequence

from temporalio.client import Client

from activities.evidence import (
    Unreadable,
    Word,
    ended_past_the_pivot,
    first_command,
    may_have_landed_unseen,
    went_past_the_pivot,
    words_of,
)
from activities.executions import Execution, Status, connection_options, describe
from activities.missing_steps import (
    BEGUN,
    BINDING,
    CLOSED,
    RESERVED,
    RESTOCKED,
    SOLD,
    missing_of_order,
    missing_of_return,
)
from contracts.base import Money
from contracts.inventory import InventoryService
from contracts.names import order_of, workflow_id
from contracts.orders import BY_HAND, Order, OrderService
from contracts.orphans import Orphan, Remedy, Why
from contracts.payments import PaymentService
from contracts.workflow_io import PLACING, RETURNING, SagaType, type_of
from saga.participant import NotFound, Op

BAD_ENDS = {
    Status.TERMINATED: Why.TERMINATED,
    Status.TIMED_OUT: Why.TIMED_OUT,
    Status.FAILED: Why.FAILED,
}

TRACED = {PLACING: SOLD, RETURNING: RESTOCKED}  # what stands in the stock past the pivot

WAYS_OUT = {
    Why.FOREIGN: "such a workflow is no order's: `temporal workflow delete -w {saga}{at}` "
    "once it is seen",
    Why.PAUSED: "`temporal workflow unpause -w {saga}{at}`",
    Why.UNKNOWN: "see `temporal workflow describe -w {saga}{at}`",
    Why.CONTRADICTED: "it is {status} on record, and was confirmed: see `saga explain {order}`",
}

LOST = (
    "the order database was restored, and nothing tells whether it was confirmed: ask the "
    "customer; let it finish as `saga stuck` says, see docs/runbooks/restored.md"
)


class Diagnoses:
    """Looks at one saga from all sides."""

    def __init__(
        self,
        client: Client,
        orders: OrderService,
        inventory: InventoryService,
        payments: PaymentService,
    ) -> None:
        self._client = client
        self._orders = orders
        self._inventory = inventory
        self._payments = payments

    async def of(self, saga_id: str) -> Orphan | None:
        """What is wrong with the newest life of this saga; None if nothing is."""
        if (kind := type_of(saga_id)) is None:
            return self._report(saga_id, Why.FOREIGN)
        execution = await describe(self._client, saga_id)
        if execution is not None and execution.is_open:
            return self._diagnose_open(saga_id, execution.status)
        try:
            return await self._diagnose_ended(saga_id, kind, execution)
        except Unreadable as error:
            return self._report(saga_id, Why.UNREADABLE, way_out=str(error))

    def _diagnose_open(self, saga_id: str, status: Status) -> Orphan | None:
        if status is Status.RUNNING:
            return None
        return self._report(saga_id, Why.PAUSED if status is Status.PAUSED else Why.UNKNOWN)

    def _report(self, saga_id: str, why: Why, status: str = "", *, way_out: str = "") -> Orphan:
        order_id, at = order_of(saga_id), connection_options(self._client)
        usual = WAYS_OUT.get(why, "")
        said = way_out or usual.format(saga=saga_id, status=status, order=order_id, at=at)
        return Orphan(
            saga_id=saga_id, order_id=order_id, why=why, remedy=Remedy.REPORT, way_out=said
        )

    async def _diagnose_ended(
        self, saga_id: str, kind: SagaType, execution: Execution | None
    ) -> Orphan | None:
        why = _why(execution)
        if why is Why.UNKNOWN:
            return self._report(saga_id, why)
        order = await self._order(saga_id)
        steps = await self._steps(saga_id)
        if kind is RETURNING and (order is None or order.status.is_open):
            raise Unreadable("its order is not confirmed on record: that has to be mended first")
        landed = await self._has_landed(kind, execution, order, steps)
        if kind in TRACED and landed and order is not None and order.status in CLOSED:
            return self._report(saga_id, Why.CONTRADICTED, order.status)
        if why in {Why.MISSING, Why.ENDED} and not await self._is_unfinished(
            saga_id, kind, order, steps, landed=landed, known=why is Why.ENDED
        ):
            return None
        if execution is not None and (lost := await self._lost_word(execution)) is not None:
            said = f"{lost.who} said {lost.action} of {lost.step}, on record of Temporal only"
            at = connection_options(self._client)
            way_out = f"{said}: see `temporal workflow show -w {saga_id}{at}`"
            return self._report(saga_id, Why.CONTRADICTED, way_out=way_out)
        is_open = order is None or order.status.is_open
        if (
            kind is PLACING
            and is_open
            and not landed
            and execution is not None
            and await self._may_have_lost_its_end(execution, order, steps)
        ):
            return self._report(saga_id, Why.CONTRADICTED, way_out=LOST)
        remedy = Remedy.FINISH if landed else Remedy.UNDO
        amount = order.total if order else await self._read_accepted_total(execution)
        return Orphan(
            saga_id=saga_id, order_id=order_of(saga_id), why=why, remedy=remedy, amount=amount
        )

    async def _lost_word(self, execution: Execution) -> Word | None:
        """An operator's word that the orders' database has lost: another life would not heed it."""
        if not (words := await words_of(execution)):
            return None
        kept = {(note.step, note.action) for note in await self._orders.words(execution.id)}
        return next((word for word in words if (word.step, word.action) not in kept), None)

    async def _may_have_lost_its_end(
        self, execution: Execution, order: Order | None, steps: set[str]
    ) -> bool:
        """Whether the order may have been confirmed, and its restored database does not know it.

        An order is on record before anything is reserved or charged for it.
        """
        order_id = order_of(execution.id)
        if order is not None and not await self._orders.is_from_a_backup(order_id):
            return False
        was_there = RESERVED in steps or bool(await self._payments.list_captured([order_id]))
        return was_there and await may_have_landed_unseen(execution)

    async def _has_landed(
        self, kind: SagaType, execution: Execution | None, order: Order | None, steps: set[str]
    ) -> bool:
        """Whether the saga's pivot has landed, as far as anybody can tell. Unreadable."""
        if kind is PLACING and order is not None and order.status in BINDING:
            return True  # of a return the order tells nothing: another may have taken effect
        if TRACED.get(kind) in steps:
            return True
        if execution is None:
            return False
        if execution.status is Status.COMPLETED:
            return await ended_past_the_pivot(execution)
        return await went_past_the_pivot(execution)

    async def _is_unfinished(
        self,
        saga_id: str,
        kind: SagaType,
        order: Order | None,
        steps: set[str],
        *,
        landed: bool,
        known: bool,
    ) -> bool:
        """Whether something of it is not as it should be, for which no operator has answered.

        Of a kind that leaves no traces which we know, only how its workflow ended tells that.
        `known`: there is a workflow, so that one can tell of an order that is on no record.
        """
        if kind not in TRACED:
            return False
        if order is None:
            return known
        if kind is RETURNING and not landed:
            missing: Sequence[str] = () if await self._was_abandoned(saga_id) else (BEGUN,)
        else:
            captured = bool(await self._payments.list_captured([order.id]))
            if kind is RETURNING:
                sold = SOLD in await self._steps(workflow_id(order.id))
                missing = missing_of_return(order.status, steps, sold=sold, captured=captured)
            else:
                missing = missing_of_order(order.status, steps, captured=captured)
        if not missing:
            return False
        answered = await self._find_answered_steps(order.id)
        if order.status.is_open:  # either is its end
            return answered.isdisjoint(missing)
        return not answered.issuperset(missing)

    async def _was_abandoned(self, saga_id: str) -> bool:
        """Whether it is on record that this return ended without effect."""
        rows = await self._orders.list_step_records(saga_id)
        return any((row.step, row.op) == (BEGUN, Op.COMPENSATION) for row in rows)

    async def _find_answered_steps(self, order_id: str) -> set[str]:
        """Steps of which an operator said that they are done, or are not to be."""
        history = await self._orders.history(order_id)
        return {
            str(event.data.get("step")) for event in history if event.data.get("action") in BY_HAND
        }

    async def _order(self, saga_id: str) -> Order | None:
        try:
            return await self._orders.get(order_of(saga_id))
        except NotFound:
            return None

    async def _steps(self, saga_id: str) -> set[str]:
        found = await self._inventory.effects([saga_id])
        return {step for effects in found for step in effects.steps}

    async def _read_accepted_total(self, execution: Execution | None) -> Money | None:
        return None if execution is None else (await first_command(execution)).total


def _why(execution: Execution | None) -> Why:
    if execution is None:
        return Why.MISSING
    if execution.status is Status.UNKNOWN:
        return Why.UNKNOWN
    return BAD_ENDS.get(execution.status, Why.ENDED)
