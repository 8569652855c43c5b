"""What commands, the console and Temporal's details show, compared with how the order stands."""

import re
from collections.abc import Callable, Iterator, Mapping

from api.story.facts import PROVIDER
from tests.story.claims import About, Claim, Unknown, parse
from tests.story.oracle import Truth
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
        truth.held <= int(minor)
        if PROVIDER in truth.silent
        else truth.payment == "created" and truth.held in {0, int(minor)}
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
    About.NOT_CARRIED: lambda truth, _: (
        not truth.runs
        or any(run.status != "running" or not run.goes_on for run in truth.runs.values())
    ),
    About.BLOCKED: lambda truth, step: step in {name for _, name in truth.blocked},
    About.PERSON: lambda truth, _: truth.wants_person,
    About.NOTHING_TO_DO: lambda truth, _: not truth.wants_person,
    About.WORD: lambda truth, action: action in {word for _, word in truth.words},
    About.SILENT: lambda truth, who: who in truth.silent,
    About.DOUBT: lambda truth, _: bool(truth.silent),
}


def check(who: str, claims: frozenset[Claim], truth: Truth) -> Iterator[str]:
    for claim in sorted(claims):
        if not CHECKS[claim.about](truth, claim.value):
            yield f"{who}: {claim.about} {claim.value}, but {truth}"


def minor_units(amount: str) -> int:
    return int(amount.replace(",", "").replace(".", ""))


def compare_explain(told: Told, truth: Truth) -> Iterator[str]:
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


def compare_page(told: Told, truth: Truth) -> Iterator[str]:
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
    return re.sub(r"\d+ times|\bonce\b", "n times", text)


# What tells of steps and records, which are compared by themselves.
STRUCTURE = re.compile(
    r"\d+\. \w+: .*|(order|inventory|payment): \w+ .*|.* Step(Un)?[Bb]locked.*|undone \w+|"
    r"(Undone, last first|Being undone|Blocked, and not undone|Still to be undone): .*|"
    r"Not undone, by an operator's word: .*|Undone because of.*|Its .*saga .*is \w+.*|"
    r"--action \w+: .*|"
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
            yield from check(who, parse(sentence), truth)
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
            f"{each['trouble']['why'].removesuffix('.')}. What helps: {each['trouble']['way_out']}"
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
TOOK = {
    "done": {"done"},
    "compensated": {"compensated", "tombstone", "none"},
    "skipped": {"none", "tombstone"},
    "stopped": {"none", "started", "done"},
}
UNDER_WAY = {"running", "waiting", "compensating", "blocked"}  # of a step
NOT_BEGUN = {"none", "tombstone"}


def compare_steps(told: Told, truth: Truth) -> Iterator[str]:
    by_hand = {step for step, _ in truth.words}
    for saga in told.sagas:
        is_open = truth.runs[saga["saga_id"]].status in {"running", "paused"}
        for step in saga["steps"]:
            row = truth.barrier.get((saga["saga_id"], step["name"], "action"), "none")
            if step["state"] in UNDER_WAY | {"stopped"} and is_open is (step["state"] == "stopped"):
                yield f"saga: {step['name']} is {step['state']}: {truth}"
            allowed = TOOK.get(step["state"], None if is_open else NOT_BEGUN)
            if step["name"] in by_hand | {"validate_user"} or step["state"] == "failed":
                continue
            if allowed is not None and row not in allowed:
                yield f"saga: {step['name']} is {step['state']}, and its barrier says {row}"
    shown = re.findall(r"^(\w+) {2,}(\w+) {2,}(\w+) {2,}(\d+)\b", told.shown, re.MULTILINE)
    states = [(step["name"], step["state"]) for step in told.saga["steps"]]
    if [(name, state) for name, _, state, _ in shown] != states:
        yield f"order show: steps are {shown}, and {states} by the API"


def compare_details(told: Told, truth: Truth) -> Iterator[str]:
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
            states = {step["name"]: step["state"] for step in told.saga["steps"]}
            if states and dict(rows) != states:
                yield f"details: steps are {rows}"
    total = told.order["total"]["minor"]
    amount = re.match(r"([\d,.]+) EUR, (\d+) line", told.summary)
    if amount is not None and minor_units(amount[1]) != total:
        yield f"summary: {told.summary}, and the order's total is {total}"
