"""What is claimed of an order, compared with how it stands: every contradiction in words."""

import re
from collections.abc import Iterator

from api.temporal.troubles import GOING_ON
from tests.story.claims import About, Claim, parse, values
from tests.story.messages import compare_messages
from tests.story.oracle import FINAL, Truth
from tests.story.rendered import (
    check,
    compare_details,
    compare_explain,
    compare_page,
    compare_steps,
    minor_units,
)
from tests.story.settled import compare_settled
from tests.story.surfaces import Told


def contradictions(told: Told, truth: Truth) -> list[str]:
    """All of them, each with who says it."""
    return [
        *_of_story(told, truth),
        *_of_order(told, truth),
        *_of_attention(told, truth),
        *compare_explain(told, truth),
        *compare_page(told, truth),
        *compare_steps(told, truth),
        *compare_details(told, truth),
        *compare_messages(told, truth),
        *compare_settled(told, truth),
    ]


def _of_story(told: Told, truth: Truth) -> Iterator[str]:
    story = told.story
    says, after = parse(story["says"]), parse(story["next"])
    money, stock = parse(story["money"]["says"]), parse(story["stock"]["says"])
    for name, claims in (("says", says), ("next", after), ("money", money), ("stock", stock)):
        yield from check(f"story.{name}", claims, truth)
    yield from _find_unsaid(truth, says, after)
    told_held = values(money, About.HELD) | values(money, About.MAYBE_HELD)
    if truth.payment != "created" and told_held != {str(truth.held)}:
        yield f"story.money: says nothing of the {truth.held} that are held"
    if values(stock, About.RESERVED) != {str(truth.reserved)}:
        yield f"story.stock: not the {truth.reserved} pieces that are reserved"
    yield from _check_figures(story, truth)


def _find_unsaid(truth: Truth, says: frozenset[Claim], after: frozenset[Claim]) -> Iterator[str]:
    """What somebody must know, and is not told."""
    if truth.wants_person and Claim(About.PERSON) not in after:
        yield f"story.next: does not say that a person must act: {truth}"
    all_said = says | after
    is_open = truth.status not in FINAL or truth.returning
    if truth.goes_on and is_open and Claim(About.GOES_ON) not in all_said:
        yield f"story: does not say that it goes on by itself: {truth}"
    if not all_said & {Claim(About.PERSON), Claim(About.NOTHING_TO_DO), Claim(About.GOES_ON)}:
        yield "story: does not say who must do something"
    for word in {action for _, action in truth.words}:
        if Claim(About.WORD, word) not in says and truth.status in FINAL:
            yield f"story.says: nothing of the {word} that was said"


def _check_figures(story: dict[str, object], truth: Truth) -> Iterator[str]:
    money, stock = story["money"], story["stock"]
    assert isinstance(money, dict)
    assert isinstance(stock, dict)
    possible = {truth.held} | ({0, truth.total} if truth.payment == "created" else set())
    if money["held"]["minor"] not in possible:
        yield f"story.money.held is {money['held']}, and the ledger has {truth.held}"
    settled = truth.status == "confirmed" and not truth.returning
    at_stake = 0 if settled or any(step in MONEY for step, _ in truth.words) else truth.held
    if money["at_stake"]["minor"] not in {at_stake, *(possible - {truth.held})}:
        yield f"story.money.at_stake is {money['at_stake']}, and {at_stake} are: {truth}"
    if stock["pieces"] != truth.reserved:
        yield f"story.stock.pieces is {stock['pieces']}, and {truth.reserved} are reserved"
    blocked = {(step["saga_id"], step["step"]) for step in story["blocked"]}  # type: ignore[attr-defined]
    if blocked != truth.blocked:
        yield f"story.blocked is {blocked}, and {set(truth.blocked)} are"


MONEY = {"charge_payment", "refund_payment"}


def _of_order(told: Told, truth: Truth) -> Iterator[str]:
    status = told.order["status"]
    if status != truth.status and not (truth.status == "none" and status == "pending"):
        yield f"order.status is {status}, and {truth.status} is on record"
    if truth.total and told.order["total"]["minor"] != truth.total:
        yield f"order.total is {told.order['total']}, and {truth.total} is on record"
    head = re.search(r"^(\S+) (\w+) ([\d,.]+) EUR$", told.shown, re.MULTILINE)
    if head is None or head[2] != status or head[1] != told.order["id"]:
        yield f"order show: {told.shown.splitlines()[:2]}"
    elif minor_units(head[3]) != told.order["total"]["minor"]:
        yield f"order show: the total is {head[3]}"


def _of_attention(told: Told, truth: Truth) -> Iterator[str]:
    for row in told.attention:
        run = truth.runs[row["saga_id"]]
        kind, stake = row["trouble"]["kind"], row["stake"]
        its = {step for saga_id, step in truth.blocked if saga_id == row["saga_id"]}
        if (kind == "blocked") != bool(its):
            yield f"attention: {row['saga_id']} is {kind}, and blocked are {its}"
        if run.goes_on and not its and kind not in MAY_GO_ON:
            yield f"attention: {row['saga_id']} is {kind}, and goes on: {run}"
        settled = truth.status == "confirmed" and not truth.returning
        possible = {0 if settled else truth.held}
        possible |= {0, truth.total} if truth.payment == "created" else set()
        if stake["money"]["minor"] not in possible:
            yield f"attention: at stake are {stake['money']}, and {possible} are: {truth}"
        if stake["pieces"] != truth.reserved:
            yield f"attention: at stake are {stake['pieces']} pieces, and {truth.reserved} are held"
        if f"{row['saga_id']} {kind} since" not in told.stuck:
            yield f"saga stuck: does not tell of {row['saga_id']} as {kind}"
    kinds = {row["trouble"]["kind"] for row in told.attention}
    wrong = bool(kinds - GOING_ON - {"unknown_status"})
    # What cannot be judged is known of a saga that is late, and this list takes each for late.
    possible_needs = {wrong, "unknown_status" in kinds or wrong}
    if told.story["needs_attention"] not in possible_needs:
        yield f"story.needs_attention is not {wrong}, and listed are {told.attention}"
    listed = {row["saga_id"] for row in told.attention}
    stuck = {saga_id for saga_id, _ in truth.blocked}
    stuck |= {saga_id for saga_id, run in truth.runs.items() if _is_bad(run.status, run.goes_on)}
    for saga_id in stuck - listed:
        yield f"attention: {saga_id} is not listed: {truth}"


MAY_GO_ON = {"slow", "retrying", "held_back", "unknown_status"}  # kinds of trouble


def _is_bad(status: str, goes_on: bool) -> bool:
    return not goes_on and status not in {"completed", "canceled", "continued_as_new"}
