"""`/v1/webhooks`: customers have events of their orders sent to them. See docs/webhooks.md."""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field
from temporalio.client import Client

from activities.delivery_runs import RunState, run_of
from api.dependencies import Backend, backend
from api.http.openapi import errors
from api.http.problem_details import Problem, field_error, validation_problem
from api.http.query_parameters import IN_DIGITS
from api.lists import DeliveryList, WebhookList
from api.schemas import Body, example
from api.security.authentication import Caller, Me, insufficient_scope
from api.security.authorization import AuthorizedRoute, RequiredScope
from contracts.base import Identifier
from contracts.webhooks import (
    Delivery,
    DeliveryRun,
    DeliveryState,
    Webhook,
    WebhookEvent,
    WebhookService,
    WebhookWithSecret,
)
from saga.participant import NotFound, Unavailable
from workers.webhook_starter import start_delivery

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"], route_class=AuthorizedRoute)
Deps = Annotated[Backend, Depends(backend)]
MAX_URL = 2000
ONE = "/{webhook_id}"


class NewWebhookBody(Body):
    """Have events sent to a URL: those of `event_types`, or all if there are none."""

    model_config = example(
        customer_id="usr_1", url="https://shop.example/hooks", event_types=["order.confirmed"]
    )

    customer_id: Identifier
    url: Annotated[str, Field(pattern=r"^https?://[!-~]+$", max_length=MAX_URL)]
    event_types: Annotated[tuple[WebhookEvent, ...], Field(max_length=len(WebhookEvent))] = ()


def webhooks(deps: Deps) -> WebhookService:
    """The dependency of all routes here. Unavailable where the API has no event database."""
    if deps.webhooks is None:
        raise Unavailable("webhooks are not set up: EVENT_DATABASE_URL")
    return deps.webhooks


Hooks = Annotated[WebhookService, Depends(webhooks)]


@router.post("", status_code=201, responses=errors(409, 422))
async def create_webhook(
    body: NewWebhookBody, me: Me, deps: Deps, hooks: Hooks, response: Response
) -> WebhookWithSecret:
    """Register a URL. The answer alone shows the secret that its requests are signed with.

    403 if a customer does so in the name of another; 409 `too_many_webhooks` past ten.
    """
    if not me.may_see(body.customer_id):
        detail = "with the scope customer, customer_id must be the token's own subject"
        raise insufficient_scope(detail, RequiredScope.SERVICE.value)
    check_url(body.url, plain=deps.plain_webhooks)
    made = await hooks.register(body.customer_id, body.url, body.event_types)
    response.headers["Location"] = f"/v1/webhooks/{made.id}"
    return made


@router.get("")
async def list_webhooks(me: Me, hooks: Hooks) -> WebhookList:
    """A customer's own, newest first; for others, the newest of all."""
    return WebhookList(items=await hooks.of_customer(me.customer))


@router.get(ONE, responses=errors(404))
async def get_webhook(webhook_id: str, me: Me, hooks: Hooks) -> Webhook:
    """One webhook; a disabled one says why it is."""
    return await find(webhook_id, me, hooks)


@router.delete(ONE, status_code=204, responses=errors(404))
async def remove_webhook(webhook_id: str, me: Me, hooks: Hooks) -> None:
    """Forget a webhook and its deliveries. Nothing is sent to it from now on."""
    await find(webhook_id, me, hooks)
    await hooks.remove(webhook_id)


@router.post(ONE + "/secret", responses=errors(404))
async def rotate_secret(webhook_id: str, me: Me, hooks: Hooks) -> WebhookWithSecret:
    """A new secret, shown once. For 24 hours, requests are signed by the old one as well."""
    await find(webhook_id, me, hooks)
    return await hooks.rotate(webhook_id)


@router.post(ONE + "/enable", responses=errors(404))
async def enable_webhook(webhook_id: str, me: Me, hooks: Hooks) -> Webhook:
    """Send to it again, after it had answered 410 Gone."""
    await find(webhook_id, me, hooks)
    return await hooks.enable(webhook_id)


@router.get(ONE + "/deliveries", responses=errors(404, 422))
async def list_deliveries(
    *,
    webhook_id: str,
    me: Me,
    hooks: Hooks,
    state: DeliveryState | None = None,
    limit: Annotated[int, Query(ge=1, le=100), IN_DIGITS] = 20,
) -> DeliveryList:
    """Its newest deliveries, and how their last attempts went. They are kept for 30 days."""
    await find(webhook_id, me, hooks)
    return DeliveryList(items=await hooks.deliveries(webhook_id, state, limit))


@router.post(
    ONE + "/deliveries/{delivery_id}/redeliver", status_code=202, responses=errors(404, 409)
)
async def redeliver(
    webhook_id: str, delivery_id: str, me: Me, deps: Deps, hooks: Hooks
) -> Delivery:
    """Have an event sent again, under the same `webhook-id`.

    409 `delivery_pending` while its workflow is at work, which will try it anyway.
    """
    hook = await find(webhook_id, me, hooks)
    found = await hooks.delivery(webhook_id, delivery_id)
    if hook.state == "disabled":
        raise Problem(409, "webhook_disabled", "enable the webhook first")
    run = DeliveryRun(delivery_id=delivery_id, run=found.run)
    if found.state is DeliveryState.PENDING and await _is(RunState.OPEN, run, deps.client):
        raise Problem(409, "delivery_pending", "it will be tried anyway")
    await start_delivery(deps.client, await _next_run(run, deps.client))
    return found


async def _next_run(run: DeliveryRun, client: Client) -> DeliveryRun:
    """The first behind this one that has not ended; it may be at work already."""
    following = DeliveryRun(delivery_id=run.delivery_id, run=run.run + 1)
    while await _is(RunState.ENDED, following, client):
        following = DeliveryRun(delivery_id=run.delivery_id, run=following.run + 1)
    return following


async def _is(state: RunState, run: DeliveryRun, client: Client) -> bool:
    return (await run_of(client, run)).state is state


async def find(webhook_id: str, me: Caller, hooks: WebhookService) -> Webhook:
    """The webhook, if it is there for this caller; foreign and missing are answered alike."""
    found = await hooks.get(webhook_id)
    if not me.may_see(found.customer_id):
        raise NotFound("unknown_webhook", "there is no such webhook")
    return found


def check_url(url: str, *, plain: bool) -> None:
    """422 unless requests could go there. Where its name leads is judged for each request."""
    try:
        parts = urlsplit(url)
        wrong = not parts.hostname or parts.port == 0
    except ValueError:  # a port or an IPv6 address that is none
        wrong = True
    if wrong or parts.username is not None or parts.fragment:
        raise _bad_url("a host, and neither user nor fragment")
    if parts.scheme == "http" and not plain:
        raise _bad_url("https")


def _bad_url(wanted: str) -> Problem:
    detail = f"the URL must have {wanted}"
    return validation_problem([field_error("/url", "url_not_usable", detail)])
