"""`saga-worker` by hand: any queues, many side by side, stopped gracefully or killed."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import httpx2

from contracts.names import Queue
from local_stack.programs import program
from tests.support.ports import quiet_block
from tests.support.stack import Stack
from tests.support.waiting import until


@contextmanager
def worker(stack: Stack, name: str, port: int, *queues: Queue) -> Iterator[subprocess.Popen[str]]:
    """A worker of these queues beside the stack's own; killed at the end if it still runs."""
    flags = [f"--queue={queue}" for queue in queues]
    process = subprocess.Popen(
        program("saga-worker", f"--identity={name}", f"--health-port={port}", *flags),
        env={**os.environ, **stack.state.environment},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


async def answers(port: int, path: str) -> bool:
    async with httpx2.AsyncClient() as http:
        try:
            return (await http.get(f"http://127.0.0.1:{port}{path}")).status_code == 200
        except httpx2.HTTPError:
            return False


async def test_eight_more_workers_join_and_are_stopped_or_killed(stack: Stack) -> None:
    """With the stack's own two that makes ten."""
    first = quiet_block(8)
    ports = range(first, first + 8)
    sets = [(queue,) for queue in Queue] + [tuple(Queue)] * 4
    with ExitStack() as started:
        workers = [
            started.enter_context(worker(stack, f"extra-{port}", port, *queues))
            for port, queues in zip(ports, sets, strict=True)
        ]
        for port in ports:
            await until(partial(answers, port, "/health/ready"), within=120)
        for process, how in zip(workers, [signal.SIGTERM, signal.SIGKILL] * 4, strict=True):
            process.send_signal(how)
        assert [item.wait(30) for item in workers] == [0, -signal.SIGKILL] * 4
        done = stack.saga("demo", "--json", "--url", stack.api)
        assert done.returncode == 0, done.stdout + done.stderr


async def test_a_taken_health_port_ends_the_worker_at_once(stack: Stack) -> None:
    taken = int(stack.state.urls["worker-1_metrics"].rpartition(":")[2].partition("/")[0])
    with worker(stack, "late", taken) as process:
        assert process.wait(60) != 0
        assert process.stderr is not None
        assert "Address already in use" in process.stderr.read()


def test_an_unknown_queue_is_refused_with_the_ones_that_are() -> None:
    done = subprocess.run(
        program("saga-worker", "--queue", "nonsense"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "inventory" in done.stderr


async def test_metrics_are_served_for_prometheus(stack: Stack) -> None:
    text = httpx2.get(stack.state.urls["worker-1_metrics"]).text
    assert "temporal_" in text
