"""The saga linter: finds what would lose a compensation before a saga ever runs.

It reads a saga's module: its `SagaDefinition`, and the source of the workflow. Run when a worker
starts, and by `make check`. What a definition refuses cannot be written at all; what only shows at
run time is the tests' business.
"""

import ast
import inspect
import typing
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from saga.definition import SagaDefinition
from saga.step import Step, activity_name

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
    definitions = [var for var in vars(saga).values() if isinstance(var, SagaDefinition)]
    if not definitions:
        return [source.finding(1, "there is no SagaDefinition", "Declare the saga as one")]
    found = [*_handlers(source), *_keys(source)]
    for module in _commands_of(definitions) - {saga}:
        found += _keys(_Source(module))
    for steps in definitions:
        found += [
            *_activities_of_their_own(source, steps),
            *_commands(source, steps),
            *_registration(source, steps, registered),
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
        for call in (item for item in ast.walk(self.tree) if isinstance(item, ast.Call)):
            for keyword in call.keywords:
                value = keyword.value
                named = isinstance(value, ast.Constant) and value.value == step.name
                if keyword.arg == "name" and named:
                    return self.finding(call.lineno, f"step {step.name} {what}", fix)
        return self.finding(1, f"step {step.name} {what}", fix)


def _activities_of_their_own(source: _Source, steps: SagaDefinition) -> Iterator[Finding]:
    """An activity's name is the whole of its identity in a history."""
    used: dict[str, str] = {}
    for step in steps:
        for function in _activities(step):
            name = activity_name(function)
            if used.setdefault(name, step.name) != step.name:
                what = f"uses the activity {name} of step {used[name]}"
                yield source.of_step(step, what, "Give it an activity of its own")


def _commands(source: _Source, steps: SagaDefinition) -> Iterator[Finding]:
    """A compensation must be computable without the action's result."""
    for step in steps:
        if step.compensation is None:
            continue
        action, compensation = _command(step.action), _command(step.compensation)
        if action != compensation:
            what = f"is undone with {compensation}, but done with {action}"
            yield source.of_step(step, what, "Let both take the same command")


def _registration(
    source: _Source, steps: SagaDefinition, registered: Mapping[str, Collection[str]]
) -> Iterator[Finding]:
    for step in steps:
        for function in _activities(step):
            name = activity_name(function)
            if name not in registered.get(step.queue, ()):
                what = f"needs {name} on queue {step.queue}, where no worker has it"
                yield source.of_step(step, what, "Register it with the worker of that queue")


def _handlers(source: _Source) -> Iterator[Finding]:
    """A step's failure and a cancellation must reach the kernel."""
    for handler in (item for item in ast.walk(source.tree) if isinstance(item, ast.ExceptHandler)):
        caught = _list_caught(handler)
        reraises = any(isinstance(node, ast.Raise) for node in ast.walk(handler))
        if reraises or not caught & (CANCELLATION | {"", "Exception"}):
            continue
        what = f"`except {' '.join(sorted(caught))}`".replace(" `", "`")
        if caught & {"Exception"}:
            what += " swallows the failure of a step, so that nothing is undone"
        else:
            what += " swallows a cancellation, which Temporal delivers once"
        fix = "Catch the error that you can handle, or raise again"
        yield source.finding(handler.lineno, what, fix)


def _commands_of(definitions: Sequence[SagaDefinition]) -> set[ModuleType]:
    """The modules in which their commands are computed."""
    makers = [step.command or step.commands for steps in definitions for step in steps]
    found = {inspect.getmodule(make) for make in makers}
    return {module for module in found if module is not None}


def _keys(source: _Source) -> Iterator[Finding]:
    """What is new on every run or attempt cannot tell a repetition from a new request."""
    for node in ast.walk(source.tree):
        name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
        if name in FRESH and isinstance(node, (ast.Attribute, ast.Name)):
            what = f"`{name}` is another one after a reset or on another attempt"
            fix = "Make keys of the saga's id, the step's name and the input"
            yield source.finding(node.lineno, what, fix)


def _activities(step: Step[Any, Any]) -> list[Callable[..., Any]]:
    return [item for item in (step.action, step.compensation, step.fence, step.probe) if item]


def _command(function: Callable[..., Any]) -> str:
    """The type of an activity's second argument, after the call."""
    hints = typing.get_type_hints(function)
    parameters = [name for name in inspect.signature(function).parameters if name != "self"]
    command = hints.get(parameters[1]) if len(parameters) > 1 else None
    return getattr(command, "__name__", str(command))


def _list_caught(handler: ast.ExceptHandler) -> set[str]:
    """The names of what is caught; the empty one for a bare `except`."""
    if handler.type is None:
        return {""}
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return {ast.unparse(kind) for kind in kinds}
