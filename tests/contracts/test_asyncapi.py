"""The document and the schemas of published events: the code's, kept to, and stable."""

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from contracts.base import Message, Money, Reason
from contracts.events.cloudevents import CloudEvent, schema_uri
from contracts.events.integration_events import (
    DATA,
    EventType,
    OrderEvent,
    PaymentEvent,
    ProductEvent,
    StockEvent,
    UserEvent,
)
from contracts.inventory import Price, StockLine
from contracts.orders import OrderStatus
from contracts.payments import PaymentStatus
from tests.support.asyncapi import SCHEMAS, SNAPSHOT, breaking, document, format_json, schema_file

EUR = Money(minor=500, currency="EUR")
SAMPLES: dict[type[Message], Message] = {
    UserEvent: UserEvent(user_id="usr_1"),
    OrderEvent: OrderEvent(
        order_id="ord_1",
        customer_id="usr_1",
        status=OrderStatus.REJECTED,
        total=EUR,
        reason=Reason(code="out_of_stock", detail="no more"),
        version=3,
    ),
    ProductEvent: ProductEvent(sku="A", name="A", price=Price(minor=1, currency="EUR"), stocked=0),
    StockEvent: StockEvent(order_id="ord_1", lines=(StockLine(sku="A", quantity=1),)),
    PaymentEvent: PaymentEvent(
        order_id="ord_1", status=PaymentStatus.CAPTURED, amount=EUR, detail=None
    ),
}
Document = dict[str, Any]


def sample(event_type: EventType) -> Document:
    """An event of the type, as it is sent."""
    event = CloudEvent(
        id="1",
        source="/services/x",
        type=event_type,
        subject="s",
        time=datetime.now(UTC),
        dataschema=schema_uri(event_type),
        data=SAMPLES[DATA[event_type]].model_dump(mode="json"),
    )
    sent: Document = json.loads(event.model_dump_json())
    return sent


def test_the_documents_are_the_codes() -> None:
    refresh = "run `make asyncapi` and commit what it writes"
    assert not breaking(json.loads(SNAPSHOT.read_text()), document())
    assert SNAPSHOT.read_text() == format_json(document()), refresh
    files = dict(schema_file(event_type) for event_type in EventType)
    assert set(files) <= set(SCHEMAS.iterdir())
    for path, schema in files.items():
        assert path.read_text() == format_json(schema), refresh


@pytest.mark.parametrize("event_type", EventType)
def test_what_is_published_keeps_to_its_schema(event_type: EventType) -> None:
    _, schema = schema_file(event_type)
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema, format_checker=FormatChecker())
    event = sample(event_type)
    validator.validate(event)
    for name in event:
        assert not validator.is_valid({key: item for key, item in event.items() if key != name}), (
            name
        )
    wrongs: list[Document] = [{"specversion": "0.3"}, {"type": "other"}, {"data": {}}, {"id": ""}]
    for wrong in wrongs:
        assert not validator.is_valid(event | wrong), wrong


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda it: it["channels"].pop("order.placed"), "order.placed: is no longer published"),
        (
            lambda it: it["components"]["schemas"]["OrderEvent"]["properties"].pop("total"),
            "OrderEvent/total: removed",
        ),
        (
            lambda it: it["components"]["schemas"]["OrderEvent"]["required"].remove("status"),
            "OrderEvent/status: may be missing now",
        ),
        (
            lambda it: it["components"]["schemas"]["UserEvent"]["properties"]["user_id"].update(
                type="integer"
            ),
            "UserEvent/user_id: its type has changed",
        ),
    ],
)
def test_what_would_break_consumers_is_found(change: Callable[[Document], Any], said: str) -> None:
    changed = copy.deepcopy(document())
    change(changed)
    assert said in breaking(document(), changed)


def test_new_types_and_new_fields_break_nobody() -> None:
    changed = copy.deepcopy(document())
    changed["channels"]["order.archived"] = changed["channels"]["order.placed"]
    changed["components"]["schemas"]["OrderEvent"]["properties"]["note"] = {"type": "string"}
    assert breaking(document(), changed) == []
