"""The transition table of docs/barrier-protocol.md, as data."""

from typing import NamedTuple

from tests.docs.markdown import ROOT, table_rows

PAGE = ROOT / "docs/barrier-protocol.md"
NONE = "none"
NO_ANSWER = "\N{EN DASH}"
COLUMNS = [
    "action's row",
    "compensation's row",
    "who comes",
    "action's row then",
    "compensation's row then",
    "answer",
    "to another command",
]


class Found(NamedTuple):
    """The states of a step's two rows; `none` is no row."""

    action: str
    compensation: str


class Rule(NamedTuple):
    """What the page says of one who comes: the rows then, and the answers."""

    then: Found
    answer: str
    another: str


Table = dict[tuple[Found, str], Rule]


def transitions() -> Table:
    """The page's table. ValueError if it is not there, or has a row twice."""
    rows = [row for row in table_rows(PAGE) if len(row) == len(COLUMNS)]
    if rows[:1] != [COLUMNS]:
        raise ValueError(f"no table of {COLUMNS}")
    table: Table = {}
    for action, compensation, who, *then, answer, another in rows[2:]:  # behind the line of dashes
        place = Found(action, compensation), who
        if place in table:
            raise ValueError(f"twice: {place}")
        table[place] = Rule(Found(*then), answer, another)
    return table


class Standing(NamedTuple):
    """A step's rows with the digests that they keep."""

    found: Found
    action_digest: str | None
    compensation_digest: str | None


def expected(
    table: Table, standing: Standing, who: str, digest: str | None
) -> tuple[Standing, str]:
    """What the page says is left and answered, if one comes with this digest."""
    rule = table[standing.found, who]
    if _is_another(standing, who, digest):
        return standing, rule.another
    kept = standing.action_digest
    if standing.found.action == NONE:
        kept = None if who.startswith("fence") else digest
    own = standing.compensation_digest
    if standing.found.compensation == NONE and who == "compensation":
        own = digest
    return Standing(rule.then, kept, own), rule.answer


def _is_another(standing: Standing, who: str, digest: str | None) -> bool:
    compared = {
        "action": [standing.action_digest],
        "compensation": [standing.action_digest, standing.compensation_digest],
    }
    known = [kept for kept in compared.get(who, []) if kept is not None]
    return digest is not None and any(kept != digest for kept in known)
