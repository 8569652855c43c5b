"""What the codec promises: nothing readable, nothing changed, nothing moved, keys that change."""

from collections.abc import Callable

import pytest
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.failure.v1 import Failure
from temporalio.converter import (
    ActivitySerializationContext,
    DataConverter,
    WorkflowSerializationContext,
)
from temporalio.exceptions import ApplicationError

from infrastructure.security.key_ring import Misplaced, NotEncrypted, Tampered, UnknownKey
from infrastructure.temporal.payload_codec import EncryptionCodec, Plaintext
from infrastructure.temporal.undecodable_payloads import PayloadRefused
from tests.codec.rings import LATER, NEW, OLD, SAID, encrypting, encryptor


def test_a_payload_comes_back_and_cannot_be_read_meanwhile() -> None:
    sealed = encryptor(NEW).seal(SAID, "order-1")
    assert b"ada" not in sealed.SerializeToString()
    assert b"json/plain" not in sealed.SerializeToString()
    assert encryptor(NEW).open(sealed, "order-1") == SAID


def test_the_same_payload_is_never_sealed_the_same() -> None:
    one, other = encryptor(NEW).seal(SAID, None), encryptor(NEW).seal(SAID, None)
    assert one.data != other.data
    assert one.metadata["data-key"] != other.metadata["data-key"]


def test_what_is_sealed_is_not_sealed_again() -> None:
    sealed = encryptor(NEW).seal(SAID, None)
    assert encryptor(NEW).seal(sealed, None) == sealed


def test_new_payloads_use_the_newest_key_that_has_started_and_old_keys_still_open() -> None:
    old = encryptor(OLD).seal(SAID, None)
    both = encryptor(NEW, OLD, LATER)
    assert both.seal(SAID, None).metadata["key"] == NEW.id.encode()
    assert both.open(old, None) == SAID
    assert both.open(encryptor(LATER).seal(SAID, None), None) == SAID


def test_a_key_that_is_not_here_is_said_to_be_unknown() -> None:
    with pytest.raises(UnknownKey, match=OLD.id):
        encryptor(NEW).open(encryptor(OLD).seal(SAID, None), None)


@pytest.mark.parametrize("field", ["data", "data-key", "key", "place"])
def test_whatever_is_changed_is_noticed(field: str) -> None:
    for position in (0, -1):
        sealed = encryptor(NEW, OLD).seal(SAID, "order-1")
        if field == "data":
            sealed.data = flipped(sealed.data, position)
        elif field == "key":
            sealed.metadata["key"] = OLD.id.encode()
        elif field == "place":
            sealed.metadata["place"] = b"default/order-2"
        else:
            sealed.metadata[field] = flipped(sealed.metadata[field], position)
        with pytest.raises(Tampered):
            encryptor(NEW, OLD).open(sealed, "order-2" if field == "place" else "order-1")


@pytest.mark.parametrize("field", ["data", "data-key", "key", "place"])
def test_whatever_is_cut_off_is_noticed(field: str) -> None:
    sealed = encryptor(NEW).seal(SAID, "order-1")
    if field == "data":
        sealed.data = sealed.data[:8]
    else:
        del sealed.metadata[field]
    with pytest.raises((Tampered, Misplaced, UnknownKey)):
        encryptor(NEW).open(sealed, "order-1")


def flipped(data: bytes, position: int) -> bytes:
    changed = bytearray(data)
    changed[position] ^= 1
    return bytes(changed)


def test_a_payload_of_another_namespace_is_misplaced() -> None:
    sealed = encryptor(NEW, namespace="elsewhere").seal(SAID, "order-1")
    with pytest.raises(Misplaced, match="elsewhere"):
        encryptor(NEW).open(sealed, "order-1")


def test_a_payload_of_another_workflow_is_misplaced() -> None:
    sealed = encryptor(NEW).seal(SAID, "order-1")
    with pytest.raises(Misplaced, match="order-1"):
        encryptor(NEW).open(sealed, "order-2")


