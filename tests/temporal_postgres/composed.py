"""What docker-compose.yml has Temporal's containers run, moved to this machine.

Only places change: addresses, ports, and files that are mounted. Everything else is compose's.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_stack.programs import program
from local_stack.supervision import readiness
from local_stack.supervision.child import Child
from tests.deploy.composed import ROOT
from tests.support.ports import free_port

BUILT = ROOT / ".build" / "temporal"
HOST = "127.0.0.1"
# The image leaves these to the server's own defaults, which others may listen on here.
PORTS = (
    *("FRONTEND_GRPC_PORT", "FRONTEND_HTTP_PORT", "FRONTEND_MEMBERSHIP_PORT"),
    *("MATCHING_GRPC_PORT", "MATCHING_MEMBERSHIP_PORT"),
    *("HISTORY_GRPC_PORT", "HISTORY_MEMBERSHIP_PORT"),
    *("WORKER_GRPC_PORT", "WORKER_MEMBERSHIP_PORT"),
)


@dataclass(frozen=True)
class Temporal:
    """The three services of compose: schema, server, set-up; and where PostgreSQL is here."""

    services: Mapping[str, Any]
    database_port: int

    @property
    def programs(self) -> Path:
        """Where server and SQL tool are, of the version that compose pins."""
        image: str = self.services["temporal"]["image"]
        return BUILT / image.rpartition(":")[2]

    def schema(self) -> Child:
        """The one-off job that makes databases and schemas."""
        job = self.services["temporal-schema"]
        shell, script = job["entrypoint"]
        places = {"SQL_HOST": HOST, "SQL_PORT": str(self.database_port)}
        env = moved(job["environment"], places)
        return Child("schema", (shell, mounted(job, script)), self._with_path(env))

    def server(self) -> Child:
        """The server, by the entrypoint of its image."""
        has = self.services["temporal"]
        ports = {name: str(free_port()) for name in PORTS}
        dynamic = has["environment"]["DYNAMIC_CONFIG_FILE_PATH"]
        places = {
            "POSTGRES_SEEDS": HOST,
            "DB_PORT": str(self.database_port),
            "BIND_ON_IP": HOST,
            "PROMETHEUS_ENDPOINT": f"{HOST}:{free_port()}",
            "DYNAMIC_CONFIG_FILE_PATH": mounted(has, dynamic),
        }
        env = moved(has["environment"], places) | ports
        return Child(
            "temporal",
            ("bash", str(self.programs / "entrypoint.sh")),
            self._with_path(env),
            readiness.accepts(HOST, int(ports["FRONTEND_GRPC_PORT"])),
        )

    def setup(self, address: str) -> Child:
        """The one-off job that makes namespace and search attributes."""
        job = self.services["temporal-setup"]
        env = moved(job["environment"], {"TEMPORAL_ADDRESS": address})
        argv = program(*job["command"])
        return Child("setup", argv, {**self._with_path(env), "PYTHONPATH": str(ROOT)})

    def _with_path(self, env: Mapping[str, str]) -> dict[str, str]:
        return {**env, "PATH": f"{self.programs}:{os.environ['PATH']}"}


def moved(environment: Mapping[str, str], places: Mapping[str, str]) -> dict[str, str]:
    """Compose's environment, with other places for those that it names. ValueError for others."""
    if strange := places.keys() - environment.keys():
        raise ValueError(f"docker-compose.yml does not set {sorted(strange)}")
    return {**environment, **places}


def mounted(service: Mapping[str, Any], target: str) -> str:
    """The file in the repository that compose mounts there."""
    sources = {volume["target"]: volume["source"] for volume in service["volumes"]}
    name = Path(sources[target]).name
    return str(ROOT / "deploy" / "compose" / name)
