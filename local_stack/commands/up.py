"""`saga up`: everything before the first child starts.

The order matters: only the holder of the lock may touch what is left of an earlier stack, and
only when that is gone can the ports be judged.
"""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from local_stack import orphans, ports
from local_stack.errors import PortsTaken
from local_stack.lifecycle import Session
from local_stack.options import ExternalServices, Options, wanted_ports
from local_stack.plan import Plan, make_plan
from local_stack.programs import Programs
from local_stack.reporter import Reporter
from local_stack.secrets import payload_keys
from local_stack.state import lock, running_stacks, state_file
from local_stack.state.state_file import Phase
from local_stack.state_dir import StateDir


def up(options: Options, environ: Mapping[str, str], reporter: Reporter, programs: Programs) -> int:
    """Run the stack until asked to stop; the exit code. StackError if it cannot be started."""
    given = ExternalServices.by(environ)
    layout = StateDir(options.state_dir).create()
    options = payload_keys.resolve_encryption(options, layout, environ)
    os.umask(0o077)  # databases and logs hold customers' data
    with lock.try_acquire(layout.lock) as mine:
        if not mine:
            return _report_already_up(options.state_dir, reporter)
        for name in orphans.clear(options.state_dir):
            reporter.say(f"ended {name}, which a killed `saga up` had left running")
        _demand_ports(options, given)
        plan = make_plan(options, given, environ, programs)
        with running_stacks.note(options.state_dir):
            return asyncio.run(_run(options, plan, layout, reporter))


def _demand_ports(options: Options, given: ExternalServices) -> None:
    """PortsTaken, which names our other stacks too: they hold most ports that are wanted."""
    try:
        ports.demand(wanted_ports(options, given))
    except PortsTaken as error:
        if others := running_stacks.describe_others(options.state_dir):
            others += "\nOr move all ports of this one: --port-offset 1000"
        raise PortsTaken(f"{error}{others}") from None


async def _run(options: Options, plan: Plan, layout: StateDir, reporter: Reporter) -> int:
    return await Session(options.ports, plan, layout, reporter).run()


def _report_already_up(state_dir: Path, reporter: Reporter) -> int:
    found = state_file.load(state_dir)
    phase = found.phase if found else Phase.STARTING
    reporter.say(f"already {phase}; `saga status` tells more, `saga down` stops it")
    if found:
        reporter.table(found.urls)
    return 0
