"""The rules that rendered objects must keep. Each tells who breaks it, and how; nobody is well."""

from collections.abc import Callable

from api.routes.health import PATIENCE
from api.server import SERVING
from contracts.names import SERVICES, Queue
from services.server_process import GRACE
from tests.deploy import connections, network, placing, reach
from tests.deploy.rendered import Faults, Object, component, named, of_kind, pods
from workers.registration import GRACEFUL_SHUTDOWN
from workers.webhooks import GRACEFUL

SCALED_BY_LOAD = (*SERVICES, "api")
QUEUES = tuple(Queue)
# Seconds: longer than our clients keep an idle connection (httpx 5 s, Envoy 3 s).
LONGEST_IDLE = 5
# Seconds that each kind of process takes to finish what it has begun, and some to end.
FINISHES = {
    "api": SERVING["timeout_graceful_shutdown"],
    "service": GRACE,
    "worker": GRACEFUL_SHUTDOWN.total_seconds(),
    "webhooks": GRACEFUL.total_seconds(),
    "relay": 10,
    "codec": 15,
}
TO_END = 10
# Seconds. Who is only slow is not helped by being killed: its successor starts on the same busy
# node, and a start costs more than requests do. Unready, it is sent nothing meanwhile.
SILENT, ONE_ANSWER, TO_START = 120, 10, 300
DELETE = "argocd.argoproj.io/hook-delete-policy"
TEMPORAL_CREDENTIALS = {"apiKey", "cert", "key", "ca"}  # KEDA's names of them
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "projected", "secret"}
Policy = Callable[[list[Object]], Faults]


def not_root(objects: list[Object]) -> Faults:
    """No container as root, and seccomp's default profile."""
    for who, pod in pods(objects):
        has = pod["spec"].get("securityContext", {})
        if not has.get("runAsNonRoot") or not has.get("runAsUser"):
            yield f"{who} may run as root"
        if has.get("seccompProfile") != {"type": "RuntimeDefault"}:
            yield f"{who} has no seccomp profile"


def restricted(objects: list[Object]) -> Faults:
    """No rights to gain, no capabilities, a read-only root file system."""
    wanted = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    for who, pod in pods(objects):
        for container in pod["spec"]["containers"]:
            if container.get("securityContext") != wanted:
                yield f"{who} is not restricted"
            if any(item.get("hostPort") for item in container.get("ports", [])):
                yield f"{who} has a port of the host"
        if pod["spec"].keys() & {"hostNetwork", "hostPID", "hostIPC"}:
            yield f"{who} is in a namespace of the host"
        for volume in pod["spec"].get("volumes", []):
            if not volume.keys() - {"name"} <= VOLUMES:
                yield f"{who} has the volume {volume['name']} of the host"
    for space in of_kind(objects, "Namespace"):
        if space["metadata"]["labels"].get("pod-security.kubernetes.io/enforce") != "restricted":
            yield "the namespace does not enforce restricted pods"


def no_token(objects: list[Object]) -> Faults:
    """An account of its own, without a token of the cluster's API."""
    for who, pod in pods(objects):
        if pod["spec"].get("automountServiceAccountToken") is not False:
            yield f"{who} gets a token"
        if pod["spec"].get("serviceAccountName") in {None, "default"}:
            yield f"{who} has the default account"
    for account in of_kind(objects, "ServiceAccount"):
        if account.get("automountServiceAccountToken") is not False:
            yield "the account gives its token"


def bounded(objects: list[Object]) -> Faults:
    """Requests and limits of CPU and memory."""
    for who, pod in pods(objects):
        for container in pod["spec"]["containers"]:
            for kind in ("requests", "limits"):
                if set(container.get("resources", {}).get(kind, {})) != {"cpu", "memory"}:
                    yield f"{who} has no {kind}"


def probed(objects: list[Object]) -> Faults:
    """Start-up, liveness and readiness probes; readiness asks what is needed, liveness does not.

    The codec server needs nothing but its keys, without which it does not start.
    """
    for deployment in of_kind(objects, "Deployment"):
        ready = "live" if component(deployment) == "codec" else "ready"
        paths = {"startupProbe": "live", "livenessProbe": "live", "readinessProbe": ready}
        for container in deployment["spec"]["template"]["spec"]["containers"]:
            for probe, path in paths.items():
                if container.get(probe, {}).get("httpGet", {}).get("path") != f"/health/{path}":
                    yield f"{deployment['metadata']['name']} has no {probe} of /health/{path}"


def patient(objects: list[Object]) -> Faults:
    """Nobody is killed who is slow; nobody is sent requests who has not answered three times."""
    for deployment in of_kind(objects, "Deployment"):
        name = deployment["metadata"]["name"]
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        live, start, ready = (container.get(f"{kind}Probe", {}) for kind in _PROBES)
        if _lasts(live) < SILENT or live.get("timeoutSeconds", 1) < ONE_ANSWER:
            yield f"{name} is killed for being slow"
        if _lasts(start) < TO_START:
            yield f"{name} is killed for starting slowly"
        if ready.get("timeoutSeconds", 1) <= PATIENCE or _lasts(ready) > SILENT / 4:
            yield f"{name} is asked whether it is ready with too little patience, or too much"


_PROBES = ("liveness", "startup", "readiness")


def _lasts(probe: Object) -> int:
    """Seconds until a probe that fails has its effect."""
    found: int = probe.get("periodSeconds", 10) * probe.get("failureThreshold", 3)
    return found


