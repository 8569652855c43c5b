"""What a saga runs in while it is verified: a Temporal of its own, and workers in every mode.

The Temporal is the development server with a clock of its own for every workflow, which skips
whatever nobody works through; so runs do not wait for each other's time, as they would on the
older test server, whose clock is global.
"""

import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from temporalio import workflow
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.converter import DataConverter
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig
from temporalio.testing import TimeSkipper, WorkflowEnvironment
from temporalio.worker import Interceptor, Worker

from saga.lint import SEARCH_ATTRIBUTES
from saga.stretch.worker import StretchPlugin
from saga.verify.faults import WorkerMode
from saga.verify.injection.interceptor import Injector
from saga.verify.injection.worker_crash import LostTasks, TaskLosingRunner

if TYPE_CHECKING:
    from saga.verify.subject import Subject

SLOTS = 500

# A worker without a cache works on one task at a time.
EVICTED_WORKERS = 12

# A skip is a timer of the server, which looks at its timers once a second and 20 times at most by
# default. At 60 a second nobody waits, and the server has a tenth less to do than at 500.
DYNAMIC = (
    "frontend.WorkflowTimeSkippingEnabled=true",
    "frontend.WorkflowPauseEnabled=true",
    "history.transferProcessorMaxPollRPS=60",
    "history.timerProcessorMaxPollRPS=60",
    'history.timerProcessorMaxTimeShift="10ms"',
    # Now and then, under load, the server skips time and does not look at its timers: the run then
    # stood still for up to 90 s, until it did so by itself. So it does every second.
    'history.timerProcessorMaxPollInterval="1s"',
    'history.transferProcessorMaxPollInterval="1s"',
    # A task that is lost again and again gets more time each time, up to ten minutes more.
    'history.workflowTaskRetryMaxInterval="1s"',
    # No partitions of queues, which pass tasks on to each other: one process polls them all.
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
)


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Everything a run needs. `home` is the task queue of the saga's workflow.

    `given`: what the subject's functions look at; None for the environment itself.
    """

    client: Client
    home: str
    injector: Injector = field(default_factory=Injector)
    lost_tasks: LostTasks = field(default_factory=LostTasks)
    given: Any = None
    turn: Iterator[int] = field(default_factory=lambda: cycle(range(EVICTED_WORKERS)))

    @property
    def world(self) -> Any:
        """What the subject made to look at, and to break."""
        return self if self.given is None else self.given

    def queue(self, mode: WorkerMode) -> str:
        """A task queue whose worker runs workflows in this mode."""
        if mode is WorkerMode.EVICTED:
            return queue_of(self.home, mode, next(self.turn))
        return queue_of(self.home, mode) if mode is WorkerMode.LOST else self.home


def queue_of(home: str, mode: WorkerMode, number: int = 0) -> str:
    """One for each worker, since a queue has one worker of a process."""
    return f"{home}-{mode}-{number}"


class UnfitSubject(Exception):
    """The subject does not say what the verifier needs to know; the message says what to write."""


class NoServer(Exception):
    """There is no Temporal server to start; the message says how to get one."""


def check_subject(subject: "Subject") -> None:
    """Unfit if the workflow lacks what its subject says that it has, or a wait has no answer."""
    definition = workflow._Definition.must_from_class(subject.workflow)
    updates = {
        "cancel": subject.cancel is not None,
        "resolve": subject.resolves,
        "answer": bool(subject.answers),
    }
    for name, said in updates.items():
        if said and name not in definition.updates:
            raise UnfitSubject(
                f"{subject.name} has no Update {name!r}: add it, or say so in its Subject"
            )
    if subject.resolves and "saga" not in definition.queries:
        raise UnfitSubject(f"{subject.name} has no query 'saga': add it, as operators look at it")
    for step in subject.steps:
        if step.awaits is not None and step.name not in subject.answers:
            raise UnfitSubject(
                f"step {step.name} waits: say what it is answered, Subject(answers=...)"
            )


def _server() -> str:
    beside = Path(sys.executable).parent / "temporal"
    found = str(beside) if beside.exists() else shutil.which("temporal")
    if found is None:
        raise NoServer("there is no program `temporal`: install temporal-saga[verify]")
    return found


@asynccontextmanager
async def temporal_server(
    *, converter: DataConverter | None = None, searchable: Sequence[str] = SEARCH_ATTRIBUTES
) -> AsyncIterator[Client]:
    """A client whose workflows skip time, each on a clock of its own."""
    options = [word for value in DYNAMIC for word in ("--dynamic-config-value", value)]
    # Silent: what they would complain of are the faults that we make.
    runtime = Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter="off")))
    environment = await WorkflowEnvironment.start_local(
        dev_server_existing_path=_server(),
        dev_server_extra_args=["--output", "none", *options],
        dev_server_log_level="never",
        runtime=runtime,
        search_attributes=[SearchAttributeKey.for_keyword(name) for name in searchable],
    )
    async with environment:
        host = environment.client.service_client.config.target_host
        client = await Client.connect(
            host, data_converter=converter or DataConverter.default, runtime=runtime
        )
        yield TimeSkipper(client).client


def worker_options(
    injector: Injector, lost_tasks: LostTasks, interceptors: Sequence[Interceptor]
) -> dict[str, Any]:
    """How every worker runs that a saga is verified with.

    Without Temporal's sandbox, so that a mutant and a shorter deadline can be patched in. A
    workflow that is not deterministic fails on replay, in the evicted mode, anyway.
    """
    return {
        "interceptors": [injector, *interceptors],
        "max_concurrent_activities": SLOTS,
        "max_concurrent_local_activities": SLOTS,
        "workflow_runner": TaskLosingRunner(lost_tasks),
        # Workflows run on the one thread that all else runs on: no hand-over to others, and no
        # task that fails because this machine was busy for 2 s. One that hangs, hangs the run.
        "debug_mode": True,
        "plugins": [StretchPlugin()],
    }


def workers_of_workflows(
    home: str, lost_tasks: LostTasks, options: dict[str, Any], make: Callable[..., Any]
) -> Iterator[Any]:
    """Workers of workflows alone, in each other mode; `make` takes a queue and options."""
    beside = options | {"max_concurrent_activity_task_polls": 2}  # few come: of a stretch's saga
    for number in range(EVICTED_WORKERS):
        queue = queue_of(home, WorkerMode.EVICTED, number)
        yield make(task_queue=queue, **beside, max_cached_workflows=0)
    losing = TaskLosingRunner(lost_tasks, every=True)
    yield make(task_queue=queue_of(home, WorkerMode.LOST), **(beside | {"workflow_runner": losing}))


@asynccontextmanager
async def running_environment(subject: "Subject", *beside: "Subject") -> AsyncIterator[Environment]:
    """Start a Temporal, the subject's world and its workers; stop them at the end.

    `beside`: others that run in the same world, with its activities. Unfit if the subject lacks
    something that the verifier needs; NoServer.
    """
    if subject.world is None:
        raise UnfitSubject(f"{subject.name}: say what it runs in: Subject(world=...)")
    check_subject(subject)
    subjects = (subject, *beside)
    queues = {step.queue for each in subjects for step in each.steps}
    home = subject.queue or subject.steps[0].queue
    injector, lost_tasks = Injector(), LostTasks()
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(subject.world())
        converter = getattr(world, "converter", None)
        client = await stack.enter_async_context(temporal_server(converter=converter))
        interceptors = tuple(getattr(world, "interceptors", ()))
        options = worker_options(injector, lost_tasks, interceptors) | {
            "activities": list(world.activities),
        }
        own = [each.workflow for each in subjects]
        workflows = list(dict.fromkeys((*own, *getattr(world, "workflows", ()))))

        def make(**more: Any) -> Worker:
            return Worker(client, workflows=workflows, **more)

        for queue in sorted(queues | {home}):
            await stack.enter_async_context(make(task_queue=queue, **options))
        for worker in workers_of_workflows(home, lost_tasks, options, make):
            await stack.enter_async_context(worker)
        yield Environment(
            client=client, home=home, injector=injector, lost_tasks=lost_tasks, given=world
        )
