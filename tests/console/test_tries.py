"""Attempts are told with their errors, also where payloads on Temporal are encrypted."""

from collections.abc import Sequence

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.converter import (
    DefaultFailureConverterWithEncodedAttributes,
    DefaultPayloadConverter,
    PayloadCodec,
)
from temporalio.exceptions import ApplicationError

from api.temporal.activity_attempts import Result, read_tries, unseal
from tests.support.world import World


class Turned(PayloadCodec):
    """A codec that anybody can read, backwards."""

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [Payload(metadata=payload.metadata, data=payload.data[::-1]) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return await self.encode(payloads)


@pytest.mark.parametrize("codec", [None, Turned()], ids=["encoded", "encrypted"])
async def test_the_messages_of_sealed_failures_are_read(codec: PayloadCodec | None) -> None:
    error = ApplicationError("the payment failed", type="Unavailable")
    error.__cause__ = ApplicationError("the bank is closed", type="APIError")
    failure = Failure()
    converter = DefaultFailureConverterWithEncodedAttributes()
    converter.to_failure(error, DefaultPayloadConverter(), failure)
    for item in (failure, failure.cause) if codec else ():
        (sealed,) = await Turned().encode([item.encoded_attributes])
        item.encoded_attributes.CopyFrom(sealed)
    assert failure.message == failure.cause.message == "Encoded failure"
    await unseal(failure, codec)
    assert failure.message == "the payment failed"
    assert failure.cause.message == "the bank is closed"


@pytest.mark.parametrize("fast", [True, False], ids=["fast path", "by queues"])
async def test_every_attempt_is_told_once_and_in_order(world: World, *, fast: bool) -> None:
    world.fast_path = fast
    sku = await world.product()
    order_id = await world.place(sku, method="pm_card_visa_chargeDeclined")
    world.fast_path = True
    await world.settled(order_id, sku, "rejected")
    tries = await read_tries(world.client, world.handle(order_id))
    assert [attempt.activity for attempt in tries] == [
        "order.create",
        "user.validate",
        "inventory.reserve",
        "payment.charge",
        "order.fence_confirm",  # before anything is undone
        "payment.refund",
        "inventory.release",
        "order.close",
    ]
    charge = tries[3]
    assert (charge.result, charge.error) == (Result.FAILED, "Your card was declined.")
    assert {attempt.result for attempt in tries if attempt is not charge} == {Result.DONE}
    assert {(attempt.fast, attempt.number) for attempt in tries} == {(fast, 1)}
    assert all(
        attempt.began and attempt.ended and attempt.began <= attempt.ended for attempt in tries
    )
