"""The manifests: rendered by kubectl, valid by Kubernetes' own schemas, and as our policies ask."""

import copy
from collections.abc import Callable
from typing import Any

import jsonschema
import kubernetes_validate
import pytest

from contracts.names import SERVICES
from tests.deploy import crds, policies, reach, rule
from tests.deploy.composed import ROOT
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
    checked = [
        resource
        for resource in rendered[overlay]
        if not resource["apiVersion"].startswith(NOT_KUBERNETES)
    ]
    assert len(checked) >= 55
    for row in checked:
        kubernetes_validate.validate(row, VERSION, strict=True)


def test_an_invalid_object_is_noticed(rendered: dict[str, list[Object]]) -> None:
    wrong = copy.deepcopy(named(rendered["local"], "Deployment")["api"])
    wrong["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSION, strict=True)


def test_resources_of_others_are_valid_by_their_own_schemas(
    rendered: dict[str, list[Object]],
) -> None:
    checked = [
        item for item in rendered["production"] if item["apiVersion"].startswith(NOT_KUBERNETES)
    ]
    assert {row["kind"] for row in checked} == set(crds.SOURCES)
    for row in checked:
        crds.validate(row)


@pytest.mark.parametrize("kind", crds.SOURCES)
def test_an_invalid_resource_of_others_is_noticed(
    rendered: dict[str, list[Object]], kind: str
) -> None:
    """A field that there is not, and one of another type."""
    right = of_kind(rendered["production"], kind)[0]
    for wrong in ({"noSuchField": 1}, {name: object() for name in right["spec"]}):
        with pytest.raises(jsonschema.ValidationError):
            crds.validate(right | {"spec": right["spec"] | wrong})


def test_alerts_are_those_of_prometheus(rendered: dict[str, list[Object]]) -> None:
    """Else: python -m tests.deploy.rule"""
    found = named(rendered["production"], "PrometheusRule")["order-saga"]
    assert found["spec"] == rule.alerts()


def test_dashboards_are_those_of_grafana(rendered: dict[str, list[Object]]) -> None:
    for objects in rendered.values():
        found = named(objects, "ConfigMap")["order-saga-dashboards"]
        assert found["metadata"]["labels"] == {"grafana_dashboard": "1"}
        there = {path.name: path.read_text() for path in (ROOT / "deploy/grafana").glob("*.json")}
        assert found["data"] == there


def test_what_compose_watches_is_watched_here(rendered: dict[str, list[Object]]) -> None:
    """Every process that serves metrics is selected by a monitor."""
    objects = rendered["production"]
    monitored = {
        value
        for resource in of_kind(objects, "PodMonitor")
        for value in _selected(resource["spec"]["selector"])
    }
    kinds = {
        deployment["metadata"]["labels"]["app.kubernetes.io/component"]
        for deployment in _deployments(objects)
    }
    by_service = {"api", "service"}  # by the ServiceMonitor, which selects their Services
    assert kinds - by_service - {"codec"} == monitored
    (monitor,) = of_kind(objects, "ServiceMonitor")
    labels = monitor["spec"]["selector"]["matchLabels"].items()
    watched = {
        n
        for n, item in named(objects, "Service").items()
        if labels <= item["metadata"]["labels"].items()
    }
    assert watched == {"api", *SERVICES}


def _selected(selector: Object) -> set[str]:
    chosen = set(selector.get("matchLabels", {}).values())
    return chosen | {
        value for one in selector.get("matchExpressions", []) for value in one["values"]
    }


def _deployments(objects: list[Object]) -> list[Object]:
    return of_kind(objects, "Deployment")


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("policy", POLICIES, ids=lambda it: it.__name__)
def test_policy(rendered: dict[str, list[Object]], overlay: str, policy: Policy) -> None:
    assert list(policy(rendered[overlay])) == []


def test_workers_are_scaled_by_backlog(rendered: dict[str, list[Object]]) -> None:
    assert list(policies.scaled_by_backlog(rendered["production"])) == []


def test_local_needs_nothing_but_kubernetes(rendered: dict[str, list[Object]]) -> None:
    assert not [item for item in rendered["local"] if item["apiVersion"].startswith(NOT_KUBERNETES)]


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


def _policy(objects: list[Object], name: str) -> Any:
    return named(objects, "NetworkPolicy")[name]["spec"]


def _volume(objects: list[Object], name: str) -> Any:
    return next(volume for volume in _pod(objects)["volumes"] if volume["name"] == name)


def _anothers_secret(objects: list[Object]) -> None:
    reference = {"secretKeyRef": {"name": "payment-database", "key": "url"}}
    _container(objects)["env"].append({"name": "PAYMENT_DATABASE_URL", "valueFrom": reference})


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
    (
        policies.stops_in_peace,
        lambda it: _pod(it, name="webhooks").pop("terminationGracePeriodSeconds"),
    ),
    (policies.spread, lambda it: _pod(it)["topologySpreadConstraints"].pop()),
    (policies.spread, lambda it: _drop(it, "PodDisruptionBudget", "api")),
    (
        policies.scaled_by_load,
        lambda it: named(it, "HorizontalPodAutoscaler")["api"]["spec"].update(minReplicas=1),
    ),
    (policies.scaled_by_load, lambda it: _drop(it, "Service", "user")),
    (reach.denied_by_default, lambda it: _drop(it, "NetworkPolicy", "default-deny")),
    (reach.denied_by_default, lambda it: _drop(it, "NetworkPolicy", "relay")),
    (reach.own_database_only, _reach_all),
    (
        reach.own_database_only,
        lambda it: named(it, "NetworkPolicy")["api"]["spec"]["egress"].append({}),
    ),
    (reach.secrets_by_reference, _written_out),
    (policies.pinned, lambda it: _container(it).update(image="order-saga")),
    (policies.migrated_first, lambda it: _drop(it, "Job", "migrate-event")),
    (
        policies.migrated_first,
        lambda it: named(it, "Deployment")["api"]["spec"].pop("strategy"),
    ),
    (
        policies.restricted,
        lambda it: _pod(it)["volumes"].append({"name": "root", "hostPath": {"path": "/"}}),
    ),
    (policies.restricted, lambda it: _pod(it).update(hostNetwork=True)),
    (policies.stops_in_peace, lambda it: _pod(it).update(terminationGracePeriodSeconds=20)),
    (policies.drains, lambda it: _container(it).update(args=["saga-api"])),
    (
        policies.scaled_by_load,
        lambda it: named(it, "Deployment")["api"]["spec"].update(replicas=3),
    ),
    (
        reach.called_by_those_who_may,
        lambda it: _policy(it, "payment")["ingress"].append({"ports": [{"port": 8000}]}),
    ),
    (reach.called_by_those_who_may, lambda it: _policy(it, "api")["ingress"].pop(0)),
    (
        reach.nothing_else_outside,
        lambda it: _policy(it, "order")["egress"].append({"ports": [{"port": 443}]}),
    ),
    (
        reach.nothing_else_outside,
        lambda it: _policy(it, "webhooks")["egress"][-1]["to"][0]["ipBlock"].pop("except"),
    ),
    (reach.own_secrets_only, _anothers_secret),
    (
        reach.keys_closed_to_others,
        lambda it: _volume(it, "service-key")["secret"].pop("defaultMode"),
    ),
    (reach.mounts_are_there, lambda it: _container(it)["volumeMounts"].clear()),
    (policies.scaled_by_backlog, _wrong_queue),
    (
        policies.scaled_by_backlog,
        lambda it: named(it, "TriggerAuthentication")["temporal"]["spec"]["secretTargetRef"].pop(),
    ),
    (
        policies.scaled_by_backlog,
        lambda it: named(it, "ConfigMap")["order-saga"]["data"].update(TEMPORAL_ADDRESS="other"),
    ),
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
        for resource in of_kind(objects, "HorizontalPodAutoscaler", "ScaledObject"):
            assert resource["spec"]["scaleTargetRef"]["name"] in deployments
        for resource in of_kind(objects, "Service"):
            labels = deployments[resource["metadata"]["name"]]["spec"]["template"]["metadata"][
                "labels"
            ]
            assert resource["spec"]["selector"].items() <= labels.items()
