"""Charges: money is captured at most once.

A charge speaks to another company, so it is several short transactions with requests between them;
no transaction is open while a request runs. What makes that safe:

1. The intent's id is committed before money can move, so whoever comes later can find it.
2. A compensation first voids the action in the barrier. An attempt that has not stored its
   intent by then never confirms it; for one that has, the compensation asks the provider
   (`refunds`).
3. At the provider an intent ends either succeeded or canceled. When a confirmation races a
   cancellation one of them is refused, looks again, and sees how it ended.
4. Every request that changes something carries a key made of installation, saga and step, so that
   a repeated one changes nothing more. An unknown outcome is Unavailable; the retry asks, and never
   guesses.
5. A provider may keep a failure under such a key, for a day. Then what stands is asked for, and if
   nothing does, the retry uses the key's next generation. An intent that a failure hides can never
   take money: only the one that is stored is confirmed, and an intent confirms at most once.
6. While the customer has to authenticate, nothing is written down: each attempt asks what stands.
"""

from contracts.events.integration_events import DomainEvent
from contracts.payments import ChargePayment, Payment, PaymentStatus
from infrastructure.messaging.outbox import Outbox
from infrastructure.postgres.database import Database
from infrastructure.postgres.installation import installation_id
from saga.participant import Pending, Rejected, StepKey
from saga.participant.barrier import Barrier
from saga.participant.digest import digest_of
from services.payment import queries, sql
from services.payment.provider.answers import Intent, IntentStatus
from services.payment.provider.client import Provider
from services.payment.provider.errors import StoredFailure
from services.payment.provider.idempotency_keys import (
    build_payment_events,
    build_undecided_error,
    following,
    name_return_url,
)
from services.payment.tables import installation

AUTHENTICATE = "the customer has to authenticate"


