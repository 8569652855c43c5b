"""A whole stack by `saga up`, as a user runs it: its own folder, its own ports."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx2

from local_stack.secrets import signing_keys
from local_stack.state import state_file as state
from local_stack.state.state_file import ChildRecord, StackState
from local_stack.state_dir import StateDir
from tests.support.ports import quiet_block
from tests.support.shell import tie_to_this_process
from tests.support.waiting import until

SAGA = Path(sys.executable).parent / "saga"
PORTS = (
    *("gateway", "api", "temporal", "temporal-ui", "codec", "provider", "postgres"),
    *("metrics-base", "health-base", "services-base"),
)
BLOCK = 12  # room for the workers above their base
SERVICES_BLOCK = 50  # … and for services and their instances, above the last of all bases


@dataclass(frozen=True)
class Stack:
    """A running stack."""

    state_dir: Path
    output: Path

    @property
    def state(self) -> StackState:
        """What the supervisor wrote last."""
        found = state.load(self.state_dir)
        assert found is not None, self.output.read_text()
        return found

    @property
    def api(self) -> str:
        """Where the API is."""
        return self.state.urls["api"]

    @property
    def gateway(self) -> str:
        """Where the gateway is."""
        return self.state.urls["gateway"]

    def child(self, name: str) -> ChildRecord:
        """One child, as it is now."""
        return next(item for item in self.state.children if item.name == name)

    def kill(self, name: str) -> None:
        """Kill -9 a child of this stack, if it runs."""
        child = self.child(name)
        if child.alive and child.pid is not None:
            os.kill(child.pid, signal.SIGKILL)

    def bearer(self) -> dict[str, str]:
        """The header of an operator's requests, good for an hour."""
        issuer = signing_keys.load(StateDir(self.state_dir))
        token = signing_keys.operators_token(issuer, timedelta(hours=1))
        return {"Authorization": f"Bearer {token}"}

    def saga(
        self, *arguments: str, token: str = "", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a `saga` command in the stack's folder, with this SAGA_TOKEN and environment."""
        return subprocess.run(
            [str(SAGA), *arguments],
            cwd=self.state_dir.parent,
            env={**os.environ, "SAGA_TOKEN": token, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )


@asynccontextmanager
async def running_stack(
    folder: Path,
    *,
    workers: int = 2,
    environment: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
    keep: bool = False,
) -> AsyncIterator[Stack]:
    """`saga up` until it is up; SIGTERM at the end, after which no child may be left.

    `keep`: what it has stored stays, for the next one in this folder.
    """
    first = quiet_block(len(PORTS) * BLOCK + SERVICES_BLOCK)
    flags = [f"--{name}-port={first + n * BLOCK}" for n, name in enumerate(PORTS)]
    stack = Stack(folder / ".saga", folder / "up.log")
    with stack.output.open("w") as output:
        process = subprocess.Popen(  # noqa: ASYNC220 - returns at once
            [
                *tie_to_this_process(),
                str(SAGA),
                "up",
                "--no-durable",
                f"--workers={workers}",
                *flags,
                *options,
            ],
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )
    try:

        async def up() -> bool:
            assert process.poll() is None, stack.output.read_text()
            found = state.load(stack.state_dir)
            return found is not None and found.healthy

        await until(up, within=90)
        yield stack
    finally:
        last = state.load(stack.state_dir)
        process.terminate()
        process.wait(timeout=60)
        if not keep:
            remove_elsewhere(stack.state_dir)
    assert last is None or not [child.name for child in last.children if child.alive]


async def until_healed(stack: Stack) -> None:
    """Until all that was killed runs again, for whoever comes next."""

    async def has_healed() -> bool:
        return stack.state.healthy

    await until(has_healed)


@contextmanager
def frozen(stack: Stack, name: str) -> Iterator[None]:
    """Stop this process for a while: what needs it does not get on, however long the rest takes."""
    pid = stack.child(name).pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def remove_elsewhere(state_dir: Path) -> None:
    """As root, pytest's folders are out of the helper account's reach, so data is elsewhere."""
    home = state_dir / "postgres"
    if home.is_symlink():
        shutil.rmtree(home.readlink())


def client(stack: Stack) -> httpx2.AsyncClient:
    """An HTTP client of the stack's API: an operator."""
    return httpx2.AsyncClient(base_url=stack.api, timeout=15, headers=stack.bearer())
