"""The insurance's saga, a child of the trip's: charge the premium, issue the policy.

It has no pivot, so it can be undone even when it is done: that is what its parent does. A saga is
one by its workflow's id, which here is computed from the parent's step. So a purchase that comes
after it was called off finds the workflow there, and buys nothing.
"""

from contextlib import suppress

from temporalio import activity, workflow
from temporalio.client import WorkflowHandle
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from saga import (
    Call,
    EarlierRuns,
    FailureCause,
    FailureKind,
    Saga,
    SagaDefinition,
    Step,
    StepKind,
    rejection,
)

with workflow.unsafe.imports_passed_through():
    from travel.activities import Activities
    from travel.messages import Charge, Document, Insurance, InsuranceOutcome, Insure
    from travel.queue import QUEUE
    from travel.workflow import SagaWorkflow

INSURED = "insured"
CALLED_OFF = FailureCause(FailureKind.CANCELLED, "called_off", "the trip is called off")


def premium(given: Insurance) -> Charge:
    """From the traveller's account."""
    return Charge(account=given.insure.account, amount=given.insure.premium)


def policy(given: Insurance) -> Document:
    """Of the whole trip."""
    return Document(kind="policy", trip_id=given.insure.trip_id, holder=given.insure.account)


PREMIUM = Step(
    name="premium",
    kind=StepKind.COMPENSATABLE,
    queue=QUEUE,
    command=premium,
    action=Activities.charge,
    compensation=Activities.refund,
    does="charges the premium",
    undoes="gives the premium back",
)
POLICY = Step(
    name="policy",
    kind=StepKind.COMPENSATABLE,
    queue=QUEUE,
    command=policy,
    action=Activities.issue_policy,
    compensation=Activities.revoke_policy,
    does="issues the policy",
    undoes="revokes the policy",
)
INSURANCE = SagaDefinition(name="InsureTrip", steps=(PREMIUM, POLICY))


@workflow.defn(name=INSURANCE.name)
class InsureTrip(SagaWorkflow):
    """Takes out the insurance, or nothing of it; or undoes what an earlier life of it did."""

    @workflow.init
    def __init__(self, given: Insurance) -> None:
        later = EarlierRuns(undo=CALLED_OFF) if given.undo else None
        self._saga = Saga(INSURANCE, given, earlier_runs=later)

    @workflow.run
    async def run(self, given: Insurance) -> InsuranceOutcome:
        """Run the saga. Ends as Canceled on Temporal if it was cancelled there, else Completed."""
        outcome = await self._run()
        self._saga.close(outcome)
        if (cause := outcome.cause) is None:
            return InsuranceOutcome(status=INSURED)
        return InsuranceOutcome(status=cause.ending.value, reason=cause.code)

    @workflow.signal
    def call_off(self) -> None:
        """Undo what is under way. A life that undoes already needs no telling."""
        self._saga.request_cancel(CALLED_OFF.code, CALLED_OFF.detail)


Child = WorkflowHandle[InsureTrip, InsuranceOutcome]


class InsuranceActivities:
    """The parent's step: its action starts the child, its compensation has the child undone."""

    @activity.defn(name="insurance.buy")
    async def buy(self, call: Call, insure: Insure) -> None:
        """Action of `insurance`. Rejected with the child's reason if it was not insured."""
        client, child_id = activity.client(), _child_id(call)
        with suppress(WorkflowAlreadyStartedError):  # by an earlier attempt, or to undo it
            await client.start_workflow(
                InsureTrip.run,
                Insurance(insure=insure),
                id=child_id,
                task_queue=QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            )
        child: Child = client.get_workflow_handle(child_id, result_type=InsuranceOutcome)
        if (ended := await child.result()).status != INSURED:
            raise rejection(ended.reason, f"the trip is not insured: {ended.reason}")

    @activity.defn(name="insurance.call_off")
    async def call_off(self, call: Call, insure: Insure) -> None:
        """Compensation of `insurance`. A purchase that runs is told; else a new life undoes it."""
        child = await activity.client().start_workflow(
            InsureTrip.run,
            Insurance(insure=insure, undo=True),
            id=_child_id(call),
            task_queue=QUEUE,
            start_signal="call_off",
        )
        if (await child.result()).status == INSURED:
            raise RuntimeError(f"{child.id} was called off, and went on all the same")


def _child_id(call: Call) -> str:
    return f"{call.saga_id}/{call.step}"