class Charges:
    """The charges of a payment service."""

    def __init__(
        self,
        database: Database,
        provider: Provider,
        barrier: Barrier[DomainEvent],
        outbox: Outbox,
        return_url: str | None,
    ) -> None:
        self._return_url = return_url  # where customers go who have authenticated
        self._database = database
        self._provider = provider
        self._barrier = barrier
        self._outbox = outbox
        self._beginning = sql.begin_cleanly()
        self._attaching = sql.attach_cleanly()
        self._capturing = sql.capture_cleanly(barrier)
        self._has_name = False  # the installation, as far as this process knows

    async def charge(self, key: StepKey, command: ChargePayment) -> Payment:
        """Capture the amount. Rejected with the provider's decline code.

        Pending while the customer has to authenticate, if the command gives time for that.
        Unavailable while the provider's answer is not known; ask again.
        """
        if command.amount.minor < 1:
            raise Rejected("amount_too_small", "there is nothing to charge")
        begun = await self._begin(key, command)
        if begun.payment.status == PaymentStatus.CAPTURED:
            return begun.payment
        try:
            intent = await self._confirm(key, command, begun)
            _must_have_succeeded(intent, command)
        except Rejected as refusal:
            if (captured := await self._decline(key, command, refusal)) is not None:
                return captured
            raise
        return await self._capture(key, command, intent.id)

    async def _begin(self, key: StepKey, command: ChargePayment) -> sql.Begun:
        """The step's payment: captured if an earlier attempt did it, else to be gone on with."""
        await self._name_installation()
        single, digest = self._database.single(), digest_of(ChargePayment, command)
        first = sql.first(key, command)
        if made := await self._beginning.attempt(single, key, digest, first):
            return sql.read_begun(made, key, command)
        async with self._database.transaction() as tx:
            stored = await self._barrier.claim(tx, key, Payment, digest=digest)
            if stored is not None:
                return sql.Begun(stored, None, "", "")
            row = (await tx.execute(sql.BEGINNING, first)).mappings().one()
            return sql.read_begun(row, key, command)

    async def _name_installation(self) -> None:
        """Make its id, if this is the first charge ever; each payment's row is made with it."""
        if not self._has_name:
            async with self._database.statement() as tx:
                await installation_id(tx, installation)
            self._has_name = True

    async def _confirm(self, key: StepKey, command: ChargePayment, begun: sql.Begun) -> Intent:
        """Confirm a new intent, or the stored one if the provider says that nobody has yet."""
        intent_id = begun.payment.intent_id
        if intent_id is None:
            intent_id = await self._open(key, command, begun)
        else:
            intent = await self._provider.retrieve(intent_id)
            if intent.status != IntentStatus.REQUIRES_CONFIRMATION:
                return intent
        try:
            return await self._provider.confirm(intent_id, *self._confirmation(command, begun))
        except StoredFailure:
            intent = await self._provider.retrieve(intent_id)
            if intent.status != IntentStatus.REQUIRES_CONFIRMATION:
                return intent
            async with self._database.statement() as tx:
                await sql.replace_confirm_key(tx, begun, following(begun.confirm_key))
            raise

    def _confirmation(self, command: ChargePayment, begun: sql.Begun) -> tuple[str, str | None]:
        """The key to confirm by, and where the customer comes back, if one may authenticate."""
        if self._return_url is None or command.authenticate_within is None:
            return begun.confirm_key, None
        there = self._return_url.replace("{order_id}", command.order_id)
        return name_return_url(begun.confirm_key, there), there

    async def _open(self, key: StepKey, command: ChargePayment, begun: sql.Begun) -> str:
        """Make an intent and store its id. Raises Compensated if the step was undone meanwhile."""
        try:
            intent = await self._provider.create(key, command, begun.installation, begun.create_key)
        except StoredFailure:
            async with self._database.statement() as tx:
                await sql.replace_create_key(tx, begun, following(begun.create_key))
            raise
        single, digest = self._database.single(), digest_of(ChargePayment, command)
        its = {"its_order": command.order_id, "its_intent": intent.id}
        if await self._attaching.attempt(single, key, digest, its):
            return intent.id
        async with self._database.transaction() as tx:
            await self._barrier.claim(tx, key, Payment, digest=digest)
            return await sql.attach_intent(tx, command.order_id, intent.id)

    async def _capture(self, key: StepKey, command: ChargePayment, intent_id: str) -> Payment:
        """Write the capture down.

        Raises Compensated if the step was undone meanwhile: the compensation knows the intent
        and deals with its money.
        """
        captured = Payment(
            order_id=command.order_id,
            status=PaymentStatus.CAPTURED,
            amount=command.amount,
            intent_id=intent_id,
        )
        single, digest = self._database.single(), digest_of(ChargePayment, command)
        its = {"its_order": command.order_id, "its_intent": intent_id}
        events = build_payment_events(captured)
        if await self._capturing.attempt(single, key, digest, its, reply=captured, events=events):
            return captured

        async def effect() -> Payment:
            return await sql.capture(tx, command.order_id)

        async with self._database.transaction() as tx:
            return await self._barrier.action(
                tx, key, Payment, effect, digest=digest, events=build_payment_events
            )

    async def _decline(
        self, key: StepKey, command: ChargePayment, refusal: Rejected
    ) -> Payment | None:
        """Write the refusal down, unless an attempt that ran beside has captured: its reply.

        Raises Compensated if the step was undone meanwhile.
        """
        digest = digest_of(ChargePayment, command)
        async with self._database.transaction() as tx:
            captured = await self._barrier.claim(tx, key, Payment, digest=digest)
            if captured is not None:
                return captured
            before = await queries.find(tx, command.order_id)
            declined = await sql.close(
                tx, command.order_id, PaymentStatus.DECLINED, detail=refusal.detail
            )
            if before is None or before.payment.status != PaymentStatus.DECLINED:
                await self._outbox.publish(tx, build_payment_events(declined, refusal.code))
        return None


def _must_have_succeeded(intent: Intent, command: ChargePayment) -> None:
    match intent.status:
        case IntentStatus.SUCCEEDED if intent.given_back:
            # By hand, at the provider's: an order must not be confirmed without its money. The
            # compensation gives back what is left.
            raise Rejected("payment_refunded", f"intent {intent.id} was refunded already")
        case IntentStatus.SUCCEEDED:
            return
        case IntentStatus.REQUIRES_PAYMENT_METHOD if intent.decline:
            raise Rejected(intent.decline.code, intent.decline.detail)
        case IntentStatus.REQUIRES_ACTION if intent.page and command.authenticate_within:
            raise Pending("authentication_required", AUTHENTICATE, {"url": intent.page})
        case IntentStatus.REQUIRES_ACTION:
            raise Rejected("authentication_required", "the customer would have to authenticate")
        case IntentStatus.CANCELED:
            raise Rejected("payment_canceled", f"intent {intent.id} was canceled")
        case _:
            raise build_undecided_error(intent)
