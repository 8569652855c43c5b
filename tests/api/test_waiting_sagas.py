"""A saga that waits for somebody is shown as such everywhere, and is in no trouble meanwhile."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from activities.executions import describe
from api.routes.order_saga import describe_saga
from api.temporal.diagnosis import diagnose
from api.temporal.observed_saga import ObservedSaga
from api.temporal.troubles import Trouble
from console.saga_diagram import draw
from console.templating import part
from saga import SagaState, SagaView, StepState, StepView, WaitView
from tests.saga.test_waiting import in_state
from tests.saga.toy import Script
from tests.saga.waiting_toy import WaitingSaga, asking
from tests.support.waiting import until
from tests.support.world import World

WAIT = WaitView("the traveller's approval", "2026-11-24T12:00:00", "2026-11-26T12:00:00")
STEP = StepView("ask", "compensatable", "toy.two", "toy.undo_two", StepState.WAITING, waiting=WAIT)
VIEW = SagaView("trip-1", SagaState.WAITING, [STEP])


async def trouble_of(world: World, saga_id: str) -> Trouble | None:
    saga = await describe(world.client, saga_id, rpc_timeout=timedelta(seconds=5))
    assert saga is not None
    return await diagnose(saga, timedelta(0))


async def test_a_saga_that_waits_is_in_no_trouble_until_nobody_takes_its_answer(
    world: World,
) -> None:
    async with asking(world.client, Script(), cached=1) as handle:
        await in_state(handle, "waiting")

        async def is_found() -> bool:
            found = await world.client.count_workflows(
                f"SagaState = 'waiting' AND WorkflowId = '{handle.id}'"
            )
            return found.count == 1

        await until(is_found)
        assert await trouble_of(world, handle.id) is None
    await handle.signal(WaitingSaga.approval, args=["ask", {"yes": True}])  # no worker is there

    async def is_in_trouble() -> bool:
        trouble = await trouble_of(world, handle.id)
        return trouble is not None and "no worker has seen that since" in trouble.why

    await until(is_in_trouble)
    await handle.terminate("the test is over")


def test_the_api_tells_for_what_it_waits() -> None:
    observed = ObservedSaga("trip-1", VIEW, [], {}, None)
    (step,) = describe_saga(observed, {}).model_dump(mode="json")["steps"]
    assert step["state"] == "waiting"
    since, until = f"{WAIT.since}.000000Z", f"{WAIT.until}.000000Z"
    assert step["waiting"] == {"what": WAIT.what, "since": since, "until": until}


def test_the_console_shows_for_what_it_waits() -> None:
    drawn = draw("Trip", VIEW, [], datetime.now(UTC))
    assert drawn.nodes[0].is_now
    words = SimpleNamespace(temporal={"trip-1": "#"}, trace_url="", does=str, undoes=str)
    page = part("order_parts.html", "picture", drawn, words)
    assert "is-waiting" in page
    assert "for the traveller&#39;s approval, since 2026-11-24T12:00:00" in page
