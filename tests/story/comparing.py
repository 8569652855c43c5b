"""What is claimed of an order, compared with how it stands: every contradiction in words."""

import re
from collections.abc import Callable, Iterator, Mapping

from tests.story.claims import About, Claim, Unknown, parse, values
from tests.story.oracle import FINAL, Truth
from tests.story.surfaces import Told, read_texts

# Words that say something about effects, or about what happens next.
TELLING = re.compile(
    r"\b(held|undone|given back|went back|reserved|shelf|by itself|needs? you|waits? for|"
    r"nothing to do|charged|captured|refunded|binding|customer's)\b",
    re.IGNORECASE,
)
LABELS = ("Money: ", "Stock: ", "What helps: ", "Next: ", "→ ", "Why: ")
CHECKS: Mapping[About, Callable[[Truth, str], bool]] = {
    About.HELD: lambda truth, minor: truth.held == int(minor),
    About.MAYBE_HELD: lambda truth, minor: (
        truth.payment == "created" and truth.held in {0, int(minor)}
    ),
    About.CAPTURED: lambda truth, minor: truth.captured == int(minor),
    About.GIVEN_BACK: lambda truth, minor: truth.refunded == int(minor),
    About.REFUND_FAILED: lambda truth, _: truth.refund_failed and truth.held > 0,
    About.STILL_THERE: lambda truth, _: truth.held > 0,
    About.PAYMENT: lambda truth, status: truth.payment == status,
    About.CHARGED_ONCE: lambda truth, _: (truth.captured, truth.refunded) == (truth.total, 0),
    About.ALL_MONEY_BACK: lambda truth, _: truth.captured == truth.refunded == truth.total,
    About.UNDONE: lambda truth, _: not truth.held and not truth.reserved and not truth.sold,
    About.GOODS_OUT: lambda truth, _: truth.reserved + truth.sold == truth.quantity,
    About.GOODS_BACK: lambda truth, _: not truth.reserved and not truth.sold,
    About.RESERVED: lambda truth, pieces: truth.reserved == int(pieces),
    About.STATUS: lambda truth, status: truth.status in {status, "none"},
    About.RETURNABLE: lambda truth, _: truth.status == "confirmed" and not truth.returning,
    About.UNDER_RETURN: lambda truth, _: truth.status == "confirmed" and truth.returning,
    About.GOES_ON: lambda truth, _: truth.goes_on,
    About.NOT_CARRIED: lambda truth, _: any(
        run.status != "running" or not run.goes_on for run in truth.runs.values()
    ),
    About.BLOCKED: lambda truth, step: step in {name for _, name in truth.blocked},
    About.PERSON: lambda truth, _: truth.wants_person,
    About.NOTHING_TO_DO: lambda truth, _: not truth.wants_person,
    About.WORD: lambda truth, action: action in {word for _, word in truth.words},
}


def contradictions(told: Told, truth: Truth) -> list[str]:
    """All of them, each with who says it."""
    return [
        *_of_story(told, truth),
        *_of_order(told, truth),
        *_of_attention(told, truth),
        *_of_explain(told, truth),
        *_of_page(told, truth),
        *_of_steps(told, truth),
        *_of_details(told, truth),
    ]


def _check(who: str, claims: frozenset[Claim], truth: Truth) -> Iterator[str]:
    for claim in sorted(claims):
        if not CHECKS[claim.about](truth, claim.value):
            yield f"{who}: {claim.about} {claim.value}, but {truth}"


def _of_story(told: Told, truth: Truth) -> Iterator[str]:
    story = told.story
    says, after = parse(story["says"]), parse(story["next"])
    money, stock = parse(story["money"]["says"]), parse(story["stock"]["says"])
    for name, claims in (("says", says), ("next", after), ("money", money), ("stock", stock)):
        yield from _check(f"story.{name}", claims, truth)
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
    elif _minor(head[3]) != told.order["total"]["minor"]:
        yield f"order show: the total is {head[3]}"


def _minor(amount: str) -> int:
    return int(amount.replace(",", "").replace(".", ""))


