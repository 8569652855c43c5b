"""Rules of who reaches whom, and who is given which secret. Each tells who breaks it, and how."""

from collections.abc import Iterator

from contracts.names import SERVICES
from tests.deploy.rendered import Faults, Object, component, named, of_kind, pods

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
