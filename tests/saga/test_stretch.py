"""A stretch: consecutive steps in one activity, up to the first that is not clean."""

import asyncio
import re
import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, cast
from uuid import uuid4

import pytest
import temporalio.client
from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowFailureError
from temporalio.plugin import SimplePlugin
from temporalio.testing import ActivityEnvironment, WorkflowEnvironment
from temporalio.worker import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    Worker,
)

from saga import Call, SagaDefinition
from saga.stretch.history import read_stretches
from saga.stretch.messages import STRETCH, PlannedAttempt, Stretch, StretchReply
from saga.stretch.planning import find_stretches
from saga.stretch.worker import TRUSTED, StretchInterceptor, StretchPlugin
from saga.verify.injection.workflow_reset import FIRST, LAST, reset
from tests.activities.test_executions import paused
from tests.saga.environment import GUARDS, Handle, toy
from tests.saga.toy import (
    FAIL,
    FAST,
    ONE,
    PIVOT,
    QUEUE,
    REJECT,
    TWO,
    Script,
    Toy,
    ToySaga,
)
from tests.saga.toy import (
    LAST as LAST_STEP,
)
from tests.saga.toy import (
    STRETCH as IN_A_STRETCH,
)
from tests.support.waiting import until
from tests.support.world import World

BOTH = {"fast": FAST + IN_A_STRETCH, "queue": IN_A_STRETCH}
ALL = ["one", "two", "pivot", "last"]


@pytest.fixture(params=list(BOTH.values()), ids=list(BOTH), autouse=True)
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Only in a stretch: on the fast path, and by the workflow's queue."""
    monkeypatch.setattr("tests.saga.environment.PATH", request.param)
    return str(request.param)


async def asked(handle: Handle) -> list[str]:
    """The activities that are in the history, in order."""
    history = await handle.fetch_history()
    found = []
    for event in history.events:
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            found.append(event.activity_task_scheduled_event_attributes.activity_type.name)
        for payload in event.marker_recorded_event_attributes.details["data"].payloads:
            found.append(str(payload.data).split('activity_type":"')[1].split('"')[0])
    return found


async def test_a_clean_saga_is_one_activity_and_tells_of_every_step(
    skipping: WorkflowEnvironment, path: str
) -> None:
    script = Script()
    async with toy(skipping.client, script) as handle:
        assert await handle.result() == "completed"
        view = await handle.query(ToySaga.saga)
        (told,) = await read_stretches(
            (await handle.fetch_history()).events, skipping.client.data_converter
        )
    assert script.log == ALL
    assert await asked(handle) == [STRETCH]
    assert told.reply is not None
    assert [(made.activity, made.reply) for made in told.reply.clean] == [
        (f"toy.{name}", name) for name in ALL
    ]
    assert told.fast == (FAST in path)
    assert [step.state for step in view.steps] == ["done"] * 4
    times = [moment for step in view.steps for moment in (step.started_at, step.finished_at)]
    assert times == sorted(times, key=str)


@pytest.mark.parametrize("step", ALL)
async def test_what_is_not_clean_goes_on_by_itself_and_what_follows_step_by_step(
    skipping: WorkflowEnvironment, path: str, step: str
) -> None:
    script = Script({step: [FAIL, "ok"]})
    async with toy(skipping.client, script) as handle:
        assert await handle.result() == "completed"
    assert script.log == ALL
    assert script.calls == dict.fromkeys(ALL, 1) | {step: 2}
    after = [f"toy.{name}" for name in ALL[ALL.index(step) :]]
    assert await asked(handle) == [STRETCH, *after]


async def test_a_refusal_is_not_asked_for_again(skipping: WorkflowEnvironment, path: str) -> None:
    script = Script({"two": [REJECT]})
    async with toy(skipping.client, script) as handle:
        assert await handle.result() == "no"
    assert script.calls["two"] == 1
    assert "pivot" not in script.calls
    assert script.log == ["one", "fence", "undo two", "undo one"]
    assert (await asked(handle))[:2] == [STRETCH, "toy.fence"]


