"""All children of a stack: started in stages, watched, stopped in the reverse order.

What is shown and written down is up to the Observer.
"""

import asyncio
import itertools
from typing import Protocol

from local_stack.errors import StartFailed
from local_stack.state_dir import StateDir
from local_stack.supervision.child import Child, Job, Lane, Stage
from local_stack.supervision.child_runner import Runner


class Observer(Protocol):
    """Who wants to know. `saga up` prints it and writes it down."""

    def on_begin(self, name: str) -> None:
        """A part is being started."""

    def on_ready(self, name: str, note: str | None = None) -> None:
        """It is done, or up."""

    def on_change(self, runner: Runner) -> None:
        """A child's state or pid is another now."""

    def on_crash(self, runner: Runner, how: str, delay: float) -> None:
        """A child ended unasked, and starts again in `delay` seconds."""

    def on_stopping(self, names: list[str]) -> None:
        """These are asked to end."""


class Supervisor:
    """Runs a plan's stages. Whatever happened in `start`, `stop` leaves no process behind."""

    def __init__(self, layout: StateDir, observer: Observer) -> None:
        self.runners: list[Runner] = []
        self._layout = layout
        self._observer = observer
        self._watches: list[asyncio.Task[None]] = []

    async def start(self, stages: tuple[Stage, ...]) -> None:
        """Start all of it; the first failure (StartFailed) ends the attempt."""
        for stage in stages:
            lanes = [asyncio.create_task(self._run_lane(lane)) for lane in stage]
            try:
                await asyncio.gather(*lanes)
            finally:
                for task in lanes:
                    task.cancel()
                await asyncio.gather(*lanes, return_exceptions=True)

    async def stop(self) -> None:
        """End all children, those of the highest rank first, and wait until they are gone."""
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
        by_rank = sorted(self.runners, key=_rank, reverse=True)
        for _, group in itertools.groupby(by_rank, key=_rank):
            runners = list(group)
            self._observer.on_stopping([runner.child.name for runner in runners])
            await asyncio.gather(*(runner.stop() for runner in runners))

    def kill(self) -> None:
        """End all children at once; a `stop` under way then finishes soon."""
        for runner in self.runners:
            runner.kill()

    async def _run_lane(self, lane: Lane) -> None:
        for step in lane:
            self._observer.on_begin(step.name)
            try:
                note = await self._run(step)
            except OSError as error:  # such as a full disk, or a program that is not there
                raise StartFailed(step.name, str(error)) from error
            self._observer.on_ready(step.name, note)

    async def _run(self, step: Child | Job) -> str | None:
        if isinstance(step, Job):
            return await step.run()
        runner = Runner(step, self._layout.log(step.name), self._observer)
        self.runners.append(runner)  # before it starts, so that `stop` knows of it
        await runner.start()
        self._watches.append(asyncio.create_task(runner.watch()))
        return None


def _rank(runner: Runner) -> int:
    return runner.child.rank
