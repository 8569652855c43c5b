"""Stretches with one of their safety mechanisms taken out."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from saga import Saga
from saga.stretch.messages import Stretch, StretchReply
from saga.stretch.planning import Steps
from saga.stretch.worker import _Stretching
from saga.verify.faults import ExecutionPath
from tests.verifier.mutant import Mutant
from tests.verifier.mutants import NOT_RELEASED

_attempt_stretch = Saga._attempt_stretch
_attempt_all = _Stretching._attempt_all


async def register_nothing(self: Saga, steps: Steps) -> None:
    """What a stretch has done is not undone."""
    begun = [*self._compensator.begun]
    await _attempt_stretch(self, steps)
    self._compensator.begun[:] = begun


async def go_on_past_the_unclean(
    self: _Stretching, stretch: Stretch, commands: Sequence[Any], given: Any
) -> StretchReply:
    """What was refused is skipped, and told when the rest is done."""
    reply = await _attempt_all(self, stretch, commands, given)
    if reply.unclean is None:
        return reply
    after = len(reply.clean) + 1
    rest = replace(stretch, attempts=stretch.attempts[after:])
    await _attempt_all(self, rest, commands[after:], given)
    return reply


async def let_the_pivot_be(self: Saga, code: str, detail: str) -> bool:
    """A customer hears at once that a saga will be undone whose stretch may be past its pivot."""
    return self.request_cancel(code, detail)


MUTANTS = (
    Mutant(
        "steps of a stretch on record before it",
        Saga,
        "_attempt_stretch",
        register_nothing,
        "charge_payment:payment.charge is rejected",
        NOT_RELEASED,
        path=ExecutionPath.QUEUED_STRETCH,
    ),
    Mutant(
        "end of a stretch at what is not clean",
        _Stretching,
        "_attempt_all",
        go_on_past_the_unclean,
        "validate_user:user.validate is rejected",
        "ended as confirmed, not as rejected",
        path=ExecutionPath.STRETCH,
    ),
    Mutant(
        "fence before a cancel during a stretch",
        Saga,
        "cancel",
        let_the_pivot_be,
        "confirm_order:order.confirm customer cancels after",
        "a customer's cancel was accepted, and the saga ended as confirmed",
        path=ExecutionPath.QUEUED_STRETCH,
    ),
)
