"""How an order stands, and what happens next, in sentences."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from api.story.blocked_steps import BlockedStep
from api.story.facts import PLACING, TEMPORAL, OrderFacts, TitledSaga
from api.story.money import MoneyState, MoneyStory
from api.story.settled_by_hand import SettledByHand
from api.story.status_words import STATUS_WORDS
from api.story.stock import StockStory
from api.temporal.observed_saga import LockWait
from api.temporal.troubles import Kind, SagaTrouble, Trouble
from contracts.orders import OrderStatus
from saga import WaitView
from workflows.place_order import CONFIRM, CREATE
from workflows.return_order import MARK_RETURNED

ENDS = {CREATE.name, CONFIRM.name}  # the steps that end an order, by undoing or by action
MARKING = {MARK_RETURNED.name}  # the step that records a return whose money and goods are back
LEDGER = "docs/runbooks/ledger.md"
NOT_BACK = {MoneyState.HELD, MoneyState.PERHAPS_HELD}


@dataclass(frozen=True)
class Standing:
    """An order's facts, and what is made of them, from which the sentences come."""

    facts: OrderFacts
    blocked: Sequence[BlockedStep]
    settled: Sequence[SettledByHand]
    money: MoneyStory
    stock: StockStory

    @property
    def troubles(self) -> Sequence[SagaTrouble]:
        """What is wrong, but for what blocked steps explain: their sagas are in no other."""
        blocked = {step.saga_id for step in self.blocked}
        return [each for each in self.facts.troubles if each.saga_id not in blocked]

    @property
    def is_unexplained(self) -> bool:
        """Whether something is wrong of which neither Temporal nor an audit has told."""
        return self.is_adrift or self.contradicts_status

    @property
    def contradicts_status(self) -> bool:
        """Whether money or stock is where the order's status says that it is not.

        What people have settled by a word is not counted. Of those who do not answer, what is on
        record of theirs counts.
        """
        status = self.facts.order.status
        if status.is_open:
            return False
        if status is OrderStatus.CONFIRMED:
            gone, returning = self._is_money_gone, self.facts.is_returning
            return gone and not returning and not self._is_answered_for
        stock = self.stock.pieces if not self.settled else 0
        return self.money.state in NOT_BACK or bool(stock)

    @property
    def _is_answered_for(self) -> bool:
        """Whether somebody has answered for what a confirmed order lacks of its price."""
        held = self.money.held.minor if self.money.held is not None else 0
        missing = self.facts.order.total.minor - held
        covered = [each.covers.minor for each in self.settled if each.covers is not None]
        return max(covered, default=0) >= missing or self._was_answered(MARKING)

    @property
    def _is_money_gone(self) -> bool:
        """Whether less is held than the order costs; by our record, if the provider is silent."""
        held, payment = self.money.held, self.facts.payment
        if held is not None:
            return held.minor < self.facts.order.total.minor
        return payment is not None and not payment.holds_money

    @property
    def is_doubtful(self) -> bool:
        """Whether nobody knows if there is something to do, as somebody does not answer.

        An open order that is carried on needs nobody, whatever the services would say.
        """
        is_open = self.facts.order.status.is_open
        return bool(self.facts.silent) and not (is_open and is_carried(find_placing(self.facts)))

    @property
    def is_being_returned(self) -> bool:
        """Whether a return of it has begun, so that its money and its goods are about to move."""
        return self.facts.order.status is OrderStatus.CONFIRMED and self.facts.is_returning

    @property
    def is_plain(self) -> bool:
        """Whether all is as the order's status has it, by nobody's word, and nobody is silent."""
        by_status = not (self.contradicts_status or self.settled or self.is_being_returned)
        return by_status and not self.facts.silent

    @property
    def is_adrift(self) -> bool:
        """Whether it is open on record, nothing carries it on, and nobody has answered for that."""
        if not self.facts.order.status.is_open or TEMPORAL in self.facts.silent:
            return False
        placing = find_placing(self.facts)
        if placing is not None and placing.has_ended:
            return not self._was_answered(ENDS)
        return not is_carried(placing)

    def _was_answered(self, steps: set[str]) -> bool:
        """Whether an operator has answered for one of these steps."""
        return any(each.step in steps for each in self.settled)


def tell_standing(standing: Standing) -> str:
    """How the order stands, and who does not answer."""
    said = " ".join(_tell_standing(standing))
    return " ".join([said, *_tell_silent(standing.facts, said)])


def _tell_silent(facts: OrderFacts, said: str) -> Iterator[str]:
    """Who does not answer, as far as it is not said; of what is open, Temporal's silence is."""
    for who in facts.silent:
        sentence = f"{who} does not answer."
        untold = who != TEMPORAL or not facts.order.status.is_open
        if untold and sentence.lower() not in said.lower():
            yield sentence


def _tell_standing(standing: Standing) -> Iterator[str]:
    facts, order = standing.facts, standing.facts.order
    placing = find_placing(facts)
    words = STATUS_WORDS[order.status]
    if order.status.is_open and not is_carried(placing):
        yield _tell_not_carried(facts, placing)
        yield from (each.describe() for each in standing.settled)
    elif standing.is_plain or order.status.is_open:
        yield words.means
    else:
        yield words.bare
        if standing.is_being_returned:
            yield "It is being returned."
        yield from (each.describe() for each in standing.settled)
        if standing.contradicts_status:
            yield f"All the same, {standing.money.says} {standing.stock.says}"
    yield from _tell_sagas(standing, placing)


