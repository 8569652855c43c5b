"""A saga as a picture: its steps in order with what undoes them, and how long each took."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from api.orders.resolutions import list_resolutions, role_of
from api.temporal.activity_attempts import Result, Try
from saga import Role, SagaView, StepKind, StepState, StepView, WaitView

WIDTH = 1000  # of the waterfall, in its own units
NARROWEST = 4
OPEN = {StepState.RUNNING, StepState.WAITING, StepState.COMPENSATING, StepState.BLOCKED}
UNDONE = {StepState.COMPENSATED, StepState.SKIPPED}


@dataclass(frozen=True)
class Half:
    """A step's action, or its compensation: where it stands, and what was tried.

    `state` is None for a compensation that was not asked for.
    """

    activity: str
    state: str | None
    tries: Sequence[Try]
    began: datetime | None
    ended: datetime | None

    @property
    def attempts(self) -> int:
        """How often it was started."""
        return sum(attempt.made for attempt in self.tries)

    @property
    def seconds(self) -> float | None:
        """How long it took, if it has ended."""
        return (self.ended - self.began).total_seconds() if self.began and self.ended else None

    @property
    def next_at(self) -> datetime | None:
        """When it is tried again."""
        return next(
            (attempt.next_at for attempt in self.tries if attempt.result is Result.WAITING), None
        )


@dataclass(frozen=True)
class Node:
    """A step in the picture. While it is blocked: what of it is, and what may be said of it."""

    name: str
    kind: StepKind
    action: Half
    undo: Half | None
    error: str | None
    is_now: bool
    undone_as: int | None  # 1 for the first that was undone
    role: Role
    words: Mapping[str, str]
    waiting: WaitView | None


@dataclass(frozen=True)
class Bar:
    """A line of the waterfall; `x` and `width` are of WIDTH."""

    label: str
    kind: str
    state: str
    x: float
    width: float
    seconds: float


@dataclass(frozen=True)
class Picture:
    """All of it. `title` says which saga of the order it is."""

    title: str
    saga_id: str
    state: str
    cause: str | None
    nodes: Sequence[Node]
    bars: Sequence[Bar]
    seconds: float

    @property
    def blocked(self) -> list[Node]:
        """The steps that wait for an operator."""
        return [
            node
            for node in self.nodes
            if node.action.state == StepState.BLOCKED or _is_undo_blocked(node)
        ]

    @property
    def failures(self) -> list[Try]:
        """The attempts that failed, the last first."""
        halves = [half for node in self.nodes for half in (node.action, node.undo) if half]
        found = [tried for half in halves for tried in half.tries if tried.error]
        return sorted(found, key=lambda it: (it.began is not None, it.began), reverse=True)

    @property
    def is_open(self) -> bool:
        """Whether it may still change."""
        return self.state not in {"completed", "compensated"}


def draw(
    title: str, view: SagaView, tries: Sequence[Try], now: datetime, *, state: str | None = None
) -> Picture:
    """The picture of a saga as it is `now`. `state` is given if it is not as the saga says."""
    nodes = _add_undo_times([_node(step, view, tries) for step in view.steps])
    bars = list(_bars(nodes, now))
    whole = max((bar.x + bar.width for bar in bars), default=0.0)
    scaled = [_scale(bar, whole) for bar in bars]
    return Picture(title, view.saga_id, state or view.state, view.cause, nodes, scaled, whole)


def _add_undo_times(nodes: Sequence[Node]) -> list[Node]:
    """With the beginnings of what was undone on the fast path, where only ends are on record.

    A compensation begins when what was before it has ended: the compensation before, or the action
    that failed or was called off.
    """
    timed = {child.name: child for child in nodes}
    ends = [child.action.ended or child.action.began for child in nodes]
    last = max((ending for ending in ends if ending), default=None)
    for node in _list_undone(nodes):
        half = node.undo
        if half is None or last is None:
            continue
        fast = not half.tries or half.tries[0].fast
        if fast and half.ended:
            half = replace(half, began=min(last, half.ended))
        timed[node.name] = replace(node, undo=half)
        last = half.ended or last
    return [timed[child.name] for child in nodes]


def _node(step: StepView, view: SagaView, tries: Sequence[Try]) -> Node:
    asked = step.name in view.compensations
    mine = [attempt for attempt in tries if attempt.activity == step.action]
    done = bool(mine) and mine[-1].result is Result.DONE
    # Once a step is undone, its state and its end are the compensation's.
    action = Half(
        activity=step.action,
        state=(StepState.DONE if done else StepState.FAILED) if asked else step.state,
        tries=mine,
        began=_time(step.started_at),
        ended=_called_off(mine, step, tries) if asked else _time(step.finished_at),
    )
    return Node(
        name=step.name,
        kind=StepKind(step.kind),
        action=action,
        undo=_undo(step, tries, asked=asked) if step.compensation else None,
        error=step.error,
        is_now=step.state in OPEN,
        undone_as=view.compensations.index(step.name) + 1 if asked else None,
        role=role_of(step, undoing=view.cause is not None),
        words=list_resolutions(step, undoing=view.cause is not None),
        waiting=step.waiting,
    )


def _called_off(mine: Sequence[Try], step: StepView, tries: Sequence[Try]) -> datetime | None:
    """When the last attempt ended; of one that nobody waited for, when its undoing began."""
    if mine and mine[-1].ended:
        return mine[-1].ended
    return next((attempt.began for attempt in tries if attempt.activity == step.compensation), None)


def _undo(step: StepView, tries: Sequence[Try], *, asked: bool) -> Half:
    mine = [attempt for attempt in tries if attempt.activity == step.compensation] if asked else []
    return Half(
        activity=step.compensation or "",
        state=step.state if asked else None,
        tries=mine,
        began=mine[0].began if mine else None,
        ended=_time(step.finished_at) if asked and step.state in UNDONE else None,
    )


def _bars(nodes: Sequence[Node], now: datetime) -> Iterator[Bar]:
    """In seconds from the first step's beginning: forward, and then what was undone, in order."""
    begun = [child.action.began for child in nodes if child.action.began]
    if not begun:
        return
    zero = min(begun)
    for node in nodes:
        yield from _bar(node.name, node.kind, node.action, zero, now)
    for node in _list_undone(nodes):
        if node.undo is not None:
            yield from _bar(f"undo {node.name}", "undo", node.undo, zero, now)


def _bar(label: str, kind: str, half: Half, zero: datetime, now: datetime) -> Iterator[Bar]:
    if half.began is not None:
        end = half.ended or (now if half.state in OPEN else half.began)
        seconds = max(0.0, (end - half.began).total_seconds())
        offset = max(0.0, (half.began - zero).total_seconds())
        yield Bar(label, kind, half.state or "", offset, seconds, seconds)


def _list_undone(nodes: Sequence[Node]) -> list[Node]:
    """Those that are undone, in that order."""
    return sorted((node for node in nodes if node.undone_as), key=lambda it: it.undone_as or 0)


def _scale(bar: Bar, whole: float) -> Bar:
    factor = WIDTH / whole if whole else 0.0
    width = min(WIDTH, max(NARROWEST, bar.width * factor))
    x = min(bar.x * factor, WIDTH - width)
    return Bar(bar.label, bar.kind, bar.state, round(x, 1), round(width, 1), bar.seconds)


def _is_undo_blocked(node: Node) -> bool:
    return node.undo is not None and node.undo.state == StepState.BLOCKED


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
