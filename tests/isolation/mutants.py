"""The product without a mechanism that keeps sagas apart, and what a run of many comes to then."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from saga.verify.concurrent.anomalies import Anomaly
from tests.isolation.workload import KINDS
from tests.support.other_code import change_lines, copy_with_changes

PACKAGES = ("services", "api")
Changes = Mapping[str, Mapping[str, str]]  # by file: what replaces which line

READ_THEN_WRITE = """
    for given in its["given_lines"]:
        this, number = products.c.sku == given["sku"], given["quantity"]
        row = (await tx.execute(select(products).where(this))).mappings().one()
        if row[source] < number:
            return False
        left = {source: row[source] - number, target: row[target] + number}
        await tx.execute(update(products).where(this).values(left))
    return True
"""
LINE_BY_LINE = """
    import asyncio
    for sku, number in sums(lines).items():
        its = {"given_lines": [{"sku": sku, "quantity": number}]}
        if (await tx.execute(MOVING[source, target], its)).rowcount != 1:
            return False
        await asyncio.sleep(1)  # else they would meet too seldom
    return True
"""
ABANDONED = (
    '        return [NewEvent(RETURN_ABANDONED, {"saga_id": saga_id, **reason.model_dump()})]\n'
)
NO_CLEAN_ACTION = {"        if clean is not None:": "        if False:"}
TODAYS_PRICE = """
        charge = known["payments"].charge

        async def charge_the_price_of_today(key, command):
            order = await known["orders"].get(command.order_id)
            skus = [line.sku for line in order.items]
            prices = {it.sku: it.price.minor for it in await known["inventory"].list_products(skus)}
            minor = sum(prices[line.sku] * line.quantity for line in order.items)
            amount = command.amount.model_copy(update={"minor": minor})
            return await charge(key, command.model_copy(update={"amount": amount}))

        known["payments"].charge = charge_the_price_of_today
        yield Services(**known, probes=probes)
"""


class CrowdMutant(NamedTuple):
    """A missing mechanism: its lines, what the clients ask for most, and what that comes to."""

    mechanism: str
    changes: Changes
    anomaly: Anomaly
    more: Mapping[str, int]

    @property
    def kinds(self) -> Mapping[str, int]:
        """How often each operation is drawn."""
        return {**KINDS, **self.more}

    def write_to(self, folder: Path) -> Path:
        """A copy of our code without the mechanism."""
        copy_with_changes(folder, PACKAGES, "api/__init__.py", {})
        for file, lines in self.changes.items():
            change_lines(folder, file, lines)
        return folder


MUTANTS = (
    CrowdMutant(
        "conditional update of the stock",
        {
            "services/inventory/stock_movements.py": {
                "    moved = await tx.execute(MOVING[source, target], its)\n"
                '    return moved.rowcount == len(its["given_lines"])\n': READ_THEN_WRITE
            },
            "services/inventory/service.py": NO_CLEAN_ACTION,
        },
        Anomaly.LOST_UPDATE,
        {"restock": 20},
    ),
    CrowdMutant(
        "accepted price",
        {
            "services/composition.py": {
                "        yield Services(**known, probes=probes)\n": TODAYS_PRICE
            }
        },
        Anomaly.FUZZY_READ,
        {"change price": 80},
    ),
    CrowdMutant(
        "mark of an order that is being returned",
        {
            "services/order/aggregate.py": {
                "return self.status == OrderStatus.CONFIRMED and self.returning is None": (
                    "return self.status == OrderStatus.CONFIRMED"
                )
            },
            "api/routes/returns.py": {
                "    attempt = await next_attempt(order.id, deps)\n": (
                    "    import secrets\n    attempt = 1 + secrets.randbelow(10**9)\n"
                )
            },
        },
        Anomaly.DIRTY_READ,
        {"return": 80},
    ),
    CrowdMutant(
        "end of the mark when a return is abandoned",
        {"services/order/aggregate.py": {ABANDONED: "        return []\n"}},
        Anomaly.ORPHANED_LOCK,
        {"return and cancel": 80},
    ),
    CrowdMutant(
        "one order of locks on stock",
        {
            "services/inventory/stock_movements.py": {
                "    its = give_lines(lines)\n"
                "    moved = await tx.execute(MOVING[source, target], its)\n"
                '    return moved.rowcount == len(its["given_lines"])\n': LINE_BY_LINE
            },
            "services/inventory/service.py": NO_CLEAN_ACTION,
        },
        Anomaly.DEADLOCK,
        {"place": 100, "restock": 100},
    ),
    CrowdMutant(
        "look at the customer",
        {"services/user/service.py": {'        if not row["active"]:': "        if False:"}},
        Anomaly.FUZZY_READ,
        {"close": 20, "erase": 10},
    ),
)
