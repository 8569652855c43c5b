"""Where recorded histories come from: the server, a file, a folder, or standard input.

Files are as `temporal workflow show -o json`, `tctl workflow show --output_filename` and the Web
UI write them.
"""

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from temporalio.client import Client, WorkflowHistory
from temporalio.service import RPCError, RPCStatusCode

from cli.operate.temporal import connect
from contracts.names import workflow_id


class NoHistory(Exception):
    """There is no history there; the message says what to give instead."""


async def histories(which: str) -> AsyncIterator[WorkflowHistory]:
    """All histories that `which` stands for; see `saga replay`. NoHistory if there is none."""
    if which == "-":
        yield _parsed(sys.stdin.read(), "standard input")
    elif files := _files(Path(which)):
        for file in files:
            yield _parsed(file.read_text(), str(file))
    else:
        async for history in _recorded(await connect(), which):
            yield history


def _files(path: Path) -> list[Path]:
    """The file, or those of the folder; none if there is no such thing."""
    if path.is_dir() and not list(path.glob("*.json")):
        raise NoHistory(f"{path} holds no *.json")
    return sorted(path.glob("*.json")) if path.is_dir() else [path] if path.exists() else []


async def _recorded(client: Client, which: str) -> AsyncIterator[WorkflowHistory]:
    if " " in which or "=" in which:
        async for history in client.list_workflows(which).map_histories():
            yield history
        return
    saga_id = workflow_id(which) if which.startswith("ord_") else which
    try:
        yield await client.get_workflow_handle(saga_id).fetch_history()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        detail = f"there is no workflow {saga_id}: give an order, a workflow, a query or a file"
        raise NoHistory(detail) from error


def _parsed(text: str, place: str) -> WorkflowHistory:
    """One history from JSON; its first event has the workflow's id, if `tctl` did not write it."""
    try:
        content = json.loads(text)
        started = content["events"][0]["workflowExecutionStartedEventAttributes"]
        return WorkflowHistory.from_json(started.get("workflowId", place), content)
    except (ValueError, LookupError, TypeError) as error:
        raise NoHistory(f"{place} is no history in JSON: {error!r}") from error
