"""All that the console shows of one order: its story, its facts, and pictures of its sagas."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from api.dependencies import Backend
from api.story.facts import OrderFacts, TitledSaga
from api.story.order_story import OrderStory
from api.story.reading import read_story
from api.temporal.troubles import Kind, Trouble
from console.saga_diagram import Picture, draw
from contracts.event_records import RecordedEvent
from contracts.names import order_of
from contracts.orders import Order
from contracts.payments import Payment


@dataclass(frozen=True)
class OrderDetails:
    """An order's facts, its story, and the pictures of its sagas that tell of themselves.

    The newest picture comes last.
    """

    facts: OrderFacts
    story: OrderStory
    sagas: Sequence[Picture]

    @property
    def order(self) -> Order:
        """The order, as recorded or as accepted."""
        return self.facts.order

    @property
    def events(self) -> Sequence[RecordedEvent]:
        """What is in its history."""
        return self.facts.events

    @property
    def payment(self) -> Payment | None:
        """Its payment; None if no charge was begun, or if that is not known."""
        return self.facts.payment

    @property
    def silent(self) -> Sequence[str]:
        """Who did not answer."""
        return self.facts.silent

    @property
    def troubles(self) -> Sequence[Trouble]:
        """What is wrong with its sagas."""
        return [each.trouble for each in self.story.troubles]

    @property
    def may_be_settled(self) -> bool:
        """Whether its money is in trouble, so that a word on it may help."""
        kinds = {trouble.kind for trouble in self.troubles}
        return not self.order.status.is_open and Kind.DISCREPANCY in kinds

    @property
    def saga(self) -> Picture | None:
        """The newest saga."""
        return self.sagas[-1] if self.sagas else None

    @property
    def is_open(self) -> bool:
        """Whether it changes by itself."""
        return self.order.status.is_open or any(saga.is_open for saga in self.sagas)

    @property
    def is_returning(self) -> bool:
        """Whether a return is under way."""
        return self.facts.is_returning


async def read_order_details(order_id: str, deps: Backend) -> OrderDetails:
    """Read them. NotFound if there is no such order; Unavailable if orders cannot be read."""
    facts, story = await read_story(order_id, deps.services, deps.sagas, deps.troubles)
    drawn = (_draw(each) for each in facts.sagas)
    return OrderDetails(facts, story, [picture for picture in drawn if picture])


async def read_details_of_saga(saga_id: str, deps: Backend) -> OrderDetails:
    """The case of the order that a saga is about."""
    return await read_order_details(order_of(saga_id), deps)


def _draw(each: TitledSaga) -> Picture | None:
    """What a saga tells of itself, if it does."""
    if each.saga.view is None:
        return None
    now = datetime.now(UTC)
    return draw(each.title, each.saga.view, each.saga.tries, now, state=each.saga.state)
