"""Reads one order and tells its story: what is found wrong here is in the list of trouble, too."""

from dataclasses import replace

from api.story.facts import OrderFacts, read_facts, tell_once
from api.story.order_story import OrderStory, is_unexplained, tell_story
from api.temporal.saga_gateway import OrderSagas
from api.trouble.trouble_list import TroubleList
from contracts.names import workflow_id
from saga.participant import Unavailable
from services.composition import Services


async def read_story(
    order_id: str, services: Services, sagas: OrderSagas, troubles: TroubleList
) -> tuple[OrderFacts, OrderStory]:
    """The facts and the story that they make. NotFound; Unavailable if orders cannot be read.

    What is wrong and nobody has told of is judged as an audit would, and listed from then on.
    """
    facts = await read_facts(order_id, services, sagas, troubles)
    if is_unexplained(facts):
        saga_ids = {workflow_id(order_id), *(each.saga.saga_id for each in facts.sagas)}
        try:
            found = await troubles.look_into(order_id, sorted(saga_ids))
        except Unavailable:  # who does not answer is in the facts, if it matters
            found = []
        facts = replace(facts, troubles=tell_once([*facts.troubles, *found]))
    return facts, tell_story(facts)
