"""What a run left: the changes of rows, what clients asked for, and how returns ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from contracts.names import workflow_id
from invariants.pairs.meeting import place
from invariants.pairs.others import ADD_STOCK, CLOSE_ACCOUNT, DOUBLE_PRICE, ERASE_ACCOUNT
from invariants.pairs.returns import return_it
from saga.participant import Op
from tests.isolation.history import Party
from tests.isolation.recorder import Change
from tests.isolation.workload import Operation

# What parties do, in the words of the pairs' sides.
PLACE, RETURN = place("A").kind, return_it().kind
RESTOCK, PRICE = ADD_STOCK.kind, DOUBLE_PRICE.kind
CLOSING = {"close": CLOSE_ACCOUNT.kind, "erase": ERASE_ACCOUNT.kind}


class Call(NamedTuple):
    """A saga's call of a service, as its barrier has it; `lines`: the stock that it moved."""

    saga: str
    step: str
    op: Op
    lines: Mapping[str, int]

    def __str__(self) -> str:
        return self.step if self.op is Op.ACTION else f"undoing {self.step}"


class ReturnEnding(NamedTuple):
    """A return that ended without effect: why, and between which moments it was at work."""

    saga: str
    order_id: str
    code: str
    begun: float
    closed: float


@dataclass
class Recording:
    """All of it; `changes` by service, in the order of each row's versions."""

    changes: Mapping[str, list[Change]]
    log: list[Operation]
    abandoned: list[ReturnEnding] = field(default_factory=list)

    def list_rows(self, service: str, table: str) -> list[Change]:
        """The changes of a table."""
        return [change for change in self.changes[service] if change.table == table]

    def find_call(self, service: str, change: Change) -> Call | None:
        """Which saga's call made it; None if no saga did, or none that left a mark."""
        return self._calls[service].get(change.transaction)

    @cached_property
    def _calls(self) -> dict[str, dict[int, Call]]:
        """The last row of the barrier in a transaction is that of the attempt itself."""
        return {
            service: {
                change.transaction: _to_call(change.new)
                for change in changes
                if change.table == "barrier"
            }
            for service, changes in self.changes.items()
        }

    @cached_property
    def orders(self) -> dict[str, Operation]:
        """What was accepted, by the order's id."""
        accepted = [operation for operation in self.log if operation.kind == "place"]
        return {each.told["id"]: each for each in accepted if "id" in each.told}

    def placing(self, order_id: str) -> Party:
        """The saga that places an order; of one whose client gave up, nobody knows since when."""
        asked = self.orders.get(order_id)
        return Party(workflow_id(order_id), PLACE, asked.sent if asked else 0.0)


def _to_call(row: Mapping[str, Any]) -> Call:
    lines = (row["reply"] or {}).get("lines", ())
    moved = {line["sku"]: line["quantity"] for line in lines}
    return Call(row["saga_id"], row["step"], Op(row["op"]), moved)