@activity.defn(name=STRETCH)
async def garbage(stretch: Stretch, *commands: str) -> str:
    """As if somebody had completed it by hand."""
    return "done"


@pytest.mark.parametrize("known", [[], [garbage]], ids=["unknown", "completed by hand"])
async def test_of_a_stretch_that_tells_nothing_any_step_may_have_taken_effect(
    skipping: WorkflowEnvironment, path: str, known: list[Any]
) -> None:
    """It goes on step by step, as while workers are replaced, and all is undone."""
    if FAST in path and not known:
        pytest.skip("the SDK fails the workflow's task, till a worker takes it that knows it")
    script = Script({"one": [REJECT]})
    worker = Worker(
        skipping.client,
        task_queue=QUEUE,
        workflows=[ToySaga],
        activities=[*Toy(script).all(), *known],
        workflow_runner=GUARDS,
    )
    async with worker:
        ended = await skipping.client.execute_workflow(
            ToySaga.run, path, id=f"toy-{uuid4()}", task_queue=QUEUE
        )
    assert ended == "no"
    assert script.log == ["fence", "undo two", "undo one"]


async def test_a_saga_waits_on_the_fast_path_for_a_worker_that_makes_stretches(
    skipping: WorkflowEnvironment, path: str
) -> None:
    """Its worker lacks them, as one that is replaced after the API."""
    if FAST not in path:
        pytest.skip("on a queue it goes on without")
    script = Script()
    options: dict[str, Any] = {
        "task_queue": QUEUE,
        "workflows": [ToySaga],
        "activities": Toy(script).all(),
        "workflow_runner": GUARDS,
    }
    handle = await skipping.client.start_workflow(
        ToySaga.run, path, id=f"toy-{uuid4()}", task_queue=QUEUE
    )

    async def has_failed() -> bool:
        history = await handle.fetch_history()
        failed = EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
        return any(event.event_type == failed for event in history.events)

    async with Worker(skipping.client, **options):
        await until(has_failed)
    assert script.log == []
    async with Worker(skipping.client, **options, plugins=[StretchPlugin()]):
        assert await handle.result() == "completed"
    assert script.log == ALL


async def test_a_saga_that_is_reset_goes_step_by_step(world: World, path: str) -> None:
    """What operators said of a step in an earlier run is asked for before each; replays are not."""
    script = Script()
    async with toy(world.client, script) as handle:
        assert await handle.result() == "completed"
        steps = ["toy.one", "toy.two", "toy.pivot", "toy.words", "toy.last"]
        told = {FIRST: steps, LAST: steps if FAST in path else [STRETCH]}
        first = world.client.get_workflow_handle(handle.id, run_id=handle.result_run_id)
        for point, activities in told.items():
            again = await reset(world.client, first, point)
            assert await again.result() == "completed"
            assert await asked(again) == activities


def held_worker(world: World, script: "Held") -> Worker:
    """Of toys whose second step is held. One that is stopped waits for what it has begun."""
    return Worker(
        world.client,
        task_queue=QUEUE,
        workflows=[ToySaga],
        activities=HeldToy(script).all(),
        workflow_runner=GUARDS,
        plugins=[StretchPlugin()],
        graceful_shutdown_timeout=timedelta(seconds=10),
    )


async def cancel_while_held(world: World, script: "Held") -> tuple[bool, str]:
    """A saga on a queue that is cancelled in its second step: what is said, and how it ends."""
    async with held_worker(world, script):
        handle = await world.client.start_workflow(
            ToySaga.run, IN_A_STRETCH, id=f"toy-{uuid4()}", task_queue=QUEUE
        )
        await script.begun.wait()
        answer = asyncio.create_task(handle.execute_update(ToySaga.cancel))

        async def is_accepted() -> bool:
            history = await handle.fetch_history()
            return any(
                event.HasField("workflow_execution_update_accepted_event_attributes")
                for event in history.events
            )

        await until(is_accepted)
        assert "fence" not in script.log
        script.released.set()
        return await answer, await handle.result()


