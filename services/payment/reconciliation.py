"""Reconciliation: what the provider keeps, compared with the payments here, and put right.

The provider's balance is what is true; a stored reply tells of the day it was given. Whoever asks
to put something right knows how the order ended. Here is made sure that no other order's money,
and no other installation's, is touched (docs/adr/0129-whose-money.md).
"""

from collections.abc import Sequence

from contracts.events.integration_events import DomainEvent
from contracts.payments import ChargePayment, Kept, KeptPage, Payment, PaymentStatus
from infrastructure.messaging.outbox import Outbox
from infrastructure.postgres.database import Database
from saga.participant import Rejected, StepKey
from saga.participant.barrier import Barrier
from saga.participant.digest import digest_of
from services.payment import queries, sql
from services.payment.provider.answers import Balance, Refund
from services.payment.provider.client import Period, Provider
from services.payment.provider.errors import StoredFailure
from services.payment.provider.idempotency_keys import build_payment_events, following
from services.payment.refunds import FAILED, Refunds

MOST_REFUNDS = 3  # that failed: the bank does not take the money, so a person has to find a way


class Reconciliation:
    """What reconciliation asks of a payment service."""

    def __init__(
        self,
        database: Database,
        provider: Provider,
        barrier: Barrier[DomainEvent],
        outbox: Outbox,
        refunds: Refunds,
    ) -> None:
        self._database = database
        self._provider = provider
        self._barrier = barrier
        self._outbox = outbox
        self._refunds = refunds

    async def list_kept(self, period: Period) -> KeptPage:
        """What is kept of captures whose intents were made in this time."""
        balances, following = await self._provider.captures(period)
        async with self._database.transaction() as tx:
            found = await queries.of_orders(tx, [balance.order_id for balance in balances])
            ours = await queries.our_installation(tx)
        items = [
            _to_kept(balance, found.get(balance.order_id), ours)
            for balance in balances
            if not _is_foreign(balance, found.get(balance.order_id), ours)
        ]
        foreign = len(balances) - len(items)
        return KeptPage(items=tuple(items), next_cursor=following, foreign=foreign)

    async def list_refunded(self, period: Period) -> KeptPage:
        """Payments that refunds of this time contradict."""
        both, following = await self._provider.list_refunds(period)
        async with self._database.transaction() as tx:
            found = await queries.of_intents(tx, [balance.intent_id for _, balance in both])
            ours = await queries.our_installation(tx)
        items = {
            balance.intent_id: _to_kept(balance, found[balance.intent_id], ours, refund)
            for refund, balance in both
            if balance.intent_id in found and _contradicts(found[balance.intent_id], balance)
        }
        return KeptPage(items=tuple(items.values()), next_cursor=following)

    async def kept_of(self, order_id: str, intent_id: str | None) -> Kept | None:
        """What is kept of the order's payment, or of this intent; None if none was captured."""
        async with self._database.transaction() as tx:
            found = await queries.find(tx, order_id)
            ours = await queries.our_installation(tx)
        asked = intent_id or (found.payment.intent_id if found is not None else None)
        balance = await self._provider.balance(asked) if asked is not None else None
        if balance is None or balance.order_id != order_id or _is_foreign(balance, found, ours):
            return None
        return _to_kept(balance, found, ours)

    async def adopt(self, key: StepKey, command: ChargePayment, intent_id: str) -> Payment:
        """Record a charge that the provider has and this service has lost."""
        balance = await self._provider.balance(intent_id)
        about = (command.order_id, key.saga_id, command.amount, command.amount)
        if (
            balance is None
            or (balance.order_id, balance.saga_id, balance.captured, balance.left) != about
            or balance.step not in {None, key.step}
        ):
            raise Rejected("not_adoptable", f"intent {intent_id} is not such a charge")
        digest = digest_of(ChargePayment, command)
        async with self._database.transaction() as tx:
            if balance.installation not in {None, await queries.our_installation(tx)}:
                raise Rejected("not_adoptable", f"intent {intent_id} is another installation's")
            stored = await self._barrier.claim(tx, key, Payment, digest=digest)
            if stored is not None:
                return stored
            adopted = await sql.adopt(tx, key, command, intent_id, balance.installation)
            return await self._barrier.finish(
                tx, key, adopted, events=build_payment_events(adopted)
            )

    async def settle(self, intent_id: str, order_id: str) -> str:
        """Give back what is kept of an order that ended without it; the refund's id."""
        balance = await self._provider.balance(intent_id)
        if balance is None or balance.order_id != order_id:
            raise Rejected("not_ours", f"intent {intent_id} is not of order {order_id}")
        _must_not_have_failed_too_often(await self._provider.all_refunds(intent_id), balance)
        found = await self._fence(balance)
        if found is None:
            return await self._settle_stray(balance)
        return await self._settle(found, intent_id)

    async def _settle_stray(self, balance: Balance) -> str:
        """Refund an intent that has no row to keep a key in: each generation is tried in turn.

        That is safe, since a refund asks for all that is left; those before answer from a store.
        """
        intent_id = balance.intent_id
        key = f"stray/{intent_id}/refund"
        for _ in range(MOST_REFUNDS):
            try:
                return await self._provider.refund(intent_id, key)
            except StoredFailure:
                standing = await self._provider.refunds(intent_id)
                if sum(refund.minor for refund in standing) >= balance.captured.minor:
                    return standing[0].id
            except Rejected as refused:
                if refused.code != FAILED:
                    raise
            key = following(key)
        raise Rejected("refund_keeps_failing", f"refunds of intent {intent_id} fail")

    async def _fence(self, balance: Balance) -> sql.Found | None:
        """The payment here, whose charge cannot land any more; None if the intent is of none.

        Rejected `not_ours` if neither it nor the intent says that it is ours.
        """
        async with self._database.transaction() as tx:
            found = await queries.find(tx, balance.order_id)
            if found is not None and found.payment.intent_id == balance.intent_id:
                await self._barrier.fence(tx, found.owner)
                return found
            ours = await queries.our_installation(tx)
        if ours is None or balance.installation != ours:
            raise Rejected("not_ours", f"intent {balance.intent_id} is not known to be ours")
        return None

    async def _settle(self, found: sql.Found, intent_id: str) -> str:
        """Refund a payment, by the key's next generation if the refund by this one has failed."""
        for _ in range(MOST_REFUNDS):
            async with self._database.transaction() as tx:
                key = await self._refunds.key_of(tx, found)
            try:
                refund_id = await self._refunds.give_back_all(found.payment, intent_id, key)
            except Rejected as refused:
                if refused.code != FAILED:
                    raise
                continue
            if refund_id is None:
                raise Rejected("not_ours", f"intent {intent_id} has captured nothing")
            await self._close(found, refund_id)
            return refund_id
        raise Rejected("refund_keeps_failing", f"refunds of intent {intent_id} fail")

    async def _close(self, found: sql.Found, refund_id: str) -> None:
        """Write down how the money went back, and tell of it if that is new."""
        payment = found.payment
        async with self._database.transaction() as tx:
            before = await queries.find(tx, payment.order_id)
            closed = await sql.close(
                tx, payment.order_id, PaymentStatus.REFUNDED, refund_id=refund_id
            )
            if before is None or before.payment.refund_id != refund_id:
                await self._outbox.publish(tx, build_payment_events(closed))


