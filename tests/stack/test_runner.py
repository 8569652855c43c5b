"""One child's life, on small programs."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from local_stack.errors import StartFailed
from local_stack.supervision import log_files, readiness
from local_stack.supervision.child import Child
from local_stack.supervision.child_runner import NullListener, Runner, running
from local_stack.supervision.process import run_to_end
from local_stack.supervision.process_identity import Identity
from tests.stack.stacks import nobody_left

PATIENT = "import signal; signal.pause()"


class Delays(NullListener):
    """Remembers how long each restart waited, and calls when there were enough."""

    def __init__(self, enough: int) -> None:
        self.seen: list[float] = []
        self.how: list[str] = []
        self.done = asyncio.Event()
        self._enough = enough

    def on_crash(self, runner: Runner, how: str, delay: float) -> None:
        self.seen.append(delay)
        self.how.append(how)
        if len(self.seen) == self._enough:
            self.done.set()


def python(code: str, **options: object) -> Child:
    return Child("it", (sys.executable, "-c", code), dict(os.environ), **options)  # type: ignore[arg-type]


async def test_restarts_wait_longer_each_time(tmp_path: Path) -> None:
    delays = Delays(enough=3)
    runner = Runner(python("raise SystemExit(7)", ready=never), tmp_path / "log", delays)
    with pytest.raises(StartFailed):
        await runner.start()
    watch = asyncio.create_task(runner.watch())
    async with asyncio.timeout(30):
        await delays.done.wait()
    watch.cancel()
    await runner.stop()
    assert delays.seen == [0.2, 0.4, 0.8]
    assert delays.how == ["exit code 7"] * 3


async def test_failed_start_quotes_this_attempts_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("of an earlier life\n")
    with pytest.raises(StartFailed, match="it did not start: exit code 1") as caught:
        await Runner(
            python("raise SystemExit('no luck')", ready=never), log, NullListener()
        ).start()
    assert caught.value.tail == "no luck"


async def test_start_that_takes_too_long_fails(tmp_path: Path) -> None:
    runner = Runner(
        python(PATIENT, ready=never, start_within=0.5), tmp_path / "log", NullListener()
    )
    with pytest.raises(StartFailed, match=r"not ready in 0\.5 s"):
        await runner.start()
    await runner.stop()
    assert runner.identity is not None
    assert runner.identity.find() is None


async def test_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    runner = Runner(Child("it", ("/no/such",), {}, ready=never), tmp_path / "log", NullListener())
    with pytest.raises(StartFailed) as caught:
        await runner.start()
    assert "cannot run /no/such: [Errno 2]" in caught.value.tail


async def test_child_deaf_to_its_signal_is_killed_with_all_below_it(tmp_path: Path) -> None:
    code = """if True:
        import signal, subprocess, sys
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        below = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])
        print(below.pid, flush=True)
        signal.pause()
    """
    log = tmp_path / "log"

    async def has_child() -> bool:
        return log.exists() and log.read_text().endswith("\n")

    async with running(python(code, ready=has_child, grace=0.2), log) as runner:
        assert runner.identity is not None
        below = Identity(pid=int(log.read_text()), born=runner.identity.born)
        family = [runner.identity, below]
        assert below.find() is not None
    assert nobody_left(family)


async def test_cancelled_job_leaves_no_process(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = f"import os; print(os.getpid(), flush=True); {PATIENT}"
    job = asyncio.create_task(run_to_end(python(code), log))
    await said_something(log)
    pid = int(log_files.tail(log))
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_children_take_sigint_even_below_a_shell_that_ignores_it(tmp_path: Path) -> None:
    old = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        child = python("print('up', flush=True); " + PATIENT, stop_signal=signal.SIGINT)
        runner = Runner(child, tmp_path / "log", NullListener())
        await runner.start()
        await said_something(tmp_path / "log")
        await runner.stop()
    finally:
        signal.signal(signal.SIGINT, old)
    assert "KeyboardInterrupt" in log_files.tail(tmp_path / "log")


def test_log_that_has_grown_is_emptied(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"x" * (log_files.MAX_BYTES + 1))
    log_files.open_log(log).close()
    assert log.stat().st_size == 0


async def said_something(log: Path) -> None:
    async def check() -> bool:
        return bool(log_files.tail(log))

    async with asyncio.timeout(30):
        await readiness.wait(check)


async def never() -> bool:
    return False