def test_a_payload_by_the_codec_server_belongs_to_its_namespace_alone() -> None:
    sealed = encryptor(NEW).seal(SAID, None)
    assert encryptor(NEW).open(sealed, "order-1") == SAID


def test_plain_text_is_refused_unless_it_is_accepted_for_a_while() -> None:
    with pytest.raises(NotEncrypted):
        encryptor(NEW).open(SAID, None)
    assert encryptor(NEW, plaintext=Plaintext.ACCEPT).open(SAID, None) == SAID


CONTEXTS = {
    "a workflow": WorkflowSerializationContext(namespace="default", workflow_id="order-1"),
    "its activity": ActivitySerializationContext(
        namespace="default",
        workflow_id="order-1",
        workflow_type="PlaceOrder",
        activity_type="order.create",
        activity_id="1",
        activity_task_queue="orders",
        is_local=False,
    ),
}


@pytest.mark.parametrize("name", CONTEXTS)
async def test_the_sdks_contexts_bind_a_payload_to_its_workflow(name: str) -> None:
    bound = encrypting().with_context(CONTEXTS[name])
    other = encrypting().with_context(WorkflowSerializationContext("default", "order-2"))
    payloads = await bound.encode(["ada"])
    assert await bound.decode(payloads) == ["ada"]
    assert await encrypting().decode(payloads) == ["ada"]
    with pytest.raises(PayloadRefused, match="Misplaced"):
        await other.decode(payloads)


async def test_a_schedules_payloads_open_in_the_workflows_that_it_starts() -> None:
    schedule = WorkflowSerializationContext("default", "audit-orders")
    started = WorkflowSerializationContext("default", "audit-orders-2026-11-24T10:20:30Z")
    payloads = await encrypting().with_context(schedule).encode([1])
    assert await encrypting().with_context(started).decode(payloads) == [1]


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (lambda it: Payload(metadata={"encoding": b"json/plain"}, data=b"1"), "NotEncrypted"),
        (lambda it: Payload(metadata=it.metadata, data=flipped(it.data, -1)), "Tampered"),
    ],
)
async def test_what_never_opens_is_told_to_who_converts_it(
    spoil: Callable[[Payload], Payload], kind: str
) -> None:
    (payload,) = await encrypting().encode([1])
    with pytest.raises(PayloadRefused, match=kind):
        await encrypting().decode([spoil(payload)])


async def test_an_unknown_key_is_raised_at_once_since_it_may_still_come() -> None:
    with pytest.raises(UnknownKey):
        await EncryptionCodec(encryptor(NEW)).decode([encryptor(OLD).seal(SAID, None)])


async def test_messages_and_stack_traces_of_failures_are_encrypted_with_their_causes() -> None:
    failure = Failure()
    await encrypting().encode_failure(raised(), failure)
    assert b"ada@example.com" not in failure.SerializeToString()
    assert b"test_payloads.py" not in failure.SerializeToString()
    error = await encrypting().decode_failure(failure)
    assert isinstance(error, ApplicationError)
    assert error.message == "no ada@example.com"
    assert error.details == ("ada@example.com",)
    assert "of ada@example.com" in str(error.__cause__)


def raised() -> BaseException:
    try:
        try:
            raise ValueError("of ada@example.com")
        except ValueError as cause:
            raise ApplicationError("no ada@example.com", "ada@example.com") from cause
    except ApplicationError as error:
        return error


async def test_a_failure_that_passes_through_a_workflow_is_encrypted_again() -> None:
    first, second = Failure(), Failure()
    await encrypting().encode_failure(raised(), first)
    await encrypting().encode_failure(await encrypting().decode_failure(first), second)
    assert b"ada@example.com" not in second.SerializeToString()


async def test_while_migrating_plain_text_is_read_and_what_is_new_is_encrypted() -> None:
    migrating: DataConverter = encrypting(mode="migrating")
    assert await migrating.decode([SAID]) == ["ada@example.com"]
    (payload,) = await migrating.encode(["ada@example.com"])
    assert b"ada" not in Payloads(payloads=[payload]).SerializeToString()
