"""What is read of a recording by hand: versions, and what their writers must have seen."""

from typing import Any

import pytest

from contracts.names import return_id, workflow_id
from saga.verify.concurrent.anomalies import Anomaly
from tests.isolation.findings import Finding
from tests.isolation.proof import judge
from tests.isolation.recorder import Change
from tests.isolation.recording import Recording, ReturnEnding
from tests.isolation.workload import Operation
from workflows import place_order, return_order

ONE, TWO = "ord_one", "ord_two"
RESERVE, CHARGE = place_order.RESERVE.name, place_order.CHARGE.name
COMPENSATION = "compensation"
DETAIL = "A: 2 wanted, 1 available"


class Book:
    """Changes of rows, in the order in which they are written here; one a second."""

    def __init__(self, stock: int = 10, price: int = 100) -> None:
        self.changes: dict[str, list[Change]] = {
            service: [] for service in ("USER", "ORDER", "INVENTORY", "PAYMENT")
        }
        self.log: list[Operation] = []
        self.rows: dict[str, dict[str, Any]] = {}
        self.now = 0
        zero = {"reserved": 0, "sold": 0}
        self.product(stocked=stock, available=stock, price_minor=price, **zero)
        self.change("USER", "users", "usr_1", id="usr_1", active=True)

    def change(self, service: str, table: str, row: str, **values: Any) -> None:
        """A row has these values from now on, and its others."""
        self.now += 1
        old = self.rows.get(f"{table} {row}")
        new = self.rows[f"{table} {row}"] = {**(old or {}), **values}
        self.changes[service].append(Change(self.now, self.now, self.now, table, old, new))

    def product(self, **values: int) -> None:
        """The product A."""
        self.change("INVENTORY", "products", "A", sku="A", **values)

    def call(self, service: str, saga: str, step: str, op: str = "action", n: int = 0) -> None:
        """The change before was made by this call of a saga, which moved so many of A."""
        reply = {"lines": [{"sku": "A", "quantity": n}]}
        row = {"saga_id": saga, "step": step, "op": op, "reply": reply}
        last = self.changes[service][-1]
        self.changes[service].append(
            Change(self.now, self.now, last.transaction, "barrier", None, row)
        )

    def events(self, order_id: str, saga: str, *events: tuple[str, dict[str, Any]]) -> None:
        """A call of a saga appends these."""
        for kind, data in events:
            row = {"stream_id": order_id, "type": kind, "data": data}
            self.change("ORDER", "events", f"{order_id} {self.now}", **row)
            self.call("ORDER", saga, "step of the order")

    def accept(self, order_id: str, price: int = 100) -> None:
        """An order of two pieces."""
        told = {"id": order_id}
        self.log.append(Operation("place", "/v1/orders", self.now, self.now, 202, told))
        line = {"sku": "A", "quantity": 2, "unit_price": {"minor": price}}
        placed = {"customer_id": "usr_1"}
        saga = workflow_id(order_id)
        self.events(order_id, saga, ("OrderPlaced", placed), ("ItemAdded", line))

    def confirm(self, order_id: str) -> None:
        """It is binding."""
        self.events(order_id, workflow_id(order_id), ("OrderConfirmed", {}))

    def judge(self, *returns: ReturnEnding) -> list[Finding]:
        """What is found in all of it."""
        return judge(Recording(self.changes, self.log, list(returns)))[1]


@pytest.fixture
def book() -> Book:
    opened = Book()
    opened.accept(ONE)
    opened.accept(TWO)
    return opened


def names(found: list[Finding]) -> set[Anomaly | None]:
    return {finding.anomaly for finding in found}


def test_differences_are_no_anomaly(book: Book) -> None:
    for order_id, left in ((ONE, 8), (TWO, 6)):
        book.product(available=left, reserved=10 - left)
        book.call("INVENTORY", workflow_id(order_id), RESERVE, n=2)
    assert book.judge() == []


def test_what_is_written_of_an_older_version_has_lost_an_update(book: Book) -> None:
    for order_id in (ONE, TWO):
        book.product(available=8, reserved=2)
        book.call("INVENTORY", workflow_id(order_id), RESERVE, n=2)
    (found,) = book.judge()
    assert found.anomaly is Anomaly.LOST_UPDATE
    assert set(found.parties) == {workflow_id(ONE), workflow_id(TWO)}
    assert found.items == ("stock of A",)


