"""The product with one of its safety mechanisms taken out: what each mutant puts in its place."""

import asyncio
from collections.abc import Sequence
from typing import Any

from sqlalchemy import text, update
from temporalio import workflow
from temporalio.exceptions import FailureError

from invariants.environment import OrderWorld
from invariants.subjects.return_order import RETURN_ORDER
from saga import Saga, SagaState, Step, compensation, saga
from saga.participant import Conflict, Op, State, StepKey
from saga.participant.barrier import Barrier
from saga.progress import Progress
from saga.retriable import RetriableCall
from saga.step import FORWARD
from saga.verify.faults import ExecutionPath
from services.inventory import stock_movements
from services.inventory.tables import products
from tests.verifier.mutant import Mutant

_step, _judge_claim, _init, _try = (
    Saga.step,
    Barrier.judge_claim,
    Progress.__init__,
    RetriableCall._try,
)


def remember_nothing(
    self: Barrier[Any], key: StepKey, found: Any, reply_type: Any, op: Op = Op.ACTION
) -> Any:
    """A repeated action takes effect again."""
    stored = _judge_claim(self, key, found, reply_type, op)
    return stored if op is Op.COMPENSATION else None


def let_the_late_in(
    self: Barrier[Any], key: StepKey, found: Any, reply_type: Any, op: Op = Op.ACTION
) -> Any:
    """An action is let in after its compensation."""
    state, reply = found
    return reply_type.model_validate(reply) if state == State.DONE else None


def forget_the_reply(
    self: Barrier[Any], key: StepKey, found: Any, reply_type: Any, op: Op = Op.ACTION
) -> Any:
    """A repeated action is turned away: its effect is there, its reply is not."""
    if _judge_claim(self, key, found, reply_type, op) is not None:
        raise Conflict("it is done already", expected=0, actual=1)


async def register_after_the_action(self: Saga, step: Step[Any, Any], **options: Any) -> Any:
    """What failed is not compensated, though it may have landed."""
    begun, self._compensator.begun = self._compensator.begun, []
    try:
        reply = await _step(self, step, **options)
    finally:
        self._compensator.begun = begun
    begun.append(step.name)
    return reply


async def finish_without_a_shield(self: Saga, work: Any) -> Any:
    """A cancel interrupts compensations."""
    return await work


async def give_up(self: RetriableCall) -> Any:
    """A compensation that keeps failing is given up, logged and forgotten."""
    try:
        return await _once(self)
    except FailureError:
        if self.refusable:
            raise
        return None


async def forget_what_is_refused(self: RetriableCall) -> Any:
    """A compensation that is refused is logged and forgotten."""
    while True:
        try:
            return await _try(self)
        except FailureError as error:
            if self.refusable or "Rejected" not in repr(error.cause):
                raise
            return None


async def _once(call: RetriableCall) -> Any:
    step, execute = call.step, call.executor.execute
    activity = getattr(step, call.role)
    return await execute(step, activity, call.args, retry=FORWARD, patience=step.patience)


def key_of_the_run(
    self: Progress, saga_id: str, steps: Sequence[Step[Any, Any]], **options: bool
) -> None:
    """A run that was reset has keys of its own."""
    info = workflow.info()
    again = info.run_id != info.first_execution_run_id or info.continued_run_id
    _init(self, f"{saga_id}/{info.run_id}" if again else saga_id, steps, **options)


async def move_what_is_not_there(tx: Any, lines: Any, source: str, target: str) -> bool:
    """Stock may become negative."""
    from_, to = products.c[source], products.c[target]
    for line in lines:
        values = {from_: from_ - line.quantity, to: to + line.quantity}
        statement = update(products).where(products.c.sku == line.sku).values(values)
        await tx.execute(statement)
    return True


async def ignore_cancellation(self: Saga, task: "asyncio.Task[Any]") -> Any:
    """Temporal's cancel is swallowed."""
    while not task.done():
        try:
            await workflow.wait([task])
        except asyncio.CancelledError:
            if (current := asyncio.current_task()) is not None:
                current.uncancel()
    return task.result()


async def never_landed(_: Saga) -> bool:
    """Nobody refuses a pivot that is still on its way."""
    return False


def know_of_no_earlier_life(fast: bool, patch: str) -> bool:
    """What a lost workflow task or a run before a reset has done is not thought of."""
    return False


def cancel_at_any_time(self: Saga) -> bool:
    """A cancel is honoured past the pivot, too."""
    self._committed = False
    return self.view.state is SagaState.RUNNING


