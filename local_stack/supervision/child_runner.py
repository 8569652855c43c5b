"""One child's life: started, watched, started again when it crashes, stopped.

Tells a Listener what happens; what to show and to write down is the listener's.
"""

import asyncio
import contextlib
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from local_stack.errors import StartFailed
from local_stack.supervision import log_files, readiness
from local_stack.supervision.child import Child
from local_stack.supervision.process import describe, end_group, kill_group, spawn
from local_stack.supervision.process_identity import Identity, identify

FIRST_DELAY = 0.2
MAX_DELAY = 5.0
STEADY_AFTER = 10.0  # seconds of readiness that make the next crash a first one


class ChildState(StrEnum):
    """Where a child is in its life."""

    STARTING = "starting"
    RUNNING = "running"
    CRASHED = "crashed"  # waits for its next start
    STOPPED = "stopped"


class Listener(Protocol):
    """Who wants to know."""

    def on_change(self, runner: "Runner") -> None:
        """Its state or pid is another now."""

    def on_crash(self, runner: "Runner", how: str, delay: float) -> None:
        """It ended unasked, and starts again in `delay` seconds."""


class Runner:
    """Runs one child. `start` once, then `watch` in a task until `stop`."""

    def __init__(self, child: Child, log: Path, listener: Listener) -> None:
        self.child = child
        self.log = log
        self.state = ChildState.STOPPED
        self.restarts = 0
        self.since = datetime.now(UTC)
        self.identity: Identity | None = None
        self._listener = listener
        self._process: Process | None = None
        self._steady = time.monotonic()

    async def start(self) -> None:
        """Start it and wait until it is ready. StartFailed if it ends or takes too long."""
        begin = log_files.size(self.log)
        try:
            async with asyncio.timeout(self.child.start_within):
                process = await self._spawn()
                code = await self._ready_or_exit(process)
        except TimeoutError:
            reason = f"not ready in {self.child.start_within:g} s"
        else:
            if code is None:
                return
            reason = describe(code)
        raise StartFailed(self.child.name, reason, log_files.tail(self.log, since=begin))

    async def watch(self) -> None:
        """Start it again whenever it ends, for as long as this task lives."""
        delay = FIRST_DELAY
        how = await self._exit()
        while True:
            if self.state is ChildState.RUNNING and time.monotonic() - self._steady > STEADY_AFTER:
                delay = FIRST_DELAY
            self._set(ChildState.CRASHED)
            self._listener.on_crash(self, how, delay)
            await asyncio.sleep(delay)
            delay = min(delay * 2, MAX_DELAY)
            how = await self._live_again()

    async def stop(self) -> None:
        """Ask it to end, kill it when the grace is over, and leave nothing of it."""
        process = self._process
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(self.child.stop_signal)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.child.grace):
                    await process.wait()
            await self._sweep(process)
        self._set(ChildState.STOPPED)

    def kill(self) -> None:
        """End it at once. A `stop` that waits for it then goes on."""
        if self._process is not None and self._process.returncode is None:
            kill_group(self._process.pid)

    async def _spawn(self) -> Process:
        if self._process is not None:
            await self._sweep(self._process)
        else:
            await asyncio.to_thread(self.child.tidy)
        self._process = await spawn(self.child, self.log)
        self.identity = identify(self._process.pid)
        self._set(ChildState.STARTING)
        return self._process

    async def _exit(self) -> str:
        return describe(await self._process.wait()) if self._process else "never started"

    async def _live_again(self) -> str:
        """One more life, from start to end; how it ended."""
        self.restarts += 1
        try:
            await self._ready_or_exit(await self._spawn())
        except OSError as error:  # such as no memory, or a log that cannot be opened
            return str(error)
        return await self._exit()

    async def _sweep(self, process: Process) -> None:
        await end_group(process)
        await asyncio.to_thread(self.child.tidy)

    async def _ready_or_exit(self, process: Process) -> int | None:
        """None once it is ready; its exit code if it ends before."""
        is_ready = asyncio.ensure_future(readiness.wait(self.child.ready))
        exits = asyncio.ensure_future(process.wait())
        try:
            await asyncio.wait({is_ready, exits}, return_when=asyncio.FIRST_COMPLETED)
            if exits.done():
                return exits.result()
            is_ready.result()
        finally:
            is_ready.cancel()
            exits.cancel()
        self._steady = time.monotonic()
        self._set(ChildState.RUNNING)
        return None

    def _set(self, state: ChildState) -> None:
        self.state = state
        self.since = datetime.now(UTC)
        self._listener.on_change(self)


class NullListener:
    """A listener for those who do not listen."""

    def on_change(self, runner: Runner) -> None:
        """Nothing."""

    def on_crash(self, runner: Runner, how: str, delay: float) -> None:
        """Nothing."""


@asynccontextmanager
async def running(child: Child, log: Path) -> AsyncIterator[Runner]:
    """The child, ready and watched, for the length of a block. For tests and fixtures."""
    runner = Runner(child, log, NullListener())
    watch: asyncio.Task[None] | None = None
    try:
        await runner.start()
        watch = asyncio.create_task(runner.watch())
        yield runner
    finally:
        if watch is not None:
            watch.cancel()
        await runner.stop()
