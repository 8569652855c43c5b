"""What charges and refunds share: keys for the provider, and how payments are told of."""

import hashlib
import re
from collections.abc import Sequence

from contracts.events.integration_events import DomainEvent, EventType, PaymentEvent
from contracts.payments import ChargePayment, Payment, PaymentStatus
from saga.participant import StepKey, Unavailable
from services.payment.provider.answers import Intent

DECIDED_SOON = 1.0  # seconds; the provider is well, and at work on it
GENERATION = re.compile(r"/(\d+)$")


def build_payment_events(payment: Payment, refusal: str | None = None) -> Sequence[DomainEvent]:
    """What is published of a payment that has ended, by how it has.

    Of a refusal its code: what the provider said may quote the payment method.
    """
    data = PaymentEvent(**payment.model_dump() | {"detail": refusal})
    return [DomainEvent(EventType(f"payment.{payment.status}"), payment.order_id, data)]


def provider_key(key: StepKey, operation: str, installation: str | None) -> str:
    """The provider's idempotency key of a request that a step makes.

    With the installation's id, since others may use the same account. Payments from before there
    was one keep the keys that they have used.
    """
    first = f"{key.saga_id}/{key.step}/{operation}"
    return f"{installation}/{first}" if installation else first


def following(key: str) -> str:
    """The next generation of a key: `a/b/refund`, `a/b/refund/2`, `a/b/refund/3`."""
    found = GENERATION.search(key)
    return f"{key[: found.start()]}/{int(found[1]) + 1}" if found else f"{key}/2"


def name_return_url(key: str, return_url: str) -> str:
    """The key of a confirmation with this `return_url`, as a key stands for one set of parameters.

    An intent confirms at most once, whatever the key.
    """
    return f"{key}@{hashlib.sha256(return_url.encode()).hexdigest()[:16]}"


def nothing(command: ChargePayment) -> Payment:
    """What a compensation answers that found no payment."""
    return Payment(
        order_id=command.order_id,
        status=PaymentStatus.VOIDED,
        amount=command.amount,
        intent_id=None,
    )


def build_undecided_error(intent: Intent) -> Unavailable:
    """The provider is still at work on an intent; ask again soon."""
    detail = f"payment provider: intent {intent.id} is still {intent.status}"
    return Unavailable(detail, retry_after=DECIDED_SOON)
