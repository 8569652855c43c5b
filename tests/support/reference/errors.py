"""The tables of `docs/reference/errors.md`: every code, where it is declared in the code.

A code is declared by the call that raises it: a `Problem` of the API, a reply of the gateway, a
`Rejected` or `NotFound` of a service, or the error of one field. What it means is in `error_words`;
a code without words, and words without a code, end the program.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from activities.orders import UNDONE_BEFORE
from api.http import problem_codes
from api.http.problem_details import STATUS_OF_CODE
from api.temporal.saga_gateway import REFUSALS
from api.temporal.troubles import CODES
from saga.participant import CircuitOpen, Compensated, Conflict, KeyReused, Unavailable
from sandbox.payment_methods import METHODS
from tests.support.reference.error_words import FIELDS, REASONS, REQUESTS, STEPS
from tests.support.reference.markdown import code, table
from workflows.sagas import SAGAS

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/reference/errors.md"
BEGIN, END = "<!-- made by `make reference` -->\n", "<!-- end -->\n"
# Made of a cause or a step's name, or of an operator's; no call has them as a literal.
COMPUTED = {
    *("cancelled_by_customer", "cancelled_by_operator", "cancelled_by_audit", "…_timed_out"),
    UNDONE_BEFORE,
    *(
        step.awaits_outcome.code
        for saga in SAGAS.values()
        for step in saga.definition
        if step.awaits_outcome
    ),
}

Statuses = dict[str, set[int]]


def page() -> str:
    """The page as it stands, with its tables made anew."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    return f"{before}{BEGIN}{tables()}{END}{rest.partition(END)[2]}"


def tables() -> str:
    """All four. ValueError names codes without words, and words without a code."""
    api, gateway, services = of_api(), of_gateway(), of_services()
    declines = {each.decline.decline_code for each in METHODS.values() if each.decline}
    known = {*api, *gateway, *services}
    _agree("codes of problems", {*problem_codes.CODES}, {*REQUESTS})
    _agree("codes of fields", {*problem_codes.FIELD_CODES}, {*FIELDS})
    _agree("codes", known | of_fields(), {*REQUESTS, *FIELDS, *REASONS, *STEPS} - COMPUTED)
    told = "The card was declined; this is the word of the bank."
    reasons = {**REASONS, **dict.fromkeys(declines, told)}
    return "\n".join(
        [
            "\n## Codes of a refused request\n",
            _requests(
                {request: services[request] for request in REQUESTS if request in services} | api,
                gateway,
            ),
            "## Codes of a field\n\nIn `errors`:\n",
            _words(FIELDS),
            "## Reasons of an order\n\n`reason.code` of an order that has ended:\n",
            _words(reasons),
            "## Codes of a step\n\nWhat a saga's view and the audit say of a refused step:\n",
            _words(STEPS),
        ]
    )


def _requests(api: Mapping[str, set[int]], gateway: Mapping[str, set[int]]) -> str:
    rows = []
    for name, words in sorted(REQUESTS.items()):
        statuses = api.get(name, set()) | gateway.get(name, set())
        by = [who for who, codes in (("API", api), ("gateway", gateway)) if name in codes]
        shown = ", ".join(map(str, sorted(statuses)))
        rows.append((code(name), shown, ", ".join(by), words))
    return table(("code", "status", "from", "what to do"), rows)


def _words(words: Mapping[str, str]) -> str:
    rows = [(code(name), means) for name, means in sorted(words.items())]
    return table(("code", "what it means"), rows)


def _agree(what: str, declared: set[str], told: set[str]) -> None:
    if lacking := declared - told:
        raise ValueError(f"{what} without words in error_words.py: {sorted(lacking)}")
    if gone := told - declared:
        raise ValueError(f"{what} that are declared nowhere: {sorted(gone)}")


def of_api() -> Statuses:
    """The codes with which the API refuses by itself; not those of the console's pages."""
    found: Statuses = {name: {status} for status, name in problem_codes.OF_FRAMEWORK.items()}
    found["refused"] = set()
    for call in _calls("api", {"Problem"}):
        _add(found, call, 0, 1)
    for refusal in (*REFUSALS.values(), *CODES.values()):
        found.setdefault(refusal, set()).add(STATUS_OF_CODE.get(refusal, 409))
    return found


def of_gateway() -> Statuses:
    """The codes of the gateway's own replies."""
    found: Statuses = {"refused": set()}
    for call in _calls("infrastructure/envoy", {"_mapper"}):
        _add(found, call, 1, 2)
    return found


def of_services() -> Statuses:
    """The codes with which services answer, and the status with which the API hands them on."""
    found: Statuses = {}
    for folder in ("api", "contracts", "services", "infrastructure", "saga"):
        for call in _calls(folder, {"Rejected", "NotFound"}):
            name = _constant(call.args[0]) if call.args else None
            if isinstance(name, str):
                status = 404 if _name_called(call) == "NotFound" else STATUS_OF_CODE.get(name, 409)
                found.setdefault(name, set()).add(status)
    unavailable = (Unavailable(""), CircuitOpen("", retry_after=1))
    refused = (Compensated(""), KeyReused(""), Conflict("", expected=0, actual=0))
    return (
        found
        | {error.code: {503} for error in unavailable}
        | {error.code: {409} for error in refused}
    )


def of_fields() -> set[str]:
    """The codes of faulty fields; and the one that the saga's deadline has."""
    names = {_constant(call.args[1]) for call in _calls("api", {"field_error"})}
    causes = {
        _constant(call.args[1]) for call in _calls("saga", {"FailureCause"}) if len(call.args) > 1
    }
    of_causes = {name for name in causes if isinstance(name, str)} - COMPUTED
    of_schemas = {
        *problem_codes.OF_VALIDATOR.values(),
        *problem_codes.OF_ENDING.values(),
        "invalid",
    }
    return {name for name in names if isinstance(name, str)} | of_causes | of_schemas


def _calls(folder: str, names: Iterable[str]) -> Iterator[ast.Call]:
    """Every call of these names in a package of ours."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        if "console" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and _name_called(node) in names:
                yield node


def _name_called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _constant(node: ast.expr) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def _add(found: Statuses, call: ast.Call, status_at: int, code_at: int) -> None:
    status, name = _constant(call.args[status_at]), _constant(call.args[code_at])
    if isinstance(status, int) and isinstance(name, str):
        found.setdefault(name, set()).add(status)
