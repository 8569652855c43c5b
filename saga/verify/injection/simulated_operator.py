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
from saga.verify.cases import Word
from saga.verify.faults import Fault
from saga.verify.groups import EVIDENCE, UNDONE, WORDS
from saga.verify.injection.raw_messages import raw
from saga.verify.injection.run_state import Script
from saga.verify.kinds import Kind

LOOK = 0.5
IN_VAIN = 2
REFUSALS = {"NotBlocked", "AlreadyResolved", "RetryOnly", "EvidenceMissing", "UnfitText"}


async def operate(script: Script) -> None:
    """Until cancelled, or until the saga is given up."""
    unforeseen: Counter[str] = Counter()
    while not script.given_up:
        await asyncio.sleep(LOOK)
        lasting = {fault.site.step: fault for fault in script.faults if fault.kind in WORDS}
        foreseen = not script.fired.isdisjoint(lasting.values())
        if not (foreseen or script.stage.may_park) or script.operator_is_away:
            continue
        with contextlib.suppress(RPCError, WorkflowQueryFailedError):
            if not await script.stage.is_open():
                continue
            view: SagaView = await script.stage.handle.query("saga", result_type=SagaView)
            for step in view.steps if view.state is SagaState.BLOCKED else ():
                if step.state is StepState.BLOCKED and step.name in lasting:
                    await _say_next(script, lasting[step.name])
                elif step.state is StepState.BLOCKED and script.stage.may_park:
                    await _help(script, step, unforeseen)


async def _help(script: Script, step: StepView, tried: Counter[str]) -> None:
    """Try again what nobody has foreseen; then a person answers for it.

    What takes no such word, and can only be tried in vain, is ended, and left to recovery.
    """
    tried[step.name] += 1
    if tried[step.name] <= IN_VAIN:
        await say(script, step.name, Resolving.RETRY)
    elif Resolving.MARK_DONE in step.words:
        await say(script, step.name, Resolving.MARK_DONE)
    elif script.stage.can_only_be_ended(step):
        script.say(f"{step.name} can only be tried in vain: an operator ends the saga")
        await script.stage.handle.terminate("it can only be tried in vain")
        script.given_up = True


async def _say_next(script: Script, fault: Fault) -> None:
    """What is to be said next of a parked step; the last of it goes with what mends it."""
    groups, number = WORDS[fault.kind], script.said[fault]
    words, mends = groups[number], number == len(groups) - 1
    attempts = script.attempts[fault.site]
    if mends and fault.kind not in UNDONE:
        script.heal(fault.site)
    if len(words) > 1:
        script.stage.hold_until_updates(len(words))
    accepted = await asyncio.gather(*(say(script, fault, word) for word in words))
    if mends and any(accepted):
        # What is left to people stays broken: an attempt that is on its way would do it.
        if fault.kind not in UNDONE:
            script.heal(fault.site)
        if fault.kind is Kind.SAID_AGAIN:
            await say(script, fault, words[0])
    elif mends and not script.is_settled(fault):  # it was not blocked any more: look again
        script.break_again(fault.site)
    elif not mends:
        script.said[fault] += 1
        if any(accepted):
            await script.tried_again(fault.site, attempts)
        await _say_next(script, fault)


async def say(script: Script, of: Fault | str, action: Resolving) -> bool:
    """One person's word by the Update that the API sends; whether it was accepted.

    The run's end waits for the answer.
    """
    return bool(await asyncio.shield(script.stage.beside(_say(script, of, action))))


async def _say(script: Script, of: Fault | str, action: Resolving) -> bool:
    number = len(script.words) + 1
    step, hostile = (of, None) if isinstance(of, str) else (of.site.step, EVIDENCE.get(of.kind))
    evidence = hostile if hostile and action is not Resolving.RETRY else f"evidence {number}"
    word = Word(step, action, evidence, f"operator {number}")
    script.words.append(word)
    said = raw(step=step, action=action.value, evidence=evidence, who=word.who)
    try:
        await script.stage.handle.execute_update("resolve", said)
    except WorkflowUpdateFailedError as error:
        # Of a workflow that ended meanwhile, nobody knows whether it has put the word on record.
        refused = getattr(error.cause, "type", None) in REFUSALS
        word.accepted = False if refused else None
        script.say(f"{word.who} says {action} of {step}: refused, {error.cause}")
    except (RPCError, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
        script.say(f"{word.who} says {action} of {step}: {error}")
    else:
        word.accepted = True
        script.say(f"{word.who} says {action} of {step}: accepted")
    return bool(word.accepted)
