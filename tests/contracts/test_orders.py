"""The order service's contract."""

from datetime import UTC, datetime, timedelta

import pytest

from contracts.base import Money, Reason
from contracts.orders import (
    ConfirmOrder,
    CreateOrder,
    NextAction,
    OrderFilter,
    OrderLine,
    OrderService,
    OrderStatus,
    RequireAction,
    StartReturn,
    StepNote,
)
from saga.participant import Compensated, NotFound, Op, Rejected, State, StepKey

CREATE, CONFIRM, RETURN = "create_order", "confirm_order", "begin_return"
WHY = Reason(code="out_of_stock", detail="no more")
LINE = OrderLine(sku="A", quantity=2, unit_price=Money(minor=150, currency="EUR"))
TOTAL = Money(minor=300, currency="EUR")
ACCEPTED_AT = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


def command(order_id: str = "ord_1", customer: str = "usr_1") -> CreateOrder:
    return CreateOrder(
        order_id=order_id,
        customer_id=customer,
        items=(LINE,),
        total=TOTAL,
        payment_method="pm_card_visa",
        fingerprint="f",
    )


def accepted(order_id: str, *, seconds: int = 0) -> CreateOrder:
    """One that a caller was told of."""
    moment = ACCEPTED_AT + timedelta(seconds=seconds)
    return command(order_id).model_copy(update={"accepted_at": moment})


def key(step: str, saga: str = "order-ord_1") -> StepKey:
    return StepKey(saga_id=saga, step=step)


async def confirmed(orders: OrderService) -> None:
    await orders.create(key(CREATE), command())
    await orders.confirm(key(CONFIRM), ConfirmOrder(order_id="ord_1"))


def returning(order_id: str = "ord_1") -> StartReturn:
    return StartReturn(order_id=order_id, items=(LINE,), total=TOTAL)


async def test_an_order_is_placed_and_confirmed(orders: OrderService) -> None:
    placed = await orders.create(key(CREATE), command())
    assert (placed.status, placed.version, placed.items) == ("pending", 2, (LINE,))
    assert await orders.create(key(CREATE), command()) == placed
    done = await orders.confirm(key(CONFIRM), ConfirmOrder(order_id="ord_1"))
    assert (done.status, done.version, done.total) == ("confirmed", 3, TOTAL)
    assert await orders.get("ord_1") == done
    assert [event.version for event in await orders.history("ord_1")] == [1, 2, 3]
    assert (await orders.history("ord_1"))[1].data["sku"] == "A"


async def test_how_orders_stand_is_told_of_those_that_are_recorded(orders: OrderService) -> None:
    await confirmed(orders)
    await orders.create(key(CREATE, "order-ord_2"), command("ord_2"))
    found = await orders.statuses(["ord_2", "ord_1", "ord_nope"])
    assert found == {"ord_1": OrderStatus.CONFIRMED, "ord_2": OrderStatus.PENDING}
    assert await orders.statuses([]) == {}


async def test_an_order_closed_before_it_was_recorded_leaves_a_record(
    orders: OrderService,
) -> None:
    closed = await orders.close(key(CREATE), command(), OrderStatus.CANCELLED, WHY)
    assert (closed.status, closed.reason) == (OrderStatus.CANCELLED, WHY)
    assert await orders.close(key(CREATE), command(), OrderStatus.CANCELLED, WHY) == closed
    with pytest.raises(Compensated):
        await orders.create(key(CREATE), command())


async def test_a_closed_order_cannot_be_confirmed(orders: OrderService) -> None:
    await orders.create(key(CREATE), command())
    await orders.close(key(CREATE), command(), OrderStatus.REJECTED, WHY)
    with pytest.raises(Rejected) as refused:
        await orders.confirm(key(CONFIRM), ConfirmOrder(order_id="ord_1"))
    assert refused.value.code == "not_pending"


async def test_a_fence_tells_whether_the_confirmation_landed(orders: OrderService) -> None:
    await confirmed(orders)
    assert await orders.fence_confirm(key(CONFIRM)) is True
    await orders.create(key(CREATE, "order-ord_2"), command("ord_2"))
    assert await orders.fence_confirm(key(CONFIRM, "order-ord_2")) is False
    with pytest.raises(Compensated):
        await orders.confirm(key(CONFIRM, "order-ord_2"), ConfirmOrder(order_id="ord_2"))


