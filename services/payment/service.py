"""The rules of payments: money moves at most once, and comes back when the step is undone.

A charge and a refund speak to another company, so each is several short transactions with
requests between them; no transaction is open while a request runs. What makes that safe:

1. The intent's id is committed before money can move, so whoever comes later can find it.
2. A compensation first voids the action in the barrier. An attempt that has not stored its
   intent by then never confirms it; for one that has, the compensation asks the provider.
3. At the provider an intent ends either succeeded or canceled. When a confirmation races a
   cancellation one of them is refused, looks again, and sees how it ended.
4. Every request that changes something carries a key made of saga and step, so that a repeated
   one changes nothing more. An unknown outcome is Unavailable; the retry asks, and never guesses.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, Select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.errors import NotFound, Rejected, Unavailable
from contracts.message import Money, StepKey
from contracts.payments import (
    Captured,
    ChargePayment,
    GiveBack,
    Kept,
    KeptPage,
    Payment,
    PaymentStatus,
)
from contracts.published import DomainEvent, EventType, PaymentEvent
from contracts.records import Op, StepRecord
from infrastructure.barrier import Barrier, parameters
from infrastructure.database import Database
from infrastructure.outbox import Outbox
from services.payment import rows
from services.payment.provider import Intent, IntentStatus, Provider
from services.payment.tables import barrier, outbox

DECIDED_SOON = 1.0  # seconds; the provider is well, and at work on it


class Payments:
    """Implements `contracts.payments.PaymentService` on PostgreSQL and a payment provider."""

    def __init__(self, database: Database, provider: Provider) -> None:
        self._database = database
        self._provider = provider
        self._outbox = Outbox(outbox)
        self._barrier = Barrier(barrier, self._outbox)
        claim = self._barrier.claiming()
        self._beginning = rows.beginning(claim)
        self._attaching = rows.attaching(claim)
        self._capturing = rows.capturing(claim)

    async def charge(self, key: StepKey, command: ChargePayment) -> Payment:
        """Capture the amount. Rejected with the provider's decline code.

        Unavailable while the provider's answer is not known; ask again.
        """
        if command.amount.minor < 1:
            raise Rejected("amount_too_small", "there is nothing to charge")
        payment = await self._begin(key, command)
        if payment.status == PaymentStatus.CAPTURED:
            return payment
        try:
            _must_have_succeeded(await self._confirm(key, command, payment.intent_id))
        except Rejected as refusal:
            await self._decline(key, command, refusal)
            raise
        return await self._capture(key, command)

    async def refund(self, key: StepKey, command: ChargePayment) -> Payment:
        """Undo `charge`: refund what was captured, or cancel what was not, as the provider says.

        Any step may ask for it, such as one of a later saga; the money goes back once.
        """
        payment, refund_key = await self._fence(key, command)
        if payment.intent_id is None or refund_key is None:
            return payment
        refund_id = await self._give_back(payment.intent_id, refund_key)
        return await self._close(key, command.order_id, refund_id, Op.COMPENSATION)

    async def give_back(self, key: StepKey, command: GiveBack) -> Payment:
        """Refund a captured payment, as a step of a later saga. Rejected `nothing_to_return`.

        The refund has the key that `refund` would give it: the money goes back once, whoever asks.
        """
        payment, refund_key = await self._begin_give_back(key, command)
        if payment.intent_id is None or refund_key is None:
            return payment
        refund_id = await self._give_back(payment.intent_id, refund_key)
        return await self._close(key, command.order_id, refund_id, Op.ACTION)

    async def fence_give_back(self, key: StepKey) -> bool:
        """Make sure that no late `give_back` of this saga can begin; True if it had begun."""
        async with self._database.transaction() as tx:
            return await self._barrier.fence(tx, key, started_stands=True)

    async def for_order(self, order_id: str) -> Payment:
        """The payment of an order. NotFound if none was begun."""
        async with self._database.statement() as tx:
            found = await rows.find(tx, order_id)
        if found is None:
            raise NotFound("unknown_payment", f"there is no payment of order {order_id}")
        return found.payment

    async def captured(self, order_ids: Sequence[str]) -> list[Captured]:
        """What is captured for these orders now, or may be: an outcome that is not known counts.

        The other orders are left out.
        """
        async with self._database.statement() as tx:
            return await rows.captured(tx, order_ids)

    async def kept_by_provider(
        self, created_from: datetime, created_to: datetime, cursor: str | None
    ) -> KeptPage:
        """What the provider keeps of intents of ours that were made in this time, as it says."""
        found, following = await self._provider.captured(created_from, created_to, cursor)
        async with self._database.statement() as tx:
            known = await rows.known_intents(tx, [it.intent_id for it in found])
        items = [Kept(**it._asdict(), known=it.intent_id in known) for it in found]
        return KeptPage(items=tuple(items), next_cursor=following)

    async def give_back_stray(self, intent_id: str) -> str:
        """Refund an intent that is no payment of this service's; the refund's id.

        Its key is made of the intent, so the money goes back once. Nobody else can make it a
        payment: an intent is stored before it is confirmed, and this one has captured.
        """
        async with self._database.statement() as tx:
            if await rows.known_intents(tx, [intent_id]):
                raise Rejected("not_stray", f"intent {intent_id} is a payment's")
        return await self._provider.refund(intent_id, f"stray/{intent_id}/refund")

    async def totals(self, status: PaymentStatus) -> list[Money]:
        """What the payments in this status amount to, by currency."""
        async with self._database.transaction() as tx:
            return await rows.totals(tx, status)

    async def recorded(self, saga_id: str) -> list[StepRecord]:
        """What is on record of a saga's steps here, oldest first."""
        async with self._database.statement() as tx:
            return await self._barrier.records(tx, saga_id)

    async def _begin(self, key: StepKey, command: ChargePayment) -> Payment:
        """The step's payment: captured if an earlier attempt did it, else to be gone on with."""
        async with self._database.transaction() as tx:
            stored, row = await self._claim(tx, self._beginning, key, rows.first(key, command))
            return stored or rows.begun(row, key, command)

    async def _confirm(self, key: StepKey, command: ChargePayment, intent_id: str | None) -> Intent:
        """Confirm a new intent, or the stored one if the provider says that nobody has yet."""
        if intent_id is None:
            intent_id = await self._open(key, command)
        else:
            intent = await self._provider.retrieve(intent_id)
            if intent.status != IntentStatus.REQUIRES_CONFIRMATION:
                return intent
        return await self._provider.confirm(intent_id, _provider_key(key, "confirm"))

    async def _open(self, key: StepKey, command: ChargePayment) -> str:
        """Make an intent and store its id. Raises Compensated if the step was undone meanwhile."""
        create = _provider_key(key, "create")
        intent = await self._provider.create(command, key.saga_id, create)
        its = rows.of_order(command.order_id) | {"new_intent": intent.id}
        async with self._database.statement() as tx:
            _, row = await self._claim(tx, self._attaching, key, its)
        return str(row["intent_id"])

    async def _capture(self, key: StepKey, command: ChargePayment) -> Payment:
        """Write the capture down.

        Raises Compensated if the step was undone meanwhile: the compensation knows the intent
        and deals with its money.
        """
        async with self._database.transaction() as tx:
            its = rows.of_order(command.order_id)
            stored, row = await self._claim(tx, self._capturing, key, its)
            if stored is not None:
                return stored
            captured = rows.payment_of(row)
            return await self._barrier.finish(tx, key, captured, events=_told(captured))

    async def _claim(
        self, tx: AsyncConnection, statement: Select[Any], key: StepKey, its: dict[str, Any]
    ) -> tuple[Payment | None, RowMapping]:
        """Claim a charge by a statement that does more; the stored reply, if any, and the row."""
        row = (await tx.execute(statement, parameters(key) | its)).mappings().one()
        return self._barrier.judged(key, (row[rows.CLAIMED], row[rows.REPLY]), Payment), row

    async def _decline(self, key: StepKey, command: ChargePayment, refusal: Rejected) -> None:
        """Write the refusal down. Raises Compensated if the step was undone meanwhile."""
        async with self._database.transaction() as tx:
            if await self._barrier.claim(tx, key, Payment) is not None:
                return
            before = await rows.find(tx, command.order_id)
            declined = await rows.close(
                tx, command.order_id, PaymentStatus.DECLINED, detail=refusal.detail
            )
            if before is None or before.payment.status != PaymentStatus.DECLINED:
                await self._outbox.publish(tx, _told(declined, refusal.code))

    async def _fence(self, key: StepKey, command: ChargePayment) -> tuple[Payment, str | None]:
        """Refuse the charge from now on; the payment, and the key to refund it by.

        No key means that nothing is left to do: it is done, or no money can have moved.
        """
        async with self._database.transaction() as tx:
            stored = await self._barrier.claim(tx, key, Payment, Op.COMPENSATION)
            if stored is not None:
                return stored, None
            found = await self._void(tx, key, command.order_id)
            if found is not None and found.payment.intent_id is not None:
                refund_key = _provider_key(found.owner, "refund")
                await rows.attach_refund_key(tx, command.order_id, refund_key)
                return found.payment, refund_key
            voided = _nothing(command)
            if found is not None:
                voided = await rows.close(tx, command.order_id, PaymentStatus.VOIDED)
            events = _told(voided) if found is not None else ()
            done = await self._barrier.finish(tx, key, voided, Op.COMPENSATION, events=events)
            return done, None

    async def _begin_give_back(self, key: StepKey, command: GiveBack) -> tuple[Payment, str | None]:
        """The payment and the key to refund it by; no key if that is done.

        From this commit on the step has begun. The charge stays as it is in the barrier: it did
        happen, and a reset of its own saga must find it.
        """
        async with self._database.transaction() as tx:
            stored = await self._barrier.claim(tx, key, Payment)
            if stored is not None:
                return stored, None
            found = await rows.find(tx, command.order_id)
            captured = found is not None and found.payment.status == PaymentStatus.CAPTURED
            if found is None or not captured or found.payment.amount != command.amount:
                detail = f"order {command.order_id} has no such captured payment"
                raise Rejected("nothing_to_return", detail)
            refund_key = _provider_key(found.owner, "refund")
            await rows.attach_refund_key(tx, command.order_id, refund_key)
            return found.payment, refund_key

    async def _void(self, tx: AsyncConnection, key: StepKey, order_id: str) -> rows.Found | None:
        """Void the charge: under the key of the compensation, and of the step that owns it."""
        await self._barrier.void(tx, key, Payment)
        found = await rows.find(tx, order_id)
        if found is None or found.owner == key:
            return found
        await self._barrier.void(tx, found.owner, Payment)
        return await rows.find(tx, order_id)  # again: an attempt may have held the lock till now

    async def _give_back(self, intent_id: str, refund_key: str) -> str | None:
        """Leave nothing captured at the provider; the refund's id, if one was needed."""
        intent = await self._provider.retrieve(intent_id)
        if intent.status not in {IntentStatus.SUCCEEDED, IntentStatus.CANCELED}:
            intent = await self._provider.cancel(intent_id)
        if intent.status == IntentStatus.SUCCEEDED:
            return await self._provider.refund(intent_id, refund_key)
        if intent.status == IntentStatus.CANCELED:
            return None
        raise _undecided(intent)

    async def _close(self, key: StepKey, order_id: str, refund_id: str | None, op: Op) -> Payment:
        """Write down how the money came back."""
        status = PaymentStatus.REFUNDED if refund_id else PaymentStatus.VOIDED
        async with self._database.transaction() as tx:
            stored = await self._barrier.claim(tx, key, Payment, op)
            if stored is not None:
                return stored
            closed = await rows.close(tx, order_id, status, refund_id=refund_id)
            return await self._barrier.finish(tx, key, closed, op, events=_told(closed))


