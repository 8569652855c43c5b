"""The products' part of a history: stock that moves by differences, and prices."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from saga.participant import Op
from services.inventory.stock_movements import AVAILABLE, RESERVED, SOLD
from tests.isolation.answers import Level
from tests.isolation.findings import Finding
from tests.isolation.history import History, Party, Read, Write
from tests.isolation.recorder import Change
from tests.isolation.recording import PLACE, PRICE, RESTOCK, RETURN, Call, Recording
from workflows import place_order, return_order

COUNTERS = ("stocked", AVAILABLE, RESERVED, SOLD)
MOVES = {
    (place_order.RESERVE.name, Op.ACTION): (AVAILABLE, RESERVED),
    (place_order.RESERVE.name, Op.COMPENSATION): (RESERVED, AVAILABLE),
    (place_order.COMMIT.name, Op.ACTION): (RESERVED, SOLD),
    (return_order.RESTOCK.name, Op.ACTION): (SOLD, AVAILABLE),
}
REFUSED = re.compile(r"(?P<sku>[\w-]+): (?P<needed>\d+) wanted, (?P<found>\d+) available")


@dataclass
class Products:
    """Adds what became of products to a history. `levels`: how many were available, by item."""

    recording: Recording
    history: History
    findings: list[Finding] = field(default_factory=list)
    levels: dict[str, list[Level]] = field(default_factory=lambda: defaultdict(list))
    prices: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    rows: dict[str, list[Mapping[str, int]]] = field(default_factory=lambda: defaultdict(list))

    def read(self) -> None:
        """Go through all changes of products."""
        undone = self._find_undone()
        held: dict[str, dict[Party, int]] = defaultdict(lambda: defaultdict(int))
        for change in self.recording.list_rows("INVENTORY", "products"):
            sku = change.new["sku"]
            self._note_price(change, sku)
            call = self.recording.find_call("INVENTORY", change)
            if call or change.old is None or _count(change.old) != _count(change.new):
                self._note_stock(change, sku, call)
                if change.old is not None and call is not None and call.saga in undone:
                    party = self.history.parties[call.saga]
                    held[sku][party] += change.old["available"] - change.new["available"]
                now = {party: number for party, number in held[sku].items() if number}
                self.levels[stock_of(sku)].append(Level(change.at, change.new["available"], now))

    def find_price(self, sku: str, minor: int) -> int | None:
        """Which version of a product's price this is."""
        return self.prices[sku].index(minor) if minor in self.prices[sku] else None

    def _find_undone(self) -> set[str]:
        """The sagas that gave back what they had reserved."""
        calls = (
            self.recording.find_call("INVENTORY", change)
            for change in self.recording.list_rows("INVENTORY", "products")
        )
        return {call.saga for call in calls if call and call.op is Op.COMPENSATION}

    def _note_price(self, change: Change, sku: str) -> None:
        minor = change.new["price_minor"]
        if change.old is not None and change.old["price_minor"] != minor:
            asked = next((op for op in self.recording.log if op.told.get("minor") == minor), None)
            times = (asked.sent, asked.answered) if asked else (change.at, change.at)
            party = Party(f"price-{minor}", PRICE, *times)
            self.history.join(party)
            self.history.write(price_of(sku), Write(party.id, f"{sku} costs {minor}"))
        elif change.old is not None:
            return
        self.prices[sku].append(minor)

    def _note_stock(self, change: Change, sku: str, call: Call | None) -> None:
        """A version of the stock: by a difference, or by what was read of it before."""
        if change.old is not None:
            party, name = self._name_writer(change, call)
            self.history.join(party)
            expected = _expect(change, call, sku)
            plain = _difference(change) != expected
            if plain:
                self._infer_read(change, sku, expected, party, name)
            self.history.write(stock_of(sku), Write(party.id, name, adds=not plain))
        self.rows[sku].append(_count(change.new))

    def _infer_read(
        self, change: Change, sku: str, expected: Mapping[str, int], party: Party, name: str
    ) -> None:
        """The newest version from which the call would have come to what it wrote."""
        moved = {column: n for column, n in expected.items() if n}
        new, rows = change.new, self.rows[sku]
        for version in range(len(rows) - 1, -1, -1):
            if all(rows[version][column] + n == new[column] for column, n in moved.items()):
                self.history.reads.append(Read(party.id, name, stock_of(sku), version))
                return
        said = f"{stock_of(sku)}: {name} should move {moved}, and moved {_difference(change)}"
        self.findings.append(Finding(None, (party.id,), (party.kind,), (stock_of(sku),), (said,)))

    def _name_writer(self, change: Change, call: Call | None) -> tuple[Party, str]:
        if call is None:
            return Party(f"restock-{change.number}", RESTOCK), "add stock"
        kind = RETURN if call.saga.startswith("return-") else PLACE
        return Party(call.saga, kind), str(call)


def stock_of(sku: str) -> str:
    """The item."""
    return f"stock of {sku}"


def price_of(sku: str) -> str:
    """The item."""
    return f"price of {sku}"


def _expect(change: Change, call: Call | None, sku: str) -> dict[str, int]:
    """What the call's command moves; of new pieces, as many as are stocked."""
    expected = dict.fromkeys(COUNTERS, 0)
    if call is None:
        more = _difference(change)["stocked"]
        return expected | {"stocked": more, AVAILABLE: more}
    source, target = MOVES[call.step, call.op]
    number = call.lines.get(sku, 0)
    return expected | {source: -number, target: number}


def _difference(change: Change) -> dict[str, int]:
    old, new = _count(change.old or {}), _count(change.new)
    return {column: new[column] - old[column] for column in COUNTERS}


def _count(row: Mapping[str, int]) -> dict[str, int]:
    return {column: row.get(column, 0) for column in COUNTERS}


def read_refusal(detail: str) -> Iterator[tuple[str, int, int]]:
    """The SKU, how many were wanted and how many were there, of a refusal's words."""
    if found := REFUSED.match(detail):
        yield found["sku"], int(found["needed"]), int(found["found"])
