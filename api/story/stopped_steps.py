"""The steps of a saga whose workflow was ended from outside, by what the services have on record.

What its workflow tells of itself is what was under way then, for ever; and of its last task on the
fast path it tells nothing at all.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from api.temporal.observed_saga import ObservedSaga
from api.temporal.saga_gateway import OrderSagas
from api.temporal.troubles import Kind
from saga import SagaView, StepKind, StepState, StepView
from saga.participant import Op, State, Unavailable
from saga.participant.records import StepRecord
from services.composition import Services

UNDER_WAY = {
    StepState.RUNNING,
    StepState.WAITING,
    StepState.COMPENSATING,
    StepState.BLOCKED,
}
OPEN = {StepState.PENDING, *UNDER_WAY}


async def observe(saga_id: str, services: Services, sagas: OrderSagas) -> ObservedSaga:
    """How a saga stands. NotFound if there is none; Unavailable if Temporal does not answer."""
    saga = await sagas.observe(saga_id)
    if saga.view is None or saga.trouble is None or saga.trouble.kind is not Kind.ENDED:
        return saga
    return replace(saga, view=stop_steps(saga.view, await _read_records(saga_id, services)))


async def _read_records(saga_id: str, services: Services) -> Sequence[StepRecord]:
    """Of those who answer: a step of which nothing is known counts as stopped."""
    found: list[StepRecord] = []
    for service in services.step_recorders().values():
        try:
            found += await service.list_step_records(saga_id)
        except Unavailable:
            continue
    return found


def stop_steps(view: SagaView, records: Sequence[StepRecord]) -> SagaView:
    """The view of a saga that nothing carries on, with what each of its open steps came to."""
    actions = {record.step: record.state for record in records if record.op is Op.ACTION}
    return replace(view, steps=list(_stop_each(view.steps, actions)))


def _stop_each(steps: Sequence[StepView], actions: Mapping[str, State]) -> Iterator[StepView]:
    for number, step in enumerate(steps):
        if step.state not in OPEN:
            yield step
            continue
        state = _judge(step, actions.get(step.name))
        if step.kind == StepKind.READ and any(after.name in actions for after in steps[number:]):
            state = StepState.DONE  # it leaves no record, and a later step was begun
        yield replace(step, state=state, role=None, words=[], waiting=None)


def _judge(step: StepView, recorded: State | None) -> StepState:
    """What an open step came to, by the state of its action on record."""
    pending = step.state is StepState.PENDING
    if recorded is State.COMPENSATED:
        return StepState.COMPENSATED
    if recorded is State.TOMBSTONE:
        return StepState.SKIPPED if pending else StepState.COMPENSATED
    if recorded is State.DONE and (pending or step.state is StepState.RUNNING):
        return StepState.DONE
    return StepState.PENDING if pending and recorded is None else StepState.STOPPED
