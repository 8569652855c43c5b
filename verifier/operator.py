"""Plays the operator of a run: when a step is blocked, mends what is broken and says so."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from temporalio.client import WorkflowHandle, WorkflowQueryFailedError, WorkflowUpdateFailedError
from temporalio.service import RPCError

from saga import Resolution, Resolving, SagaState, SagaView, StepState
from verifier.faults import ENDED_BY
from verifier.script import Script

LOOK = 0.5
Handle = WorkflowHandle[Any, Any]


async def operate(script: Script, handle: Callable[[], Handle]) -> None:
    """Until cancelled. `handle` is of the saga's newest run."""
    while True:
        await asyncio.sleep(LOOK)
        lasting = {it: ENDED_BY[it.kind] for it in script.faults if it.kind in ENDED_BY}
        if script.fired.isdisjoint(lasting):
            continue
        with contextlib.suppress(RPCError, WorkflowUpdateFailedError, WorkflowQueryFailedError):
            view: SagaView = await handle().query("saga", result_type=SagaView)
            if view.state is SagaState.BLOCKED:
                words = {it.site.step: lasting[it] for it in lasting}
                await _resolve(script, handle(), view, words)


async def _resolve(
    script: Script, handle: Handle, view: SagaView, words: Mapping[str, Resolving]
) -> None:
    for step in view.steps:
        if step.state is StepState.BLOCKED and step.name in words:
            script.heal(step.name)
            word = Resolution(step.name, words[step.name], "mended", "the verifier")
            script.say(f"the operator says {word.action} of {step.name}")
            await handle.execute_update("resolve", word)
