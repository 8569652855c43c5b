"""What a saga that is stuck waits for, by Temporal's word."""

from collections.abc import Iterable

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from contracts.names import workflow_id

LAST = 8  # events of a history that are told


async def describe_pending(address: str, orders: Iterable[str]) -> str:
    """Of each order: its pending tasks as the server describes them, and its last events."""
    client = await Client.connect(address)
    return "\n".join([await _describe(client, order) for order in orders])


async def _describe(client: Client, order_id: str) -> str:
    handle = client.get_workflow_handle(workflow_id(order_id))
    found = (await handle.describe()).raw_description
    events = (await handle.fetch_history()).events
    last = [
        f"{event.event_time.ToJsonString()} {EventType.Name(event.event_type)}"
        for event in events[-LAST:]
    ]
    pending = [found.pending_workflow_task, *found.pending_activities]
    return "\n".join([order_id, *last, *(str(activity) for activity in pending)])