async def test_a_return_is_begun_once_and_completed(orders: OrderService) -> None:
    await orders.create(key(CREATE), command())
    with pytest.raises(Rejected) as early:
        await orders.begin_return(key(RETURN, "return-ord_1"), returning())
    assert early.value.code == "not_returnable"
    await orders.confirm(key(CONFIRM), ConfirmOrder(order_id="ord_1"))
    await orders.begin_return(key(RETURN, "return-ord_1-2"), returning())
    with pytest.raises(Rejected):
        await orders.begin_return(key(RETURN, "return-ord_1-3"), returning())
    with pytest.raises(Rejected) as another:
        await orders.complete_return(key("done", "return-ord_1-3"), returning())
    assert another.value.code == "not_returning"
    back = await orders.complete_return(key("done", "return-ord_1-2"), returning())
    assert back.status == OrderStatus.RETURNED


async def test_an_abandoned_return_leaves_the_order_confirmed(orders: OrderService) -> None:
    await confirmed(orders)
    await orders.begin_return(key(RETURN, "return-ord_1"), returning())
    assert await orders.abandon_return(key(RETURN, "return-ord_1"), returning(), WHY) == WHY
    other = Reason(code="other", detail="later")
    assert await orders.abandon_return(key(RETURN, "return-ord_1"), returning(), other) == WHY
    assert (await orders.get("ord_1")).status == OrderStatus.CONFIRMED
    assert [event.type for event in await orders.history("ord_1")][-1] == "OrderReturnAbandoned"


async def test_a_blocked_step_shows(orders: OrderService) -> None:
    await orders.create(key(CREATE), command())
    note = StepNote(order_id="ord_1", step="s", blocked="refused", still_blocked=True)
    assert await orders.note(key("note#1"), note) == note
    assert (await orders.get("ord_1")).status == OrderStatus.BLOCKED
    unknown = note.model_copy(update={"order_id": "ord_x"})
    assert await orders.note(key("note#1", "order-ord_x"), unknown) == unknown


async def test_what_was_accepted_is_told_as_it_was(orders: OrderService) -> None:
    closed = await orders.close(key(CREATE), accepted("ord_1"), OrderStatus.TIMED_OUT, WHY)
    told = await orders.get_accepted_order("ord_1")
    assert (told.fingerprint, told.order.status) == ("f", OrderStatus.PENDING)
    assert (told.order.version, told.order.created_at) == (0, ACCEPTED_AT)
    assert closed.created_at == (await orders.get("ord_1")).created_at == ACCEPTED_AT
    confirmed = await orders.create(key(CREATE, "order-ord_2"), accepted("ord_2"))
    assert confirmed.created_at == (await orders.get("ord_2")).created_at == ACCEPTED_AT


async def test_orders_are_listed_by_when_they_were_accepted(orders: OrderService) -> None:
    for name, seconds in (("ord_1", 2), ("ord_2", 0), ("ord_3", 1)):
        await orders.create(key(CREATE, f"order-{name}"), accepted(name, seconds=seconds))
    found = await orders.page(OrderFilter(), limit=9, cursor=None)
    assert [order.id for order in found.items] == ["ord_1", "ord_3", "ord_2"]


async def test_pages_follow_each_other(orders: OrderService) -> None:
    names = [f"ord_{n}" for n in range(5)]
    for name in names:
        await orders.create(key(CREATE, name), command(name, f"usr_{name[-1]}"))
    first = await orders.page(OrderFilter(), limit=3, cursor=None)
    rest = await orders.page(OrderFilter(), limit=3, cursor=first.next_cursor)
    assert [row.id for row in (*first.items, *rest.items)] == names[::-1]
    assert rest.next_cursor is None
    only = OrderFilter(customer_id="usr_3", status=OrderStatus.PENDING)
    assert [order.id for order in (await orders.page(only, limit=3, cursor=None)).items] == [
        "ord_3"
    ]
    later = OrderFilter(created_from=first.items[0].created_at)
    assert [order.id for order in (await orders.page(later, limit=3, cursor=None)).items] == [
        "ord_4"
    ]
    with pytest.raises(Rejected) as refused:
        await orders.page(OrderFilter(), limit=3, cursor="nonsense")
    assert refused.value.code == "invalid_cursor"


async def test_an_unknown_order_is_not_found(orders: OrderService) -> None:
    for asking in (
        orders.get("ord_x"),
        orders.history("ord_x"),
        orders.get_accepted_order("ord_x"),
    ):
        with pytest.raises(NotFound) as unknown:
            await asking
        assert unknown.value.code == "unknown_order"


async def test_the_command_and_the_totals_are_read_back(orders: OrderService) -> None:
    await confirmed(orders)
    await orders.create(key(CREATE, "order-ord_2"), command("ord_2"))
    again = await orders.command("ord_1")
    assert again == command()
    assert (await orders.create(key(CREATE), again)).version == 2  # to its key, it is the same
    assert await orders.totals(OrderStatus.CONFIRMED) == [TOTAL]
    assert await orders.totals(OrderStatus.RETURNED) == []
    with pytest.raises(NotFound):
        await orders.command("ord_nope")


