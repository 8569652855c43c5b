"""Sagas whose payloads are encrypted: all endings, resets, audits, and what others may send."""

from datetime import timedelta

import pytest
from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution
from temporalio.api.enums.v1 import ResetReapplyType
from temporalio.api.workflowservice.v1 import (
    ResetWorkflowExecutionRequest,
    SignalWorkflowExecutionRequest,
)
from temporalio.client import (
    Client,
    ScheduleActionExecutionStartWorkflow,
    WorkflowUpdateFailedError,
)
from temporalio.common import RawValue
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, WorkflowSerializationContext

from contracts.audits import AuditReport, AuditRequest
from contracts.names import AUDIT_SCHEDULE, Queue, workflow_id
from contracts.orders import OrderStatus
from infrastructure.security.key_ring import serialize_keys
from infrastructure.temporal.codec_settings import PayloadSettings
from infrastructure.temporal.data_converter import replaying
from infrastructure.temporal.undecodable_payloads import PayloadRefused
from tests.codec.rings import NEW, OLD, encrypting
from tests.support.gates import BEFORE
from tests.support.waiting import until
from tests.support.world import World
from workers import schedules
from workers.replay import replayer
from workflows.audit_orders import AuditOrders

ENDINGS = {
    "pm_card_visa": "confirmed",
    "pm_card_visa_chargeDeclined": "rejected",
    "pm_nobody_knows": "rejected",
}


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize(("method", "status"), ENDINGS.items())
async def test_an_order_ends_as_ever(
    sealed_world: World, method: str, status: str, fast: bool
) -> None:
    sealed_world.fast_path = fast
    sku = await sealed_world.product()
    order_id = await sealed_world.place(sku, method=method)
    await sealed_world.settled(order_id, sku, status)
    view = await sealed_world.rest(f"/v1/orders/{order_id}/saga")
    assert view["state"] == ("completed" if status == "confirmed" else "compensated")


@pytest.mark.parametrize("fast", [True, False])
async def test_an_order_is_cancelled_and_its_history_replays(
    sealed_world: World, fast: bool
) -> None:
    sealed_world.fast_path = fast
    order_id, sku, gate = await sealed_world.stopped_at("payment.charge", BEFORE)
    answer = await sealed_world.http.post(
        f"/v1/orders/{order_id}/cancel", json={"reason": "ada@example.com says no"}
    )
    assert answer.status_code in {200, 202}
    await gate.open()
    await sealed_world.settled(order_id, sku, "cancelled")
    history = await sealed_world.handle(order_id).fetch_history()
    settings = PayloadSettings.of({"PAYLOAD_KEYS": serialize_keys((OLD, NEW))})
    await replayer(converter=replaying(settings, "default")).replay_workflow(history)


async def test_an_accepted_order_is_told_again_from_the_memo(sealed_world: World) -> None:
    order_id, sku, gate = await sealed_world.stopped_at("order.create", BEFORE)
    assert (await sealed_world.rest(f"/v1/orders/{order_id}"))["version"] == 0
    await gate.open()
    await sealed_world.settled(order_id, sku, "confirmed")


async def test_a_confirmed_order_that_is_reset_runs_again_and_is_returned(
    sealed_world: World,
) -> None:
    sku = await sealed_world.product()
    order_id = await sealed_world.place(sku)
    await sealed_world.settled(order_id, sku, "confirmed")
    await sealed_world.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace="default",
            workflow_execution=WorkflowExecution(workflow_id=workflow_id(order_id)),
            reason="to see",
            workflow_task_finish_event_id=4,
            request_id="reset-it",
            reset_reapply_type=ResetReapplyType.RESET_REAPPLY_TYPE_ALL_ELIGIBLE,
        )
    )
    await sealed_world.settled(order_id, sku, "confirmed")
    answer = await sealed_world.http.post(f"/v1/orders/{order_id}/return")
    assert answer.status_code in {200, 202}

    async def returned() -> bool:
        return (await sealed_world.order(order_id)).status is OrderStatus.RETURNED

    await until(returned)


