"""The page of isolation: what each saga does about others, and what each pair comes to."""

from collections.abc import Iterator

from invariants.pairs.registry import PAIRS
from saga import SagaDefinition
from saga.verify.concurrent.pair import Pair
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
--only 'PAIR' --word SCHEDULE` runs it, and nothing comes of it. What comes of it without what
prevents it has been tried for [some of them](../verifying.md#two-at-once), where it needs another
order at times, or turns between statements.

| pair | meet on | what can happen | what prevents it | the schedule | what may be |
|---|---|---|---|---|---|
"""


def page() -> str:
    """The whole page."""
    sagas = [row for saga in SAGAS.values() for row in _list_countermeasures(saga.definition)]
    pairs = [_describe(pair) for pair in PAIRS]
    return HEAD + SAGA_HEAD + "\n".join(sagas) + "\n" + PAIR_HEAD + "\n".join(pairs) + "\n"


def _list_countermeasures(definition: SagaDefinition) -> Iterator[str]:
    for each in definition.isolation:
        yield f"| `{definition.name}` | {each.describe()} |"


def _describe(pair: Pair) -> str:
    means = [each.describe() for each in pair.prevented_by]
    means += [pair.prevents] if pair.prevents else []
    risk = f"{pair.risk.anomaly}: {pair.risk.what}" if pair.risk else ""
    allowed = [f"{anomaly}: {may.why}" for anomaly, may in pair.allows.items()]
    cells = (pair.name, pair.shares, risk, "; ".join(means), f"`{pair.proof}`", "; ".join(allowed))
    return f"| {' | '.join(cells)} |"
