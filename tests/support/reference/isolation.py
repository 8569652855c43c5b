"""The page of isolation: what each saga does about others, and what each pair comes to."""

from collections.abc import Iterator

from invariants.pairs.registry import PAIRS
from saga import SagaDefinition
from saga.verify.concurrent.pair import Pair, Proof, Risk
from workflows.sagas import SAGAS

HEAD = """<!-- Written by `make reference`. -->

# Isolation

A saga has no isolation: others see what its steps have done before it has ended. What is done about
that is said with each saga, as data (`workflows/isolation.py`), and checked for each pair of sagas
that can meet: [Two at once](../verifying.md#two-at-once). This page is written from both.
"""
SAGA_HEAD = """
## What each saga does about it

| saga | countermeasure |
|---|---|
"""
PAIR_HEAD = """
## What each pair can come to

*The schedule* is an order of the calls of both in which they meet on it: `saga verify --concurrent
--only 'PAIR' --word SCHEDULE` runs it, and nothing comes of it. Without what prevents it, *what can
happen* comes of that schedule, and is found by that name: `tests/verifier/test_pair_risks.py` does
both for each row. "Within calls": the turns are those of `--grain statements`.

| pair | meet on | what can happen | what prevents it | the schedule |
|---|---|---|---|---|
"""
ALLOWED_HEAD = """
## What may be

With a fault of one of the two, the other may have been answered by what that then takes back.

| pair | what | why that is no harm |
|---|---|---|
"""


def page() -> str:
    """The whole page."""
    sagas = [row for saga in SAGAS.values() for row in _list_countermeasures(saga.definition)]
    risks = [_describe(pair, risk) for pair in PAIRS for risk in pair.risks]
    allowed = [row for pair in PAIRS for row in _describe_allowed(pair)]
    tables = ((SAGA_HEAD, sagas), (PAIR_HEAD, risks), (ALLOWED_HEAD, allowed))
    return HEAD + "".join(head + "\n".join(rows) + "\n" for head, rows in tables)


def _list_countermeasures(definition: SagaDefinition) -> Iterator[str]:
    for each in definition.isolation:
        yield f"| `{definition.name}` | {each.describe()} |"


def _describe(pair: Pair, risk: Risk) -> str:
    means = [each.describe() for each in risk.prevented_by]
    cells = (
        pair.name,
        pair.shares,
        f"{risk.anomaly}: {risk.what}",
        "; ".join([risk.without, *means]),
        _describe_proof(risk.proof),
    )
    return f"| {' | '.join(cells)} |"


def _describe_proof(proof: Proof) -> str:
    within = ", within calls" if proof.within_calls else ""
    fault = f", `--fault '{proof.fault}'`" if proof.fault else ""
    return f"`{proof.word}`{within}{fault}"


def _describe_allowed(pair: Pair) -> Iterator[str]:
    for anomaly, may in pair.allows.items():
        yield f"| {pair.name} | {anomaly} | {may.why} |"
