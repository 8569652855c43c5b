"""Refunds: what was captured comes back once, whoever asks, and however often.

Like a charge, a refund is short transactions with requests between them. Its key is committed
before the provider is asked, so that a retry whose predecessor's reply was lost gets that reply.

A provider keeps a refusal under the key too, for a day at Stripe, and gives it to whoever asks
again. So a refusal moves the key on to its next generation, for the retry that an operator asks
for when the cause is mended. It moves only if the provider knows of no refund of the charge that
stands, and by compare-and-set, so that attempts which run at once go on to the same key. A key
that was refused stays refused, so no late attempt can refund by it
(docs/adr/0110-refused-refunds.md). A failure of the provider's own that it keeps under the key is
an answer like that, save that the retry need not be asked for (docs/adr/0128-stored-answers.md).
"""

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.events.integration_events import DomainEvent
from contracts.names import is_return_of
from contracts.payments import ChargePayment, GiveBack, Payment, PaymentStatus
from infrastructure.postgres.database import Database
from saga.participant import Op, Rejected, StepKey
from saga.participant.barrier import Barrier
from saga.participant.digest import digest_of
from services.payment import queries, sql
from services.payment.provider.answers import IntentStatus
from services.payment.provider.client import Provider
from services.payment.provider.errors import StoredFailure
from services.payment.provider.idempotency_keys import (
    build_payment_events,
    build_undecided_error,
    following,
    nothing,
    provider_key,
)

FAILED = "refund_failed"  # as `Provider.refund` says of a refund that has failed


