"""The payment provider does not answer for a while."""

import psutil

from cli.drill.drill import Drill
from cli.drill.incident import Incident
from cli.drill.practice_stack import PracticeStack
from cli.drill.processes import end_process, start_process
from local_stack.errors import StackError
from local_stack.supervision.process_identity import Identity

LATE = 20  # seconds: as its page asks `saga stuck`
SECONDS = 120.0  # long enough to look around, and shorter than the patience of a charge


async def _stop_provider(stack: PracticeStack) -> Incident:
    provider = _find_provider(stack)
    log = stack.state_dir / "logs" / "drill.log"
    arguments = (str(provider.pid), str(provider.born), str(SECONDS))
    process = start_process("cli.drill.freezer", *arguments, environ={}, log=log)
    await stack.until(lambda: _is_stopped(provider), "a stop of the provider")
    placed = stack.place()
    return Incident(drill=PROVIDER_DOWN.name, process=process, **placed._asdict())


def _find_provider(stack: PracticeStack) -> Identity:
    for child in stack.state.children:
        if child.name == "provider" and child.identity is not None:
            return child.identity
    raise StackError("this stack uses a payment provider that it has not started")


async def _is_stopped(provider: Identity) -> bool:
    process = provider.find()
    return process is not None and process.status() == psutil.STATUS_STOPPED


async def _resume(stack: PracticeStack, made: Incident) -> None:
    end_process(made)
    provider = _find_provider(stack).find()
    if provider is not None:
        provider.resume()
    await stack.until_status(made.order_id, "confirmed")


PROVIDER_DOWN = Drill(
    name="provider-down",
    page="docs/runbooks/outage.md",
    happens="the payment provider does not answer for two minutes",
    seen="The alert ServiceDown fires. A customer calls: “My order {order_id} has been pending for "
    "minutes. Shall I order again?” The provider says that it knows of the trouble.",
    make=_stop_provider,
    put_back=_resume,
    ends=frozenset({"confirmed"}),
    late=LATE,
)
