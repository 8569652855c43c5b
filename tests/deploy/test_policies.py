"""Both overlays keep our policies, and each policy can fail."""

import copy
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import pytest

from infrastructure.http.ssrf_safe_client import is_public
from tests.deploy import connections, network, placing, policies, reach
from tests.deploy.network import Place, is_allowed
from tests.deploy.policies import POLICIES, Policy
from tests.deploy.rendered import OVERLAYS, Object, named, of_kind

OF_PRODUCTION = (policies.scaled_by_load, policies.scaled_by_backlog)


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("policy", POLICIES, ids=lambda it: it.__name__)
def test_policy(rendered: dict[str, list[Object]], overlay: str, policy: Policy) -> None:
    assert list(policy(rendered[overlay])) == []


@pytest.mark.parametrize("policy", OF_PRODUCTION, ids=lambda it: it.__name__)
def test_production_is_scaled(rendered: dict[str, list[Object]], policy: Policy) -> None:
    assert list(policy(rendered["production"])) == []


def test_local_fits_a_node_of_two_cores(rendered: dict[str, list[Object]]) -> None:
    assert list(placing.fits_two_cores(rendered["local"])) == []
    assert list(placing.fits_two_cores(rendered["production"])) != []


@pytest.mark.parametrize(
    "address",
    [
        *("1.1.1.1", "172.32.0.1", "192.0.1.1", "223.255.255.254", "2606:4700:4700::1111"),
        *("0.0.0.1", "10.0.0.1", "100.127.255.255", "127.0.0.1", "169.254.169.254"),
        *("172.31.255.255", "192.0.0.1", "192.0.2.1", "192.168.0.1", "198.19.0.1"),
        *("198.51.100.1", "203.0.113.255", "224.0.0.1", "255.255.255.255"),
        *("::1", "64:ff9b::a00:1", "fc00::1", "fe80::1", "ff02::1"),
        *("2001::1", "2001:db8::1", "2002:a00:1::1"),
    ],
)
def test_webhooks_reach_what_the_code_calls_public(
    rendered: dict[str, list[Object]], address: str
) -> None:
    """At any port, and no other address: a packet to one of IPv4 in disguise is one of IPv4."""
    for objects in rendered.values():
        policies_of = of_kind(objects, "NetworkPolicy")
        (source,) = (one for one in connections.find_programs(objects) if one.name == "webhooks")
        receiver = Place("receiver", address=address)
        for port in (1, 443, 8443, 65535):
            allowed = is_allowed(policies_of, source, receiver, port)
            assert allowed == is_public(ip_address(address)), port


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


def _annotate(objects: list[Object], notes: dict[str, str]) -> None:
    named(objects, "Job")["migrate-order"]["metadata"]["annotations"].update(notes)


def _block(objects: list[Object]) -> Any:
    return _policy(objects, "webhooks")["egress"][-1]["to"][1]["ipBlock"]


WRONG: tuple[tuple[Policy, Wrong], ...] = (
    (network.blocks_are_sound, lambda it: _block(it)["except"].append("::ffff:0:0/96")),
    (network.blocks_are_sound, lambda it: _block(it)["except"].append("10.0.0.0/8")),
    (network.blocks_are_sound, lambda it: _block(it)["except"].append("2000::/3")),
    (network.blocks_are_sound, lambda it: _block(it)["except"].append("2001:db8::1/32")),
    (connections.only_these, lambda it: _policy(it, "bus")["ingress"].pop(0)),
    (connections.only_these, lambda it: _drop(it, "NetworkPolicy", "order-database")),
    (connections.only_these, lambda it: _drop(it, "NetworkPolicy", "traces")),
    (
        connections.only_these,
        lambda it: _policy(it, "webhooks")["egress"][-1]["ports"][0].pop("endPort"),
    ),
    (placing.in_namespace, lambda it: named(it, "Service")["codec"]["metadata"].pop("namespace")),
    (
        placing.in_waves,
        lambda it: named(it, "ServiceAccount")["order-saga"]["metadata"].pop("annotations"),
    ),
    (placing.in_waves, lambda it: named(it, "Job")["migrate-order"]["metadata"].pop("annotations")),
    (placing.in_waves, lambda it: _annotate(it, {placing.HOOK: "PreSync"})),
    (policies.migrated_first, lambda it: _annotate(it, {placing.HOOK: "PostSync"})),
    (policies.patient, lambda it: _container(it)["livenessProbe"].update(failureThreshold=3)),
    (policies.patient, lambda it: _container(it)["livenessProbe"].update(timeoutSeconds=3)),
    (policies.patient, lambda it: _container(it)["startupProbe"].update(failureThreshold=60)),
    (policies.patient, lambda it: _container(it)["readinessProbe"].update(timeoutSeconds=1)),
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
    (connections.only_these, _reach_all),
    (
        connections.only_these,
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
        connections.only_these,
        lambda it: _policy(it, "payment")["ingress"].append({"ports": [{"port": 8000}]}),
    ),
    (connections.only_these, lambda it: _policy(it, "api")["ingress"].pop(0)),
    (
        connections.only_these,
        lambda it: _policy(it, "order")["egress"].append({"ports": [{"port": 443}]}),
    ),
    (
        connections.only_these,
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
    assert {policy for policy, _ in WRONG} == {*POLICIES, *OF_PRODUCTION}