async def no_constraint(world: OrderWorld) -> None:
    """Let stock be what it likes in the database, too."""
    async with world.databases["inventory"].transaction() as tx:
        await tx.execute(text("ALTER TABLE products DROP CONSTRAINT products_not_negative"))


async def constraint(world: OrderWorld) -> None:
    """As it was; what the mutant has left is removed."""
    async with world.databases["inventory"].transaction() as tx:
        await tx.execute(text("DELETE FROM products WHERE available < 0"))
        await tx.execute(
            text(
                "ALTER TABLE products ADD CONSTRAINT products_not_negative"
                " CHECK (available >= 0 AND reserved >= 0 AND sold >= 0)"
            )
        )


RESERVE, RELEASE, CHARGE = (
    "reserve_inventory:inventory.reserve",
    "reserve_inventory:inventory.release",
    "charge_payment:payment.charge",
)
NOT_RELEASED = "reserve_inventory of a saga that is undone: action done, compensation None"

LIVED = "may_have_untracked_effects"

MUTANTS = (
    Mutant(
        "barrier",
        Barrier,
        "judge_claim",
        remember_nothing,
        f"{RESERVE} is delivered twice",
        "(10, 6, 2, 2), not (10, 8, 0, 2)",
    ),
    Mutant(
        "tombstone",
        Barrier,
        "judge_claim",
        let_the_late_in,
        f"{RESERVE} lands after it is undone",
        "(10, 8, 2, 0), not (10, 10, 0, 0)",
    ),
    Mutant(
        "stored reply",
        Barrier,
        "judge_claim",
        forget_the_reply,
        f"{CHARGE} reply is lost",
        "ended as timed_out, not as confirmed",
    ),
    Mutant(
        "register before the action",
        Saga,
        "step",
        register_after_the_action,
        f"{RESERVE} every reply is lost",
        NOT_RELEASED,
    ),
    Mutant(
        "shield of compensations",
        Saga,
        "_finish",
        finish_without_a_shield,
        f"{RELEASE} cancel before",
        "the order is pending, its workflow says cancelled",
    ),
    Mutant(
        "unlimited retries of compensations",
        RetriableCall,
        "run_until_done",
        give_up,
        f"{RELEASE} fails for an hour",
        NOT_RELEASED,
    ),
    Mutant(
        "stable keys",
        Progress,
        "__init__",
        key_of_the_run,
        f"{RESERVE} terminated and reset",
        NOT_RELEASED,
    ),
    Mutant(
        "stock constraint",
        stock_movements,
        "move",
        move_what_is_not_there,
        f"{RESERVE} is refused by its service",
        "ended as confirmed, not as rejected",
        before=no_constraint,
        after=constraint,
    ),
    Mutant(
        "cancellation handling",
        Saga,
        "_finish_task",
        ignore_cancellation,
        f"{CHARGE} cancel after",
        "ended as confirmed, not as cancelled",
    ),
    Mutant(
        "pivot check",
        Saga,
        "cancellable",
        property(cancel_at_any_time),
        "commit_inventory:inventory.commit customer cancels before",
        "a customer's cancel was accepted, and the saga ended as confirmed",
    ),
    Mutant(
        "fence of the pivot",
        Saga,
        "_pivot_landed",
        never_landed,
        "refund_payment:payment.give_back lands after the end, refused meanwhile",
        "captured 1000 and refunded 1000: 1000 should be left",
        subject=RETURN_ORDER,
    ),
    Mutant(
        "parking",
        RetriableCall,
        "_try",
        forget_what_is_refused,
        f"{RELEASE} is rejected",
        NOT_RELEASED,
    ),
    Mutant(
        "undoing what a lost task did",
        compensation,
        LIVED,
        know_of_no_earlier_life,
        f"{CHARGE} its task is lost, then Temporal cancels",
        "captured 1000 and refunded 0: 0 should be left",
        path=ExecutionPath.FAST,
    ),
    Mutant(
        "undoing what the run before a reset did",
        compensation,
        LIVED,
        know_of_no_earlier_life,
        f"{CHARGE} terminated and reset, then Temporal cancels",
        "captured 1000 and refunded 0: 0 should be left",
    ),
    Mutant(
        "fence before a cancel is accepted",
        saga,
        LIVED,
        know_of_no_earlier_life,
        "confirm_order:order.confirm terminated and reset, then the customer cancels",
        "a customer's cancel was accepted, and the saga ended as confirmed",
    ),
)
