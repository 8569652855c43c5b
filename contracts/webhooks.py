"""Webhooks: what customers register, and what becomes of each event that is sent to them."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Literal, Protocol

from pydantic import Field

from contracts.base import Message, ToldTime

QUEUE = "webhooks"  # the task queue of deliveries
WORKFLOW = "DeliverWebhook"


class WebhookEvent(StrEnum):
    """The published events that webhooks may be for: those of orders."""

    ORDER_PLACED = "order.placed"
    ORDER_ACTION_REQUIRED = "order.action_required"
    ORDER_BLOCKED = "order.blocked"
    ORDER_UNBLOCKED = "order.unblocked"
    ORDER_CONFIRMED = "order.confirmed"
    ORDER_REJECTED = "order.rejected"
    ORDER_CANCELLED = "order.cancelled"
    ORDER_TIMED_OUT = "order.timed_out"
    ORDER_RETURNED = "order.returned"


class DeliveryState(StrEnum):
    """Where a delivery is."""

    PENDING = "pending"  # will be tried, now or later
    DELIVERED = "delivered"  # was answered by 2xx
    DEAD = "dead"  # is not tried any more, unless somebody asks


class Webhook(Message):
    """Where a customer wants events of its orders sent. No `event_types` means all of them."""

    id: str = Field(examples=["whk_5d0f"])
    customer_id: str = Field(examples=["usr_5d0f"])
    url: str = Field(examples=["https://shop.example/hooks"])
    event_types: tuple[WebhookEvent, ...]
    state: Literal["enabled", "disabled"]
    disabled_reason: str | None
    created_at: ToldTime


class WebhookWithSecret(Webhook):
    """The same, the only time that its secret is shown."""

    secret: str = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])


class Delivery(Message):
    """One event for one webhook. `id` is what its requests carry as `webhook-id`.

    `run` counts from 1, and one up for each time that it was asked for anew.
    """

    id: str = Field(examples=["msg_8c1e"])
    webhook_id: str
    event_type: WebhookEvent
    order_id: str
    state: DeliveryState
    run: int
    attempts: int
    last_status: int | None = Field(description="What the last attempt was answered, if it was")
    last_error: str | None
    created_at: ToldTime
    attempted_at: ToldTime | None


class DeliveryRun(Message):
    """The input of a delivery's workflow."""

    delivery_id: str
    run: int = 1

    @property
    def workflow_id(self) -> str:
        """One workflow for each run of a delivery."""
        return f"webhook-{self.delivery_id}-{self.run}"


class Attempt(Message):
    """Try once. If the `final` one fails, the delivery is dead."""

    delivery_id: str
    run: int
    final: bool


class Tried(Message):
    """How a delivery stands after an attempt; the receiver may have asked for a pause (seconds)."""

    state: DeliveryState
    retry_after: float | None = None


class WebhookService(Protocol):
    """What customers do with their webhooks. NotFound `unknown_webhook`, `unknown_delivery`."""

    async def register(
        self, customer_id: str, url: str, event_types: Sequence[WebhookEvent]
    ) -> WebhookWithSecret:
        """Register one. Rejected `too_many_webhooks` if the customer has as many as it may."""

    async def of_customer(self, customer_id: str | None) -> list[Webhook]:
        """A customer's, or the newest of all, newest first."""

    async def get(self, webhook_id: str) -> Webhook:
        """One of them."""

    async def remove(self, webhook_id: str) -> None:
        """Forget it and its deliveries; nothing is sent to it from now on."""

    async def rotate(self, webhook_id: str) -> WebhookWithSecret:
        """Give it a new secret. For a day, requests are signed by the old one too."""

    async def enable(self, webhook_id: str) -> Webhook:
        """Send to it again, after it was disabled."""

    async def deliveries(
        self, webhook_id: str, state: DeliveryState | None, limit: int
    ) -> list[Delivery]:
        """Its newest deliveries."""

    async def delivery(self, webhook_id: str, delivery_id: str) -> Delivery:
        """One of them."""


class WebhookSender(Protocol):
    """What the workflow of a delivery needs."""

    async def attempt(self, attempt: Attempt) -> Tried:
        """Send it once, and note how that went."""
