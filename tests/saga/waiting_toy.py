"""A toy saga whose second step asks somebody: opening is `two`, withdrawing `undo two`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import NoReturn
from uuid import uuid4

from temporalio import workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from saga import (
    AwaitedAnswer,
    EarlierRuns,
    Refusal,
    Resolution,
    Saga,
    SagaDefinition,
    SagaView,
    Step,
    StepKind,
)
from saga.stretch.worker import StretchPlugin
from tests.saga import environment
from tests.saga.toy import FAST, LAST, ONE, PIVOT, QUEUE, STRETCH, Script, Toy

WITHIN = timedelta(days=2)


@dataclass(frozen=True)
class Approval:
    """What the traveller says."""

    yes: bool
    by: str = "ada"


YES, NO = Approval(yes=True), Approval(yes=False)


@dataclass(frozen=True)
class Wish:
    """The saga's input."""

    style: str = ""
    fast: bool = False
    stretch: bool = False
    later: EarlierRuns | None = None


def command(wish: Wish) -> str:
    """The same for all steps."""
    return "c"


def decide(approval: Approval) -> Refusal | None:
    """Nobody in particular cannot approve."""
    if not approval.by:
        raise ApplicationError("say who approves", type="Nobody")
    return None if approval.yes else Refusal("declined", f"{approval.by} declined")


ASK = Step(
    name="ask",
    kind=StepKind.COMPENSATABLE,
    queue=QUEUE,
    command=command,
    action=Toy.two,
    compensation=Toy.undo_two,
    awaits=AwaitedAnswer(
        answer=Approval, within=WITHIN, what="the traveller's approval", decide=decide
    ),
)
PLAIN = SagaDefinition("WaitingSaga", (ONE, ASK, PIVOT, LAST))
BY_STYLE = {
    "deadline": replace(PLAIN, deadline=timedelta(days=1)),
    "beside": replace(PLAIN, steps=((ONE, ASK), PIVOT, LAST)),
    "twice": replace(
        PLAIN, steps=(ONE, replace(ASK, command=None, commands=lambda _: "cd"), PIVOT, LAST)
    ),
}


@workflow.defn
class WaitingSaga:
    """Runs it."""

    @workflow.init
    def __init__(self, wish: Wish) -> None:
        self._wish = wish
        self._saga = Saga(
            BY_STYLE.get(wish.style, PLAIN),
            wish,
            continue_as_new=self._renew,
            fast_path=wish.fast,
            stretch=wish.stretch,
            earlier_runs=wish.later,
            searchable=True,
        )

    @workflow.run
    async def run(self, wish: Wish) -> str:
        outcome = await self._saga.run()
        await workflow.wait_condition(workflow.all_handlers_finished)
        self._saga.close(outcome)
        said = ",".join(answer.by for answer in self._saga.answers.values())
        return f"completed by {said}" if outcome.cause is None else outcome.cause.code

    def _renew(self, later: EarlierRuns) -> NoReturn:
        workflow.continue_as_new(replace(self._wish, later=later))

    @workflow.update
    async def answer(self, step: str, approval: Approval) -> Refusal | None:
        """What the traveller says."""
        return self._saga.answer(step, approval)

    @answer.validator
    def _check(self, step: str, approval: Approval) -> None:
        self._saga.check_answer(step, approval)

    @workflow.signal
    def approval(self, step: str, approval: RawValue) -> None:
        """The same from an old tool."""
        self._saga.answer_by_signal(step, approval)

    @workflow.update
    async def cancel(self) -> bool:
        """Ask for a cancel."""
        return await self._saga.cancel("by_customer", "no more")

    @workflow.update
    async def resolve(self, resolution: Resolution) -> None:
        """An operator's word."""
        await self._saga.resolve(resolution)

    @workflow.query
    def saga(self) -> SagaView:
        """The view."""
        return self._saga.view


Handle = WorkflowHandle[WaitingSaga, str]


@asynccontextmanager
async def asking(
    client: Client,
    script: Script,
    style: str = "",
    later: EarlierRuns | None = None,
    *,
    cached: int = 0,
) -> AsyncIterator[Handle]:
    """The saga, started, with its worker. Nothing is cached, so that everything is replayed."""
    worker = Worker(
        client,
        task_queue=QUEUE,
        workflows=[WaitingSaga],
        activities=Toy(script).all(),
        max_cached_workflows=cached,
        workflow_runner=environment.GUARDS,
        plugins=[StretchPlugin()],
    )
    wish = Wish(style, FAST in environment.PATH, STRETCH in environment.PATH, later)
    async with worker:
        yield await client.start_workflow(
            WaitingSaga.run, wish, id=f"asking-{uuid4()}", task_queue=QUEUE
        )
