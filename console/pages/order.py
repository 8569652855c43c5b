"""`/console/orders/{id}`: one order and its saga, and the buttons that act on it."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import RedirectResponse

from api.http.problem_details import Problem, demand_fit
from api.orders.money_settlement import MoneyWord, find_open_money, settle_money
from api.routes import orders, returns
from api.story.step_words import does, undoes
from console import explanations
from console.dependencies import ConsoleBackend, ConsoleDeps
from console.live_updates import Parts, acquire_stream, answer_live, stream_updates, wake_on_events
from console.order_details import OrderDetails, read_order_details
from console.security import csrf
from console.session_route import ConsoleRoute, Form, SignedIn
from console.templating import page, part
from contracts.base import MAX_EVIDENCE, MAX_REASON, is_evidence
from contracts.names import workflow_id
from contracts.orders import BY_HAND
from contracts.workflow_io import CancelOrder
from saga import Resolving
from saga.participant import Rejected

TEMPLATE = "order_parts.html"
OPEN, CLOSED = 1.0, 60.0  # seconds after which it is looked at though nothing is on record
router = APIRouter(prefix=f"{csrf.PATH}/orders", route_class=ConsoleRoute)


@router.get("/{order_id}")
async def one_order(order_id: str, request: Request, me: SignedIn, deps: ConsoleDeps) -> Response:
    """The page."""
    case = await read_order_details(order_id, deps)
    live = f"{csrf.PATH}/orders/{order_id}/live"
    return page(request, "order.html", case=case, view=_view(case, deps), live=live)


@router.get("/{order_id}/live", dependencies=[Depends(acquire_stream)])
async def one_order_stream(order_id: str, me: SignedIn, deps: ConsoleDeps) -> Response:
    """The page's stream."""
    case = await read_order_details(order_id, deps)
    return answer_live(_frames(case, deps), until=me.caller.until)


async def _frames(case: OrderDetails, deps: ConsoleBackend) -> AsyncIterator[bytes]:
    last = [case]

    async def look() -> Parts:
        last[0] = await read_order_details(case.order.id, deps)
        view = _view(last[0], deps)
        parts = {name: part(TEMPLATE, f"{name}_part", last[0], view) for name in PARTS}
        return {**parts, **await deps.board.attention_part()}

    def pause() -> float:
        return OPEN if last[0].is_open or last[0].silent else CLOSED

    events = deps.broadcaster.subscribe_to_order(case.order.id, case.order.version)
    async with wake_on_events(events, pause) as wait:
        async for frame in stream_updates(look, wait):
            yield frame


PARTS = ("summary", "sagas", "money", "events")


def _view(case: OrderDetails, deps: ConsoleBackend) -> dict[str, Any]:
    """What the template needs besides the case."""
    order, settings = case.order, deps.console
    intent = case.payment.intent_id if case.payment else None
    ids = {"order_id": order.id, "saga_id": workflow_id(order.id), "intent_id": intent or ""}
    return {
        "temporal": {saga.saga_id: f"{deps.temporal_ui}/{saga.saga_id}" for saga in case.sagas},
        "trace_url": settings.trace_url.format(**ids),
        "payment_url": settings.payment_url.format(**ids) if intent else "",
        "can_cancel": not explanations.plan_cancel(case).refusal,
        "can_return": not explanations.plan_return(case).refusal,
        "can_settle": case.may_be_settled,
        "does": partial(does, order=order),
        "undoes": partial(undoes, order=order),
    }


@router.get("/{order_id}/cancel")
async def ask_cancel(order_id: str, request: Request, me: SignedIn, deps: ConsoleDeps) -> Response:
    """What a cancel would do, and the button that does it."""
    case = await read_order_details(order_id, deps)
    return page(request, "act.html", case=case, plan=explanations.plan_cancel(case), what="cancel")


@router.get("/{order_id}/return")
async def ask_return(order_id: str, request: Request, me: SignedIn, deps: ConsoleDeps) -> Response:
    """What a return would do, and the button that does it."""
    case = await read_order_details(order_id, deps)
    return page(request, "act.html", case=case, plan=explanations.plan_return(case), what="return")


@router.get("/{order_id}/settle")
async def ask_settle(order_id: str, request: Request, me: SignedIn, deps: ConsoleDeps) -> Response:
    """What a word on its money would do, and the button that says it."""
    case = await read_order_details(order_id, deps)
    try:
        plan = explanations.plan_settlement(
            await find_open_money(order_id, deps.services, deps.client)
        )
    except Rejected as refused:
        plan = explanations.Plan(refusal=refused.detail)
    return page(request, "act.html", case=case, plan=plan, what="settle")


@router.post("/{order_id}/cancel")
async def cancel(order_id: str, form: Form, me: SignedIn, deps: ConsoleDeps) -> Response:
    """Cancel the order. Who did it is kept with the reason."""
    given = form.get("reason", "") or "no reason given"
    reason = f"{given} (by {me.caller.subject})"
    demand_fit("the reason, with who gives it,", reason, MAX_REASON)
    wish = CancelOrder(reason=reason, by="operator")
    await orders.cancel(await orders.find_order(order_id, me.caller, deps), wish, me.caller, deps)
    return _back(order_id)


@router.post("/{order_id}/return")
async def give_back(order_id: str, me: SignedIn, deps: ConsoleDeps) -> Response:
    """Return the order."""
    case = await read_order_details(order_id, deps)
    if refusal := explanations.plan_return(case).refusal:
        raise Problem(409, "not_returnable", refusal)
    await returns.give_back(case.order, me.caller, deps)
    return _back(order_id)


@router.post("/{order_id}/settle")
async def settle(order_id: str, form: Form, me: SignedIn, deps: ConsoleDeps) -> Response:
    """Say what became of its money. Who said so is kept with the evidence."""
    action, evidence = form.get("action", ""), form.get("evidence", "").strip()
    if action not in BY_HAND or not is_evidence(evidence):
        raise Problem(422, "evidence_missing", "say what became of it, and how one can see that")
    demand_fit("the evidence", evidence, MAX_EVIDENCE)
    word = MoneyWord(Resolving(action), evidence, me.caller.subject)
    money = await find_open_money(order_id, deps.services, deps.client)
    await settle_money(money, word, deps.services)
    deps.troubles.judge_anew(order_id)
    return _back(order_id)


def _back(order_id: str) -> Response:
    return RedirectResponse(f"{csrf.PATH}/orders/{order_id}", 303, csrf.HEADERS)
