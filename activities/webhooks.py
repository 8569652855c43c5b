"""The one activity of a webhook's delivery."""

from temporalio import activity

from contracts.webhooks import Attempt, Tried, WebhookSender


class WebhookActivities:
    """Activities `webhook.*`, on the queue `webhooks`."""

    def __init__(self, sender: WebhookSender) -> None:
        self._sender = sender

    @activity.defn(name="webhook.attempt")
    async def attempt(self, attempt: Attempt) -> Tried:
        """Send once. That the receiver refuses, hangs or is away is a result, not a failure."""
        return await self._sender.attempt(attempt)
