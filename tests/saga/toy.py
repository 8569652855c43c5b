"""The smallest saga: two compensatable steps, a pivot and a retriable one, over a script.

The script says what each activity does, attempt by attempt; the log says what happened.
"""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, NoReturn

from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError

from saga import (
    HELD_BACK,
    BlockedStepEvent,
    Call,
    EarlierRuns,
    FailureCause,
    FailureKind,
    Resolution,
    Saga,
    SagaDefinition,
    SagaView,
    Step,
    StepKind,
    pending,
    rejection,
)

QUEUE = "toy"
FAST, STRETCH = "fast ", "stretch "  # before a style, one or both
LATER, UNDO = "later ", "undo "  # before that: a later life of the saga, and one to be undone
REJECT, FAIL, FINAL, HOLD, EMPTY = "reject", "fail", "final", "hold", "empty"
PENDING = "pending"  # somebody else has to act first


@dataclass
class Script:
    """What activities do, by name, one word an attempt; the last word holds for all that follow.

    `name:step` is for that step only. `words`: what operators said in earlier lives of the saga.
    """

    says: dict[str, list[str]] = field(default_factory=dict)
    fenced: bool = False
    lost: bool = False
    words: list[Resolution] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    calls: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    keys: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def act(self, name: str, call: Call | None = None) -> str:
        """One attempt."""
        said = name
        if call is not None:
            self.keys[name].append(call.step)
            said = f"{name}:{call.step}" if f"{name}:{call.step}" in self.says else name
        words = self.says.get(said, ["ok"])
        word = words[min(self.calls[said], len(words) - 1)]
        self.calls[said] += 1
        if word == REJECT:
            raise rejection("no", f"{name} says no")
        if word == FAIL:
            raise ApplicationError(f"{name} fails")
        if word == FINAL:
            raise ApplicationError(f"{name} is broken", type="Broken", non_retryable=True)
        if word == PENDING:
            raise pending(f"{name} waits for the bank", {"url": "https://bank.example"})
        if word == EMPTY:
            return None  # type: ignore[return-value]  # as if somebody had completed it by hand
        if word == HOLD:
            delay = timedelta(seconds=5)
            raise ApplicationError("left alone", type=HELD_BACK, next_retry_delay=delay)
        self.log.append(name)
        return name


class Toy:
    """The activities."""

    def __init__(self, script: Script) -> None:
        self._script = script

    @activity.defn(name="toy.one")
    async def one(self, call: Call, command: str) -> str:
        return self._script.act("one")

    @activity.defn(name="toy.undo_one")
    async def undo_one(self, call: Call, command: str) -> str:
        assert call.cause is not None
        return self._script.act("undo one")

    @activity.defn(name="toy.two")
    async def two(self, call: Call, command: str) -> str:
        return self._script.act("two", call)

    @activity.defn(name="toy.undo_two")
    async def undo_two(self, call: Call, command: str) -> str:
        return self._script.act("undo two", call)

    @activity.defn(name="toy.pivot")
    async def pivot(self, call: Call, command: str) -> str:
        return self._script.act("pivot")

    @activity.defn(name="toy.fence")
    async def fence(self, call: Call) -> bool:
        self._script.act("fence")
        return self._script.fenced

    @activity.defn(name="toy.last")
    async def last(self, call: Call, command: str) -> str:
        return self._script.act("last")

    @activity.defn(name="toy.probe")
    async def probe(self, call: Call, command: str) -> str | None:
        return None if self._script.act("probe") and self._script.lost else "two"

    @activity.defn(name="toy.words")
    async def words(self, call: Call) -> list[Resolution]:
        return self._script.words

    def all(self) -> list[Any]:
        """For a worker."""
        names = ("one", "undo_one", "two", "undo_two", "pivot", "fence", "last", "probe", "words")
        return [getattr(self, name) for name in names]


def command(style: str) -> str:
    """The same for all steps."""
    return "c"


ONE = Step(
    name="one",
    kind=StepKind.COMPENSATABLE,
    queue=QUEUE,
    command=command,
    action=Toy.one,
    compensation=Toy.undo_one,
    concludes=True,
)
TWO = Step(
    name="two",
    kind=StepKind.COMPENSATABLE,
    queue=QUEUE,
    command=command,
    action=Toy.two,
    compensation=Toy.undo_two,
)
PROBED = replace(TWO, name="two", probe=Toy.probe)
REPEATED = replace(TWO, command=None, commands=lambda _: ("c", "d"))
PIVOT = Step(
    name="pivot",
    kind=StepKind.PIVOT,
    queue=QUEUE,
    command=command,
    action=Toy.pivot,
    fence=Toy.fence,
)
IMPATIENT = replace(PIVOT, park_after=timedelta(seconds=1))
LAST = Step(name="last", kind=StepKind.RETRIABLE, queue=QUEUE, command=command, action=Toy.last)

