"""Rules of who reaches whom, and who is given which secret. Each tells who breaks it, and how."""

import ipaddress
from collections.abc import Iterator

from contracts.names import SERVICES, Queue
from tests.deploy.rendered import Faults, Object, component, named, of_kind, pods

CALLERS = {"api", *(f"worker-{queue}" for queue in Queue)}
OUTSIDE = {
    "api",
    "payment",
    "webhooks",
    "codec",
}  # they speak to addresses that are not ours to know
PRIVATE = ("10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "127.0.0.1", "100.64.0.1")
DATABASE_OF = {service: f"{service}-database" for service in (*SERVICES, "event")}
PRIVATE_KEYS = {"service-key", "payload-keys", "user-keys"}  # of which no other account may read
COMMON = {"database-ca", "temporal-tls", "temporal"}
# Beside these: what each kind of process is there for.
OF_COMPONENT = {
    "api": {"event-database", "service-key", "payload-keys"},
    "worker": {"service-key", "payload-keys"},
    "service": {"service-jwks"},
    "relay": {*DATABASE_OF.values(), "event-bus"},
    "webhooks": {"event-database", "event-bus", "payload-keys"},
    "migration": set[str](),
    "codec": {"payload-keys"},
}
OF_NAME = {"payment": {"payment-provider"}, "user": {"user-keys"}}


def denied_by_default(objects: list[Object]) -> Faults:
    """Nobody speaks to anybody, unless a policy of its own says so."""
    policies = named(objects, "NetworkPolicy")
    everyone = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    if policies.get("default-deny", {}).get("spec") != everyone:
        yield "nothing is denied by default"
    for who, _ in pods(objects):
        if who.partition(" ")[2] not in policies:
            yield f"{who} has no policy of its own"


def own_database_only(objects: list[Object]) -> Faults:
    """A service reaches its own, API and webhooks that of events, the relay all, workers none."""
    policies = named(objects, "NetworkPolicy")
    for who, pod in pods(objects):
        name = who.partition(" ")[2]
        reached = set(databases(policies.get(name, {})))
        own = {name.removeprefix("migrate-")}
        if name == "migrate-temporal":
            own = set()
        elif component(pod) in {"api", "webhooks"}:
            own = {"event"}
        elif component(pod) in {"worker", "codec"}:
            own = set()
        elif component(pod) == "relay":
            own = {*SERVICES, "event"}
        if reached != own:
            yield f"{who} reaches {sorted(reached)}"


def databases(policy: Object) -> Iterator[str]:
    """Whose databases a policy leads to; `any` for a rule of no peer that is open at 5432."""
    for rule in policy.get("spec", {}).get("egress", []):
        ports = [item.get("port") for item in rule.get("ports", [])]
        for peer in rule.get("to", []):
            labels = peer.get("podSelector", {}).get("matchLabels", {})
            if "order-saga-database" in labels:
                yield labels["order-saga-database"]
        if not rule.get("to") and (not ports or 5432 in ports):
            yield "any"


def secrets_by_reference(objects: list[Object]) -> Faults:
    """No Secret in the manifests, and no password in a value."""
    for resource in of_kind(objects, "Secret"):
        yield f"Secret {resource['metadata']['name']} is written out"
    for who, pod in pods(objects):
        for container in pod["spec"]["containers"]:
            for variable in container.get("env", []):
                secret = variable["name"].endswith(("_DATABASE_URL", "_KEY", "API_KEY"))
                if secret and not str(variable.get("value", "/run/")).startswith("/run/"):
                    yield f"{who}: {variable['name']} is written out"


def called_by_those_who_may(objects: list[Object]) -> Faults:
    """Services are called by the API and by workers, the API by the gateway, all others by nobody.

    Prometheus reads everybody's metrics.
    """
    for name, policy in named(objects, "NetworkPolicy").items():
        found = set(_callers(policy, objects))
        wanted = CALLERS if name in SERVICES else {"gateway"} if name in {"api", "codec"} else set()
        if found != wanted:
            yield f"{name} is called by {sorted(found)}"


def _callers(policy: Object, objects: list[Object]) -> Iterator[str]:
    """Names of programs, `gateway`, and `any`; Prometheus is left out."""
    for rule in policy["spec"].get("ingress", []):
        for peer in rule.get("from", [{}]):
            pods_ = peer.get("podSelector", {}).get("matchLabels", {})
            spaces = peer.get("namespaceSelector", {}).get("matchLabels", {})
            if spaces == {"order-saga-monitoring": "true"}:
                continue
            if spaces == {"order-saga-gateway": "true"}:
                yield "gateway"
            else:
                yield from _of_labels(pods_, objects) if pods_ else ["any"]


def _of_labels(wanted: dict[str, str], objects: list[Object]) -> Iterator[str]:
    for who, pod in pods(objects):
        if wanted.items() <= pod["metadata"]["labels"].items():
            yield who.partition(" ")[2]


def nothing_else_outside(objects: list[Object]) -> Faults:
    """Few speak to addresses outside, by TLS alone; webhooks to none that is private."""
    for name, policy in named(objects, "NetworkPolicy").items():
        for rule in policy["spec"].get("egress", []):
            blocks = [item["ipBlock"] for item in rule.get("to", []) if "ipBlock" in item]
            if rule.get("to") and not blocks:
                continue
            if name not in OUTSIDE or rule.get("ports") != [{"port": 443}]:
                yield f"{name} reaches anybody"
            if name == "webhooks" and not all(map(_spares_private, blocks or [{}])):
                yield "webhooks reach addresses inside"


def _spares_private(block: Object) -> bool:
    cidr = ipaddress.ip_network(block.get("cidr", "0.0.0.0/0"))
    spared = [ipaddress.ip_network(item) for item in block.get("except", [])]
    inside = ("::1", "fc00::1", "fe80::1", "::ffff:10.0.0.1") if cidr.version == 6 else PRIVATE
    return all(any(ipaddress.ip_address(item) in one for one in spared) for item in inside)


def own_secrets_only(objects: list[Object]) -> Faults:
    """Each process is given what it is there for, and no other's password or key."""
    for who, pod in pods(objects):
        name = who.partition(" ")[2]
        own = DATABASE_OF.get(name.removeprefix("migrate-"), "")
        may = COMMON | {own} | OF_COMPONENT[component(pod)] | OF_NAME.get(name, set())
        if others := set(_secrets(pod)) - may:
            yield f"{who} is given {sorted(others)}"


def _secrets(pod: Object) -> Iterator[str]:
    for container in pod["spec"]["containers"]:
        for variable in container.get("env", []):
            if reference := variable.get("valueFrom", {}).get("secretKeyRef"):
                yield reference["name"]
        for source in container.get("envFrom", []):
            if "secretRef" in source:
                yield source["secretRef"]["name"]
    for volume in pod["spec"].get("volumes", []):
        if "secret" in volume:
            yield volume["secret"]["secretName"]


def keys_closed_to_others(objects: list[Object]) -> Faults:
    """Files of private keys can be read by the pod's group at most: our programs refuse others."""
    for who, pod in pods(objects):
        for volume in pod["spec"].get("volumes", []):
            secret = volume.get("secret", {})
            if (
                secret.get("secretName") in PRIVATE_KEYS
                and secret.get("defaultMode", 0o644) & 0o037
            ):
                yield f"{who} has {secret['secretName']} open to others"


def mounts_are_there(objects: list[Object]) -> Faults:
    """A variable that names a file below /run names one of a volume that is mounted there."""
    shared = named(objects, "ConfigMap")["order-saga"]["data"]
    for who, pod in pods(objects):
        (container,) = pod["spec"]["containers"]
        places = {item["mountPath"] for item in container.get("volumeMounts", [])}
        own = {item["name"]: item.get("value", "") for item in container.get("env", [])}
        for name, value in own.items():
            if value.startswith("/run/") and value.rpartition("/")[0] not in places:
                yield f"{who}: {name} is not mounted"
        for name, value in shared.items():
            reads = READERS.get(name)
            kind = "temporal" if who == "Job migrate-temporal" else component(pod)
            if reads and kind in reads and value.rpartition("/")[0] not in places:
                yield f"{who}: {name} is not mounted"


# Who opens the files that the shared settings name; to all others these say nothing.
_TEMPORAL = {"api", "worker", "webhooks"}
READERS = {
    "PAYLOAD_KEYS_FILE": _TEMPORAL | {"codec"},
    "TEMPORAL_TLS_CLIENT_CERT_PATH": _TEMPORAL | {"temporal"},
    "TEMPORAL_TLS_CLIENT_KEY_PATH": _TEMPORAL | {"temporal"},
    "TEMPORAL_TLS_SERVER_CA_CERT_PATH": _TEMPORAL | {"temporal"},
    "PGSSLROOTCERT": {"api", "service", "relay", "webhooks", "migration"},
    "SERVICE_AUTH_JWKS": {"service"},
}
