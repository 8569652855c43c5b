"""Starting processes whose life is tied to ours, and what their exits mean."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, STDOUT, Process
from pathlib import Path

from local_stack.errors import StartFailed
from local_stack.supervision import log_files, pdeathsig_exec
from local_stack.supervision.child import Child

GONE_WITHIN = 2.0
POLL = 0.01


async def spawn(child: Child, log: Path) -> Process:
    """Start it in a session of its own, where a terminal's Ctrl-C does not reach it.

    Call it in the main thread: the kernel ties a child to the thread that started it.
    """
    account = f"{child.account.uid}:{child.account.gid}" if child.account else "-"
    command = (
        *(sys.executable, "-I", "-S", str(pdeathsig_exec.__file__)),
        *(str(os.getpid()), str(int(child.orphan_signal)), account),
        *child.argv,
    )
    with log_files.open_log(log) as output:
        return await asyncio.create_subprocess_exec(
            *command,
            env=dict(child.env),
            cwd=child.cwd,
            stdin=DEVNULL,
            stdout=output,
            stderr=STDOUT,
            start_new_session=True,
        )


async def run_to_end(child: Child, log: Path) -> None:
    """Run a program that ends by itself; StartFailed unless it ends well and in time."""
    start = log_files.size(log)
    process = await spawn(child, log)
    try:
        async with asyncio.timeout(child.start_within):
            code = await process.wait()
    except TimeoutError:
        reason = f"not done in {child.start_within:g} s"
        raise StartFailed(child.name, reason, log_files.tail(log, since=start)) from None
    finally:
        await end_group(process)
    if code != 0:
        raise StartFailed(child.name, describe(code), log_files.tail(log, since=start))


def describe(code: int) -> str:
    """How it ended, in words: `exit code 1`, `killed by SIGKILL`."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


async def end_group(process: Process) -> None:
    """Kill our child and all below it, and wait until they are gone.

    Those below are not ours to wait for, so the kernel is asked until the group is empty; the
    bound is for a dead one that nobody collects.
    """
    kill_group(process.pid)
    await process.wait()
    deadline = time.monotonic() + GONE_WITHIN
    while time.monotonic() < deadline and _exists(process.pid):  # noqa: ASYNC110 - not our child
        await asyncio.sleep(POLL)


def _exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def kill_group(leader: int) -> None:
    """Kill whatever is left of the group that our child leads or has led."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
