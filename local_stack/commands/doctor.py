"""`saga doctor`: what would keep a stack from starting or from working, and how to mend it.

Looks only: it starts nothing, and makes nothing but a probe of a port.
"""

from collections.abc import Callable, Iterator

from local_stack import ports
from local_stack.commands import checks
from local_stack.commands.checks import Finding
from local_stack.errors import StackError
from local_stack.options import ExternalServices, Options, wanted_ports
from local_stack.state import lock, state_file
from local_stack.state.state_file import StackState
from local_stack.state_dir import StateDir


def examine(options: Options, given: ExternalServices) -> list[Finding]:
    """All findings, good and bad."""
    layout = StateDir(options.state_dir)
    return [
        checks.python(),
        *checks.packages(),
        *checks.programs(),
        checks.disk(options.state_dir),
        checks.clock(),
        *_list_or_report("state", lambda: _check_state(options, given, layout)),
    ]


def _check_state(options: Options, given: ExternalServices, layout: StateDir) -> Iterator[Finding]:
    yield checks.private("secrets", layout.secrets)
    yield checks.private("signing key", layout.signing_key)
    stack = state_file.running(layout.path)
    if stack is not None:
        yield from _check_children(stack)
        yield Finding(name="ports", ok=True, detail="held by the stack that runs")
        return
    yield _report_stale(layout)
    for port, name, flag in wanted_ports(options, given):
        reason = ports.why_not(port)
        fix = f"stop that process, or choose another port with {flag}" if reason else ""
        yield Finding(
            name=f"port {port} ({name})", ok=reason is None, detail=reason or "is free", fix=fix
        )


def _check_children(stack: StackState) -> Iterator[Finding]:
    for child in stack.children:
        detail = f"{child.state}, started again {child.restarts} times"
        good = child.state == "running" and child.alive
        yield Finding(name=child.name, ok=good, detail=detail, fix=f"read {child.log}")


def _report_stale(layout: StateDir) -> Finding:
    before = state_file.load(layout.path)
    if before is None or lock.is_held(layout.lock):
        return Finding(name="earlier stack", ok=True, detail="left nothing")
    left = [child.name for child in before.children if child.alive]
    detail = f"its supervisor was killed; still running: {', '.join(left) or 'nothing'}"
    return Finding(name="earlier stack", ok=False, detail=detail, fix="run `saga down`")


def _list_or_report(name: str, look: Callable[[], Iterator[Finding]]) -> list[Finding]:
    try:
        return list(look())
    except (StackError, OSError) as error:
        return [Finding(name=name, ok=False, detail=str(error), fix="run `saga` as its owner")]
