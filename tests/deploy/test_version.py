"""Workers of another version beside those that run, under the same rules."""

from pathlib import Path

import pytest

from contracts.names import Queue
from tests.deploy import policies
from tests.deploy.reading import environment
from tests.deploy.rendered import Object, named, of_kind, render
from workers.deployment_version import VersionSettings

APPLY = (
    *(policies.not_root, policies.restricted, policies.no_token, policies.bounded),
    *(policies.probed, policies.stops_in_peace, policies.pinned),
)


@pytest.fixture(scope="module")
def version() -> list[Object]:
    return render("version")


@pytest.fixture(scope="module")
def running() -> list[Object]:
    """What is there already."""
    return render("production")


@pytest.mark.parametrize("policy", APPLY, ids=lambda it: it.__name__)
def test_policy(version: list[Object], policy: policies.Policy) -> None:
    assert list(policy(version)) == []


def test_there_is_one_for_each_queue_and_nothing_else(version: list[Object]) -> None:
    """So that an order that is pinned to it finds all of its steps there."""
    assert {item["kind"] for item in version} == {"Deployment"}
    arguments = [item["spec"]["template"]["spec"]["containers"][0]["args"] for item in version]
    assert {argument[argument.index("--queue") + 1] for argument in arguments} == set(Queue)


def test_they_stand_beside_those_that_run(version: list[Object], running: list[Object]) -> None:
    """Under other names, and each chooses its own pods only."""
    there = named(running, "Deployment")
    for name, item in named(version, "Deployment").items():
        assert name not in there
        pods, selector = item["spec"]["template"], item["spec"]["selector"]["matchLabels"]
        assert selector.items() <= pods["metadata"]["labels"].items()
        older = there[name.removesuffix("-2")]["spec"]["template"]["metadata"]["labels"]
        assert not selector.items() <= older.items()


def test_policies_and_budgets_of_those_that_run_hold_for_them(
    version: list[Object], running: list[Object]
) -> None:
    for kind, field in (("NetworkPolicy", "podSelector"), ("PodDisruptionBudget", "selector")):
        chosen = named(running, kind)
        for name, item in named(version, "Deployment").items():
            labels = item["spec"]["template"]["metadata"]["labels"]
            selector = chosen[name.removesuffix("-2")]["spec"][field]["matchLabels"]
            assert selector.items() <= labels.items()


def test_they_say_their_version(
    version: list[Object], running: list[Object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = of_kind(running, "ConfigMap")
    for name in named(version, "Deployment"):
        given = environment([*version, *settings], name, tmp_path)
        monkeypatch.setenv("TEMPORAL_WORKER_BUILD_ID", given["TEMPORAL_WORKER_BUILD_ID"])
        assert VersionSettings().deployment() is not None
        assert VersionSettings().temporal_worker_build_id == "2"
