"""Where objects are and when they come: namespaces, the waves of a sync, and the room on a node."""

from collections.abc import Iterator

from tests.deploy.network import selects
from tests.deploy.rendered import Faults, Object, of_kind

OURS = "order-saga"
PHASES = ("PreSync", "Sync", "PostSync")
HOOK, WAVE = "argocd.argoproj.io/hook", "argocd.argoproj.io/sync-wave"
CLUSTER_WIDE = {"Namespace"}


def in_namespace(objects: list[Object]) -> Faults:
    """Everything that lives in a namespace lives in ours, components' objects, too."""
    for resource in objects:
        wide = resource["kind"] in CLUSTER_WIDE
        if resource["metadata"].get("namespace") != (None if wide else OURS):
            yield f"{_name(resource)} is in {resource['metadata'].get('namespace', 'default')}"


def in_waves(objects: list[Object]) -> Faults:
    """A Job comes after all that it needs, and before whoever waits for it."""
    for job in of_kind(objects, "Job"):
        for needed in _find_needed(job, objects):
            if _moment(needed) >= _moment(job):
                yield f"{_name(job)} comes before {_name(needed)}"
        for waiting in of_kind(objects, "Deployment"):
            if _moment(waiting) <= _moment(job):
                yield f"{_name(waiting)} comes before {_name(job)}"
    for resource in objects:
        if any(_moment(space) >= _moment(resource) for space in _find_spaces(resource, objects)):
            yield f"{_name(resource)} comes before its namespace"


def _find_needed(job: Object, objects: list[Object]) -> Iterator[Object]:
    """The account, settings and policies of its pod: what a new namespace does not have."""
    template = job["spec"]["template"]
    sources = template["spec"]["containers"][0].get("envFrom", [])
    settings = {item["configMapRef"]["name"] for item in sources if "configMapRef" in item}
    wanted = {("ServiceAccount", template["spec"]["serviceAccountName"])}
    wanted |= {("ConfigMap", name) for name in settings}
    found = [item for item in objects if (item["kind"], item["metadata"]["name"]) in wanted]
    assert len(found) == len(wanted), wanted
    yield from found
    for policy in of_kind(objects, "NetworkPolicy"):
        database = policy["spec"]["podSelector"].get("matchLabels", {}).get("order-saga-database")
        near = database and job["metadata"]["name"] == f"migrate-{database}"
        if near or selects(policy["spec"]["podSelector"], template["metadata"]["labels"]):
            yield policy


def _find_spaces(resource: Object, objects: list[Object]) -> list[Object]:
    name = resource["metadata"].get("namespace")
    return [space for space in of_kind(objects, "Namespace") if space["metadata"]["name"] == name]


def _moment(resource: Object) -> tuple[int, int]:
    """Phase and wave, which come in this order."""
    notes = resource["metadata"].get("annotations", {})
    return PHASES.index(notes.get(HOOK, "Sync")), int(notes.get(WAVE, "0"))


def _name(resource: Object) -> str:
    return f"{resource['kind']} {resource['metadata']['name']}"


# Of a node of two cores and 4 GiB, what is left for pods of ours: thousandths of a core, and MiB.
# kind's control plane asks for 950 of 2000 and 290 MiB; five databases, Temporal and a bus, which
# are not in these manifests, are given 300 and 1024.
CPU, MEMORY = 2000 - 950 - 300, 4096 - 290 - 1024


def fits_two_cores(objects: list[Object]) -> Faults:
    """All at once: every pod, its successor during a rollout, and the Jobs; for `local`."""
    for resource in of_kind(objects, "HorizontalPodAutoscaler"):
        yield f"{_name(resource)} brings more pods than there is room for"
    cpu = memory = 0
    for resource in of_kind(objects, "Deployment", "Job"):
        pod = resource["spec"]["template"]["spec"]
        asked = pod["containers"][0]["resources"]["requests"]
        number = resource["spec"].get("replicas", 1) + 1 if resource["kind"] == "Deployment" else 1
        cpu += number * _count(asked["cpu"], "m", 1000)
        memory += number * _count(asked["memory"], "Mi", 1)
    if cpu > CPU or memory > MEMORY:
        yield f"they ask for {cpu} m and {memory} MiB, of {CPU} and {MEMORY}"


def _count(text: str, unit: str, without: int) -> int:
    return int(text.removesuffix(unit)) if text.endswith(unit) else int(text) * without