def test_a_change_that_no_version_explains_is_told(book: Book) -> None:
    book.product(available=3, reserved=7)
    book.call("INVENTORY", workflow_id(ONE), RESERVE, n=2)
    (found,) = book.judge()
    assert found.anomaly is None
    assert "should move" in found.story[0]


@pytest.mark.parametrize(("amount", "name"), [(200, set()), (300, {Anomaly.FUZZY_READ})])
def test_another_price_than_the_accepted_one_was_read_again(
    book: Book, amount: int, name: set[Anomaly]
) -> None:
    book.product(price_minor=150)
    row = {"order_id": ONE, "amount_minor": amount, "saga_id": workflow_id(ONE), "step": CHARGE}
    book.change("PAYMENT", "payments", ONE, **row)
    book.confirm(ONE)
    assert names(book.judge()) == name


def test_a_price_that_was_answered_before_the_order_came_is_to_be_charged(book: Book) -> None:
    asked = Operation("change price", "A", book.now, book.now + 1, 200, {"minor": 150})
    book.log.append(asked)
    book.product(price_minor=150)
    book.now += 1
    book.accept("ord_late", price=100)
    book.confirm("ord_late")
    assert names(book.judge()) == {Anomaly.FUZZY_READ}


@pytest.mark.parametrize("undone", [True, False])
def test_a_refusal_for_what_comes_back_is_a_dirty_read(undone: bool) -> None:
    book = Book(stock=3)
    book.accept(ONE)
    book.product(available=1, reserved=2)
    book.call("INVENTORY", workflow_id(ONE), RESERVE, n=2)
    book.accept(TWO)
    refused = {"code": "out_of_stock", "detail": DETAIL}
    book.events(TWO, workflow_id(TWO), ("OrderRejected", refused))
    if undone:
        book.product(available=3, reserved=0)
        book.call("INVENTORY", workflow_id(ONE), RESERVE, COMPENSATION, n=2)
    assert names(book.judge()) == ({Anomaly.DIRTY_READ} if undone else set())


def test_a_refusal_for_what_never_was_is_a_fuzzy_read(book: Book) -> None:
    refused = {"code": "out_of_stock", "detail": DETAIL}
    book.events(ONE, workflow_id(ONE), ("OrderRejected", refused))
    assert names(book.judge()) == {Anomaly.FUZZY_READ}


class TestReturns:
    """Of an order that is confirmed."""

    first, second = return_id(ONE), return_id(ONE, 2)

    @pytest.fixture
    def returning(self, book: Book) -> Book:
        book.confirm(ONE)
        book.events(ONE, self.first, ("OrderReturnStarted", {"saga_id": self.first}))
        return book

    def refused(self, begun: float, closed: float) -> ReturnEnding:
        return ReturnEnding(self.second, ONE, "not_returnable", begun, closed)

    def test_who_begins_beside_another_one_has_read_its_mark(self, returning: Book) -> None:
        started = ("OrderReturnStarted", {"saga_id": self.second})
        returning.events(ONE, self.second, started)
        assert names(returning.judge()) == {Anomaly.DIRTY_READ}

    def test_who_is_refused_beside_another_one_is_told_the_truth(self, returning: Book) -> None:
        refused = self.refused(returning.now, returning.now + 1)
        assert returning.judge(refused) == []

    def test_who_is_refused_for_one_that_is_abandoned_has_read_it_dirty(
        self, returning: Book
    ) -> None:
        refused = self.refused(returning.now + 0.5, returning.now + 1)
        abandoned = ("OrderReturnAbandoned", {"saga_id": self.first})
        returning.now += 2
        returning.events(ONE, self.first, abandoned)
        (found,) = returning.judge(refused)
        assert (found.anomaly, found.kinds) == (
            Anomaly.DIRTY_READ,
            (return_order.RETURN_ORDER.name,) * 2,
        )

    def test_who_is_refused_for_one_that_is_over_has_read_what_never_was(
        self, returning: Book
    ) -> None:
        """It is over when its workflow is: nobody waits for the next event of the order."""
        returning.events(ONE, self.first, ("OrderReturnAbandoned", {"saga_id": self.first}))
        over = ReturnEnding(self.first, ONE, "cancelled", 0.0, returning.now + 1)
        refused = self.refused(returning.now + 2, returning.now + 3)
        assert names(returning.judge(over, refused)) == {Anomaly.FUZZY_READ}
