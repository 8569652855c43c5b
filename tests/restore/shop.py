"""Places the orders of the drill, each of its kind, around the moment that is gone back to."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from uuid import uuid4

from api.orders.place_order import order_id_for
from contracts.inventory import NewProduct, Price
from contracts.names import return_id, workflow_id
from contracts.orders import OrderStatus
from contracts.users import NewUser
from tests.restore.kinds import FORWARD, KINDS, Act, Fault, Kind, When
from tests.support.tokens import OPERATOR
from tests.support.waiting import until
from tests.support.world import World

STOCK, QUANTITY, MINOR = 10, 2, 700
AT_ONCE = 25
WITHIN = 60


@dataclass
class Drilled:
    """One order of the drill, with a product of its own, so that its pieces can be counted."""

    kind: Kind
    when: When
    sku: str
    fast: bool
    hold: str | None = None  # where one that goes on behind the moment stands at it
    customer: str = ""
    id: str = ""

    @property
    def saga_id(self) -> str:
        """Whose faults are its kind's: the order's saga, or its return's."""
        return return_id(self.id) if self.kind.returns else workflow_id(self.id)

    def __str__(self) -> str:
        return f"{self.id} ({self.when}: {self.kind.name}; {'fast' if self.fast else 'queues'})"


Do = Callable[[Drilled], Awaitable[None]]
Faults = Mapping[str, Fault]


def planned(sets: int) -> list[Drilled]:
    """So many orders of each kind and each time."""
    turn = count()
    found = []
    for _ in range(sets):
        for kind in KINDS:
            for when in When:
                number = next(turn)
                hold = FORWARD[number % (kind.reach + 1)] if when is When.ACROSS else None
                order = Drilled(kind, when, f"DRILL-{uuid4().hex[:12]}", number % 2 == 0, hold)
                found.append(order)
    return found


class Shop:
    """Customers, products, and orders of theirs."""

    def __init__(self, world: World, orders: Sequence[Drilled]) -> None:
        self._world = world
        self.orders = orders
        self.closing = ""  # a customer whose account is closed behind the moment

    async def open(self) -> None:
        """Two customers, and a product for each order."""
        ada, self.closing = [await self.new_customer() for _ in range(2)]
        for number, order in enumerate(self.orders):
            order.customer = self.closing if number % 3 == 0 else ada
            price = Price(minor=MINOR, currency="EUR")
            product = NewProduct(sku=order.sku, name="Rope", price=price, stock=STOCK)
            await self._world.services.inventory.create_product(product)

    async def new_customer(self) -> str:
        """The id of a new account."""
        user = NewUser(name="Drill", email="drill@example.com")
        return (await self._world.services.users.create(user)).id

    async def before_the_moment(self) -> None:
        """What is done by then, and what is under way at it."""
        await self._all(self._bring, When.EARLY)
        await self._all(self._begin, When.ACROSS)

    async def behind_the_moment(self) -> None:
        """What was under way goes on, and more comes, of a new customer too."""
        bob = await self.new_customer()
        for order in self._of(When.LATE):
            order.customer = bob if order.fast else order.customer
        await self._all(self._go_on, When.ACROSS)
        await self._all(self._bring, When.LATE)
        await self._world.services.users.deactivate(self.closing)

    def _of(self, when: When) -> list[Drilled]:
        return [order for order in self.orders if order.when is when]

    async def _all(self, do: Do, when: When) -> None:
        orders = self._of(when)
        for begin in range(0, len(orders), AT_ONCE):
            await asyncio.gather(*(do(order) for order in orders[begin : begin + AT_ONCE]))

    async def _bring(self, order: Drilled) -> None:
        await self._place(order, {} if order.kind.returns else order.kind.faults)
        await self._reach(order)

    async def _begin(self, order: Drilled) -> None:
        """As far as its hold; a return's order is confirmed by then."""
        if order.kind.returns:
            await self._place(order, {})
            await self._is(order, OrderStatus.CONFIRMED)
            return
        assert order.hold is not None
        await self._place(order, {order.hold: Fault.AWAY})
        await self._stands(workflow_id(order.id), order.hold)

    async def _go_on(self, order: Drilled) -> None:
        self._world.gates.allow(workflow_id(order.id))
        if not order.kind.returns:
            self._spoil(order, order.kind.faults)
        await self._reach(order)

    async def _place(self, order: Drilled, faults: Faults) -> None:
        key = f"drill-{uuid4().hex}"
        order.id = order_id_for(OPERATOR, key)
        self._spoil(order, faults)
        body = {
            "customer_id": order.customer,
            "items": [{"sku": order.sku, "quantity": QUANTITY}],
            "payment_method": order.kind.method,
        }
        headers = {"Idempotency-Key": key}
        http = self._world.apis[order.fast]
        answer = await http.post("/v1/orders", json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        assert answer.json()["id"] == order.id

    async def _reach(self, order: Drilled) -> None:
        """Until it is what its kind says."""
        if order.kind.returns:
            await self._is(order, OrderStatus.CONFIRMED)
            self._spoil(order, order.kind.faults)
            answer = await self._world.http.post(f"/v1/orders/{order.id}/return")
            assert answer.status_code == 202, answer.text
        for activity in list(order.kind.faults)[-1:]:
            await self._stands(order.saga_id, activity)
        await self._act(order)
        if order.kind.status is not None:
            await self._is(order, OrderStatus(order.kind.status))

    async def _act(self, order: Drilled) -> None:
        if order.kind.act is Act.CANCEL:
            answer = await self._world.http.post(f"/v1/orders/{order.id}/cancel")
            assert answer.is_success, answer.text
        elif order.kind.act in {Act.TERMINATE, Act.TERMINATE_RETURN}:
            await self._world.client.get_workflow_handle(order.saga_id).terminate("by mistake")

    def _spoil(self, order: Drilled, faults: Faults) -> None:
        gates = self._world.gates
        for activity, fault in faults.items():
            spoil = gates.lose if fault is Fault.LOST else gates.refuse
            spoil(order.saga_id, activity, fault.error)

    async def _stands(self, saga_id: str, activity: str) -> None:
        async def so() -> bool:
            return self._world.gates.started[saga_id, activity] > 0

        try:
            await until(so, within=WITHIN)
        except TimeoutError:
            raise AssertionError(f"{saga_id} does not come to {activity}") from None

    async def _is(self, order: Drilled, status: OrderStatus) -> None:
        async def so() -> bool:
            found = await self._world.services.orders.statuses([order.id])
            return found.get(order.id) is status

        try:
            await until(so, within=WITHIN)
        except TimeoutError:
            found = await self._world.services.orders.statuses([order.id])
            raise AssertionError(f"{order} is {found}, not {status}") from None
