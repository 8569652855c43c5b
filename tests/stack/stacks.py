"""A stack of stubs under test: started as a user does, looked at from outside."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import psutil

from local_stack.state import state_file as state
from local_stack.state.state_file import ChildRecord, StackState
from local_stack.state_dir import StateDir
from local_stack.supervision.process_identity import Identity, identify
from tests.support.ports import quiet_block
from tests.support.stack import remove_elsewhere

ROOT = Path(__file__).parents[2]
FLAGS = ("gateway", "api", "temporal", "temporal-ui", "provider", "postgres")
START = 60.0
T = TypeVar("T")


def eventually(look: Callable[[], T | None], within: float = 30.0) -> T:
    """What `look` finds, as soon as that is something."""
    deadline = time.monotonic() + within
    while not (found := look()):
        assert time.monotonic() < deadline, f"not in {within} s"
        time.sleep(0.05)
    return found


class Stack:
    """One state dir, one set of ports, and `saga` commands for them."""

    def __init__(self, directory: Path, environ: dict[str, str] | None = None) -> None:
        self.state_dir = directory / ".saga"
        self.output = directory / "output"
        self.environ = {**os.environ, "PYTHONPATH": str(ROOT), **(environ or {})}
        count = len(FLAGS) + 6
        first = quiet_block(count)
        *numbers, metrics, _, _, health, _, _ = range(first, first + count)
        self.ports = dict(zip(FLAGS, numbers, strict=True))
        # A worker's port is the base plus 1; the gateway and the relay are at the bases. Last come
        # the metrics of the API's own work, and the health of what sends webhooks.
        bases = {"metrics-base": metrics, "health-base": health}
        self.flags = [f"--{base}-port={port}" for base, port in (self.ports | bases).items()]
        self.process: subprocess.Popen[bytes] | None = None

    def saga(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self._command(*arguments),
            check=False,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=START,
        )

    def begin(self) -> subprocess.Popen[bytes]:
        """Run `saga up`, without waiting."""
        with self.output.open("ab") as output:
            command = self._command("up", "--no-durable", "--workers=1", *self.flags)
            self.process = subprocess.Popen(command, env=self.environ, stdout=output, stderr=output)
        return self.process

    def up(self) -> StackState:
        """Run `saga up` until it is up."""
        process = self.begin()

        def healthy() -> StackState | None:
            assert process.poll() is None, self.said()
            return found if (found := self.state()) and found.healthy else None

        return eventually(healthy, START)

    def state(self) -> StackState | None:
        return state.running(self.state_dir)

    def child(self, name: str) -> ChildRecord | None:
        found = self.state()
        return next((row for row in found.children if row.name == name), None) if found else None

    def said(self) -> str:
        return self.output.read_text()

    def family(self) -> list[Identity]:
        """The supervisor and all below it, at this moment."""
        assert self.process is not None
        tree = psutil.Process(self.process.pid)
        return [identify(item.pid) for item in (tree, *tree.children(recursive=True))]

    def ask(self, how: signal.Signals, within: float = 30.0) -> int:
        """Signal the supervisor and wait for its exit code."""
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(within)

    def _command(self, name: str, *arguments: str) -> list[str]:
        place = f"--state-dir={self.state_dir}"
        return [sys.executable, "-m", "tests.stack.stub_up", name, place, *arguments]

    def clean(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.ask(signal.SIGTERM, START)
        self.saga("down")
        remove_elsewhere(self.state_dir)


def nobody_left(family: list[Identity]) -> bool:
    return all(identity.find() is None for identity in family)


@contextmanager
def stack_in(directory: Path, environ: dict[str, str] | None = None) -> Iterator[Stack]:
    stack = Stack(directory, environ)
    StateDir(stack.state_dir).create()
    try:
        yield stack
    finally:
        stack.clean()