def _of_attention(told: Told, truth: Truth) -> Iterator[str]:
    for row in told.attention:
        run = truth.runs[row["saga_id"]]
        kind, stake = row["trouble"]["kind"], row["stake"]
        its = {step for saga_id, step in truth.blocked if saga_id == row["saga_id"]}
        if (kind == "blocked") != bool(its):
            yield f"attention: {row['saga_id']} is {kind}, and blocked are {its}"
        if run.goes_on and not its and kind not in {"slow", "retrying", "held_back"}:
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
    listed = {row["saga_id"] for row in told.attention}
    stuck = {saga_id for saga_id, _ in truth.blocked}
    stuck |= {saga_id for saga_id, run in truth.runs.items() if _is_bad(run.status, run.goes_on)}
    for saga_id in stuck - listed:
        yield f"attention: {saga_id} is not listed: {truth}"


def _is_bad(status: str, goes_on: bool) -> bool:
    return not goes_on and status not in {"completed", "canceled", "continued_as_new"}


def _of_explain(told: Told, truth: Truth) -> Iterator[str]:
    lines = [line.strip() for line in told.explained.splitlines()]
    yield from _compare_sentences("explain", lines, told, truth)
    for needed in (told.story["says"], told.story["next"], told.story["money"]["says"]):
        if _stop_counting(needed) not in _stop_counting(told.explained):
            yield f"explain: leaves out {needed}"
    if f"{told.order['id']} is {told.order['status']}." not in lines:
        yield "explain: tells another status"
    steps = [matched.groups() for line in lines if (matched := STEP.match(line))]
    states = [(step["name"], step["state"].replace("_", " ")) for step in told.saga["steps"]]
    if steps[: len(states)] != states:
        yield f"explain: steps are {steps}, and {states} by the API"
    yield from _check_records(lines, truth)


def _of_page(told: Told, truth: Truth) -> Iterator[str]:
    pieces = read_texts(told.page)
    yield from _compare_sentences("page", pieces, told, truth)
    plain = _stop_counting(" ".join(pieces))
    for needed in (told.story["says"], told.story["money"]["says"], told.story["stock"]["says"]):
        if _stop_counting(" ".join(needed.split())) not in plain:
            yield f"page: leaves out {needed}"
    alarmed = "What helps:" in plain
    if alarmed != truth.wants_person:
        yield f"page: {'asks' if alarmed else 'does not ask'} for a person: {truth}"
    status = re.search(r'class="verdict"><span class="badge is-(\w+)', told.page)
    if status is None or status[1] != told.order["status"]:
        yield f"page: the badge says {status and status[1]}"
    green = re.search(r'class="card summary is-(\w+)', told.page)
    if green is None or (green[1] == "blocked") != truth.wants_person:
        yield f"page: the card is {green and green[1]}"


def _stop_counting(text: str) -> str:
    """Without how often something failed: it is tried again from one answer to the next."""
    return re.sub(r"\d+ times", "n times", text)


# What tells of steps and records, which are compared by themselves.
STRUCTURE = re.compile(
    r"\d+\. \w+: .*|(order|inventory|payment): \w+ .*|.* Step(Un)?[Bb]locked.*|undone \w+|"
    r"Undone, last first: .*|Undone because of.*|Its .*saga .*is \w+.*|--action \w+: .*|"
    r"\S+ (Order|Item|Step)\w+.*|(captured|refunded|undone)|It is its \w+ that waits\..*|"
    r"(blocked|step|still blocked|action|evidence|who|role|reason|code|detail|by): .*|"
    r"It said.*"
)


def _compare_sentences(who: str, lines: list[str], told: Told, truth: Truth) -> Iterator[str]:
    """Every line that tells something is in the grammar, and true."""
    free = _free_texts(told)
    for line in lines:
        if not TELLING.search(line) or STRUCTURE.fullmatch(line) or line in free:
            continue
        sentence = line
        for label in LABELS:
            sentence = sentence.removeprefix(label)
        try:
            yield from _check(who, parse(sentence), truth)
        except Unknown as error:
            yield f"{who}: {error}"