PLAIN = SagaDefinition("ToySaga", (ONE, TWO, PIVOT, LAST))
BY_STYLE = {
    "deadline": replace(PLAIN, deadline=timedelta(minutes=2)),
    "impatient": replace(PLAIN, steps=(ONE, TWO, IMPATIENT, LAST)),
    "probed": replace(PLAIN, steps=(ONE, PROBED, PIVOT, LAST)),
    "repeated": replace(PLAIN, steps=(ONE, REPEATED, PIVOT, LAST)),
    "together": replace(PLAIN, steps=((ONE, TWO), PIVOT, LAST)),
}
BY_ITS_TABLE = {"", *BY_STYLE} - {"deadline"}


@workflow.defn(name="ToySaga")
class ToySaga:
    """Runs the toy; `style` makes the forward path misbehave in one way."""

    @workflow.init
    def __init__(self, style: str) -> None:
        self._input = style
        fast, style = style.startswith(FAST), style.removeprefix(FAST)
        stretch, style = style.startswith(STRETCH), style.removeprefix(STRETCH)
        later = _later(style)
        style = style.removeprefix(LATER).removeprefix(UNDO)
        self._saga = Saga(
            BY_STYLE.get(style, PLAIN),
            style,
            on_blocked=self._notify,
            load_resolutions=self._recall,
            continue_as_new=self._renew,
            fast_path=fast,
            stretch=stretch,
            earlier_runs=later,
            searchable=True,
        )
        self._style = style
        self._mended = False
        self._notices: list[BlockedStepEvent] = []

    @workflow.run
    async def run(self, style: str) -> str:
        path = None if self._style in BY_ITS_TABLE else self._forward
        outcome = await self._saga.run(path)
        self._saga.close(outcome)
        return "completed" if outcome.cause is None else outcome.cause.code

    async def _forward(self) -> None:
        step = self._saga.step
        await step(ONE)
        await self._misbehave()
        await step(TWO)
        await step(PIVOT)
        if self._style == "unsound":
            raise ApplicationError("something that is no step fails")
        if self._style == "sleeps after the pivot":
            await asyncio.sleep(60)
        await step(LAST)

    async def _misbehave(self) -> None:
        if self._style in {"timer", "timer once", "deadline"}:
            self._style = "" if self._style == "timer once" else self._style
            await workflow.sleep(3600)
        if self._style == "swallows":
            try:
                await workflow.sleep(3600)
            except BaseException:  # noqa: BLE001 - the mistake under test
                workflow.logger.info("swallowed")
        if self._style == "bug" and not self._mended:
            raise KeyError("a bug")

    async def _recall(self) -> list[Resolution]:
        words: list[Resolution] = await self._saga.ask(LAST, Toy.words)
        return words

    def _renew(self, later: EarlierRuns) -> NoReturn:
        path = "".join(word for word in (FAST, STRETCH) if word in self._input)
        workflow.continue_as_new(path + (UNDO if later.undo else LATER) + self._style)

    async def _notify(self, notice: BlockedStepEvent) -> None:
        self._notices.append(notice)

    @workflow.query
    def notices(self) -> list[BlockedStepEvent]:
        """What was told for the record."""
        return self._notices

    @workflow.update
    async def resolve(self, resolution: Resolution) -> None:
        """An operator's word."""
        await self._saga.resolve(resolution)

    @resolve.validator
    def _check(self, resolution: Resolution) -> None:
        self._saga.check_resolution(resolution)

    @workflow.query
    def saga(self) -> SagaView:
        """The view."""
        return self._saga.view

    @workflow.signal
    def mend(self) -> None:
        """As if the bug were mended by a new deployment."""
        self._mended = True

    @workflow.update
    async def cancel(self) -> bool:
        """Ask for a cancel."""
        return await self._saga.cancel("by_customer", "no more")


def _later(style: str) -> EarlierRuns | None:
    if style.startswith(UNDO):
        return EarlierRuns(
            FailureCause(FailureKind.CANCELLED, "by_audit", "its workflow had ended")
        )
    return EarlierRuns() if style.startswith(LATER) else None
