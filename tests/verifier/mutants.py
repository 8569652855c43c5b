"""The product with one of its safety mechanisms taken out."""

from typing import Any

from contracts.message import StepKey
from infrastructure.barrier import Barrier, Op, State
from saga import Saga, Step

_step = Saga.step


async def claim_without_refusal(
    self: Barrier, tx: Any, key: StepKey, reply_type: Any, op: Op = Op.ACTION
) -> Any:
    """A late action is let in after its compensation."""
    state, reply = await self._upsert(tx, key, op, State.STARTED, {})
    return reply_type.model_validate(reply) if state is State.DONE else None


async def claim_without_memory(
    self: Barrier, tx: Any, key: StepKey, reply_type: Any, op: Op = Op.ACTION
) -> Any:
    """A repeated action takes effect again."""
    stored = await claim(self, tx, key, reply_type, op)
    return stored if op is Op.COMPENSATION else None


claim = Barrier.claim


async def register_after_the_action(
    self: Saga, step: Step[Any, Any], command: Any, **options: Any
) -> Any:
    """What failed is not compensated, though it may have landed."""
    self.register = lambda *_: None  # type: ignore[method-assign]
    try:
        reply = await _step(self, step, command, **options)
    finally:
        del self.register
    self.register(step, command)
    return reply


async def finish_without_a_shield(self: Saga, work: Any) -> Any:
    """A cancel interrupts compensations."""
    return await work
