"""The trip's saga: flights, hotel, car, vouchers, insurance, approval, payment; then it is booked.

What can be undone comes first, side by side where nothing depends on anything. The confirmation is
the point of no return, and all that is left behind it is an e-mail.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from saga import AwaitedAnswer, Outcome, Refusal, Saga, SagaDefinition, Step, StepKind
    from saga.isolation import CommutativeUpdate, Reread
    from travel import commands
    from travel.activities import Activities
    from travel.insurance import InsuranceActivities
    from travel.messages import Approval, Cancel, Status, Trip, TripRecord
    from travel.queue import QUEUE
    from travel.workflow import SagaWorkflow

TOO_LATE = "TooLate"
SEATS = "the seats of a flight"
DECLINED = Refusal("declined", "the traveller does not want the trip as it is")

RECORD = Step(
    name="trip",
    kind=StepKind.COMPENSATABLE,
    queue=QUEUE,
    command=commands.the_trip,
    action=Activities.open_trip,
    compensation=Activities.close_trip,
    concludes=True,  # a trip is called off when all else is undone
    does="records the trip as pending",
    undoes="records why the trip is not booked",
)
OUTBOUND = Step(
    name="outbound",
    kind=StepKind.COMPENSATABLE,
    queue=QUEUE,
    command=commands.outbound_seats,
    action=Activities.book_outbound,
    compensation=Activities.cancel_outbound,
    does="books the flight there",
    undoes="gives the seats back",
)
INBOUND = Step(
    name="inbound",
    kind=StepKind.COMPENSATABLE,
    queue=QUEUE,
    command=commands.inbound_seats,
    action=Activities.book_inbound,
    compensation=Activities.cancel_inbound,
    does="books the flight back",
    undoes="gives the seats back",
)
HOTEL = Step(
    name="hotel",
    kind=StepKind.COMPENSATABLE,
    queue=QUEUE,
    command=commands.rooms,
    action=Activities.book_hotel,
    compensation=Activities.cancel_hotel,
    does="books the rooms",
    undoes="gives the rooms back",
)
CAR = Step(
    name="car",
    kind=StepKind.COMPENSATABLE,
    queue=QUEUE,
    command=commands.car,
    action=Activities.rent_car,
    compensation=Activities.cancel_car,
    probe=Activities.find_car,  # its replies are lost more often than its cars
    does="rents a car of another company",
    undoes="cancels the car, or uses the key of a request that is still on its way",
)
VOUCHER = Step(
    name="voucher",
    kind=StepKind.COMPENSATABLE,
    queue=QUEUE,
    commands=commands.vouchers,
    action=Activities.issue_voucher,
    compensation=Activities.revoke_voucher,
    does="issues a voucher to each passenger",
    undoes="revokes the voucher",
)
INSURANCE = Step(
    name="insurance",
    kind=StepKind.COMPENSATABLE,
    queue=QUEUE,
    command=commands.insurance,
    action=InsuranceActivities.buy,
    compensation=InsuranceActivities.call_off,
    attempt=timedelta(seconds=10),  # it waits for a saga of its own
    does="insures the trip, in a saga of its own",
    undoes="has that saga undone",
)
APPROVAL = Step(
    name="approval",
    kind=StepKind.COMPENSATABLE,
    queue=QUEUE,
    command=commands.approval_request,
    action=Activities.request_approval,
    compensation=Activities.withdraw_request,
    awaits=AwaitedAnswer(
        answer=Approval,
        within=timedelta(days=2),
        what="the traveller's approval",
        decide=lambda answer: None if answer.approved else DECLINED,
    ),
    does="asks the traveller to approve of all that",
    undoes="withdraws the request",
)
PAYMENT = Step(
    name="payment",
    kind=StepKind.COMPENSATABLE,
    queue=QUEUE,
    command=commands.payment,
    action=Activities.charge,
    compensation=Activities.refund,
    does="charges the price",
    undoes="gives the price back",
)
CONFIRMATION = Step(
    name="confirmation",
    kind=StepKind.PIVOT,
    queue=QUEUE,
    command=commands.the_trip,
    action=Activities.confirm_trip,
    fence=Activities.fence_confirmation,
    does="makes the trip binding",
)
ITINERARY = Step(
    name="itinerary",
    kind=StepKind.RETRIABLE,
    queue=QUEUE,
    command=commands.itinerary,
    action=Activities.send_itinerary,
    does="sends the itinerary to the traveller",
)
TRIP = SagaDefinition(
    name="BookTrip",
    steps=(
        RECORD,
        (OUTBOUND, INBOUND, HOTEL),
        CAR,
        VOUCHER,
        INSURANCE,
        APPROVAL,
        PAYMENT,
        CONFIRMATION,
        ITINERARY,
    ),
    deadline=timedelta(days=3),
    isolation=(
        Reread(on=SEATS, at=OUTBOUND.name),  # they are taken by one conditional update
        CommutativeUpdate(on=SEATS, by=(OUTBOUND.name, INBOUND.name)),
    ),
)


@workflow.defn(name=TRIP.name)
class BookTrip(SagaWorkflow):
    """Books a whole trip, or nothing of it, and says why."""

    definition = TRIP

    @workflow.init
    def __init__(self, trip: Trip) -> None:
        self._saga = Saga(self.definition, trip, fast_path=trip.fast)

    @workflow.run
    async def run(self, trip: Trip) -> TripRecord:
        """Run the saga. Ends as Canceled on Temporal if it was cancelled there, else Completed."""
        outcome = await self._run()
        result, cause = _result(outcome), outcome.cause
        self._saga.close(outcome, on_record=cause is None or result.reason == cause.code)
        return result

    @workflow.update
    async def answer(self, step: str, answer: Approval) -> None:
        """The traveller's answer to the step `approval`."""
        self._saga.answer(step, answer)

    @answer.validator
    def _can_be_answered(self, step: str, answer: Approval) -> None:
        self._saga.check_answer(step, answer)

    @workflow.update
    async def cancel(self, request: Cancel) -> None:
        """The traveller's cancel. Returns as soon as the trip is certain to be undone."""
        if not await self._saga.cancel("cancelled_by_traveller", request.reason):
            raise ApplicationError("it can no longer be cancelled", type=TOO_LATE)

    @cancel.validator
    def _not_too_late(self, request: Cancel) -> None:
        if not self._saga.cancellable:
            raise ApplicationError("it can no longer be cancelled", type=TOO_LATE)


def _result(outcome: Outcome) -> TripRecord:
    """What is on record: of a saga that has run before, that knows best how it ended.

    If people closed the record themselves, there is only the cause.
    """
    if outcome.cause is None:
        return TripRecord(status=Status.BOOKED)
    closed: TripRecord | None = outcome.undone[RECORD.name]
    return closed or TripRecord(status=Status(outcome.cause.ending), reason=outcome.cause.code)
