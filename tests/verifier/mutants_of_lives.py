"""Mutants without what holds where people, time and others meet a saga."""

from typing import Any

from temporalio import workflow

from activities.diagnoses import Diagnoses
from contracts.orphans import Orphan
from contracts.workflow_io import SagaInput, SagaType
from invariants.faults.kinds import set_back_kind
from saga import EarlierRuns, Resolution, Resolving, Step, activity_execution
from saga.participant import Unavailable
from saga.participant.barrier import Barrier
from saga.retriable import RetriableCall
from saga.retriable_calls import RetriableCalls
from saga.saga import Saga
from saga.step import reply_type
from saga.verify.kinds import Kind
from services.payment.provider import errors
from tests.verifier.mutant import Mutant
from workflows import order_saga
from workflows.tallying import Tallying

_check, _step, _admit = RetriableCalls.check, Saga.step, Tallying.admit


def any_word(self: RetriableCall) -> list[Resolving]:
    """A question is answered by whoever feels like it."""
    return [] if self.parked is None else list(Resolving)


async def believe_at_once(self: RetriableCalls, resolution: Resolution) -> None:
    """Whoever said a word is told that it was taken before it is on record."""
    if (call := self._find_parked(resolution)) is not None:
        call.word = resolution


def overhear(self: RetriableCalls, resolution: Resolution) -> None:
    """Two words of one step are taken, and the second is forgotten over the first."""
    call = self._find_parked(resolution)
    if call is None:
        return _check(self, resolution)
    word, call.word = call.word, None
    try:
        return _check(self, resolution)
    finally:
        call.word = word


async def forget_words(self: RetriableCalls, call: RetriableCall, when: str) -> None:
    """What was said in an earlier life is not asked for."""


async def ask_all_the_same(self: Saga, step: Step[Any, Any], **options: Any) -> Any:
    """A read is asked, and may refuse, though the pivot has landed."""
    landed, self._runs.landed = self._runs.landed, False
    try:
        return await _step(self, step, **options)
    finally:
        self._runs.landed = landed


def any_id(kind: SagaType, order_id: str) -> None:
    """A saga runs under whatever id it was started."""


def read_as_it_comes(raw: Any, what: Any) -> Any:
    """A reply that nobody can read fails the workflow's task."""
    return workflow.payload_converter().from_payload(raw.payload, reply_type(what))


def same_whatever_it_says(*_: Any) -> None:
    """Another command gets the reply of the first."""


def forget_the_undo(how: SagaInput) -> EarlierRuns:
    """What an audit starts again goes forward, as if nothing had happened."""
    return EarlierRuns()


async def nothing_has_landed(self: Diagnoses, *_: Any, **__: Any) -> bool:
    """An audit believes the order's record alone, which may have been restored."""
    return False


def repair_all_the_same(self: Tallying, orphan: Orphan) -> bool:
    """An audit that only looks repairs."""
    self._tally = self._tally.model_copy(update={"dry_run": None})
    return _admit(self, orphan)


def never_kept(error: Exception, detail: str) -> Unavailable:
    """A failure that the provider keeps is taken for one that passes."""
    return Unavailable(detail)


RELEASE, COMMIT = (
    "reserve_inventory:inventory.release",
    "commit_inventory:inventory.commit",
)
CONFIRM, FENCE = "confirm_order:order.confirm", "confirm_order:order.fence_confirm"

MUTANTS = (
    Mutant(
        "retry only, of a question",
        RetriableCall,
        "allowed_words",
        any_word,
        f"{CONFIRM} {Kind.ENDED_QUESTION} at {FENCE}",
        "confirm_order of a saga that is undone: action done",
    ),
    Mutant(
        "words on record before the answer",
        RetriableCalls,
        "resolve",
        believe_at_once,
        f"{COMMIT} is refused and marked as done, ended when a word was said, and reset",
        "which was accepted and is 0 times on record",
    ),
    Mutant(
        "one word at a time",
        RetriableCalls,
        "check",
        overhear,
        f"{RELEASE} is refused, mark_done and skip are said at once",
        "which was accepted and is 0 times on record",
    ),
    Mutant(
        "words of earlier lives",
        RetriableCalls,
        "find_earlier_resolution",
        forget_words,
        f"{COMMIT} is refused and marked as done, ended when the word was on record, and reset",
        "commit_inventory is left to people, and its action is done",
    ),
    Mutant(
        "a pivot that has landed",
        Saga,
        "step",
        ask_all_the_same,
        f"{COMMIT} terminated and reset, then refused at validate_user:user.validate",
        "the workflow was open",
    ),
    Mutant(
        "failures that are kept",
        errors,
        "_unavailable",
        never_kept,
        "charge_payment:payment.charge confirming its intent is a 500 that is kept",
        "ended as timed_out, not as confirmed",
    ),
    Mutant(
        "the undo in the input",
        order_saga,
        "_later",
        forget_the_undo,
        "charge_payment:payment.charge terminated and audited",
        "ended as confirmed, not as cancelled",
    ),
    Mutant(
        "evidence of what has landed",
        Diagnoses,
        "_has_landed",
        nothing_has_landed,
        f"workflow:its end {set_back_kind('order')} at confirm_order:order.confirm",
        "of a confirmed order 1000 is refunded, and 0 by hand",
    ),
    Mutant(
        "dry runs",
        Tallying,
        "admit",
        repair_all_the_same,
        f"workflow:its end {set_back_kind('order')} at create_order:order.create",
        "a dry run of the audit changed",
    ),
    Mutant(
        "workflow ids",
        order_saga,
        "check_id",
        any_id,
        "charge_payment:payment.charge the same is started under another id and cancelled",
        "ran, and ended as",
    ),
    Mutant(
        "replies that can be read",
        activity_execution,
        "read_reply",
        read_as_it_comes,
        "reserve_inventory:inventory.reserve is completed by hand with garbage",
        "the workflow was open",
    ),
    Mutant(
        "one command of a key",
        Barrier,
        "_same_command",
        same_whatever_it_says,
        "workflow:its end another is started under its id after its end",
        "stock (stocked, available, reserved, sold)",
    ),
)
