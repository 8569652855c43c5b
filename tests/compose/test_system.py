"""The composed system works: orders through the gateway, health, starts, scaling, metrics."""

import asyncio
import json
import os
import subprocess
from datetime import datetime
from typing import Any

import httpx2
import pytest
import yaml

from tests.compose.up import LEFT_OUT, Project, service_of
from tests.deploy.composed import PROGRAMS, ROOT
from tests.support.waiting import until

POLLERS = """
import asyncio, os, sys
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
async def main():
    client = await Client.connect("temporal:7233")
    request = DescribeTaskQueueRequest(
        namespace="default", task_queue=TaskQueue(name=sys.argv[1]),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    )
    answer = await client.workflow_service.describe_task_queue(request)
    print(*sorted({it.identity for it in answer.pollers}), flush=True)
asyncio.run(main())
os._exit(0)  # a thread of the client may turn the interpreter's own ending into an abort
"""

pytestmark = pytest.mark.compose


def test_the_demo_goes_through_the_gateway(project: Project) -> None:
    done = saga(project, "demo")
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "It adds up" in done.stdout


def test_webhooks_can_be_kept(project: Project) -> None:
    headers = {"Authorization": f"Bearer {operators_token(project)}"}
    answer = httpx2.get(f"{project.url('gateway')}/v1/webhooks", headers=headers, timeout=15)
    assert answer.status_code == 200, answer.text


def test_what_has_a_health_check_is_healthy_and_jobs_have_ended_well(project: Project) -> None:
    services = project.services()
    seen = {service_of(container): container for container in project.containers()}
    assert seen.keys() == services.keys() - set(LEFT_OUT) - {"nats", "jaeger"}
    for name, row in seen.items():
        state = row["State"]
        if services[name]["restart"] == "no":
            assert (state["Status"], state["ExitCode"]) == ("exited", 0), name
        else:
            assert (state["Status"], row["RestartCount"]) == ("running", 0), name
            assert state.get("Health", {"Status": "healthy"})["Status"] == "healthy", name


def test_nothing_began_before_what_it_depends_on(project: Project) -> None:
    seen = {service_of(container): container["State"] for container in project.containers()}
    conditions = 0
    for name, has in project.services().items():
        for other, needs in has.get("depends_on", {}).items() if name in seen else ():
            over = needs["condition"] == "service_completed_successfully"
            before = moment(seen[other]["FinishedAt" if over else "StartedAt"])
            assert before <= moment(seen[name]["StartedAt"]), (name, other)
            conditions += 1
    assert conditions > 40


async def test_workers_of_a_queue_are_scaled(project: Project) -> None:
    project.up("--no-recreate", "--scale", "worker-payments=3")
    workers = project.containers("worker-payments")
    assert [worker["State"]["Health"]["Status"] for worker in workers] == ["healthy"] * 3

    async def all_poll() -> bool:
        said = await asyncio.to_thread(project.python, "api", POLLERS, "payments")
        return len(said.split()) == 3

    await until(all_poll, within=90)
    done = saga(project, "demo", "--json")
    assert done.returncode == 0, done.stdout + done.stderr


async def test_prometheus_reaches_everything_and_has_our_alerts(project: Project) -> None:
    async with httpx2.AsyncClient(base_url=project.url("prometheus"), timeout=15) as http:
        rules = (await http.get("/api/v1/rules")).json()["data"]["groups"]
        ours = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())["groups"]
        named = [[rule["alert"] for rule in group["rules"]] for group in ours]
        assert [[rule["name"] for rule in group["rules"]] for group in rules] == named
        scraped = yaml.safe_load((ROOT / "deploy/compose/prometheus.yml").read_text())
        jobs = {config["job_name"] for config in scraped["scrape_configs"]}
        down: list[Any] = []

        async def all_up() -> bool:
            targets = (await http.get("/api/v1/targets")).json()["data"]["activeTargets"]
            down[:] = [target for target in targets if target["health"] != "up"]
            return {target["labels"]["job"] for target in targets} == jobs and not down

        try:
            await until(all_up, within=90)
        except TimeoutError:
            pytest.fail(f"not up: {[(item['scrapeUrl'], item['lastError']) for item in down]}")


def test_orders_outlive_a_stop(project: Project) -> None:
    """All containers go, their volumes stay; Temporal's schema is set up again."""
    listed = json.loads(saga(project, "order", "list", "--json").stdout)
    assert listed
    down = project.compose("down", "--timeout", "60", within=300)
    assert down.returncode == 0, down.stderr
    project.up()
    assert json.loads(saga(project, "order", "list", "--json").stdout) == listed
    done = saga(project, "demo", "--json")
    assert done.returncode == 0, done.stdout + done.stderr


def saga(project: Project, *words: str) -> "subprocess.CompletedProcess[str]":
    """A `saga` command as a person would call it, with the project's keys or a token of them."""
    keys = ("--state-dir", str(project.folder / ".saga-compose"))
    place = () if words[0] == "token" else ("--url", project.url("gateway"))
    orders = words[0] == "order"
    token = {"SAGA_TOKEN": operators_token(project)} if orders else {}
    return subprocess.run(
        [str(PROGRAMS / "saga"), *words, *place, *(() if orders else keys)],
        env={**os.environ, **token},
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip


def operators_token(project: Project) -> str:
    """By the key that `saga secrets` made."""
    return saga(project, "token", "--scope", "operator").stdout.strip()


def moment(said: str) -> datetime:
    """Docker's time, which has nanoseconds."""
    return datetime.fromisoformat(said[:26].rstrip("Z") + "+00:00")
