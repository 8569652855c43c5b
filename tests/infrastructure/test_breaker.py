"""The circuit breaker against a model, whatever callers do in whatever order."""

import asyncio
from contextlib import AbstractContextManager

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
)

from infrastructure.http.circuit_breaker import Breaker, BreakerState, Limits
from saga.participant import CircuitOpen, Conflict, Rejected, Unavailable

LIMITS = Limits(threshold=3, period=10.0, recovery=5.0, probe_wait=1.0)
FAILURE = Unavailable("no answer")
ANSWERS = (
    None,
    Rejected("no", "no"),
    Conflict("moved", expected=1, actual=2),
    Unavailable("later", retry_after=2.0),
)
NEITHER = (asyncio.CancelledError(), GeneratorExit(), TypeError("a bug"))


class Call:
    """One call that passed the breaker, and what the model knows of it."""

    def __init__(self, inside: AbstractContextManager[None], epoch: int, *, probe: bool) -> None:
        self.inside = inside
        self.epoch = epoch
        self.probe = probe

    def end(self, error: BaseException | None) -> None:
        """End it as this; the breaker must hand the error on."""
        kind = None if error is None else type(error)
        assert not self.inside.__exit__(kind, error, None)


class BreakerMachine(RuleBasedStateMachine):
    """Calls begin and end in any order, while time passes; the model says who may pass."""

    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.seen: list[BreakerState] = []
        self.breaker = Breaker(
            "it", LIMITS, observe=lambda _, state: self.seen.append(state), clock=lambda: self.now
        )
        self.state = BreakerState.CLOSED
        self.ended: list[tuple[float, bool]] = []
        self.opened_at = 0.0
        self.epoch = 0
        self.probing: Call | None = None
        self.history: list[BreakerState] = []

    @rule(seconds=st.sampled_from([0.1, 1.0, 4.9, 5.0, 5.1, 10.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(target=calls)
    def begin(self) -> object:
        expected = self._expected_wait()
        inside = self.breaker.call()
        if expected is not None:
            with pytest.raises(CircuitOpen) as refused:
                inside.__enter__()
            assert refused.value.retry_after == pytest.approx(expected)
            return multiple()
        inside.__enter__()
        probe = self.state is not BreakerState.CLOSED
        call = Call(inside, self.epoch, probe=probe)
        if probe:
            self.probing = call
            self._become(BreakerState.HALF_OPEN)
        return call

    @rule(call=consumes(calls), answer=st.sampled_from(ANSWERS))
    def answered(self, call: Call, answer: BaseException | None) -> None:
        call.end(answer)
        self._ended(call, well=True)

    @rule(call=consumes(calls))
    def failed(self, call: Call) -> None:
        call.end(FAILURE)
        self._ended(call, well=False)

    @rule(call=consumes(calls), error=st.sampled_from(NEITHER))
    def said_nothing(self, call: Call, error: BaseException) -> None:
        call.end(error)
        if call is self.probing:
            self.probing = None

    @invariant()
    def agrees_with_the_model(self) -> None:
        assert self.breaker.state is self.state
        assert self.seen == self.history

    def _expected_wait(self) -> float | None:
        """How long a call that begins now is told to wait; None if it passes."""
        left = self.opened_at + LIMITS.recovery - self.now
        if self.state is BreakerState.CLOSED:
            return None
        if self.state is BreakerState.OPEN and left > 0:
            return left
        return None if self.probing is None else LIMITS.probe_wait

    def _ended(self, call: Call, *, well: bool) -> None:
        if call is self.probing:
            self.probing = None
            self._become(BreakerState.CLOSED) if well else self._open()
        elif self.state is BreakerState.CLOSED and call.epoch == self.epoch and not call.probe:
            self.ended.append((self.now, well))
            recent = [saga for at, saga in self.ended if at > self.now - LIMITS.period]
            failures = recent.count(False)
            if not well and failures >= LIMITS.threshold and failures * 2 > len(recent):
                self._open()

    def _open(self) -> None:
        self.ended, self.opened_at, self.epoch = [], self.now, self.epoch + 1
        self._become(BreakerState.OPEN)

    def _become(self, state: BreakerState) -> None:
        if state is not self.state:
            self.history.append(state)
        self.state = state


BreakerMachine.TestCase.settings = settings(
    max_examples=300, stateful_step_count=40, deadline=None, database=None
)
test_any_order_of_calls_agrees_with_the_model = BreakerMachine.TestCase


def opened() -> tuple[Breaker, list[float]]:
    """A breaker that has just opened, and its clock."""
    clock = [0.0]
    breaker = Breaker("it", LIMITS, clock=lambda: clock[0])
    for _ in range(LIMITS.threshold):
        with pytest.raises(Unavailable), breaker.call():
            raise FAILURE
    assert breaker.state is BreakerState.OPEN
    return breaker, clock


async def test_of_ten_that_wait_for_half_open_exactly_one_passes() -> None:
    breaker, clock = opened()
    clock[0] = LIMITS.recovery
    let_go = asyncio.Event()
    asked = 0

    async def call() -> None:
        nonlocal asked
        with breaker.call():
            asked += 1
            await let_go.wait()

    calls = [asyncio.create_task(call()) for _ in range(10)]
    done, _ = await asyncio.wait(calls, timeout=0.1)
    assert (asked, len(done)) == (1, 9)
    assert all(isinstance(outcome.exception(), CircuitOpen) for outcome in done)
    let_go.set()
    await asyncio.wait(calls)
    assert breaker.state is BreakerState.CLOSED


async def test_a_cancelled_probe_gives_its_place_to_the_next_call() -> None:
    breaker, clock = opened()
    clock[0] = LIMITS.recovery

    async def hang() -> None:
        with breaker.call():
            await asyncio.Event().wait()

    probe = asyncio.create_task(hang())
    await asyncio.sleep(0)
    probe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probe
    states = [breaker.state]
    with breaker.call():
        states.append(breaker.state)
    states.append(breaker.state)
    assert states == [BreakerState.HALF_OPEN, BreakerState.HALF_OPEN, BreakerState.CLOSED]


def test_one_bad_instance_of_three_does_not_bar_the_way_to_all() -> None:
    breaker = Breaker("it", LIMITS, clock=lambda: 0.0)
    for number in range(60):
        if number % 3:
            with breaker.call():
                pass
        else:
            with pytest.raises(Unavailable), breaker.call():
                raise FAILURE
    assert breaker.state is BreakerState.CLOSED


@pytest.mark.parametrize("wrong", [{"threshold": 0}, {"period": 0.0}, {"recovery": -1.0}])
def test_limits_that_make_no_breaker_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="cannot work"):
        Limits(**wrong)  # type: ignore[arg-type]  # that is the point