def stops_in_peace(objects: list[Object]) -> Faults:
    """Killed only after it has drained, has finished what it had begun, and has ended."""
    for deployment in of_kind(objects, "Deployment"):
        spec = deployment["spec"]["template"]["spec"]
        needs = _drain(spec) + FINISHES[component(deployment)] + TO_END
        if (seconds := spec.get("terminationGracePeriodSeconds", 30)) < needs:
            yield f"{deployment['metadata']['name']} is killed after {seconds} s, not {needs}"


def drains(objects: list[Object]) -> Faults:
    """Who is sent requests goes on, unready, until nobody sends it any more."""
    for deployment in of_kind(objects, "Deployment"):
        if component(deployment) in {"api", "service"}:
            seconds = _drain(deployment["spec"]["template"]["spec"])
            if seconds <= LONGEST_IDLE:
                yield f"{deployment['metadata']['name']} drains for {seconds} s"


def _drain(spec: Object) -> float:
    arguments = spec["containers"][0]["args"]
    return float(arguments[arguments.index("--drain") + 1]) if "--drain" in arguments else 0.0


def spread(objects: list[Object]) -> Faults:
    """Over zones and nodes, and disrupted one at a time."""
    budgets = named(objects, "PodDisruptionBudget")
    for deployment in of_kind(objects, "Deployment"):
        name, pod = deployment["metadata"]["name"], deployment["spec"]["template"]
        keys = {item["topologyKey"] for item in pod["spec"].get("topologySpreadConstraints", [])}
        if keys != {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}:
            yield f"{name} is not spread"
        chosen = budgets.get(name, {}).get("spec", {}).get("selector", {}).get("matchLabels")
        if not chosen or not chosen.items() <= pod["metadata"]["labels"].items():
            yield f"{name} has no disruption budget"


def scaled_by_load(objects: list[Object]) -> Faults:
    """3 to 10 of the API and each service, by 70 % of CPU and 80 % of memory."""
    scalers, services = named(objects, "HorizontalPodAutoscaler"), named(objects, "Service")
    for name in SCALED_BY_LOAD:
        spec = scalers.get(name, {}).get("spec", {})
        goals = {
            item["resource"]["name"]: item["resource"]["target"]["averageUtilization"]
            for item in spec.get("metrics", [])
        }
        bounds = (spec.get("minReplicas"), spec.get("maxReplicas"))
        if bounds != (3, 10) or goals != {"cpu": 70, "memory": 80}:
            yield f"{name} is not scaled by load"
        if name not in services:
            yield f"{name} has no Service"
    for resource in of_kind(objects, "Deployment"):
        scaled = component(resource) in {"api", "service", "worker"}
        if scaled and "replicas" in resource["spec"]:
            yield f"{resource['metadata']['name']} is set back to so many pods by each rollout"


def pinned(objects: list[Object]) -> Faults:
    """A version of the image."""
    for who, pod in pods(objects):
        for container in pod["spec"]["containers"]:
            if container["image"].rpartition(":")[0] == "" or container["image"].endswith("latest"):
                yield f"{who} runs any version"


def migrated_first(objects: list[Object]) -> Faults:
    """A Job for each database and Temporal, each time anew; old pods outlast a new one's start."""
    jobs = named(objects, "Job")
    for name in (*SERVICES, "event", "temporal"):
        notes = jobs.get(f"migrate-{name}", {}).get("metadata", {}).get("annotations", {})
        if (notes.get(placing.HOOK), notes.get(DELETE)) != ("Sync", "BeforeHookCreation"):
            yield f"{name} is not migrated anew by each rollout"
    for resource in of_kind(objects, "Deployment"):
        if resource["spec"].get("strategy", {}).get("rollingUpdate", {}).get("maxUnavailable") != 0:
            yield f"{resource['metadata']['name']} goes before its successor is ready"


POLICIES: tuple[Policy, ...] = (
    *(not_root, restricted, no_token, bounded, probed, patient, stops_in_peace, drains, spread),
    *(pinned, migrated_first, placing.in_namespace, placing.in_waves),
    *(network.blocks_are_sound, connections.only_these, reach.denied_by_default),
    *(reach.secrets_by_reference, reach.own_secrets_only),
    *(reach.keys_closed_to_others, reach.mounts_are_there),
)


def scaled_by_backlog(objects: list[Object]) -> Faults:
    """Workers of each queue, by KEDA's Temporal trigger; of the production overlay.

    It asks the Temporal that the workers poll, by the same API key or certificate.
    """
    scalers = named(objects, "ScaledObject")
    settings = named(objects, "ConfigMap")["order-saga"]["data"]
    for queue in QUEUES:
        spec = scalers.get(f"worker-{queue}", {}).get("spec", {"triggers": [{}]})
        (trigger,) = spec["triggers"]
        asked = trigger.get("metadata", {})
        if trigger.get("type") != "temporal" or asked["taskQueue"] != queue:
            yield f"worker-{queue} is not scaled by its backlog"
            continue
        if spec["scaleTargetRef"]["name"] != f"worker-{queue}":
            yield f"worker-{queue} is scaled by another's backlog"
        if ("workflow" in asked["queueTypes"]) != (queue == "orders"):
            yield f"worker-{queue} is scaled by the wrong tasks"
        place = (asked["endpoint"], asked["namespace"])
        if place != (settings["TEMPORAL_ADDRESS"], settings["TEMPORAL_NAMESPACE"]):
            yield f"worker-{queue} is scaled by another Temporal"
        if trigger.get("authenticationRef") != {"name": "temporal"}:
            yield f"worker-{queue} is scaled by an anonymous question"
    known = named(objects, "TriggerAuthentication").get("temporal", {}).get("spec", {})
    if {item["parameter"] for item in known.get("secretTargetRef", [])} != TEMPORAL_CREDENTIALS:
        yield "KEDA does not know Temporal's credentials"
