"""docker-compose.yml in a project of its own, on ports that nobody has, by the daemon at hand."""

import json
import os
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.deploy.composed import PROGRAMS, ROOT
from tests.support.ports import free_port

IMAGE = "order-saga:compose-test"
REAL_IMAGES = os.environ.get("IMAGES") == "registry"
# No program of theirs can be had without a registry: not proven here (docs/deploying.md).
LEFT_OUT = () if REAL_IMAGES else ("temporal-ui", "grafana")
INSIDE = {"gateway": 8080, "codec": 8000, "prometheus": 9090, "temporal-ui": 8080, "grafana": 3000}


@dataclass(frozen=True)
class Project:
    """One project: its folder with `.env` and keys, its name, and where it is published."""

    folder: Path
    name: str
    ports: dict[str, int]

    @classmethod
    def made(cls, folder: Path, name: str) -> "Project":
        """With new passwords and keys, as `saga secrets` makes them."""
        project = cls(folder, name, {item: free_port() for item in INSIDE})
        made = ("--env", str(folder / ".env"), "--folder", str(folder / ".saga-compose"))
        subprocess.run([str(PROGRAMS / "saga"), "secrets", *made], check=True, timeout=60)
        (folder / "override.yml").write_text(project.override())
        return project

    def override(self) -> str:
        """Other ports than the usual ones, and without what cannot run here. JSON is YAML."""
        lines = [
            f"  {item}: {{ports: !override ['127.0.0.1:{self.ports[item]}:{INSIDE[item]}']"
            + (", profiles: [left-out]}" if item in LEFT_OUT else "}")
            for item in INSIDE
        ]
        return "\n".join(["services:", *lines, ""])

    def compose(self, *words: str, within: float = 120) -> "subprocess.CompletedProcess[str]":
        """A command of Docker Compose."""
        files = ("-f", str(ROOT / "docker-compose.yml"), "-f", str(self.folder / "override.yml"))
        place = ("--project-directory", str(ROOT), "--env-file", str(self.folder / ".env"))
        argv = [str(_program()), "-p", self.name, *place, *files, *words]
        env = {**os.environ, "SAGA_IMAGE": IMAGE}
        return subprocess.run(
            argv, env=env, capture_output=True, text=True, check=False, timeout=within
        )

    def up(self, *words: str) -> None:
        """Bring it up, and wait until it is healthy. AssertionError with what went wrong."""
        pull = ("--pull", "missing" if REAL_IMAGES else "never")
        options = ("--detach", "--wait", "--wait-timeout", "420", "--no-build", *pull, *words)
        done = self.compose("up", *options, within=600)
        if done.returncode:
            said = self.compose("ps", "-a").stdout, self.compose("logs", "--tail", "20").stdout
            raise AssertionError("\n".join([done.stderr[-3000:], *said]))

    def services(self) -> dict[str, Any]:
        """What Compose makes of the files."""
        found: dict[str, Any] = json.loads(self.compose("config", "--format", "json").stdout)
        services: dict[str, Any] = found["services"]
        return services

    def containers(self, service: str = "") -> list[dict[str, Any]]:
        """What Docker knows of the containers, of one service or of all; ended ones too."""
        ids = self.compose("ps", "--all", "--quiet", *([service] if service else [])).stdout.split()
        found: list[dict[str, Any]] = json.loads(docker("inspect", *ids)) if ids else []
        return found

    def python(self, service: str, program: str, *arguments: str) -> str:
        """What a program says that runs in a container of ours."""
        argv = ("exec", "-T", service, "/opt/venv/bin/python", "-c", program, *arguments)
        done = self.compose(*argv)
        assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
        return done.stdout

    def url(self, service: str) -> str:
        """Where it is published."""
        return f"http://127.0.0.1:{self.ports[service]}"


def docker(*words: str) -> str:
    """What a command of Docker says."""
    done = subprocess.run(
        ["docker", *words], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def service_of(container: dict[str, Any]) -> str:
    """The service that a container is one of."""
    name: str = container["Config"]["Labels"]["com.docker.compose.service"]
    return name


def _program() -> Path:
    """The wheel's program itself, since its wrapper loses exit codes."""
    found = find_spec("compose")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "docker-compose"
