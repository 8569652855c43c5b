"""A version of the workers whose code fails takes all new orders, and one that is under way."""

from cli.drill.drill import Drill, Finding
from cli.drill.incident import Incident
from cli.drill.practice_stack import PracticeStack
from cli.drill.processes import end_process, start_process
from cli.operate.deploy.deployment import Deployment
from cli.operate.deploy.open_sagas import move, pin
from cli.operate.deploy.rollout import describe_workers, roll_back
from cli.operate.errors import NoVersion
from contracts.names import workflow_id
from workers.deployment_version import DEPLOYMENT

BUILD = "drill-broken"


async def _deploy(stack: PracticeStack) -> Incident:
    """Give its workers all orders. The customer's cancel is the first that they see of one."""
    placed = stack.place("pm_sandbox_down")  # its charge takes no end
    await stack.until_reserved(placed)
    deployment = Deployment(await stack.connect(), DEPLOYMENT)
    log = stack.state_dir / "logs" / "drill.log"
    supervisor = stack.state.supervisor
    arguments = (BUILD, str(supervisor.pid), str(supervisor.born))
    process = start_process(
        "cli.drill.broken_worker", *arguments, environ=stack.environment, log=log
    )
    made = Incident(drill=BROKEN_DEPLOY.name, process=process, **placed._asdict())
    try:
        await stack.until(lambda: _is_known(deployment), "the version's worker")
        await deployment.set_current(BUILD)
        await pin(deployment, made.saga_id, BUILD)
        saga = deployment.client.get_workflow_handle(workflow_id(placed.order_id))
        await saga.signal("cancel")
    except BaseException:
        end_process(made)
        raise
    return made


async def _is_known(deployment: Deployment) -> bool:
    try:
        return (await deployment.routing()).knows(BUILD)
    except NoVersion:
        return False


async def _look(stack: PracticeStack, _: Incident) -> list[Finding]:
    routing = await Deployment(await stack.connect(), DEPLOYMENT).routing()
    text = f"Temporal: new orders go to {describe_workers(routing.current)}"
    return [Finding(routing.current != BUILD, text)]


async def _take_back(stack: PracticeStack, made: Incident) -> None:
    deployment = Deployment(await stack.connect(), DEPLOYMENT)
    if (await deployment.routing()).current == BUILD:
        await roll_back(deployment, None, lambda _: None)
    await move(deployment, BUILD, (await deployment.routing()).current)
    await stack.until_status(made.order_id, "cancelled")


BROKEN_DEPLOY = Drill(
    name="broken-deploy",
    page="docs/runbooks/deploy.md",
    happens="a new version of the workers fails at each order",
    seen="The alert WorkflowTaskFails fires, minutes after a colleague has deployed. A customer "
    "calls: “I cancelled {order_id}, and nothing happens.” The code in your folder is the old one.",
    make=_deploy,
    put_back=_take_back,
    ends=frozenset({"cancelled"}),
    look=_look,
)