async def test_what_is_on_record_of_a_saga_is_told(orders: OrderService) -> None:
    await confirmed(orders)
    found = {
        (recording.step, recording.op, recording.state)
        for recording in await orders.list_step_records("order-ord_1")
    }
    assert found == {(CREATE, Op.ACTION, State.DONE), (CONFIRM, Op.ACTION, State.DONE)}
    assert await orders.list_step_records("order-ord_nope") == []


async def test_the_flow_counts_orders_by_slot_and_status_and_names_the_oldest_open(
    orders: OrderService,
) -> None:
    empty = await orders.flow(3600, 2)
    assert (empty.slices, empty.open, empty.oldest_id, empty.oldest_at) == ((), 0, None, None)
    await confirmed(orders)
    oldest = await orders.create(key(CREATE, "order-ord_2"), command("ord_2"))
    await orders.create(key(CREATE, "order-ord_3"), command("ord_3"))
    flow = await orders.flow(3600, 2)
    assert [(slot.slot, slot.status, slot.orders) for slot in flow.slices] == [
        (0, "confirmed", 1),
        (0, "pending", 2),
    ]
    assert (flow.open, flow.oldest_id, flow.oldest_at) == (2, "ord_2", oldest.created_at)
    assert flow.now >= oldest.created_at


async def test_what_operators_said_is_told_newest_first(orders: OrderService) -> None:
    await orders.create(key(CREATE), command())
    blocked = StepNote(order_id="ord_1", step="charge_payment", blocked="no", still_blocked=True)
    await orders.note(key("note#1"), blocked)
    for number, action in enumerate(("retry", "mark_done"), start=2):
        word = StepNote(
            order_id="ord_1",
            step="charge_payment",
            blocked="no" if action == "retry" else None,
            still_blocked=action == "retry",
            action=action,
            evidence=f"bank reference {number}",
            who="ada",
        )
        await orders.note(key(f"note#{number}"), word)
    healed = StepNote(order_id="ord_1", step="charge_payment", blocked=None, still_blocked=False)
    await orders.note(key("note#4"), healed)
    told = await orders.interventions(5)
    assert [(line.order_id, line.step, line.action, line.who) for line in told] == [
        ("ord_1", "charge_payment", "mark_done", "ada"),
        ("ord_1", "charge_payment", "retry", "ada"),
    ]
    assert told[0].evidence == "bank reference 3"
    assert [intervention.action for intervention in await orders.interventions(1)] == ["mark_done"]


def action(url: str = "https://bank.example/1", *, seconds: int = 900) -> RequireAction:
    until = ACCEPTED_AT + timedelta(seconds=seconds)
    return RequireAction(order_id="ord_1", next_action=NextAction(url=url, until=until))


async def test_an_order_tells_what_its_customer_has_to_do_until_it_is_pending_no_more(
    orders: OrderService,
) -> None:
    await orders.create(key(CREATE), command())
    for seconds in (900, 900, 901):  # another run of the saga counts from another moment
        await orders.require_action(key(f"tell#1@{seconds}"), action(seconds=seconds))
    waiting = await orders.get("ord_1")
    assert (waiting.status, waiting.next_action) == ("pending", action().next_action)
    assert waiting.version == 3
    history = await orders.history("ord_1")
    assert dict(history[-1].data) == action().next_action.model_dump(mode="json")
    confirmed = await orders.confirm(key(CONFIRM), ConfirmOrder(order_id="ord_1"))
    assert (confirmed.next_action, (await orders.get("ord_1")).next_action) == (None, None)
    await orders.require_action(key("tell#2"), action("https://bank.example/2"))
    assert await orders.get("ord_1") == confirmed


async def test_an_order_that_is_not_on_record_has_nothing_to_tell(orders: OrderService) -> None:
    await orders.require_action(key("tell#1"), action())
    with pytest.raises(NotFound):
        await orders.get("ord_1")


async def test_how_long_customers_may_authenticate_is_a_part_of_the_order(
    orders: OrderService,
) -> None:
    patient = command().model_copy(update={"authenticate_within": 900})
    await orders.create(key(CREATE), patient)
    assert await orders.command("ord_1") == patient
    await orders.create(key(CREATE, "order-ord_2"), command("ord_2"))
    assert await orders.command("ord_2") == command("ord_2")


async def test_the_installation_stays_the_same(orders: OrderService) -> None:
    assert await orders.installation() == await orders.installation()
    epoch = await orders.epoch()
    assert (await orders.epoch()).continues(epoch)
