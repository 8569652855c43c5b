"""How an order stands, and what happens next, in sentences."""

from collections.abc import Iterator, Sequence

from api.story.blocked_steps import BlockedStep
from api.story.facts import PLACING, TEMPORAL, OrderFacts, TitledSaga
from api.story.status_words import STATUS_WORDS
from contracts.orders import OrderStatus
from saga import WaitView


def tell_standing(facts: OrderFacts, blocked: Sequence[BlockedStep]) -> str:
    """How the order stands."""
    return " ".join(_tell_standing(facts, blocked))


def _tell_standing(facts: OrderFacts, blocked: Sequence[BlockedStep]) -> Iterator[str]:
    order, placing = facts.order, find_placing(facts)
    is_carried = placing is not None and placing.saga.trouble is None
    if order.status.is_open and not is_carried:
        yield _tell_not_carried(facts, placing)
    else:
        yield STATUS_WORDS[order.status].means
    titles = {each.saga.saga_id: each.title for each in facts.sagas}
    for each in facts.sagas:
        if each.saga.trouble is not None and (each is not placing or not order.status.is_open):
            yield f"{each.title} does not go on: {each.saga.trouble.why}."
    for step in blocked:
        if order.status is not OrderStatus.BLOCKED:
            what = titles.get(step.saga_id, PLACING)
            yield f"{what} waits for an operator: {step.step} is blocked, as {step.why}."


def _tell_not_carried(facts: OrderFacts, placing: TitledSaga | None) -> str:
    on_record = f"It is {facts.order.status} on record"
    if placing is not None and placing.saga.trouble is not None:
        return f"{on_record}, and nothing carries it on: {placing.saga.trouble.why}."
    if TEMPORAL in facts.silent:
        return f"{on_record}; whether it goes on is not known, as no worker answers."
    return f"{on_record}, and nothing carries it on: Temporal has no workflow of it."


def tell_next(facts: OrderFacts, blocked: Sequence[BlockedStep]) -> str:
    """What happens next, or what a person has to do."""
    order, placing = facts.order, find_placing(facts)
    for each in facts.sagas:
        if each.saga.trouble is not None:
            return f"It needs you: {each.saga.trouble.way_out}"
    if order.status.is_open and placing is None:
        if TEMPORAL in facts.silent:
            return "See that Temporal and its workers run: what is open goes on by itself then."
        return "It needs you: have it carried on by saga audit"
    for step in blocked:
        words = STATUS_WORDS[OrderStatus.BLOCKED].advice
        return words.format(step=step.step, saga=step.saga_id)
    if order.status is OrderStatus.BLOCKED:
        return "It waits for you: saga stuck says for what"
    return _tell_going_on(facts) or STATUS_WORDS[order.status].advice.format(id=order.id)


def _tell_going_on(facts: OrderFacts) -> str:
    """What it waits for, if somebody's answer or a retry is what it waits for; else empty."""
    for each in facts.sagas:
        if (wait := _find_wait(each)) is not None:
            return f"Nothing to do: it goes on when it is answered, or ends at {wait.until}."
        for retried in each.saga.retried.values():
            return f"It goes on by itself as soon as this works: {retried.describe()}"
    return ""


def find_placing(facts: OrderFacts) -> TitledSaga | None:
    """The saga that places the order, if Temporal tells of it."""
    return next((each for each in facts.sagas if each.title == PLACING), None)


def _find_wait(each: TitledSaga) -> WaitView | None:
    steps = each.saga.view.steps if each.saga.view else []
    return next((step.waiting for step in steps if step.waiting), None)