class Refunds:
    """The refunds of a payment service."""

    def __init__(
        self, database: Database, provider: Provider, barrier: Barrier[DomainEvent]
    ) -> None:
        self._database = database
        self._provider = provider
        self._barrier = barrier

    async def refund(self, key: StepKey, command: ChargePayment) -> Payment:
        """Undo `charge`: refund what was captured, or cancel what was not, as the provider says.

        It touches nothing that another step has charged, or another saga: that is not this one's
        to undo, whatever workflow somebody started with the order's input.
        """
        payment, refund_key = await self._fence(key, command)
        if payment.intent_id is None or refund_key is None:
            return payment
        refund_id = await self.give_back_all(payment, payment.intent_id, refund_key)
        digest = digest_of(ChargePayment, command)
        return await self._close(key, digest, command.order_id, refund_id, Op.COMPENSATION)

    async def give_back(self, key: StepKey, command: GiveBack) -> Payment:
        """Refund a captured payment, as a step of a later saga. Rejected `nothing_to_return`.

        The refund has the key that `refund` would give it: the money goes back once, whoever asks.
        """
        payment, refund_key = await self._begin_give_back(key, command)
        if payment.intent_id is None or refund_key is None:
            return payment
        refund_id = await self.give_back_all(payment, payment.intent_id, refund_key)
        digest = digest_of(GiveBack, command)
        return await self._close(key, digest, command.order_id, refund_id, Op.ACTION)

    async def fence_give_back(self, key: StepKey) -> bool:
        """Make sure that no late `give_back` of this saga can begin; True if it had begun."""
        async with self._database.transaction() as tx:
            return await self._barrier.fence(tx, key, started_stands=True)

    async def _fence(self, key: StepKey, command: ChargePayment) -> tuple[Payment, str | None]:
        """Refuse the charge from now on; the payment, and the key to refund it by.

        No key means that nothing is left to do: it is done, or no money can have moved.
        """
        digest = digest_of(ChargePayment, command)
        async with self._database.transaction() as tx:
            stored = await self._barrier.claim(tx, key, Payment, Op.COMPENSATION, digest=digest)
            if stored is not None:
                return stored, None
            found = await self._void(tx, key, digest, command.order_id)
            if found is not None and found.payment.intent_id is not None:
                return found.payment, await self.key_of(tx, found)
            voided = nothing(command)
            if found is not None:
                voided = await sql.close(tx, command.order_id, PaymentStatus.VOIDED)
            events = build_payment_events(voided) if found is not None else ()
            done = await self._barrier.finish(tx, key, voided, Op.COMPENSATION, events=events)
            return done, None

    async def _begin_give_back(self, key: StepKey, command: GiveBack) -> tuple[Payment, str | None]:
        """The payment and the key to refund it by; no key if that is done.

        From this commit on the step has begun. The charge stays as it is in the barrier: it did
        happen, and a reset of its own saga must find it.
        """
        digest = digest_of(GiveBack, command)
        async with self._database.transaction() as tx:
            stored = await self._barrier.claim(tx, key, Payment, digest=digest)
            if stored is not None:
                return stored, None
            found = await queries.find(tx, command.order_id)
            if found is None or not _may_return(key, command, found.payment):
                detail = f"order {command.order_id} has no such captured payment"
                raise Rejected("nothing_to_return", detail)
            return found.payment, await self.key_of(tx, found)

    async def _void(
        self, tx: AsyncConnection, key: StepKey, digest: str, order_id: str
    ) -> sql.Found | None:
        """Void the charge of this step, and no other's; its payment, if it has begun one."""
        await self._barrier.void(tx, key, Payment, digest=digest)
        found = await queries.find(tx, order_id)
        return found if found is not None and found.owner == key else None

    async def key_of(self, tx: AsyncConnection, found: sql.Found) -> str:
        """The key to refund it by: the first, or the generation that refusals have moved it to."""
        first = provider_key(found.owner, "refund", found.installation)
        return await sql.attach_refund_key(tx, found.payment.order_id, first)

    async def give_back_all(self, payment: Payment, intent_id: str, refund_key: str) -> str | None:
        """Leave nothing captured at the provider; the refund's id, if one was needed."""
        intent = await self._provider.retrieve(intent_id)
        if intent.status not in {IntentStatus.SUCCEEDED, IntentStatus.CANCELED}:
            intent = await self._provider.cancel(intent_id)
        if intent.status == IntentStatus.SUCCEEDED:
            return await self._refund(payment, intent_id, refund_key)
        if intent.status == IntentStatus.CANCELED:
            return None
        raise build_undecided_error(intent)

    async def _refund(self, payment: Payment, intent_id: str, refund_key: str) -> str:
        """Ask the provider. A refusal stands, unless the money went back by another way."""
        try:
            return await self._provider.refund(intent_id, refund_key)
        except (Rejected, StoredFailure) as refused:
            standing = await self._provider.refunds(intent_id)
            if sum(refund.minor for refund in standing) >= payment.amount.minor:
                return standing[0].id
            if not standing or isinstance(refused, StoredFailure) or refused.code == FAILED:
                await self._move_on(payment, refund_key)
            raise

    async def _move_on(self, payment: Payment, refused: str) -> None:
        """Have the next attempt use another key, if none has moved it on yet."""
        async with self._database.statement() as tx:
            await sql.replace_refund_key(tx, payment, refused, following(refused))

    async def _close(
        self, key: StepKey, digest: str, order_id: str, refund_id: str | None, op: Op
    ) -> Payment:
        """Write down how the money came back."""
        status = PaymentStatus.REFUNDED if refund_id else PaymentStatus.VOIDED
        async with self._database.transaction() as tx:
            stored = await self._barrier.claim(tx, key, Payment, op, digest=digest)
            if stored is not None:
                return stored
            closed = await sql.close(tx, order_id, status, refund_id=refund_id)
            return await self._barrier.finish(
                tx, key, closed, op, events=build_payment_events(closed)
            )


def _may_return(key: StepKey, command: GiveBack, payment: Payment) -> bool:
    """Only a saga that returns the order gives its payment back, and all of it."""
    captured = (payment.status, payment.amount) == (PaymentStatus.CAPTURED, command.amount)
    return captured and is_return_of(key.saga_id, command.order_id)