def _must_not_have_failed_too_often(refunds: Sequence[Refund], balance: Balance) -> None:
    """By the refunds alone: one may have failed since the balance was read, which is left then."""
    failed = sum(not refund.stands for refund in refunds)
    given_back = sum(refund.minor for refund in refunds if refund.stands)
    if failed >= MOST_REFUNDS and given_back < balance.captured.minor:
        detail = f"{failed} refunds of intent {balance.intent_id} have failed"
        raise Rejected("refund_keeps_failing", detail)


def _to_kept(
    balance: Balance, found: sql.Found | None, ours: str | None, refund: Refund | None = None
) -> Kept:
    return Kept(
        intent_id=balance.intent_id,
        order_id=balance.order_id,
        saga_id=balance.saga_id,
        amount=balance.left,
        captured=balance.captured,
        known=found is not None and found.payment.intent_id == balance.intent_id,
        payment=found.payment.status if found is not None else None,
        marked=ours is not None and balance.installation == ours,
        step=balance.step,
        refunded_at=refund.made_at if refund is not None else None,
    )


def _is_foreign(balance: Balance, found: sql.Found | None, ours: str | None) -> bool:
    """Another installation's, as it says itself; what is on record here is ours anyway."""
    known = found is not None and found.payment.intent_id == balance.intent_id
    return not known and balance.installation not in {None, ours}


def _contradicts(found: sql.Found, balance: Balance) -> bool:
    """Whether the payment is said to be where it is not."""
    if found.payment.status == PaymentStatus.REFUNDED:
        return balance.left.minor > 0
    captured = found.payment.status == PaymentStatus.CAPTURED
    return captured and balance.left != balance.captured
