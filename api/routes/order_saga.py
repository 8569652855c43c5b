"""`/v1/orders/{order_id}/saga`: look into the saga that carries an order."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends

from api.dependencies import Backend, backend
from api.http.openapi import errors
from api.orders.money_settlement import MoneyWord, find_open_money, settle_money
from api.orders.resolutions import list_resolutions
from api.routes.orders import find_order
from api.schemas import CompensationOut, SagaOut, SettleBody, StepOut
from api.security.authentication import Caller, Me
from api.security.authorization import AuthorizedRoute
from api.security.redaction import saga_for
from api.story.order_story import OrderStory
from api.story.reading import read_story
from api.story.settled_by_hand import SettledByHand, explain_word
from api.story.stopped_steps import observe
from api.temporal.observed_saga import LockWait, ObservedSaga
from contracts.base import format_time
from contracts.names import workflow_id
from saga import SagaView, StepView, WaitView

router = APIRouter(prefix="/v1/orders", tags=["orders"], route_class=AuthorizedRoute)
Deps = Annotated[Backend, Depends(backend)]


@router.get("/{order_id}/saga", responses=errors(404))
async def order_saga(order_id: str, me: Me, deps: Deps) -> SagaOut:
    """How the order's saga stands, step by step. Errors and links are for operators."""
    if me.customer is not None:
        await find_order(order_id, me, deps)
    return await saga_out(workflow_id(order_id), me, deps)


@router.get("/{order_id}/story", responses=errors(404))
async def order_story(order_id: str, deps: Deps) -> OrderStory:
    """How the order stands, what waits for a person, and what happens next, in sentences."""
    _, story = await read_story(order_id, deps.services, deps.sagas, deps.troubles)
    return story


@router.post("/{order_id}/settle", responses=errors(404, 409, 422))
async def settle_order(order_id: str, body: SettleBody, me: Me, deps: Deps) -> SettledByHand:
    """Say that an ended order's money was moved by other means, or stays; who said so is kept.

    For money that the audit cannot give back, and for what a confirmed order lacks of its price.
    409 `step_not_blocked` if there is none.
    """
    word = MoneyWord(body.action, body.evidence, me.subject)
    money = await find_open_money(order_id, deps.services, deps.client)
    if not body.dry_run:
        await settle_money(money, word, deps.services)
        deps.troubles.judge_anew(order_id)
    return SettledByHand(
        saga_id=money.about.saga_id,
        step=money.about.step,
        action=word.action,
        means=explain_word(money.about.step, word.action, money.about.role, money.order),
        who=word.who,
        evidence=word.evidence,
        recorded_at=datetime.now(UTC),
        covers=money.amount,
    )


async def saga_out(saga_id: str, me: Caller, deps: Backend) -> SagaOut:
    """How a saga stands, with a link to it for operators. NotFound if there is none."""
    links = {"temporal_ui": f"{deps.temporal_ui}/{saga_id}"}
    return saga_for(me, describe_saga(await observe(saga_id, deps.services, deps.sagas), links))


def describe_saga(saga: ObservedSaga, links: dict[str, str]) -> SagaOut:
    """The saga as operators are shown it."""
    view = saga.view or SagaView(saga_id=saga.saga_id)
    steps = {step.name: step for step in view.steps}
    return SagaOut(
        saga_id=saga.saga_id,
        state=saga.state,
        cause=view.cause,
        steps=[_step(step, saga, undoing=view.cause is not None) for step in view.steps],
        compensations=[_compensation(steps[name], saga) for name in view.compensations],
        links=links,
        trouble=saga.trouble,
    )


def _step(step: StepView, saga: ObservedSaga, *, undoing: bool) -> StepOut:
    return StepOut(
        name=step.name,
        kind=step.kind,
        state=step.state,
        attempts=saga.attempts.get(step.action, 0),
        started_at=_format(step.started_at),
        finished_at=_format(step.finished_at),
        error=step.error or saga.why_retried(step.action),
        role=step.role,
        words=list_resolutions(step, undoing=undoing),
        waiting=step.waiting and _format_wait(step.waiting),
        waits_for_saga=step.waiting.what if isinstance(step.waiting, LockWait) else None,
    )


def _format(moment: str | None) -> str | None:
    """The workflow's word for a moment, as the API tells it."""
    return format_time(datetime.fromisoformat(moment)) if moment else None


def _format_wait(wait: WaitView) -> WaitView:
    moments = (format_time(datetime.fromisoformat(each)) for each in (wait.since, wait.until))
    return WaitView(wait.what, *moments)


def _compensation(step: StepView, saga: ObservedSaga) -> CompensationOut:
    activity = step.compensation or ""
    return CompensationOut(
        name=activity,
        step=step.name,
        state=step.state,
        attempts=saga.attempts.get(activity, 0),
        error=saga.why_retried(activity),
    )