async def test_a_cancel_waits_for_the_stretch_and_undoes_what_it_has_begun(world: World) -> None:
    script = Held()
    script.says["two"] = [FAIL, "ok"]
    assert await cancel_while_held(world, script) == (True, "by_customer")
    assert script.log == ["one", "fence", "undo two", "undo one"]


async def test_a_cancel_is_refused_if_the_stretch_has_gone_past_the_pivot(world: World) -> None:
    script = Held()
    script.fenced = True
    assert await cancel_while_held(world, script) == (False, "completed")
    assert script.log == [*ALL, "fence", *ALL]


@pytest.mark.parametrize("fate", ["terminate", "pause", "runs on"])
async def test_a_stretch_whose_workflow_was_ended_begins_no_other_step(
    world: World, path: str, fate: str
) -> None:
    """Temporal tells it nothing, so it asks where a step was slow."""
    script = Held()
    async with held_worker(world, script):
        handle = await world.client.start_workflow(
            ToySaga.run, path, id=f"toy-{uuid4()}", task_queue=QUEUE
        )
        await script.begun.wait()
        taken_for_granted = time.monotonic() + TRUSTED
        if fate == "terminate":
            await handle.terminate("by mistake")
        elif fate == "pause":
            await paused(world, handle.id)
        await until(partial(is_past, taken_for_granted))
        script.released.set()
        if fate != "pause":
            await wait_closed(handle)
    # A worker that is stopped lets go of what it has begun: nothing comes after this.
    assert script.log == {"runs on": ALL}.get(fate, ["one", "two"])


async def is_past(moment: float) -> bool:
    """Whether this moment of the clock is over."""
    return time.monotonic() > moment


async def wait_closed(handle: Any) -> None:
    """Until the workflow has ended, however it did."""
    with suppress(WorkflowFailureError):
        await handle.result()


def test_what_waits_is_repeated_or_beside_others_is_in_no_stretch() -> None:
    def names(*steps: Any) -> dict[str, list[str]]:
        found = find_stretches(SagaDefinition("S", steps))
        return {first: [step.name for step in those] for first, those in found.items()}

    assert names(ONE, TWO, PIVOT, LAST_STEP) == {"one": ALL}
    assert names((ONE, TWO), PIVOT, LAST_STEP) == {"pivot": ["pivot", "last"]}
    several = replace(TWO, command=None, commands=lambda _: ("c", "d"))
    assert names(ONE, several, PIVOT, LAST_STEP) == {"pivot": ["pivot", "last"]}
    # Nothing would refuse it to a stretch that goes on after the saga was undone.
    assert names(ONE, LAST_STEP, TWO) == {}


class Held(Script):
    """Holds the second step until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.released = asyncio.Event(), asyncio.Event()


class HeldToy(Toy):
    """The same, with an action that can be held."""

    def __init__(self, script: Held) -> None:
        super().__init__(script)
        self._held = script

    @activity.defn(name="toy.two")
    async def two(self, call: Call, command: str) -> str:
        self._held.begun.set()
        await self._held.released.wait()
        return self._held.act("two", call)


class Inner(ActivityInboundInterceptor):
    """Calls the function, like the SDK; `held` ones go on though nobody waits for them."""

    def __init__(self) -> None:  # nothing comes after it
        self.held: set[asyncio.Task[Any]] = set()

    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        pass

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        task = asyncio.create_task(input.fn(*input.args))
        self.held.add(task)
        return await asyncio.shield(task)


class Passing(Interceptor):
    """Writes down what passes it."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return Noting(next)


