"""`/console/webhooks`: where customers have events sent, and what became of each delivery."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from console.dependencies import ConsoleDeps
from console.security import csrf
from console.session_route import ConsoleRoute, SignedIn
from console.templating import page
from contracts.webhooks import DeliveryState
from saga.participant import NotFound

ROWS = 100  # deliveries; of webhooks, the service lists as many
PATH = f"{csrf.PATH}/webhooks"
router = APIRouter(prefix=PATH, route_class=ConsoleRoute)


@router.get("")
async def webhooks_page(request: Request, me: SignedIn, deps: ConsoleDeps) -> Response:
    """The newest webhooks of all customers; where there are none to have, the page says so."""
    hooks = await deps.webhooks.of_customer(None) if deps.webhooks else None
    return page(request, "webhooks.html", hooks=hooks)


@router.get("/{webhook_id}")
async def one_webhook(
    *,
    webhook_id: str,
    request: Request,
    me: SignedIn,
    deps: ConsoleDeps,
    state: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """One webhook, and its newest deliveries in this state."""
    if deps.webhooks is None:
        raise NotFound("unknown_webhook", "there is no such webhook")
    only = DeliveryState(state) if state in set(DeliveryState) else None
    hook = await deps.webhooks.get(webhook_id)
    return page(
        request,
        "webhook.html",
        hook=hook,
        deliveries=await deps.webhooks.deliveries(webhook_id, only, ROWS),
        states=list(DeliveryState),
        only=only,
        rows=ROWS,
    )
