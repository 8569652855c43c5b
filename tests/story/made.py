"""Orders that are made up, as they stand and as each source tells of them: no source is needed."""

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from api.story.facts import INVENTORY, PAYMENT, PROVIDER, TEMPORAL, OrderFacts, read_facts
from api.temporal.observed_saga import ObservedSaga
from api.temporal.saga_gateway import OrderSagas
from api.temporal.troubles import Kind, SagaTrouble, Trouble
from api.trouble.trouble_list import TroubleList
from contracts.base import Money
from contracts.event_records import RecordedEvent
from contracts.inventory import Holding
from contracts.names import return_id, workflow_id
from contracts.orders import Order, OrderLine, OrderStatus
from contracts.payments import Kept, Payment, PaymentStatus
from saga import SagaState, SagaView
from saga.participant import NotFound, Unavailable
from services.composition import Services
from tests.story.oracle import Run, Truth

ORDER_SERVICE = "The order service"  # without it, nothing is told
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ORDER, TOTAL, PIECES = "ord_1", 900, 2
ENDED = {SagaState.COMPLETED, SagaState.COMPENSATED}
T = TypeVar("T")


@dataclass(frozen=True)
class Made:
    """An order. `kept`: what the provider has of it, in minor units. `goods`: reserved, and sold.

    `placing` and `returning` are how its sagas stand; None if there is none. A saga that `ended`
    was ended from outside. `events`: types, with the step and the operator's word, if any.
    """

    name: str
    status: OrderStatus
    payment: PaymentStatus | None = None
    kept: int = 0
    goods: tuple[int, int] = (0, 0)
    placing: SagaState | None = SagaState.COMPENSATED
    returning: SagaState | None = None
    ended: bool = False
    events: tuple[tuple[str, str, str], ...] = ()

    @property
    def runs(self) -> dict[str, SagaState]:
        """Its sagas, by id."""
        both = {workflow_id(ORDER): self.placing, return_id(ORDER): self.returning}
        return {saga_id: state for saga_id, state in both.items() if state is not None}

    def truth(self, silent: frozenset[str]) -> Truth:
        """How it stands."""
        took = self.kept or self.payment in {PaymentStatus.CAPTURED, PaymentStatus.REFUNDED}
        captured = TOTAL if took else 0
        steps = [(step, word) for _, step, word in self.events if step]
        return Truth(
            status=self.status,
            customer="usr_1",
            reason="",
            events=(),
            total=TOTAL,
            quantity=PIECES,
            captured=captured,
            refunded=captured - self.kept,
            refund_failed=self.payment is PaymentStatus.REFUNDED and self.kept > 0,
            payment=self.payment or "none",
            available=0,
            reserved=self.goods[0],
            sold=self.goods[1],
            runs={saga_id: self._run(state) for saga_id, state in self.runs.items()},
            blocked=frozenset((workflow_id(ORDER), step) for step, word in steps if not word),
            words=tuple((step, word) for step, word in steps if word),
            barrier={},
            silent=silent,
        )

    def _run(self, state: SagaState) -> Run:
        open_as = "terminated" if self.ended else "running"
        return Run(status="completed" if state in ENDED else open_as, fails=False, halted=False)

    async def read(self, down: frozenset[str]) -> OrderFacts:
        """What is read of it while these do not answer."""
        source = cast("Any", Sources(self, down))
        sagas, troubles = cast("OrderSagas", source), cast("TroubleList", source)
        return await read_facts(ORDER, cast("Services", source), sagas, troubles)