def _free_texts(told: Told) -> set[str]:
    """What services and providers said, in their own words, and what troubles say."""
    reason = told.order["reason"]
    found = {f"{reason['code']}: {reason['detail']}", reason["detail"]} if reason else set()
    found |= {step["error"] for step in told.saga["steps"] if step["error"]}
    for each in told.story["troubles"]:
        found.add(each["trouble"]["why"])
        found.add(
            f"The saga is in trouble ({each['trouble']['kind'].replace('_', ' ')}): "
            f"{each['trouble']['why']}. What helps: {each['trouble']['way_out']}"
        )
    return found


STEP = re.compile(r"\d+\. (\w+): (\w+)")
RECORD = re.compile(r"(order|inventory|payment): (\w+) (.*)")
RECORDED = {
    "was begun, and its outcome is not on record": "started",
    "took effect, once": "done",
    "took effect, and was undone": "compensated",
    "never took effect, and a late attempt will be refused": "tombstone",
    "was called off while its outcome was not known; a late attempt will be refused": "tombstone",
}


def _check_records(lines: list[str], truth: Truth) -> Iterator[str]:
    """What is said of each service's record is in its barrier."""
    for matched in filter(None, map(RECORD.fullmatch, lines)):
        states = {
            state
            for (_, step, half), state in truth.barrier.items()
            if step == matched[2] and half == "action"
        }
        if RECORDED[matched[3]] not in states:
            yield f"explain: {matched[0]}, and the barrier has {states}"


# What a step's state in the saga's own account says of its row in the barrier.
TOOK = {"done": {"done"}, "compensated": {"compensated", "tombstone", "none"}}


def _of_steps(told: Told, truth: Truth) -> Iterator[str]:
    by_hand = {step for step, _ in truth.words}
    saga_id = told.saga["saga_id"]
    for step in told.saga["steps"]:
        row = truth.barrier.get((saga_id, step["name"], "action"), "none")
        allowed = TOOK.get(step["state"])
        if step["name"] in by_hand | {"validate_user"} or allowed is None:
            continue
        if row not in allowed:
            yield f"saga: {step['name']} is {step['state']}, and its barrier says {row}"
    shown = re.findall(r"│ (\w+) +│ (\w+) +│ (\w+) +│ +(\d+) +│", told.shown)
    states = [(step["name"], step["state"]) for step in told.saga["steps"]]
    if [(name, state) for name, _, state, _ in shown] != states:
        yield f"order show: steps are {shown}, and {states} by the API"


def _of_details(told: Told, truth: Truth) -> Iterator[str]:
    """Of those that are told while nobody has ended the saga from outside."""
    for saga_id, details in told.details.items():
        if not details or truth.runs[saga_id].status == "terminated":
            continue
        state = re.match(r"\*\*(\w+)\*\*", details)
        its = {step for saga, step in truth.blocked if saga == saga_id}
        ended = truth.runs[saga_id].status in {"completed", "canceled"}
        if state is None or (state[1] == "blocked") != bool(its):
            yield f"details of {saga_id}: {details.splitlines()[:1]}, and blocked are {its}"
        elif (state[1] in {"completed", "compensated"}) != ended:
            yield f"details of {saga_id}: {state[1]}, and its workflow is {truth.runs[saga_id]}"
        rows = re.findall(r"^\| (\w+) \| \w+ \| (\w+) \|", details, re.MULTILINE)[1:]
        if saga_id == told.saga["saga_id"] and state is not None:
            if state[1] != told.saga["state"] and truth.runs[saga_id].goes_on:
                yield f"details: {state[1]}, and the API says {told.saga['state']}"
            if dict(rows) != {step["name"]: step["state"] for step in told.saga["steps"]}:
                yield f"details: steps are {rows}"
    total = told.order["total"]["minor"]
    amount = re.match(r"([\d,.]+) EUR, (\d+) line", told.summary)
    if amount is not None and _minor(amount[1]) != total:
        yield f"summary: {told.summary}, and the order's total is {total}"
