"""Circuit breakers as metrics: where each stands, and how often it changed."""

from collections.abc import Iterable

from infrastructure.http.circuit_breaker import BreakerState, Observer
from infrastructure.telemetry.metrics import counter, gauge


def make_observer(dependencies: Iterable[str]) -> Observer:
    """What breakers tell their states. Those in front of these are known to be closed."""
    for dependency in dependencies:
        _stands(dependency, BreakerState.CLOSED)
    changes = counter("saga_breaker_changes", "How often a circuit breaker came to a state")

    def observe(dependency: str, state: BreakerState) -> None:
        _stands(dependency, state)
        changes.add(1, {"dependency": dependency, "state": state})

    return observe


def _stands(dependency: str, state: BreakerState) -> None:
    known = gauge("saga_breaker_state", "1 for the state in which a circuit breaker is")
    for item in BreakerState:
        known.set(int(item is state), {"dependency": dependency, "state": item})
