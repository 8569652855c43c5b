"""`/v1/sagas`: what operators see and do."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query

from api.access import Guarded
from api.auth import Me
from api.backend import Backend, backend
from api.bodies import ResolveBody, ServiceRecord
from api.exposure import Exposure
from api.exposure import exposure as look
from api.openapi import errors
from api.paging import IN_DIGITS
from api.sagas import SagaFound
from saga import Resolution, SagaState

router = APIRouter(prefix="/v1/sagas", tags=["sagas"], route_class=Guarded)
figures = APIRouter(tags=["sagas"], route_class=Guarded)
Deps = Annotated[Backend, Depends(backend)]


@figures.get("/v1/exposure")
async def exposure(deps: Deps) -> Exposure:
    """Money captured and stock held for orders that are not confirmed, now, and what sagas cost.

    The costs are of the 200 sagas that ended last, by how they ended. Of a service that is down the
    figures are left out, and `not_answering` names it.
    """
    return await look(deps.services, deps.client, deps.admission)


@router.get("")
async def list_sagas(
    deps: Deps,
    state: SagaState = SagaState.BLOCKED,
    limit: Annotated[int, Query(ge=1, le=100), IN_DIGITS] = 100,
) -> list[SagaFound]:
    """Sagas in a state, the blocked ones unless another is asked for."""
    return await deps.sagas.in_state(state, limit)


@router.get("/{saga_id}/records")
async def saga_records(
    saga_id: str,
    deps: Deps,
    only: Annotated[Literal["order", "inventory", "payment"] | None, Query(alias="service")] = None,
) -> list[ServiceRecord]:
    """What the services have on record of a saga, whatever Temporal knows of it. May be empty.

    All are asked, and 503 is the answer if one is down; `service` asks just one.
    """
    services = deps.services
    found = [
        ServiceRecord(service=name, **record.model_dump())
        for name, service in (
            ("order", services.orders),
            ("inventory", services.inventory),
            ("payment", services.payments),
        )
        if only in {None, name}
        for record in await service.recorded(saga_id)
    ]
    return sorted(found, key=lambda it: it.recorded_at)


@router.post("/{saga_id}/steps/{step}/resolve", status_code=202, responses=errors(404, 409, 422))
async def resolve_step(
    saga_id: str, step: str, body: ResolveBody, me: Me, deps: Deps
) -> dict[str, str]:
    """Say what is to become of a blocked step; who said so is kept. 409 if it is not blocked."""
    who = me.subject
    resolution = Resolution(step=step, action=body.action, evidence=body.evidence, who=who)
    await deps.sagas.resolve(saga_id, resolution)
    return {"saga_id": saga_id, "step": step, "action": body.action}
