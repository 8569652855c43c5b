"""Temporal's payload codec: each payload sealed for the namespace and the workflow it belongs to.

A sealed payload says of itself, in the clear, under which key and for which place it was sealed.
That claim is authenticated too. Where Temporal's SDK tells for which workflow a payload is asked
for, a payload of another one is refused. Somebody who may write to Temporal's database can thus
neither read nor change a payload, nor put it into another order.

What a person gives to the Web UI or the CLI is sealed by the codec server, which is not told of a
workflow: such a payload belongs to the namespace alone.
"""

import re
from collections.abc import Callable, Sequence
from enum import StrEnum

from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ActivitySerializationContext,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from infrastructure.security.envelope_encryption import EnvelopeEncryptor, Sealed
from infrastructure.security.key_ring import Misplaced, NotEncrypted, Refused
from infrastructure.temporal.undecodable_payloads import refusal

ENCODING = b"binary/encrypted"
# A schedule's workflow has the id of the schedule's action, and the time after it.
OF_A_SCHEDULE = re.compile(r"-\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")


class Plaintext(StrEnum):
    """What becomes of a payload that is not sealed."""

    REFUSE = "refuse"
    ACCEPT = "accept"  # while workflows from before encryption are still open, and for replays


class PayloadEncryptor:
    """Seals and opens payloads of one namespace. Raises what `key_ring` names."""

    def __init__(
        self,
        envelope: EnvelopeEncryptor,
        namespace: str,
        plaintext: Plaintext,
        *,
        bound: bool = True,
    ) -> None:
        """Without `bound`, the payload of any workflow is opened for any other."""
        self._envelope = envelope
        self._namespace = namespace
        self._plaintext = plaintext
        self._bound = bound

    def seal(self, payload: Payload, workflow_id: str | None) -> Payload:
        """Its sealed form; one that is sealed already stays as it is."""
        if payload.metadata.get("encoding") == ENCODING:
            return payload
        place = f"{self._namespace}/{workflow_id or ''}".encode()
        sealed = self._envelope.seal(payload.SerializeToString(), place)
        metadata = {
            "encoding": ENCODING,
            "key": sealed.key_id.encode(),
            "data-key": sealed.wrapped,
            "place": place,
        }
        return Payload(metadata=metadata, data=sealed.data)

    def open(self, payload: Payload, workflow_id: str | None) -> Payload:
        """The payload in it. `workflow_id` is whose it should be, if that is known."""
        if payload.metadata.get("encoding") != ENCODING:
            if self._plaintext is Plaintext.ACCEPT:
                return payload
            raise NotEncrypted("it is not encrypted, and only encrypted payloads are taken here")
        place = bytes(payload.metadata.get("place", b""))
        self._demand_place(place, workflow_id)
        key_id = payload.metadata.get("key", b"").decode(errors="replace")
        sealed = Sealed(key_id, bytes(payload.metadata.get("data-key", b"")), payload.data)
        return Payload.FromString(self._envelope.open(sealed, place))

    def _demand_place(self, place: bytes, workflow_id: str | None) -> None:
        namespace, _, owner = place.decode(errors="replace").partition("/")
        if namespace != self._namespace:
            raise Misplaced(f"it belongs to the namespace {namespace!r}, not {self._namespace!r}")
        if self._bound and owner and workflow_id and owner != workflow_id:
            raise Misplaced(f"it belongs to the workflow {owner!r}, not {workflow_id!r}")


class EncryptionCodec(PayloadCodec, WithSerializationContext):
    """The codec of clients and workers.

    What never opens becomes a payload that nothing can be made of, see `refusals`: so Temporal
    drops a signal and rejects an update that somebody sent in plain text, instead of having its
    workflow fail for good. UnknownKey is raised, and what asked is tried again.
    """

    def __init__(self, encryptor: PayloadEncryptor, workflow_id: str | None = None) -> None:
        self._encryptor = encryptor
        self._workflow_id = workflow_id

    def with_context(self, context: SerializationContext) -> "EncryptionCodec":
        """The codec of one workflow."""
        knows = (WorkflowSerializationContext, ActivitySerializationContext)
        found = context.workflow_id if isinstance(context, knows) else None
        owner = OF_A_SCHEDULE.sub("", found) if found else None
        return self if owner == self._workflow_id else EncryptionCodec(self._encryptor, owner)

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Seal them."""
        return [self._encryptor.seal(payload, self._workflow_id) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Open them. UnknownKey if one cannot be opened yet."""
        return [
            open_or_refuse(self._encryptor.open, payload, self._workflow_id) for payload in payloads
        ]


def open_or_refuse(
    opened: Callable[[Payload, str | None], Payload], payload: Payload, workflow_id: str | None
) -> Payload:
    """The payload in it, or the refusal in its stead."""
    try:
        return opened(payload, workflow_id)
    except Refused as error:
        return refusal(error)
