"""`saga status`: what runs, for people and for programs."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.table import Column, Table

from local_stack.state import running_stacks, state_file
from local_stack.state.state_file import ChildRecord, StackState
from local_stack.supervision.child_runner import ChildState

FROZEN = "frozen"  # it runs, and somebody has stopped it by a signal
CheckHealth = Callable[[str | None], Iterable[str]]


def status(state_dir: Path, check_health: CheckHealth = lambda _: ()) -> dict[str, Any]:
    """Ready for JSON. `up` is true only when all children run and what they say is well.

    `check_health` tells what is not well by the API at a URL; `elsewhere` has other stacks.
    """
    stack = state_file.running(state_dir)
    others = running_stacks.find_others(state_dir)
    elsewhere = [{"state_dir": str(place), "urls": other.urls} for place, other in others]
    if stack is None:
        found = {"up": False, "state": "down", "urls": {}, "children": [], "unwell": []}
        return found | {"elsewhere": elsewhere}
    unwell = list(check_health(stack.urls.get("api")))
    return {
        "up": stack.healthy and not unwell,
        "state": _summarize(stack, well=stack.healthy and not unwell),
        "urls": stack.urls,
        "children": [_describe_child(child) for child in stack.children],
        "unwell": unwell,
        "elsewhere": elsewhere,
    }


def children_table(found: dict[str, Any]) -> Table:
    """The children for people."""
    names = ("name", "pid", "state", "restarts", "for")
    table = Table(*(Column(name, no_wrap=True) for name in names), box=None, pad_edge=False)
    for child in found["children"]:
        since = datetime.fromisoformat(child["since"])
        seconds = int((datetime.now(UTC) - since).total_seconds())
        row = (
            child["name"],
            child["pid"],
            child["state"],
            child["restarts"],
            _format_span(seconds),
        )
        table.add_row(*map(str, row))
    return table


def _summarize(stack: StackState, *, well: bool) -> str:
    if stack.phase is state_file.Phase.UP and not well:
        return "degraded"
    return stack.phase


def _describe_child(child: ChildRecord) -> dict[str, Any]:
    # What was written may be older than the death of the child by a moment.
    lost = child.state is ChildState.RUNNING and not child.alive
    return {
        "name": child.name,
        "pid": child.pid,
        "state": ChildState.CRASHED if lost else FROZEN if child.frozen else child.state,
        "restarts": child.restarts,
        "since": child.since.isoformat(),
    }


def _format_span(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
