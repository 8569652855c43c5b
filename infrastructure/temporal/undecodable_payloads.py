"""A payload that was refused, as a payload: whoever converts it gets the error.

A codec that raises has the whole workflow task fail, again and again, and cannot say for what. The
conversion knows: Temporal's SDK drops a signal that cannot be converted, rejects an update, and has
a workflow task fail for anything else. No cryptography here: this is loaded in the sandbox.
"""

from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import CompositePayloadConverter, EncodingPayloadConverter

from saga.participant.errors import describe_error

ENCODING = "binary/refused"


class PayloadRefused(Exception):
    """A payload cannot be used: the message names the kind of `key_ring.Refused`."""


def refusal(error: Exception) -> Payload:
    """What stands in for a payload that was refused."""
    said = describe_error(error)
    return Payload(metadata={"encoding": ENCODING.encode()}, data=said.encode())


class RefusingPayloadConverter(CompositePayloadConverter):
    """The converter for Pydantic models, which raises PayloadRefused for what was refused."""

    def __init__(self) -> None:
        super().__init__(*PydanticPayloadConverter().converters.values(), _Refusals())


class _Refusals(EncodingPayloadConverter):
    @property
    def encoding(self) -> str:
        """Of refused payloads."""
        return ENCODING

    def to_payload(self, value: Any) -> Payload | None:
        """Nothing becomes one."""
        return None

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:
        """Raise PayloadRefused."""
        raise PayloadRefused(payload.data.decode(errors="replace"))
