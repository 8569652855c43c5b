"""The envelope of published events: CloudEvents 1.0 in its JSON format.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
"""

from typing import Any, Literal

from pydantic import AwareDatetime, Field

from contracts.base import Message
from contracts.events.integration_events import VERSIONS, EventType

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"


class CloudEvent(Message):
    """One event. `source` and `id` together are unique; a repetition has the same."""

    specversion: Literal["1.0"] = "1.0"
    id: str = Field(min_length=1)
    source: str = Field(min_length=1, examples=["/services/order"])
    type: str = Field(min_length=1, examples=["order.confirmed"])
    subject: str = Field(min_length=1, examples=["ord_8c1e"])
    time: AwareDatetime
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: str = Field(examples=["urn:order-saga:order.confirmed:v1"])
    data: dict[str, Any]


def schema_uri(event_type: str) -> str:
    """Names the schema of a type's data, in the version that is published today."""
    return f"urn:order-saga:{event_type}:v{VERSIONS[EventType(event_type)]}"


def source_of(service: str) -> str:
    """Names the publisher."""
    return f"/services/{service}"
