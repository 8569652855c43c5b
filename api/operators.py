"""`/v1/sagas`: what operators see and do."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from api.access import Guarded
from api.auth import Me
from api.backend import Backend, backend
from api.bodies import ResolveBody
from api.openapi import errors
from api.sagas import SagaFound
from saga import Resolution, SagaState

router = APIRouter(prefix="/v1/sagas", tags=["sagas"], route_class=Guarded)
Deps = Annotated[Backend, Depends(backend)]


@router.get("")
async def list_sagas(
    deps: Deps,
    state: SagaState = SagaState.BLOCKED,
    limit: Annotated[int, Query(ge=1, le=100)] = 100,
) -> list[SagaFound]:
    """Sagas in a state, the blocked ones unless another is asked for."""
    return await deps.sagas.in_state(state, limit)


@router.post("/{saga_id}/steps/{step}/resolve", status_code=202, responses=errors(404, 409, 422))
async def resolve_step(
    saga_id: str, step: str, body: ResolveBody, me: Me, deps: Deps
) -> dict[str, str]:
    """Say what is to become of a blocked step; who said so is kept. 409 if it is not blocked."""
    who = me.subject
    resolution = Resolution(step=step, action=body.action, evidence=body.evidence, who=who)
    await deps.sagas.resolve(saga_id, resolution)
    return {"saga_id": saga_id, "step": step, "action": body.action}
