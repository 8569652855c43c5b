"""Plays the operators of a run: when a step is blocked, they mend what is broken and say so."""

import asyncio
import contextlib
from collections import Counter

from temporalio.client import (
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.service import RPCError

from saga import Resolving, SagaState, SagaView, StepState, StepView
from saga.verify.cases import OperatorDecision
from saga.verify.faults import Fault
from saga.verify.groups import DECISIONS, EVIDENCE, UNDONE
from saga.verify.injection.raw_messages import raw
from saga.verify.injection.run_state import RunState
from saga.verify.kinds import Kind

LOOK = 0.5
IN_VAIN = 2
REFUSALS = {"NotBlocked", "AlreadyResolved", "RetryOnly", "EvidenceMissing", "UnfitText"}


async def operate(state: RunState) -> None:
    """Until cancelled, or until the saga is given up."""
    unforeseen: Counter[str] = Counter()
    while not state.given_up:
        await asyncio.sleep(LOOK)
        lasting = {fault.point.step: fault for fault in state.faults if fault.kind in DECISIONS}
        foreseen = not state.fired.isdisjoint(lasting.values())
        if not (foreseen or state.controller.may_park) or state.operator_is_away:
            continue
        with contextlib.suppress(RPCError, WorkflowQueryFailedError):
            if not await state.controller.is_open():
                continue
            view: SagaView = await state.controller.handle.query("saga", result_type=SagaView)
            for step in view.steps if view.state is SagaState.BLOCKED else ():
                if step.state is StepState.BLOCKED and step.name in lasting:
                    await _say_next(state, lasting[step.name])
                elif step.state is StepState.BLOCKED and state.controller.may_park:
                    await _help(state, step, unforeseen)


async def _help(state: RunState, step: StepView, tried: Counter[str]) -> None:
    """Try again what nobody has foreseen; then a person answers for it.

    What takes no such word, and can only be tried in vain, is ended, and left to recovery.
    """
    tried[step.name] += 1
    if tried[step.name] <= IN_VAIN:
        await say(state, step.name, Resolving.RETRY)
    elif Resolving.MARK_DONE in step.words:
        await say(state, step.name, Resolving.MARK_DONE)
    elif state.controller.can_only_be_ended(step):
        state.say(f"{step.name} can only be tried in vain: an operator ends the saga")
        await state.controller.handle.terminate("it can only be tried in vain")
        state.given_up = True


async def _say_next(state: RunState, fault: Fault) -> None:
    """What is to be said next of a parked step; the last of it goes with what mends it."""
    groups, number = DECISIONS[fault.kind], state.said[fault]
    actions, mends = groups[number], number == len(groups) - 1
    attempts = state.attempts[fault.point]
    if mends and fault.kind not in UNDONE:
        state.heal(fault.point)
    if len(actions) > 1:
        state.controller.hold_until_updates(len(actions))
    accepted = await asyncio.gather(*(say(state, fault, action) for action in actions))
    if mends and any(accepted):
        # What is left to people stays broken: an attempt that is on its way would do it.
        if fault.kind not in UNDONE:
            state.heal(fault.point)
        if fault.kind is Kind.SAID_AGAIN:
            await say(state, fault, actions[0])
    elif mends and not state.is_settled(fault):  # it was not blocked any more: look again
        state.break_again(fault.point)
    elif not mends:
        state.said[fault] += 1
        if any(accepted):
            await state.wait_for_retry(fault.point, attempts)
        await _say_next(state, fault)


async def say(state: RunState, of: Fault | str, action: Resolving) -> bool:
    """One person's word by the Update that the API sends; whether it was accepted.

    The run's end waits for the answer.
    """
    return bool(await asyncio.shield(state.controller.beside(_say(state, of, action))))


async def _say(state: RunState, of: Fault | str, action: Resolving) -> bool:
    number = len(state.decisions) + 1
    step, hostile = (of, None) if isinstance(of, str) else (of.point.step, EVIDENCE.get(of.kind))
    evidence = hostile if hostile and action is not Resolving.RETRY else f"evidence {number}"
    decision = OperatorDecision(step, action, evidence, f"operator {number}")
    state.decisions.append(decision)
    said = raw(step=step, action=action.value, evidence=evidence, who=decision.who)
    try:
        await state.controller.handle.execute_update("resolve", said)
    except WorkflowUpdateFailedError as error:
        # Of a workflow that ended meanwhile, nobody knows whether it has put the word on record.
        refused = getattr(error.cause, "type", None) in REFUSALS
        decision.accepted = False if refused else None
        state.say(f"{decision.who} says {action} of {step}: refused, {error.cause}")
    except (RPCError, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
        state.say(f"{decision.who} says {action} of {step}: {error}")
    else:
        decision.accepted = True
        state.say(f"{decision.who} says {action} of {step}: accepted")
    return bool(decision.accepted)
