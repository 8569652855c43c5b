"""Where recorded histories come from: the server, a file, a folder, or standard input.

Files are as `temporal workflow show -o json`, `tctl workflow show --output_filename` and the Web
UI write them, or archives that `saga record` made.
"""

import json
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from temporalio.client import Client, WorkflowHistory
from temporalio.service import RPCError, RPCStatusCode

from activities.executions import list_executions
from cli.operate import archive
from cli.operate.errors import NoHistory
from cli.operate.temporal import connect
from contracts.names import workflow_id


class Named(NamedTuple):
    """A history, and what people know it by: its workflow's id, or its name in an archive."""

    name: str
    history: WorkflowHistory


def is_recorded(which: str) -> bool:
    """Whether this is read from somewhere else than the server."""
    return which == "-" or Path(which).exists()


async def histories(which: str) -> AsyncIterator[Named]:
    """All histories that `which` stands for; see `saga replay`. NoHistory if there is none."""
    if which == "-":
        yield _parse(sys.stdin.read(), "standard input")
    elif (files := _in_files(Path(which))) is not None:
        for found in files:
            yield found
    else:
        async for history in _fetch(await connect(), which):
            yield Named(history.workflow_id, history)


def _in_files(path: Path) -> Iterator[Named] | None:
    """Those at this path; None if there is no such file or folder."""
    return _read(path) if path.exists() else None


def _read(path: Path) -> Iterator[Named]:
    """Those of the file; of a folder's archives, or else of its *.json."""
    if archives := archive.below(path):
        for each in archives:
            for release, name, content in archive.read(each):
                yield Named(f"{release}/{name}", _history(content, str(each)))
        return
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise NoHistory(f"{path} holds no *.json")
    for file in files:
        yield _parse(file.read_text(), str(file))


async def fetch_histories(client: Client, query: str) -> AsyncIterator[WorkflowHistory]:
    """The histories of all workflows that a query finds, however their status is called."""
    async for found in list_executions(client, query):
        handle = client.get_workflow_handle(found.id, run_id=found.run_id)
        yield await handle.fetch_history()


async def _fetch(client: Client, which: str) -> AsyncIterator[WorkflowHistory]:
    if " " in which or "=" in which:
        async for history in fetch_histories(client, which):
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


def _parse(text: str, place: str) -> Named:
    """One history from JSON."""
    try:
        history = _history(json.loads(text), place)
    except (ValueError, LookupError, TypeError) as error:
        raise NoHistory(f"{place} is no history in JSON: {error!r}") from error
    return Named(history.workflow_id, history)


def _history(content: dict[str, Any], place: str) -> WorkflowHistory:
    """Its first event has the workflow's id, if `tctl` did not write it."""
    started = content["events"][0]["workflowExecutionStartedEventAttributes"]
    return WorkflowHistory.from_json(started.get("workflowId", place), content)
