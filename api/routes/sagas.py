"""`/v1/sagas`: what operators see and do."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator, WithJsonSchema

from api.dependencies import Backend, backend
from api.http.openapi import errors
from api.http.query_parameters import IN_DIGITS
from api.lists import RecordList, SagaList
from api.orders.exposure import Exposure
from api.orders.exposure import exposure as look
from api.routes.order_saga import saga_out
from api.schemas import ResolveBody, SagaOut, ServiceRecord
from api.security.authentication import Me
from api.security.authorization import AuthorizedRoute
from api.story.attention import list_attention
from api.temporal.troubles import LATE
from contracts.names import STEP_RECORDERS
from contracts.workflow_io import type_of
from saga import Resolution, SagaState
from saga.participant import NotFound

router = APIRouter(prefix="/v1/sagas", tags=["sagas"], route_class=AuthorizedRoute)
figures = APIRouter(tags=["sagas"], route_class=AuthorizedRoute)
Deps = Annotated[Backend, Depends(backend)]


def _check_recorder(service: str) -> str:
    if service not in STEP_RECORDERS:
        raise ValueError(f"must be one of {', '.join(STEP_RECORDERS)}")
    return service


Recorder = Annotated[
    str,
    AfterValidator(_check_recorder),
    WithJsonSchema({"enum": list(STEP_RECORDERS), "type": "string"}),
]


@figures.get("/v1/exposure")
async def exposure(deps: Deps) -> Exposure:
    """Money and stock of orders that are not confirmed, now, and what sagas cost.

    Money is captured, or may be: a charge whose outcome is not known counts.

    The costs are of the 200 sagas that ended last, by how they ended. Of a service that is down the
    figures are left out, and `not_answering` names it.
    """
    return await look(deps.services, deps.client, deps.load_shedder)


@router.get("")
async def list_sagas(
    deps: Deps,
    state: SagaState = SagaState.BLOCKED,
    limit: Annotated[int, Query(ge=1, le=500), IN_DIGITS] = 100,
    attention: Annotated[bool, Query(description="All that are stuck, and what helps")] = False,
    late: Annotated[
        int,
        Query(ge=0, le=86400, description="Seconds after which an open saga is late"),
        IN_DIGITS,
    ] = int(LATE.total_seconds()),
) -> SagaList:
    """Sagas in a state, the blocked ones unless another is asked for.

    With `attention`, whatever their state, those that are stuck: blocked, paused, with an input
    that cannot be read, with code that fails, ended from outside, tried again and again, or late,
    or with money, stock or records that do not agree, as an audit found and is so still.
    Each tells since when, and what is at stake: money that is held, or may be. Most comes first.
    """
    if attention:
        since = timedelta(seconds=late)
        return SagaList(items=await list_attention(deps.services, deps.troubles, since, limit))
    return SagaList(items=await deps.sagas.in_state(state, limit))


@router.get("/{saga_id}", responses=errors(404))
async def saga(saga_id: str, me: Me, deps: Deps) -> SagaOut:
    """How a saga stands, step by step, of whatever kind it is."""
    if type_of(saga_id) is None:
        raise NotFound("unknown_order", f"{saga_id} is no saga of an order")
    return await saga_out(saga_id, me, deps)


@router.get("/{saga_id}/records")
async def saga_records(
    saga_id: str,
    deps: Deps,
    only: Annotated[Recorder | None, Query(alias="service")] = None,
) -> RecordList:
    """What the services have on record of a saga, whatever Temporal knows of it. May be empty.

    All are asked, and 503 is the answer if one is down; `service` asks just one.
    """
    found = [
        ServiceRecord(service=name, **record.model_dump())
        for name, service in deps.services.step_recorders().items()
        if only in {None, name}
        for record in await service.list_step_records(saga_id)
    ]
    return RecordList(items=sorted(found, key=lambda it: it.recorded_at))


@router.post("/{saga_id}/steps/{step}/resolve", status_code=202, responses=errors(404, 409, 422))
async def resolve_step(
    saga_id: str, step: str, body: ResolveBody, me: Me, deps: Deps
) -> dict[str, str]:
    """Say what is to become of a blocked step; who said so is kept. 409 if it is not blocked.

    Which words it takes, and what each means, is told in `words` of the step in GET …/saga. 409
    `retry_only` if it is not one of them.
    """
    resolution = Resolution(
        step=step, action=body.action, evidence=body.evidence, who=me.subject, role=body.role
    )
    await deps.sagas.resolve(saga_id, resolution)
    return {"saga_id": saga_id, "step": step, "action": body.action}
