"""What of a command counts when its key is used again."""

from datetime import UTC, datetime

from contracts.base import Message, Money
from contracts.orders import CreateOrder, OrderLine
from contracts.workflow_io import PlaceOrderInput
from saga.participant.digest import digest_of

ORDER = CreateOrder(
    order_id="ord_1",
    customer_id="usr_1",
    items=(OrderLine(sku="A", quantity=2, unit_price=Money(minor=150, currency="EUR")),),
    total=Money(minor=300, currency="EUR"),
    payment_method="pm_card_visa",
    fingerprint="f",
    accepted_at=datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC),
    authenticate_within=900,
)


class Before(Message):
    """A command, as a release declared it."""

    b: int
    a: str


class After(Message):
    """The same in the next release: in another order, and with one more field."""

    a: str
    b: int
    careful: bool = False


def test_only_what_is_declared_counts() -> None:
    sent = PlaceOrderInput(**dict(ORDER), fast_path=True, own_queue=True)
    assert digest_of(CreateOrder, sent) == digest_of(CreateOrder, ORDER)


def test_a_command_that_went_over_the_wire_is_the_same() -> None:
    again = CreateOrder.model_validate_json(ORDER.model_dump_json())
    assert digest_of(CreateOrder, again) == digest_of(CreateOrder, ORDER)


def test_every_field_counts() -> None:
    other = Money(minor=150, currency="USD")
    changed = ORDER.model_copy(
        update={"items": (ORDER.items[0].model_copy(update={"unit_price": other}),)}
    )
    assert digest_of(CreateOrder, changed) != digest_of(CreateOrder, ORDER)
    for name in CreateOrder.model_fields:
        one = ORDER.model_copy(update={name: None})
        assert digest_of(CreateOrder, one) != digest_of(CreateOrder, ORDER), name


def test_a_new_field_at_its_default_and_the_order_of_fields_do_not_count() -> None:
    before = digest_of(Before, Before(a="x", b=1))
    assert digest_of(After, After(a="x", b=1)) == before
    assert digest_of(After, After(a="x", b=1, careful=True)) != before
