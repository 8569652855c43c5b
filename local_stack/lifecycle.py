"""One life of a stack: started, shown and written down, stopped when asked.

The signals are handled here and nowhere else.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from local_stack.options import Ports
from local_stack.plan import Plan
from local_stack.reporter import Reporter
from local_stack.secrets import signing_keys
from local_stack.state import state_file
from local_stack.state.state_file import Phase, StackState
from local_stack.state_dir import StateDir
from local_stack.supervision.child_runner import ChildState, Runner
from local_stack.supervision.process_identity import identify
from local_stack.supervision.supervisor import Supervisor

FIRST_TOKEN = timedelta(hours=1)
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Session:
    """The observer of the supervisor, and the one who tells it to stop."""

    def __init__(self, ports: Ports, plan: Plan, layout: StateDir, reporter: Reporter) -> None:
        self._ports = ports
        self._plan = plan
        self._layout = layout
        self._reporter = reporter
        self._supervisor = Supervisor(layout, self)
        self._phase = Phase.STARTING
        self._asked = asyncio.Event()
        self._asked_by = 0

    async def run(self) -> int:
        """Start, wait to be asked, stop. The exit code; StartFailed after all is stopped."""
        with _handle_signals(self._on_signal):
            try:
                return await self._live()
            finally:
                await self._end()

    async def _live(self) -> int:
        starting = asyncio.create_task(self._start())
        asked = asyncio.create_task(self._asked.wait())
        try:
            await asyncio.wait({starting, asked}, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                return 128 + self._asked_by  # as shells tell of a signal
            starting.result()
            await asked
            return 0
        finally:
            starting.cancel()
            asked.cancel()
            await asyncio.gather(starting, asked, return_exceptions=True)

    async def _start(self) -> None:
        self._enter(Phase.STARTING)
        await self._supervisor.start(self._plan.stages)
        self._enter(Phase.UP)
        self._reporter.close()
        self._reporter.up(self._plan.urls, self._layout.path, self._token())

    def _token(self) -> str | None:
        """An operator's, for the first calls of whoever started the stack."""
        issuer = self._plan.issuer
        return signing_keys.operators_token(issuer, FIRST_TOKEN) if issuer else None

    async def _end(self) -> None:
        self._reporter.close()
        self._enter(Phase.STOPPING)
        await self._supervisor.stop()
        self._layout.stack.unlink(missing_ok=True)
        self._reporter.say("stopped")

    def _on_signal(self, number: signal.Signals) -> None:
        if self._asked.is_set() and number is signal.SIGINT:
            self._reporter.say("killing what is left")
            self._supervisor.kill()
        elif not self._asked.is_set():
            self._asked_by = number
            self._asked.set()

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._save()

    def _save(self) -> None:
        stack = StackState(
            supervisor=identify(os.getpid()),
            phase=self._phase,
            ports=self._ports,
            urls=self._plan.urls,
            environment=self._plan.environment,
            children=[state_file.record(runner) for runner in self._supervisor.runners],
        )
        # A full disk or a folder that was deleted is no reason to stop watching the children.
        with contextlib.suppress(OSError):
            state_file.save(self._layout.path, stack)

    def on_begin(self, name: str) -> None:
        """A part is being started."""
        self._reporter.begins(name)

    def on_ready(self, name: str, note: str | None = None) -> None:
        """It is done, or up."""
        self._reporter.ready(name, note)

    def on_change(self, runner: Runner) -> None:
        """A child's state or pid is another now."""
        self._save()
        if runner.restarts and runner.state is ChildState.RUNNING:
            self._reporter.say(f"{runner.child.name} is back", style="green")

    def on_crash(self, runner: Runner, how: str, delay: float) -> None:
        """A child ended unasked, and starts again in `delay` seconds."""
        what = f"{runner.child.name} ended ({how}); starting it again in {delay:g} s"
        self._reporter.say(f"{what}. Log: {runner.log}", style="red")

    def on_stopping(self, names: list[str]) -> None:
        """These are asked to end."""
        self._reporter.say(f"stopping {', '.join(names)}")


@contextmanager
def _handle_signals(handle: Callable[[signal.Signals], None]) -> Iterator[None]:
    """Handle the signals, but those that our parent wants ignored (`nohup saga up`)."""
    loop = asyncio.get_running_loop()
    mine = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    for number in mine:
        loop.add_signal_handler(number, handle, number)
    try:
        yield
    finally:
        for number in mine:
            loop.remove_signal_handler(number)
