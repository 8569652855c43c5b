"""`/console/sagas/{id}/steps/{step}/resolve`: say what is to become of a blocked step.

First it is shown what that would do, and nothing is done; then it is done, with evidence.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import RedirectResponse

from api.dependencies import Backend, backend
from api.http.problem_details import Problem
from console import explanations
from console.order_details import read_details_of_saga
from console.pages.attention import WaitingStep, list_waiting_steps
from console.security import csrf
from console.session_route import ConsoleRoute, Form, SignedIn
from console.templating import page
from contracts.base import NO_EVIDENCE, is_evidence
from contracts.names import order_of
from saga import Resolution, Resolving, Role
from saga.participant import NotFound, Rejected

router = APIRouter(prefix=f"{csrf.PATH}/sagas", route_class=ConsoleRoute)
Deps = Annotated[Backend, Depends(backend)]


@router.get("/{saga_id}/steps/{step}/resolve")
async def ask_resolve(
    *, saga_id: str, step: str, request: Request, me: SignedIn, deps: Deps, action: str = "retry"
) -> Response:
    """What it would do, and the button that does it."""
    return _render_form(request, await _find_waiting_step(saga_id, step, deps), action)


@router.post("/{saga_id}/steps/{step}/resolve")
async def say_resolve(
    *, saga_id: str, step: str, request: Request, form: Form, me: SignedIn, deps: Deps
) -> Response:
    """Do it. What is refused is shown with the form, and nothing typed is lost."""
    action, evidence = form.get("action", ""), form.get("evidence", "")
    if action not in set(Resolving) or form.get("role") not in set(Role):
        raise Problem(422, "unknown_action", "say retry, mark_done or skip, and of what")
    role = Role(form["role"])
    word = Resolution(step, Resolving(action), evidence, me.caller.subject, role)
    try:
        _check_evidence(evidence)
        await deps.sagas.resolve(saga_id, word)
    except Rejected as refusal:
        found = await _find_waiting_step(saga_id, step, deps)
        return _render_form(request, found, action, refused=refusal.detail, evidence=evidence)
    return RedirectResponse(f"{csrf.PATH}/orders/{order_of(saga_id)}", 303, csrf.HEADERS)


def _check_evidence(evidence: str) -> None:
    if evidence.strip() and not is_evidence(evidence):
        raise Rejected("evidence_missing", NO_EVIDENCE)


def _render_form(
    request: Request, found: WaitingStep, action: str, *, refused: str = "", evidence: str = ""
) -> Response:
    action = action if action in found.actions else "retry"
    plan = explanations.plan_resolution(found.case, found.saga, found.node, action)
    shown = {"found": found, "action": action, "plan": plan, "evidence": evidence}
    status = 422 if refused else 200
    return page(request, "resolve.html", status=status, refused=refused, **shown)


async def _find_waiting_step(saga_id: str, step: str, deps: Backend) -> WaitingStep:
    """The step that waits. Problem 409 if it does not; NotFound if there is no such saga."""
    case = await read_details_of_saga(saga_id, deps)
    if saga_id not in {saga.saga_id for saga in case.sagas}:
        raise NotFound("unknown_saga", "there is no such saga")
    found = next(
        (item for item in list_waiting_steps(case, saga_id) if item.node.name == step), None
    )
    if found is None:
        raise Problem(409, "step_not_blocked", f"{step} does not wait for an operator any more")
    return found