async def test_an_order_that_was_terminated_is_carried_on_by_the_audit(
    sealed_world: World,
) -> None:
    order_id, sku, gate = await sealed_world.stopped_at("payment.charge", BEFORE)
    await sealed_world.handle(order_id).terminate("a mistake")
    await gate.open()
    report: AuditReport = await sealed_world.client.execute_workflow(
        AuditOrders.run,
        AuditRequest(grace=timedelta(0)),
        id="audit-of-the-test",
        task_queue=Queue.ORDERS,
    )
    assert order_id in {repair.orphan.order_id for repair in report.repaired}
    await sealed_world.settled(order_id, sku, "cancelled")


async def test_the_scheduled_audit_reads_what_the_schedule_holds(sealed_world: World) -> None:
    await schedules.ensure(sealed_world.client)
    handle = sealed_world.client.get_schedule_handle(AUDIT_SCHEDULE)
    await handle.trigger()

    async def ran() -> bool:
        return bool((await handle.describe()).info.recent_actions)

    await until(ran)
    (action,) = (await handle.describe()).info.recent_actions
    assert isinstance(action.action, ScheduleActionExecutionStartWorkflow)
    run = sealed_world.client.get_workflow_handle(action.action.workflow_id)
    AuditReport.model_validate(await run.result())
    await handle.delete()


async def test_plain_text_from_outside_is_refused_and_the_saga_goes_on(
    sealed_world: World,
) -> None:
    order_id, sku, gate = await sealed_world.stopped_at("payment.charge", BEFORE)
    outsider = await Client.connect(sealed_world.address, data_converter=pydantic_data_converter)
    handle = outsider.get_workflow_handle(workflow_id(order_id))
    await handle.signal("cancel", {"reason": "in plain text"})
    with pytest.raises(WorkflowUpdateFailedError):
        await handle.execute_update("cancel", {"reason": "in plain text"})
    await gate.open()
    await sealed_world.settled(order_id, sku, "confirmed")


async def test_a_payload_that_was_moved_to_another_order_is_refused(
    sealed_world: World,
) -> None:
    """As somebody could who may write to Temporal: a signal of one order, sent to another."""
    order_id, sku, gate = await sealed_world.stopped_at("payment.charge", BEFORE)
    (moved,) = await _bound("order-of-somebody-else").encode([{"reason": "swapped"}])
    await _signal(sealed_world, order_id, moved)
    await gate.open()
    await sealed_world.settled(order_id, sku, "confirmed")


async def test_a_payload_in_its_own_place_is_taken(sealed_world: World) -> None:
    order_id, sku, gate = await sealed_world.stopped_at("payment.charge", BEFORE)
    (own,) = await _bound(workflow_id(order_id)).encode([{"reason": "in its place"}])
    await _signal(sealed_world, order_id, own)
    await gate.open()
    assert (await sealed_world.settled(order_id, sku, "cancelled")).reason is not None


def _bound(saga_id: str) -> DataConverter:
    return encrypting().with_context(WorkflowSerializationContext("default", saga_id))


async def _signal(world: World, order_id: str, payload: Payload) -> None:
    await world.client.workflow_service.signal_workflow_execution(
        SignalWorkflowExecutionRequest(
            namespace="default",
            workflow_execution=WorkflowExecution(workflow_id=workflow_id(order_id)),
            signal_name="cancel",
            input=Payloads(payloads=[payload]),
        )
    )


async def test_who_has_no_keys_reads_nothing(sealed_world: World) -> None:
    sku = await sealed_world.product()
    order_id = await sealed_world.place(sku)
    await sealed_world.settled(order_id, sku, "confirmed")
    outsider = await Client.connect(sealed_world.address, data_converter=pydantic_data_converter)
    raw = outsider.get_workflow_handle(workflow_id(order_id), result_type=RawValue)
    result = await raw.result()
    assert order_id.encode() not in result.payload.data
    assert result.payload.metadata["encoding"] == b"binary/encrypted"


async def test_a_client_refuses_plain_text_too(sealed_world: World) -> None:
    with pytest.raises(PayloadRefused, match="NotEncrypted"):
        await sealed_world.client.data_converter.decode(
            await pydantic_data_converter.encode(["plain"])
        )
