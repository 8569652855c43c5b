"""The manifests: rendered by kubectl, valid by Kubernetes' own schemas, and as our policies ask."""

import copy
from collections.abc import Callable
from typing import Any

import kubernetes_validate
import pytest

from tests.deploy import policies
from tests.deploy.policies import POLICIES, Policy
from tests.deploy.rendered import OVERLAYS, Object, named, of_kind, render

VERSION = "1.37"
NOT_KUBERNETES = ("keda.sh/", "gateway.networking.k8s.io/", "monitoring.coreos.com/")


@pytest.fixture(scope="module")
def rendered() -> dict[str, list[Object]]:
    return {overlay: render(overlay) for overlay in OVERLAYS}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_objects_are_valid_by_kubernetes_own_schemas(
    rendered: dict[str, list[Object]], overlay: str
) -> None:
    checked = [it for it in rendered[overlay] if not it["apiVersion"].startswith(NOT_KUBERNETES)]
    assert len(checked) >= 55
    for it in checked:
        kubernetes_validate.validate(it, VERSION, strict=True)


def test_an_invalid_object_is_noticed(rendered: dict[str, list[Object]]) -> None:
    wrong = copy.deepcopy(named(rendered["local"], "Deployment")["api"])
    wrong["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSION, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("policy", POLICIES, ids=lambda it: it.__name__)
def test_policy(rendered: dict[str, list[Object]], overlay: str, policy: Policy) -> None:
    assert list(policy(rendered[overlay])) == []


def test_workers_are_scaled_by_backlog(rendered: dict[str, list[Object]]) -> None:
    assert list(policies.scaled_by_backlog(rendered["production"])) == []


def test_local_needs_nothing_but_kubernetes(rendered: dict[str, list[Object]]) -> None:
    assert not [it for it in rendered["local"] if it["apiVersion"].startswith(NOT_KUBERNETES)]


Wrong = Callable[[list[Object]], Any]


def _pod(objects: list[Object], kind: str = "Deployment", name: str = "api") -> Any:
    return named(objects, kind)[name]["spec"]["template"]["spec"]


def _container(objects: list[Object]) -> Any:
    return _pod(objects)["containers"][0]


def _drop(objects: list[Object], kind: str, name: str) -> None:
    objects.remove(named(objects, kind)[name])


def _reach_all(objects: list[Object]) -> None:
    egress = named(objects, "NetworkPolicy")["user"]["spec"]["egress"]
    egress[0]["to"][0]["podSelector"]["matchLabels"]["order-saga-database"] = "order"


def _written_out(objects: list[Object]) -> None:
    _pod(objects, name="user")["containers"][0]["env"] = [
        {"name": "USER_DATABASE_URL", "value": "postgresql://users:password@db/users"}
    ]


def _wrong_queue(objects: list[Object]) -> None:
    scaler = named(objects, "ScaledObject")["worker-users"]
    scaler["spec"]["triggers"][0]["metadata"]["taskQueue"] = "orders"


WRONG: tuple[tuple[Policy, Wrong], ...] = (
    (policies.not_root, lambda it: _pod(it)["securityContext"].pop("runAsNonRoot")),
    (policies.not_root, lambda it: _pod(it)["securityContext"].pop("seccompProfile")),
    (
        policies.restricted,
        lambda it: _container(it)["securityContext"].update(readOnlyRootFilesystem=False),
    ),
    (
        policies.restricted,
        lambda it: of_kind(it, "Namespace")[0]["metadata"].update(labels={}),
    ),
    (policies.no_token, lambda it: _pod(it).pop("automountServiceAccountToken")),
    (policies.no_token, lambda it: _pod(it).pop("serviceAccountName")),
    (policies.bounded, lambda it: _container(it)["resources"]["limits"].pop("memory")),
    (policies.probed, lambda it: _container(it).pop("livenessProbe")),
    (
        policies.probed,
        lambda it: _container(it)["readinessProbe"]["httpGet"].update(path="/health/live"),
    ),
    (policies.stops_in_peace, lambda it: _pod(it).pop("terminationGracePeriodSeconds")),
    (policies.spread, lambda it: _pod(it)["topologySpreadConstraints"].pop()),
    (policies.spread, lambda it: _drop(it, "PodDisruptionBudget", "api")),
    (
        policies.scaled_by_load,
        lambda it: named(it, "HorizontalPodAutoscaler")["api"]["spec"].update(minReplicas=1),
    ),
    (policies.scaled_by_load, lambda it: _drop(it, "Service", "user")),
    (policies.denied_by_default, lambda it: _drop(it, "NetworkPolicy", "default-deny")),
    (policies.denied_by_default, lambda it: _drop(it, "NetworkPolicy", "relay")),
    (policies.own_database_only, _reach_all),
    (
        policies.own_database_only,
        lambda it: named(it, "NetworkPolicy")["api"]["spec"]["egress"].append({}),
    ),
    (policies.secrets_by_reference, _written_out),
    (policies.pinned, lambda it: _container(it).update(image="order-saga")),
    (policies.migrated_first, lambda it: _drop(it, "Job", "migrate-event")),
    (
        policies.migrated_first,
        lambda it: named(it, "Deployment")["api"]["spec"].pop("strategy"),
    ),
    (policies.scaled_by_backlog, _wrong_queue),
    (policies.scaled_by_backlog, lambda it: _drop(it, "ScaledObject", "worker-orders")),
)


@pytest.mark.parametrize(("policy", "wrong"), WRONG)
def test_each_policy_can_fail(
    rendered: dict[str, list[Object]], policy: Policy, wrong: Wrong
) -> None:
    objects = copy.deepcopy(rendered["production"])
    wrong(objects)
    assert list(policy(objects)) != []


def test_every_policy_was_seen_to_fail() -> None:
    assert {policy for policy, _ in WRONG} == {*POLICIES, policies.scaled_by_backlog}


def test_what_is_selected_is_there(rendered: dict[str, list[Object]]) -> None:
    """Services, autoscalers and scalers name Deployments that there are."""
    for objects in rendered.values():
        deployments = named(objects, "Deployment")
        for it in of_kind(objects, "HorizontalPodAutoscaler", "ScaledObject"):
            assert it["spec"]["scaleTargetRef"]["name"] in deployments
        for it in of_kind(objects, "Service"):
            labels = deployments[it["metadata"]["name"]]["spec"]["template"]["metadata"]["labels"]
            assert it["spec"]["selector"].items() <= labels.items()
