"""The rules that rendered objects must keep. Each tells who breaks it, and how; nobody is well."""

from collections.abc import Callable, Iterator

from tests.deploy.rendered import Object, component, named, of_kind, pods

GRACEFUL = 40  # seconds: the longest that a process of ours takes to stop (the API)
SERVICES = ("user", "order", "inventory", "payment")
SCALED_BY_LOAD = (*SERVICES, "api")
QUEUES = ("orders", "users", "inventory", "payments")
Faults = Iterator[str]
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
    """Start-up, liveness and readiness probes; readiness asks what is needed, liveness does not."""
    paths = {"startupProbe": "live", "livenessProbe": "live", "readinessProbe": "ready"}
    for deployment in of_kind(objects, "Deployment"):
        for container in deployment["spec"]["template"]["spec"]["containers"]:
            for probe, path in paths.items():
                if container.get(probe, {}).get("httpGet", {}).get("path") != f"/health/{path}":
                    yield f"{deployment['metadata']['name']} has no {probe} of /health/{path}"


def stops_in_peace(objects: list[Object]) -> Faults:
    """Killed only after its own graceful shutdown is over."""
    for deployment in of_kind(objects, "Deployment"):
        seconds = deployment["spec"]["template"]["spec"].get("terminationGracePeriodSeconds", 30)
        if seconds <= GRACEFUL:
            yield f"{deployment['metadata']['name']} is killed after {seconds} s"


def spread(objects: list[Object]) -> Faults:
    """Over zones and nodes, and disrupted one at a time."""
    budgets = named(objects, "PodDisruptionBudget")
    for deployment in of_kind(objects, "Deployment"):
        name, pod = deployment["metadata"]["name"], deployment["spec"]["template"]
        keys = {it["topologyKey"] for it in pod["spec"].get("topologySpreadConstraints", [])}
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
            it["resource"]["name"]: it["resource"]["target"]["averageUtilization"]
            for it in spec.get("metrics", [])
        }
        bounds = (spec.get("minReplicas"), spec.get("maxReplicas"))
        if bounds != (3, 10) or goals != {"cpu": 70, "memory": 80}:
            yield f"{name} is not scaled by load"
        if name not in services:
            yield f"{name} has no Service"


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
    """A service reaches its own database, and who is none reaches no database but the relay."""
    policies = named(objects, "NetworkPolicy")
    for who, pod in pods(objects):
        name = who.partition(" ")[2]
        reached = set(databases(policies.get(name, {})))
        own = {name.removeprefix("migrate-")}
        if component(pod) in {"service", "migration"} and reached != own:
            yield f"{who} reaches {sorted(reached)}"
        if component(pod) in {"api", "worker"} and reached:
            yield f"{who} reaches a database"


def databases(policy: Object) -> Iterator[str]:
    """Whose databases a policy leads to; `any` for a rule of no peer that is open at 5432."""
    for rule in policy.get("spec", {}).get("egress", []):
        ports = [it.get("port") for it in rule.get("ports", [])]
        for peer in rule.get("to", []):
            labels = peer.get("podSelector", {}).get("matchLabels", {})
            if "order-saga-database" in labels:
                yield labels["order-saga-database"]
        if not rule.get("to") and (not ports or 5432 in ports):
            yield "any"


def secrets_by_reference(objects: list[Object]) -> Faults:
    """No Secret in the manifests, and no password in a value."""
    for it in of_kind(objects, "Secret"):
        yield f"Secret {it['metadata']['name']} is written out"
    for who, pod in pods(objects):
        for container in pod["spec"]["containers"]:
            for variable in container.get("env", []):
                secret = variable["name"].endswith(("_DATABASE_URL", "_KEY", "API_KEY"))
                if secret and not str(variable.get("value", "/run/")).startswith("/run/"):
                    yield f"{who}: {variable['name']} is written out"


def pinned(objects: list[Object]) -> Faults:
    """A version of the image."""
    for who, pod in pods(objects):
        for container in pod["spec"]["containers"]:
            if container["image"].rpartition(":")[0] == "" or container["image"].endswith("latest"):
                yield f"{who} runs any version"


def migrated_first(objects: list[Object]) -> Faults:
    """A Job for each database, before the rollout; old pods stay until new ones are ready."""
    jobs = named(objects, "Job")
    for name in (*SERVICES, "event"):
        notes = jobs.get(f"migrate-{name}", {}).get("metadata", {}).get("annotations", {})
        if notes.get("argocd.argoproj.io/hook") != "PreSync":
            yield f"{name} is not migrated before the rollout"
    for it in of_kind(objects, "Deployment"):
        if it["spec"].get("strategy", {}).get("rollingUpdate", {}).get("maxUnavailable") != 0:
            yield f"{it['metadata']['name']} goes before its successor is ready"


POLICIES: tuple[Policy, ...] = (
    *(not_root, restricted, no_token, bounded, probed, stops_in_peace, spread, scaled_by_load),
    *(denied_by_default, own_database_only, secrets_by_reference, pinned, migrated_first),
)


def scaled_by_backlog(objects: list[Object]) -> Faults:
    """Workers of each queue, by KEDA's Temporal trigger; of the production overlay."""
    scalers = named(objects, "ScaledObject")
    for queue in QUEUES:
        spec = scalers.get(f"worker-{queue}", {}).get("spec", {"triggers": [{}]})
        (trigger,) = spec["triggers"]
        if trigger.get("type") != "temporal" or trigger["metadata"]["taskQueue"] != queue:
            yield f"worker-{queue} is not scaled by its backlog"
        elif spec["scaleTargetRef"]["name"] != f"worker-{queue}":
            yield f"worker-{queue} is scaled by another's backlog"