class Sources:
    """All services, and Temporal, as far as `read_facts` asks them."""

    def __init__(self, made: Made, down: frozenset[str]) -> None:
        self._made = made
        self._down = down
        self.orders = self.payments = self.inventory = self

    async def _unless_down(self, who: str, answer: T) -> T:
        if who in self._down:
            raise Unavailable(f"{who} is down")
        return answer

    async def get(self, order_id: str) -> Order:
        order = Order(
            id=order_id,
            customer_id="usr_1",
            status=self._made.status,
            items=(OrderLine(sku="ROPE", quantity=PIECES, unit_price=_eur(TOTAL // PIECES)),),
            total=_eur(TOTAL),
            reason=None,
            version=1,
            created_at=AT,
            updated_at=AT,
        )
        return await self._unless_down(ORDER_SERVICE, order)

    async def history(self, order_id: str) -> list[RecordedEvent]:
        saga_id = workflow_id(order_id)
        events = [
            RecordedEvent(
                version=version,
                type=kind,
                data={"step": step, "blocked": "it was refused.", "saga_id": saga_id}
                | ({"action": word, "who": "ada", "evidence": "slip"} if word else {}),
                recorded_at=AT,
            )
            for version, (kind, step, word) in enumerate(self._made.events, start=1)
        ]
        return await self._unless_down(ORDER_SERVICE, events)

    def for_order(self, order_id: str) -> Awaitable[Payment | None]:
        payment = None
        if self._made.payment is not None:
            payment = Payment(
                order_id=order_id, status=self._made.payment, amount=_eur(TOTAL), intent_id="pi_1"
            )
        return self._unless_down(PAYMENT, payment)

    def kept_of(self, order_id: str, intent_id: str | None = None) -> Awaitable[Kept | None]:
        captured = self._made.truth(frozenset()).captured
        kept = Kept(
            intent_id="pi_1",
            order_id=order_id,
            saga_id=workflow_id(order_id),
            amount=_eur(self._made.kept),
            known=True,
            captured=_eur(captured),
        )
        return self._unless_down(PROVIDER, kept if captured else None)

    def list_holdings(self, _saga_ids: list[str]) -> Awaitable[list[Holding]]:
        pieces = self._made.goods[0]
        held = [Holding(saga_id=workflow_id(ORDER), pieces=pieces, seconds=1.0)] if pieces else []
        return self._unless_down(INVENTORY, held)

    def list_left(self, _order_id: str) -> Awaitable[list[SagaTrouble]]:
        """No audit has run."""
        return self._unless_down(TEMPORAL, [])

    def step_recorders(self) -> dict[str, Any]:
        """Nobody's: only sentences are compared."""
        return {}

    async def observe(self, saga_id: str) -> ObservedSaga:
        if saga_id not in self._made.runs:
            await self._unless_down(TEMPORAL, None)
            raise NotFound("unknown_order", "there is none")
        state, trouble = self._made.runs[saga_id], None
        if self._made.ended and state not in ENDED:
            trouble = Trouble(kind=Kind.ENDED, why="it was ended.", way_out="reset it", since=AT)
        view = SagaView(saga_id=saga_id, state=state)
        return await self._unless_down(TEMPORAL, ObservedSaga(saga_id, view, [], {}, trouble))


def _eur(minor: int) -> Money:
    return Money(minor=minor, currency="EUR")


S, P, G = OrderStatus, PaymentStatus, SagaState
BEGUN = ("OrderReturnStarted", "", "")
RETURNED = (BEGUN, ("OrderReturned", "", ""))
SOLD = (0, PIECES)
ORDERS = (
    Made("confirmed", S.CONFIRMED, P.CAPTURED, TOTAL, SOLD, G.COMPLETED),
    Made("a part refunded by hand", S.CONFIRMED, P.CAPTURED, 500, SOLD, G.COMPLETED),
    Made("all refunded by hand", S.CONFIRMED, P.CAPTURED, 0, SOLD, G.COMPLETED),
    Made("refunded without a return", S.CONFIRMED, P.REFUNDED, 0, SOLD, G.COMPLETED),
    Made("being returned", S.CONFIRMED, P.CAPTURED, TOTAL, SOLD, G.COMPLETED, G.RUNNING),
    Made("its return ended", S.CONFIRMED, P.REFUNDED, 0, SOLD, G.COMPLETED, G.RUNNING, ended=True),
    Made("paid back", S.CONFIRMED, P.REFUNDED, 0, SOLD, G.COMPLETED, G.RUNNING, events=(BEGUN,)),
    Made(
        "returned", S.RETURNED, P.REFUNDED, 0, (0, 0), G.COMPLETED, G.COMPLETED, events=RETURNED
    ),
    Made(
        "a refund failed late", S.RETURNED, P.REFUNDED, TOTAL, (0, 0), G.COMPLETED, G.COMPLETED,
        events=RETURNED,
    ),
    Made(
        "skipped", S.RETURNED, P.CAPTURED, TOTAL, (0, 0), G.COMPLETED, G.COMPLETED,
        events=(BEGUN, ("StepUnblocked", "refund_payment", "skip"), RETURNED[1]),
    ),
    Made(
        "done by hand", S.REJECTED, P.CREATED, TOTAL,
        events=(("StepUnblocked", "charge_payment", "mark_done"),),
    ),
    Made("rejected before its charge", S.REJECTED),
    Made("declined", S.REJECTED, P.DECLINED),
    Made("rejected after its charge", S.REJECTED, P.REFUNDED),
    Made("rejected, and kept", S.REJECTED, P.CAPTURED, TOTAL),
    Made("rejected, and reserved", S.REJECTED, P.REFUNDED, 0, (PIECES, 0)),
    Made("cancelled", S.CANCELLED, P.VOIDED),
    Made("cancelled, and perhaps kept", S.CANCELLED, P.CREATED, TOTAL),
    Made("timed out", S.TIMED_OUT, P.REFUNDED),
    Made("at work", S.PENDING, P.CAPTURED, TOTAL, (PIECES, 0), G.RUNNING),
    Made("ended from outside", S.PENDING, P.CAPTURED, TOTAL, (PIECES, 0), G.RUNNING, ended=True),
    Made("forgotten", S.PENDING, P.CAPTURED, TOTAL, (PIECES, 0), None),
    Made(
        "blocked", S.BLOCKED, P.CAPTURED, TOTAL, (0, 0), G.BLOCKED,
        events=(("StepBlocked", "charge_payment", ""),),
    ),
)  # fmt: skip
