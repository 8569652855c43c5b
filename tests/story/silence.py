"""What is told of an order while some do not answer, compared with how it stands."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from itertools import chain, combinations

from api.story.facts import INVENTORY, PAYMENT, PROVIDER, TEMPORAL, OrderFacts, read_facts
from api.story.money import MoneyState
from api.story.order_story import tell_story
from api.temporal.saga_gateway import OrderSagas
from api.trouble.trouble_list import TroubleList
from saga.participant import Unavailable
from services.composition import Services
from tests.story.claims import About, parse, values
from tests.story.oracle import Truth
from tests.story.rendered import check
from tests.support.silence import silence
from tests.support.world import World

SOURCES = (PAYMENT, PROVIDER, INVENTORY, TEMPORAL)
SUBSETS = [
    frozenset(some)
    for some in chain.from_iterable(
        combinations(SOURCES, number) for number in range(1 + len(SOURCES))
    )
]
TWO_STOPS = re.compile(r"(?<!\.)\.\.(?!\.)")
PERHAPS = {MoneyState.PERHAPS_HELD, MoneyState.SETTLED, MoneyState.WRITTEN_OFF}


def find_lies(facts: OrderFacts, truth: Truth, down: frozenset[str]) -> Iterator[str]:
    """What is told by these facts, read while these did not answer, and is not so."""
    story, silent = tell_story(facts), frozenset(facts.silent)
    truth = replace(truth, silent=silent)
    for text in (story.says, story.next, story.money.says, story.stock.says):
        yield from check(text, parse(text), truth)
        if TWO_STOPS.search(text):
            yield f"a full stop too many: {text}"
    if set(story.not_answering) != silent or not silent <= down:
        yield f"silent are {silent}, and told is {story.not_answering}"
    if values(parse(story.says), About.SILENT) != silent:
        yield f"{silent} do not answer: {story.says}"
    held = {None, truth.held} | ({truth.total} if story.money.state in PERHAPS else set())
    if (story.money.held.minor if story.money.held else None) not in held:
        yield f"{story.money} is held: {truth}"
    if story.stock.pieces not in {truth.reserved, None}:
        yield f"{story.stock} is reserved: {truth}"


async def find_lies_in_silence(world: World, order_id: str, truth: Truth) -> AsyncIterator[str]:
    """What is told of an order that stands like this while any of them do not answer.

    One whose first step is not on record is known to Temporal alone.
    """
    for down in SUBSETS:
        sagas = OrderSagas(world.client, fast_path=True)
        services = _silence_services(world.services, down)
        troubles = TroubleList(world.client, services)
        if TEMPORAL in down:
            sagas, troubles = silence(sagas), silence(troubles)
        try:
            facts = await read_facts(order_id, services, sagas, troubles)
        except Unavailable:
            if not (truth.status == "none" and TEMPORAL in down):
                raise
        else:
            for lie in find_lies(facts, truth, down):
                yield f"without {sorted(down)}: {lie}"


def _silence_services(services: Services, down: frozenset[str]) -> Services:
    if PROVIDER in down:
        services = replace(services, payments=silence(services.payments, "kept_of"))
    if PAYMENT in down:
        services = replace(services, payments=silence(services.payments))
    if INVENTORY in down:
        services = replace(services, inventory=silence(services.inventory))
    return services
