"""Workflow executions as Temporal tells of them, whatever their status is called.

The SDK raises where a status is newer than it, such as that of a paused workflow: for one execution
of a page it tells nothing of any. Here a status is data.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import Any

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    DescribeWorkflowExecutionResponse,
    ListWorkflowExecutionsRequest,
)
from temporalio.client import Client
from temporalio.common import TypedSearchAttributes
from temporalio.converter import (
    DataConverter,
    WorkflowSerializationContext,
    decode_typed_search_attributes,
)
from temporalio.service import RPCError, RPCStatusCode

PREFIX = "WORKFLOW_EXECUTION_STATUS_"
PAGE = 100
CLI_PORT, CLI_NAMESPACE = "7233", "default"  # that the Temporal CLI takes if it is told none


class Status(StrEnum):
    """How a workflow stands. UNKNOWN: in a way that Temporal learned after this code."""

    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"
    TERMINATED = "terminated"
    CONTINUED_AS_NEW = "continued_as_new"
    TIMED_OUT = "timed_out"
    UNKNOWN = "unknown"


def status_of(number: int) -> Status:
    """The status of this number."""
    try:
        return Status(WorkflowExecutionStatus.Name(number).removeprefix(PREFIX).lower())  # type: ignore[arg-type]  # any number may come
    except ValueError:
        return Status.UNKNOWN


@dataclass(frozen=True)
class Execution:
    """One run of a workflow. `described` has all of it, if it was described and not listed."""

    info: WorkflowExecutionInfo
    client: Client
    described: DescribeWorkflowExecutionResponse | None = None

    @property
    def id(self) -> str:
        """The workflow's id."""
        return self.info.execution.workflow_id

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.info.execution.run_id

    @property
    def workflow_type(self) -> str:
        """The workflow's type, by name."""
        return self.info.type.name

    @property
    def status(self) -> Status:
        """How it stands."""
        return status_of(self.info.status)

    @property
    def is_open(self) -> bool:
        """Whether it has not ended, whatever it does meanwhile."""
        return not self.info.HasField("close_time")

    @property
    def start_time(self) -> datetime:
        """When the run started."""
        return self.info.start_time.ToDatetime().replace(tzinfo=UTC)

    @property
    def search_attributes(self) -> TypedSearchAttributes:
        """What it is found by."""
        return decode_typed_search_attributes(self.info.search_attributes)

    @property
    def converter(self) -> DataConverter:
        """Of its payloads."""
        context = WorkflowSerializationContext(self.client.namespace, self.id)
        return self.client.data_converter.with_context(context)

    async def memo(self) -> Mapping[str, Any]:
        """What is noted of it; what cannot be decoded is left out."""
        found = {}
        for name, payload in self.info.memo.fields.items():
            try:
                found[name] = (await self.converter.decode([payload]))[0]
            except Exception:  # noqa: BLE001, S112 - whoever wrote it, it is no reason to fail
                continue
        return found


async def describe(
    client: Client, workflow_id: str, *, rpc_timeout: timedelta | None = None
) -> Execution | None:
    """The newest run of a workflow; None if Temporal has none."""
    asked = DescribeWorkflowExecutionRequest(
        namespace=client.namespace, execution=WorkflowExecution(workflow_id=workflow_id)
    )
    try:
        answer = await client.workflow_service.describe_workflow_execution(
            asked, retry=True, timeout=rpc_timeout
        )
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return None
    return Execution(answer.workflow_execution_info, client, answer)


async def page_of(
    client: Client,
    query: str,
    token: bytes = b"",
    *,
    size: int = PAGE,
    rpc_timeout: timedelta | None = None,
) -> tuple[list[Execution], bytes]:
    """A page of the executions that a query finds, and the token of the next; empty at the end."""
    asked = ListWorkflowExecutionsRequest(
        namespace=client.namespace, query=query, page_size=size, next_page_token=token
    )
    answer = await client.workflow_service.list_workflow_executions(
        asked, retry=True, timeout=rpc_timeout
    )
    return [Execution(info, client) for info in answer.executions], answer.next_page_token


async def list_executions(
    client: Client, query: str, *, limit: int | None = None, rpc_timeout: timedelta | None = None
) -> AsyncIterator[Execution]:
    """The executions that a query finds, `limit` at most."""
    found, token = 0, b""
    while True:
        executions, token = await page_of(client, query, token, rpc_timeout=rpc_timeout)
        for execution in executions:
            if found == limit:
                return
            found += 1
            yield execution
        if not token:
            return


def connection_options(client: Client) -> str:
    """What the Temporal CLI must be told to find what this client has found; mostly nothing.

    A server on this machine is named if it has another port than the CLI's own default. One that
    is elsewhere may have another name for whoever reads this, whose settings know it.
    """
    options = ""
    address = client.service_client.config.target_host
    host, _, port = address.rpartition(":")
    if port != CLI_PORT and _is_here(host):
        options += f" --address {address}"
    if client.namespace != CLI_NAMESPACE:
        options += f" --namespace {client.namespace}"
    return options


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
