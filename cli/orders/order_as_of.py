"""An order as it was, folded from its events."""

from datetime import UTC, datetime
from typing import Any

import typer

from cli.client import ApiError


def past(events: list[dict[str, Any]], order_id: str, at: str) -> dict[str, Any]:
    """The order at a version or a moment. ApiError if it was not recorded by then."""
    from contracts.base import format_time  # noqa: PLC0415 - heavy
    from contracts.event_records import RecordedEvent  # noqa: PLC0415 - heavy
    from services.order.aggregate import OrderAggregate  # noqa: PLC0415 - heavy

    history = [RecordedEvent.model_validate(event) for event in events]
    order = OrderAggregate.from_history(order_id, history, at=_moment(at))
    if order.total is None:
        raise ApiError(0, "not_recorded_yet", f"{order_id} was not recorded yet at {at}")
    known = history[: order.version]
    return {
        "id": order.id,
        "status": order.status.value,
        "customer_id": order.customer_id,
        "items": [item.model_dump(mode="json") for item in order.items],
        "total": order.total.model_dump(mode="json"),
        "reason": order.reason.model_dump(mode="json") if order.reason else None,
        "version": order.version,
        "created_at": format_time(order.accepted_at or known[0].recorded_at),
        "updated_at": format_time(known[-1].recorded_at),
        "settled_by_hand": [settled.model_dump() for settled in order.settled_by_hand],
    }


def _moment(at: str) -> int | datetime:
    if at.isdigit():
        return int(at)
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise typer.BadParameter(f"{at!r} is no version and no time") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