def _told(payment: Payment, refusal: str | None = None) -> Sequence[DomainEvent]:
    """What is published of a payment that has ended, by how it has.

    Of a refusal its code: what the provider said may quote the payment method.
    """
    data = PaymentEvent(**payment.model_dump() | {"detail": refusal})
    return [DomainEvent(EventType(f"payment.{payment.status}"), payment.order_id, data)]


def _provider_key(key: StepKey, operation: str) -> str:
    return f"{key.saga_id}/{key.step}/{operation}"


def _nothing(command: ChargePayment) -> Payment:
    """What a compensation answers that found no payment."""
    return Payment(
        order_id=command.order_id,
        status=PaymentStatus.VOIDED,
        amount=command.amount,
        intent_id=None,
    )


def _must_have_succeeded(intent: Intent) -> None:
    match intent.status:
        case IntentStatus.SUCCEEDED:
            return
        case IntentStatus.REQUIRES_PAYMENT_METHOD if intent.decline:
            raise Rejected(intent.decline.code, intent.decline.detail)
        case IntentStatus.REQUIRES_ACTION:
            raise Rejected("authentication_required", "the customer would have to authenticate")
        case IntentStatus.CANCELED:
            raise Rejected("payment_canceled", f"intent {intent.id} was canceled")
        case _:
            raise _undecided(intent)


def _undecided(intent: Intent) -> Unavailable:
    detail = f"payment provider: intent {intent.id} is still {intent.status}"
    return Unavailable(detail, retry_after=DECIDED_SOON)
