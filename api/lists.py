"""Lists as callers get them, all of one shape: `items`, and where the next page begins."""

from typing import Generic, TypeVar

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.schemas import OrderEventOut, OrderOut, ServiceRecord
from api.temporal.saga_listing import SagaFound
from contracts.event_records import RecordedEvent
from contracts.inventory import Product
from contracts.users import Account
from contracts.webhooks import Delivery, Webhook

Item = TypeVar("Item")


class ItemList(BaseModel, Generic[Item]):
    """What every list looks like."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    items: list[Item]
    next_cursor: str | None = Field(
        default=None,
        description="Pass it as `cursor` for the next page; null if there is none to ask for",
    )


class OrderList(ItemList[OrderOut]):
    """A page of orders, newest first."""


class OrderEventList(ItemList[RecordedEvent]):
    """All events of an order, oldest first."""


class EventList(ItemList[OrderEventOut]):
    """A page of the events of all orders, oldest first."""


class SagaList(ItemList[SagaFound]):
    """The first sagas, as many as were asked for."""


class RecordList(ItemList[ServiceRecord]):
    """All records of a saga, oldest first."""


class ProductList(ItemList[Product]):
    """All products, by SKU."""


class AccountList(ItemList[Account]):
    """A page of accounts, newest first, and of no personal data."""


class WebhookList(ItemList[Webhook]):
    """The newest webhooks, newest first."""


class DeliveryList(ItemList[Delivery]):
    """The newest deliveries, as many as were asked for."""


def link_next_page(request: Request, response: Response, cursor: str | None) -> None:
    """Have the header Link lead to the page behind this one, if there is one."""
    if cursor is not None:
        further = request.url.include_query_params(cursor=cursor)
        response.headers["Link"] = f'<{further.path}?{further.query}>; rel="next"'