class Noting(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        PASSED.append(activity.info().activity_type)
        return await super().execute_activity(input)


@activity.defn(name="quick")
async def quick(call: Call, command: str) -> str:
    DONE.append(call.step)
    return activity.info().activity_type


@activity.defn(name="slow")
async def slow(call: Call, command: str) -> str:
    await RELEASED.wait()
    DONE.append(call.step)
    return "late"


class PassingOfTheClient(Passing, temporalio.client.Interceptor):
    """The same, of a client."""


async def test_each_step_passes_what_a_plugin_of_the_client_has_brought(
    world: World, path: str
) -> None:
    """As traces are."""
    plugin = SimplePlugin("passing", interceptors=[PassingOfTheClient()])
    client = await temporalio.client.Client.connect(world.address, plugins=[plugin])
    PASSED.clear()
    async with toy(client, Script()) as handle:
        assert await handle.result() == "completed"
    assert [STRETCH, *(f"toy.{name}" for name in ALL)] == PASSED


DONE: list[str] = []
PASSED: list[str] = []
RELEASED = asyncio.Event()


@activity.defn(name="pay")
async def pay(call: Call, command: dict[str, Any]) -> dict[str, Any]:
    return {**command, "amount": 7, "intent": None}


async def attempt(*planned: PlannedAttempt, seconds: float = 5, command: Any = "c") -> StretchReply:
    """A stretch in a worker, so to speak."""
    inner = Inner()
    runs = StretchInterceptor([quick, slow, pay], [Passing()]).intercept_activity(inner)
    runs.init(ActivityOutboundInterceptor(cast("Any", None)))
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, activity_type=STRETCH)
    stretch = Stretch("s", list(planned), seconds)
    given = ExecuteActivityInput(
        fn=quick, args=[stretch, *(command for _ in planned)], executor=None, headers={}
    )

    async def run() -> Any:
        try:
            return await runs.execute_activity(given)
        finally:
            RELEASED.set()
            await asyncio.gather(*inner.held)

    DONE.clear()
    PASSED.clear()
    RELEASED.clear()
    return await environment.run(run)


async def test_each_step_is_told_that_it_is_the_activity(path: str) -> None:
    reply = await attempt(PlannedAttempt("a", "quick", 1), PlannedAttempt("b", "quick", 1))
    assert [made.reply for made in reply.clean] == ["quick", "quick"]
    assert PASSED == ["quick", "quick"]


async def test_a_reply_is_told_without_what_its_command_says(path: str) -> None:
    """The command is in the saga's input, so people have both, and the history has it once."""
    reply = await attempt(PlannedAttempt("a", "pay", 1), command={"order": "o", "amount": 5})
    assert [made.reply for made in reply.clean] == [{"amount": 7, "intent": None}]


async def test_a_step_that_is_out_of_time_ends_the_stretch_though_it_lands_later(path: str) -> None:
    reply = await attempt(
        PlannedAttempt("a", "quick", 1),
        PlannedAttempt("b", "slow", 0.05),
        PlannedAttempt("c", "quick", 1),
    )
    assert [made.activity for made in reply.clean] == ["quick"]
    assert reply.unclean is not None
    assert (reply.unclean.activity, reply.unclean.code) == ("slow", None)
    assert re.fullmatch(r"no answer after [\d.]+ s \(TimeoutError\)", reply.unclean.error)
    assert DONE == ["a", "b"]


async def test_a_stretch_whose_time_is_up_begins_no_further_step(path: str) -> None:
    reply = await attempt(PlannedAttempt("a", "quick", 1), seconds=0)
    assert (reply.clean, reply.unclean, DONE) == ([], None, [])


async def test_an_activity_that_the_worker_lacks_ends_it(path: str) -> None:
    reply = await attempt(PlannedAttempt("a", "quick", 1), PlannedAttempt("b", "elsewhere", 1))
    assert [made.activity for made in reply.clean] == ["quick"]
    assert reply.unclean is not None
    assert "elsewhere" in reply.unclean.error
