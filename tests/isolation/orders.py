"""The orders' part of a history: their events, their customers, their payments, and refusals."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product as combine
from typing import Any

from contracts.names import workflow_id
from contracts.orders import RETURN_ABANDONED
from saga.verify.concurrent.anomalies import Anomaly
from tests.isolation.answers import Answer, Level, judge_answer
from tests.isolation.findings import Finding
from tests.isolation.history import History, Party, Read, Write
from tests.isolation.recorder import Change
from tests.isolation.recording import CLOSING, RETURN, Call, Recording
from tests.isolation.stock import Products, price_of, read_refusal, stock_of
from workflows import place_order, return_order

ACCEPTED = "acceptance"
CHARGE = place_order.CHARGE.name
VALIDATE = place_order.VALIDATE.name
# Events after which an order shows that a saga is at work on it.
MARKS = {"OrderPlaced", "ItemAdded", "OrderReturnStarted"}


@dataclass
class Orders:
    """Adds what became of orders to a history; refusals are judged by the products' levels."""

    recording: Recording
    history: History
    products: Products
    findings: list[Finding] = field(default_factory=list)
    levels: dict[str, list[Level]] = field(default_factory=lambda: defaultdict(list))
    events: dict[str, list[Change]] = field(default_factory=lambda: defaultdict(list))

    def read(self) -> None:
        """Go through all changes of customers, orders and payments."""
        for change in self.recording.list_rows("ORDER", "events"):
            self.events[change.new["stream_id"]].append(change)
        self._read_customers()
        for order_id, events in self.events.items():
            self.history.join(self.recording.placing(order_id))
            self._read_order(order_id, events)
        self._read_payments()
        for ended in self.recording.abandoned:
            self._judge_return(*ended)

    def _read_customers(self) -> None:
        """A customer is active at first, and closed once."""
        for change in self.recording.list_rows("USER", "users"):
            user_id = change.new["id"]
            if change.old is None:
                self.levels[customer(user_id)].append(Level(change.at, 1))
            elif change.old["active"] and not change.new["active"]:
                party = self._find_closing(user_id, change)
                self.history.join(party)
                self.history.write(customer(user_id), Write(party.id, "close"))
                self.levels[customer(user_id)].append(Level(change.at, 0))

    def _find_closing(self, user_id: str, change: Change) -> Party:
        asked = [
            each
            for each in self.recording.log
            if each.kind in CLOSING and each.status == 200 and each.target.split("/")[3] == user_id
        ]
        if not asked:  # its client gave up
            return Party(f"close-{user_id}", CLOSING["close"], change.at)
        first = min(asked, key=lambda each: each.answered)
        return Party(f"close-{user_id}", CLOSING[first.kind], change.at, first.answered)

    def _read_order(self, order_id: str, events: Sequence[Change]) -> None:
        """Each event is a version, and each call has read the one before its first."""
        item, before = f"order {order_id}", None
        abandoned = {
            each.new["data"]["saga_id"] for each in events if each.new["type"] == RETURN_ABANDONED
        }
        closed = {each.saga: each.closed for each in self.recording.abandoned}
        levels, returnable, holder = self.levels[item], 0, None
        for version, change in enumerate(events):
            call = self.recording.find_call("ORDER", change)
            saga = call.saga if call else workflow_id(order_id)
            self._join_return(saga, change)
            if change.transaction != before:
                self.history.reads.append(Read(saga, str(call), item, version))
            marks = change.new["type"] in MARKS
            self.history.write(item, Write(saga, change.new["type"], marks=marks))
            before = change.transaction
            if version and saga in closed:
                levels[-1] = replace(levels[-1], gone=closed[saga])
            returnable, holder = _fold(change, returnable, holder)
            undone = {self.history.parties[holder]: 1} if holder and holder in abandoned else {}
            levels.append(Level(change.at, returnable, undone))
        self._judge_order(order_id, events)

    def _join_return(self, saga: str, change: Change) -> None:
        if saga.startswith("return-"):
            self.history.join(Party(saga, RETURN, change.at))

    def _judge_order(self, order_id: str, events: Sequence[Change]) -> None:
        """What it was answered, if it was refused; what it has read, if it holds."""
        types = {change.new["type"]: change for change in events}
        if "OrderConfirmed" in types:
            self._read_prices(order_id, events)
            user = customer(types["OrderPlaced"].new["data"]["customer_id"])
            self.history.reads.append(Read(workflow_id(order_id), VALIDATE, user, 0))
        elif (refused := types.get("OrderRejected")) is not None:
            data = refused.new["data"]
            placing = self.recording.placing(order_id)
            between = (placing.begun, refused.at)
            if data["code"] == "user_inactive":
                user = customer(types["OrderPlaced"].new["data"]["customer_id"])
                self._judge(Answer(placing, VALIDATE, user, 1, 0, between), self.levels[user])
            for sku, needed, found in read_refusal(data["detail"]):
                item = stock_of(sku)
                answer = Answer(placing, place_order.RESERVE.name, item, needed, found, between)
                self._judge(answer, self.products.levels[item])

    def _judge(self, answer: Answer, levels: Sequence[Level]) -> None:
        if (found := judge_answer(answer, levels)) is not None:
            self.findings.append(found)

    def _judge_return(
        self, saga: str, order_id: str, code: str, begun: float, closed: float
    ) -> None:
        """A return that was refused has found that the order could not be returned."""
        if code == "not_returnable":
            item = f"order {order_id}"
            party = Party(saga, RETURN, begun)
            call = return_order.BEGIN_RETURN.name
            self._judge(Answer(party, call, item, 1, 0, (begun, closed)), self.levels[item])

    def _read_prices(self, order_id: str, events: Sequence[Change]) -> None:
        for line in _lines(events):
            minor = line["unit_price"]["minor"]
            self._read_price(order_id, ACCEPTED, line["sku"], minor)

    def _read_price(self, order_id: str, call: str, sku: str, minor: int) -> None:
        saga, version = workflow_id(order_id), self.products.find_price(sku, minor)
        if version is None:
            party = self.history.parties[saga]
            said = f"{price_of(sku)}: {call} of {saga} read {minor}, which it never was"
            who = ((party.id,), (party.kind,), (price_of(sku),))
            self.findings.append(Finding(Anomaly.FUZZY_READ, *who, (said,)))
        else:
            self.history.reads.append(Read(saga, call, price_of(sku), version))

    def _read_payments(self) -> None:
        """Each change of a payment has read the one before; the first one, what is to be paid."""
        versions: dict[str, int] = defaultdict(int)
        for change in self.recording.list_rows("PAYMENT", "payments"):
            order_id = change.new["order_id"]
            call, item = self.recording.find_call("PAYMENT", change), f"payment of {order_id}"
            saga, name = _name_payer(change, call)
            self.history.reads.append(Read(saga, name, item, versions[item]))
            versions[item] = self.history.write(item, Write(saga, name))
            if change.old is None:
                self._judge_amount(order_id, change.new["amount_minor"])

    def _judge_amount(self, order_id: str, amount: int) -> None:
        """What is charged by other prices than those accepted was read of the catalogue again."""
        lines = _lines(self.events[order_id])
        if amount == sum(line["quantity"] * line["unit_price"]["minor"] for line in lines):
            return
        known = [self.products.prices[line["sku"]] for line in lines]
        numbers = [line["quantity"] for line in lines]
        for prices in combine(*known):
            if amount == sum(n * minor for n, minor in zip(numbers, prices, strict=True)):
                for line, minor in zip(lines, prices, strict=True):
                    self._read_price(order_id, CHARGE, line["sku"], minor)
                return
        party = self.history.parties[workflow_id(order_id)]
        said = f"{CHARGE} of {party.id} took {amount}, which no prices come to"
        who = ((party.id,), (party.kind,), (f"payment of {order_id}",))
        self.findings.append(Finding(None, *who, (said,)))


def customer(user_id: str) -> str:
    """The item."""
    return f"customer {user_id}"


def _fold(change: Change, returnable: int, holder: str | None) -> tuple[int, str | None]:
    """Whether the order can be returned after this event, and which saga returns it."""
    match change.new["type"]:
        case "OrderConfirmed" | "OrderReturnAbandoned":
            return 1, None
        case "OrderReturnStarted":
            return 0, change.new["data"]["saga_id"]
        case "OrderReturned":
            return 0, None
        case _:
            return returnable, holder


def _lines(events: Sequence[Change]) -> list[Mapping[str, Any]]:
    return [change.new["data"] for change in events if change.new["type"] == "ItemAdded"]


def _name_payer(change: Change, call: Call | None) -> tuple[str, str]:
    """Requests between the transactions of a charge leave no mark in the barrier."""
    if call is not None:
        return call.saga, str(call)
    return str(change.new["saga_id"]), str(change.new["step"])