def _tell_sagas(standing: Standing, placing: TitledSaga | None) -> Iterator[str]:
    """What is wrong with them, as far as the order's status does not say so."""
    facts, status = standing.facts, standing.facts.order.status
    titles = {each.saga.saga_id: each.title for each in facts.sagas}
    for each in facts.sagas:
        if each.stands_still and (each is not placing or not status.is_open):
            why = each.saga.trouble.why if each.saga.trouble else ""
            yield f"{each.title} does not go on: {_end_sentence(why)}"
    for found in standing.troubles:
        if found.trouble.kind is Kind.DISCREPANCY and not standing.contradicts_status:
            yield f"Something of it does not agree: {_end_sentence(found.trouble.why)}"
    for step in standing.blocked:
        if status is not OrderStatus.BLOCKED:
            what = titles.get(step.saga_id, PLACING)
            why = _end_sentence(step.why)
            yield f"{what} waits for an operator: {step.step} is blocked, as {why}"


def _end_sentence(quoted: str) -> str:
    """With a full stop, be it the quoted one's own."""
    return f"{quoted.removesuffix('.')}."


def _tell_not_carried(facts: OrderFacts, placing: TitledSaga | None) -> str:
    on_record = f"It is {facts.order.status} on record"
    if placing is not None and placing.saga.trouble is not None:
        return f"{on_record}, and stands still: {_end_sentence(placing.saga.trouble.why)}"
    if TEMPORAL in facts.silent:
        return f"{on_record}; whether it goes on is not known, as no worker answers."
    if placing is not None:
        return f"{on_record}, and its saga has ended."
    return f"{on_record}, and stands still: Temporal has no workflow of it."


def tell_next(standing: Standing) -> str:
    """What happens next, or what a person has to do."""
    facts, order = standing.facts, standing.facts.order
    for found in standing.troubles:
        if not found.trouble.goes_on:
            return _tell_way_out(found.trouble)
    if standing.is_adrift:
        return f"It needs you: have it carried on by saga audit {order.id}"
    if order.status.is_open and find_placing(facts) is None:
        return "See that Temporal and its workers run, and look again: they know if it goes on."
    for step in standing.blocked:
        words = STATUS_WORDS[OrderStatus.BLOCKED].advice
        return words.format(step=step.step, saga=step.saga_id)
    if order.status is OrderStatus.BLOCKED:
        return "It waits for you: saga stuck says for what"
    return _tell_long(standing) or _tell_going_on(facts) or _tell_rest(standing)


def _tell_way_out(trouble: Trouble) -> str:
    """What a person has to do, or what an audit does by itself."""
    if trouble.audited_at is not None:
        return f"{trouble.way_out[:1].upper()}{trouble.way_out[1:]}"
    return f"It needs you: {trouble.way_out}"


def _tell_long(standing: Standing) -> str:
    """What helps with what takes too long, though it goes on; else empty."""
    for found in standing.troubles:
        if found.trouble.goes_on:
            return (
                f"It takes long: {found.trouble.way_out}. Why: {_end_sentence(found.trouble.why)}"
            )
    return ""


def _tell_rest(standing: Standing) -> str:
    """What there is to do about an order of which nothing is at work."""
    order = standing.facts.order
    if standing.contradicts_status:
        return f"It needs you: have it put right by saga audit {order.id}; see {LEDGER}"
    if standing.is_doubtful:
        silent = "; ".join(who.rstrip(",") for who in standing.facts.silent).replace("The ", "the ")
        return f"Nobody knows whether there is something to do until this answers: {silent}"
    if standing.is_being_returned:
        return "Nothing to do: its return is at work, and ends by itself."
    if standing.settled and not (order.status.is_open and is_carried(find_placing(standing.facts))):
        return "Nothing to do, if what was settled by hand is true."
    return STATUS_WORDS[order.status].advice.format(id=order.id)


def _tell_going_on(facts: OrderFacts) -> str:
    """What it waits for, if somebody's answer or a retry is what it waits for; else empty."""
    for each in facts.sagas:
        if (wait := _find_wait(each)) is not None:
            if isinstance(wait, LockWait):
                return f"Nothing to do: it goes on by itself as soon as {wait.what} lets it."
            return f"Nothing to do: it goes on when it is answered, or ends at {wait.until}."
        for retried in each.saga.retried.values():
            then = retried.foretell()
            return f"{then[:1].upper()}{then[1:]}. Why: {_end_sentence(retried.describe())}"
    return ""


def find_placing(facts: OrderFacts) -> TitledSaga | None:
    """The saga that places the order, if Temporal tells of it."""
    return next((each for each in facts.sagas if each.title == PLACING), None)


def is_carried(placing: TitledSaga | None) -> bool:
    """Whether a saga is there that carries the order on, and nothing is wrong with it."""
    return placing is not None and not placing.stands_still and not placing.has_ended


def _find_wait(each: TitledSaga) -> WaitView | None:
    steps = each.saga.view.steps if each.saga.view else []
    return next((step.waiting for step in steps if step.waiting), None)
