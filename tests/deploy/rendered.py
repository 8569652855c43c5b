"""What `kubectl kustomize` makes of an overlay, and what is asked of it by name."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.composed import PROGRAMS, ROOT

OVERLAYS = ("local", "production")
FOLDER = ROOT / "deploy/kubernetes/overlays"
Object = dict[str, Any]
Faults = Iterator[str]


def render(overlay: str, folder: Path = FOLDER) -> list[Object]:
    """All objects of an overlay in a folder, by the kubectl of the lock file."""
    said = subprocess.run(
        [PROGRAMS / "kubectl", "kustomize", folder / overlay],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert said.returncode == 0, said.stderr
    return [item for item in yaml.safe_load_all(said.stdout) if item]


def of_kind(objects: list[Object], *kinds: str) -> list[Object]:
    """Those of these kinds."""
    return [resource for resource in objects if resource["kind"] in kinds]


def named(objects: list[Object], kind: str) -> dict[str, Object]:
    """Those of a kind, by name."""
    return {resource["metadata"]["name"]: resource for resource in of_kind(objects, kind)}


def pods(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    """The pod templates of Deployments and Jobs, each with its object's kind and name."""
    for resource in of_kind(objects, "Deployment", "Job"):
        yield f"{resource['kind']} {resource['metadata']['name']}", resource["spec"]["template"]


def component(thing: Object) -> str:
    """What it is: service, api, worker, relay or migration."""
    return str(thing["metadata"]["labels"]["app.kubernetes.io/component"])
