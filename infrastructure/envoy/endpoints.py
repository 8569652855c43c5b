"""Where Envoy finds the instances of each service: a file each, read again when it is replaced.

Envoy watches for a file that is moved to the path, so a new one is written beside it and renamed:
nobody sees it half done, and Envoy need not be started again.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from infrastructure.envoy.builders import Address, Json, load
from infrastructure.registry.registry import Instance

TYPE = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"


class EndpointFiles:
    """The files in one folder. Written only when something has changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, service: str) -> Path:
        """The file of a service."""
        return self._folder / f"{service}.json"

    def make(self, services: Iterable[str]) -> None:
        """Make the files that are not there yet, without an instance."""
        self._folder.mkdir(exist_ok=True)
        self.publish({service: () for service in services if not self.path(service).exists()})

    def publish(self, instances: Mapping[str, Sequence[Instance]]) -> None:
        """Make these the instances of these services."""
        for service, found in instances.items():
            self._replace(self.path(service), json.dumps(_answer(service, found), indent=1))

    def _replace(self, path: Path, text: str) -> None:
        if path.exists() and path.read_text() == text:
            return
        draft = path.with_suffix(f".{os.getpid()}.new")
        draft.write_text(text)
        draft.replace(path)


def _answer(service: str, instances: Sequence[Instance]) -> Json:
    """What a discovery server would answer."""
    addresses = [Address(instance.host, instance.port).socket for instance in instances]
    return {"resources": [{"@type": TYPE, **load(service, addresses)}]}
