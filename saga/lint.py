"""The saga linter: finds what would lose a compensation before a saga ever runs.

It reads a saga's module: the step table `STEPS`, and the source of the workflow. Run when a worker
starts, and by `make check`. What only shows at run time is the tests' business.
"""

import ast
import inspect
import typing
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from saga.step import Kind, Step, activity_name

CANCELLATION = {"BaseException", "CancelledError", "asyncio.CancelledError"}
FRESH = {"uuid", "uuid1", "uuid4", "run_id", "activity_id", "attempt"}


@dataclass(frozen=True)
class Finding:
    """Something wrong with a saga: where, what, and how to mend it."""

    file: str
    line: int
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}. {self.fix}."


def lint(saga: ModuleType, registered: Mapping[str, Collection[str]]) -> list[Finding]:
    """All findings in a saga's module. `registered`: the activities that workers have, by queue."""
    source = _Source(saga)
    steps: Sequence[Step[Any, Any]] = getattr(saga, "STEPS", ())
    if not steps:
        return [source.finding(1, "there is no step table", "Name the tuple of all steps STEPS")]
    found = [
        *_order(source, steps),
        *_names(source, steps),
        *_commands(source, steps),
        *_registration(source, steps, registered),
        *_declared(source, steps, saga),
        *_handlers(source),
        *_keys(source),
    ]
    return sorted(found, key=lambda it: it.line)


class _Source:
    """A module's source, and where its steps stand in it."""

    def __init__(self, module: ModuleType) -> None:
        self.file = inspect.getsourcefile(module) or module.__name__
        self.tree = ast.parse(inspect.getsource(module))

    def finding(self, line: int, what: str, fix: str) -> Finding:
        return Finding(self.file, line, what, fix)

    def of_step(self, step: Step[Any, Any], what: str, fix: str) -> Finding:
        """A finding at the line where the step is declared; the first line if it is elsewhere."""
        for call in (it for it in ast.walk(self.tree) if isinstance(it, ast.Call)):
            for keyword in call.keywords:
                value = keyword.value
                named = isinstance(value, ast.Constant) and value.value == step.name
                if keyword.arg == "name" and named:
                    return self.finding(call.lineno, f"step {step.name} {what}", fix)
        return self.finding(1, f"step {step.name} {what}", fix)


def _order(source: _Source, steps: Sequence[Step[Any, Any]]) -> Iterator[Finding]:
    """Before the pivot all can be undone; from it on, all must succeed."""
    pivots = [step for step in steps if step.kind is Kind.PIVOT]
    for extra in pivots[1:]:
        yield source.of_step(extra, "is a second pivot", "A saga has one point of no return")
    past = False
    for step in steps:
        if past and step.kind is Kind.COMPENSATABLE:
            fix = "Move it before the pivot, or make it retriable"
            yield source.of_step(step, "is compensatable but comes after the pivot", fix)
        if not past and pivots and step.kind is Kind.RETRIABLE:
            fix = "Move it after the pivot, or give it a compensation"
            yield source.of_step(step, "must succeed but comes before the pivot", fix)
        past = past or step.kind is Kind.PIVOT


def _names(source: _Source, steps: Sequence[Step[Any, Any]]) -> Iterator[Finding]:
    """A name is half of the barrier's key, an activity's name the whole of its identity."""
    for index, step in enumerate(steps):
        if step.name in {earlier.name for earlier in steps[:index]}:
            yield source.of_step(step, "has the name of an earlier step", "Give it its own name")
    used: dict[str, str] = {}
    for step in steps:
        for function in _activities(step):
            name = activity_name(function)
            if used.setdefault(name, step.name) != step.name:
                what = f"uses the activity {name} of step {used[name]}"
                yield source.of_step(step, what, "Give it an activity of its own")


def _commands(source: _Source, steps: Sequence[Step[Any, Any]]) -> Iterator[Finding]:
    """A compensation must be computable without the action's result."""
    for step in steps:
        if step.compensation is None:
            continue
        action, compensation = _command(step.action), _command(step.compensation)
        if action != compensation:
            what = f"is undone with {compensation}, but done with {action}"
            yield source.of_step(step, what, "Let both take the same command")


def _registration(
    source: _Source, steps: Sequence[Step[Any, Any]], registered: Mapping[str, Collection[str]]
) -> Iterator[Finding]:
    for step in steps:
        for function in _activities(step):
            name = activity_name(function)
            if name not in registered.get(step.queue, ()):
                what = f"needs {name} on queue {step.queue}, where no worker has it"
                yield source.of_step(step, what, "Register it in workers/queues.py")


def _declared(
    source: _Source, steps: Sequence[Step[Any, Any]], saga: ModuleType
) -> Iterator[Finding]:
    """What an earlier run or a lost task did can be undone only if its command is known."""
    nodes = list(ast.walk(source.tree))
    if not any(isinstance(it, ast.Attribute) and it.attr == "step" for it in nodes):
        return  # it has a table only
    calls = [it for it in nodes if isinstance(it, ast.Call) and it.args]
    declared = {ast.unparse(it.args[0]) for it in calls if _method(it) == "declare"}
    names = {id(value): name for name, value in vars(saga).items() if isinstance(value, Step)}
    for step in steps:
        if step.kind is Kind.COMPENSATABLE and names.get(id(step)) not in declared:
            fix = "Call `declare` with its command before `run`"
            what = "is not declared, so what an earlier run did would not be undone"
            yield source.of_step(step, what, fix)


def _method(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _handlers(source: _Source) -> Iterator[Finding]:
    """A step's failure and a cancellation must reach the kernel."""
    for handler in (it for it in ast.walk(source.tree) if isinstance(it, ast.ExceptHandler)):
        caught = _caught(handler)
        reraises = any(isinstance(it, ast.Raise) for it in ast.walk(handler))
        if reraises or not caught & (CANCELLATION | {"", "Exception"}):
            continue
        what = f"`except {' '.join(sorted(caught))}`".replace(" `", "`")
        if caught & {"Exception"}:
            what += " swallows the failure of a step, so that nothing is undone"
        else:
            what += " swallows a cancellation, which Temporal delivers once"
        fix = "Catch the error that you can handle, or raise again"
        yield source.finding(handler.lineno, what, fix)


def _keys(source: _Source) -> Iterator[Finding]:
    """What is new on every run or attempt cannot tell a repetition from a new request."""
    for node in ast.walk(source.tree):
        name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
        if name in FRESH and isinstance(node, (ast.Attribute, ast.Name)):
            what = f"`{name}` is another one after a reset or on another attempt"
            fix = "Make keys of the saga's id, the step's name and the input"
            yield source.finding(node.lineno, what, fix)


def _activities(step: Step[Any, Any]) -> list[Callable[..., Any]]:
    return [it for it in (step.action, step.compensation, step.fence, step.probe) if it]


def _command(function: Callable[..., Any]) -> str:
    """The type of an activity's second argument, after the call."""
    hints = typing.get_type_hints(function)
    parameters = [name for name in inspect.signature(function).parameters if name != "self"]
    command = hints.get(parameters[1]) if len(parameters) > 1 else None
    return getattr(command, "__name__", str(command))


def _caught(handler: ast.ExceptHandler) -> set[str]:
    """The names of what is caught; the empty one for a bare `except`."""
    if handler.type is None:
        return {""}
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return {ast.unparse(kind) for kind in kinds}
