"""Countermeasures are checked against the saga's steps, and locks against those of other sagas."""

from dataclasses import replace

import pytest

from saga import SagaDefinition
from saga.isolation import CommutativeUpdate, Countermeasure, HeedsLock, SemanticLock
from saga.lint import lint_locks
from tests.saga.toy import LAST, ONE, PIVOT, TWO
from workflows.isolation import ORDER, ORDER_IS_PENDING, PIECES
from workflows.place_order import PLACE_ORDER
from workflows.return_order import RETURN_ORDER


@pytest.fixture(autouse=True)
def path() -> None:
    """Nothing runs here."""


def saga_of(name: str, *isolation: Countermeasure) -> SagaDefinition:
    return SagaDefinition(name=name, steps=(ONE, TWO, PIVOT, LAST), isolation=isolation)


def lock(on: str, taken_by: str = "one") -> SemanticLock:
    return SemanticLock(on=on, taken_by=taken_by, released_by="last")


@pytest.mark.parametrize(
    ("countermeasure", "why"),
    [
        (CommutativeUpdate(on="a shelf", by=("one", "three")), "it has no step three"),
        (lock("an order", "pivot"), "nobody releases it when the saga is undone"),
        (
            SemanticLock(on="an order", taken_by="two", released_by="one"),
            "it is released before it is taken",
        ),
    ],
)
def test_what_the_steps_cannot_carry_out_is_refused(
    countermeasure: Countermeasure, why: str
) -> None:
    with pytest.raises(ValueError, match=f"saga Toy: .*{why}"):
        saga_of("Toy", countermeasure)


def test_two_sagas_that_take_their_locks_in_another_order_are_found() -> None:
    one = saga_of(
        "One", lock("an order"), HeedsLock(on="a shelf", at="two"), lock("a shelf", "two")
    )
    same = saga_of("Same", lock("an order"), HeedsLock(on="a shelf", at="two"))
    other = saga_of("Other", lock("a shelf"), HeedsLock(on="an order", at="two"))
    assert lint_locks("sagas.py", [one, same]) == []
    (found,) = lint_locks("sagas.py", [one, same, other])
    assert found.what == (
        "sagas may wait for each other for ever: One has an order and waits for a shelf;"
        " Other has a shelf and waits for an order"
    )
    assert found.fix == "Have all take their locks in one order"


def test_a_circle_of_three_is_found_and_who_is_refused_waits_for_nobody() -> None:
    def waits(name: str, has: str, wants: str, refused: str = "") -> SagaDefinition:
        return saga_of(name, lock(has), HeedsLock(on=wants, at="two", refused_as=refused))

    two = [waits("One", "a", "b"), waits("Two", "b", "c")]
    (found,) = lint_locks("sagas.py", [*two, waits("Three", "c", "a")])
    assert found.what.count("waits for") == 3
    assert lint_locks("sagas.py", [*two, waits("Three", "c", "a", refused="taken")]) == []


def test_a_lock_that_nobody_takes_is_not_waited_for() -> None:
    (found,) = lint_locks("sagas.py", [saga_of("One", HeedsLock(on="an order", at="two"))])
    assert found.what == "saga One heeds at two a lock on an order, which no saga takes"


def test_sagas_of_orders_that_take_their_locks_in_another_order_are_found() -> None:
    """As if a return put pieces back first, and marked the order then."""
    assert lint_locks("sagas.py", [PLACE_ORDER, RETURN_ORDER]) == []
    pieces = SemanticLock(on=PIECES, taken_by="begin_return", released_by="mark_returned")
    waits = HeedsLock(on=ORDER, at="restock")
    charge = HeedsLock(on=PIECES, at="charge_payment")
    placing = replace(PLACE_ORDER, isolation=(ORDER_IS_PENDING, charge))
    (found,) = lint_locks("sagas.py", [placing, replace(RETURN_ORDER, isolation=(pieces, waits))])
    assert f"PlaceOrder has {ORDER} and waits for {PIECES}" in found.what
    assert f"ReturnOrder has {PIECES} and waits for {ORDER}" in found.what


def test_of_steps_side_by_side_either_may_have_its_lock_while_the_other_waits() -> None:
    def beside(name: str, has: str, wants: str, at: str = "two") -> SagaDefinition:
        alone = saga_of(name, lock(has), HeedsLock(on=wants, at=at))
        return replace(alone, steps=((ONE, TWO), PIVOT, LAST))

    crosswise = [beside("One", "a", "b"), beside("Two", "b", "a")]
    (found,) = lint_locks("sagas.py", crosswise)
    assert "One has a and waits for b; Two has b and waits for a" in found.what
    waiting_first = [beside("One", "a", "b", at="one"), beside("Two", "b", "a", at="one")]
    assert lint_locks("sagas.py", waiting_first) == []
