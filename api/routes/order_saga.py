"""`/v1/orders/{order_id}/saga`: look into the saga that carries an order."""

from typing import Annotated

from fastapi import APIRouter, Depends

from api.dependencies import Backend, backend
from api.http.openapi import errors
from api.orders.resolutions import list_resolutions
from api.routes.orders import find_order
from api.schemas import CompensationOut, SagaOut, StepOut
from api.security.authentication import Caller, Me
from api.security.authorization import AuthorizedRoute
from api.security.redaction import saga_for
from api.temporal.stuck_sagas import InTrouble, Trouble
from contracts.names import workflow_id
from saga import SagaView

router = APIRouter(prefix="/v1/orders", tags=["orders"], route_class=AuthorizedRoute)
Deps = Annotated[Backend, Depends(backend)]


@router.get("/{order_id}/saga", responses=errors(404))
async def order_saga(order_id: str, me: Me, deps: Deps) -> SagaOut:
    """How the order's saga stands, step by step. Errors and links are for operators."""
    if me.customer is not None:
        await find_order(order_id, me, deps)
    return await saga_out(workflow_id(order_id), me, deps)


async def saga_out(saga_id: str, me: Caller, deps: Backend) -> SagaOut:
    """How a saga stands, with a link to it for operators. NotFound if there is none."""
    links = {"temporal_ui": f"{deps.temporal_ui}/{saga_id}"}
    try:
        view, attempts = await deps.sagas.view(saga_id)
    except InTrouble as error:
        return saga_for(me, _silent(saga_id, error.trouble, links))
    return saga_for(me, _saga(view, attempts, links))


def _silent(saga_id: str, trouble: Trouble, links: dict[str, str]) -> SagaOut:
    """A saga whose workflow tells nothing."""
    return SagaOut(
        saga_id=saga_id,
        state=trouble.kind,
        cause=None,
        steps=[],
        compensations=[],
        links=links,
        trouble=trouble,
    )


def _saga(view: SagaView, attempts: dict[str, int], links: dict[str, str]) -> SagaOut:
    steps = {step.name: step for step in view.steps}
    undone = [steps[name] for name in view.compensations]
    return SagaOut(
        saga_id=view.saga_id,
        state=view.state,
        cause=view.cause,
        steps=[
            StepOut(
                name=step.name,
                kind=step.kind,
                state=step.state,
                attempts=attempts.get(step.action, 0),
                started_at=step.started_at,
                finished_at=step.finished_at,
                error=step.error,
                role=step.role,
                words=list_resolutions(step, undoing=view.cause is not None),
                waiting=step.waiting,
            )
            for step in view.steps
        ],
        compensations=[
            CompensationOut(
                name=step.compensation or "",
                step=step.name,
                state=step.state,
                attempts=attempts.get(step.compensation or "", 0),
            )
            for step in undone
        ],
        links=links,
    )
