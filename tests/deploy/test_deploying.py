"""docs/deploying.md: its commands are run, as far as they can be without Docker and a cluster.

`kubectl kustomize` is the real one, and so is `kubectl create`, by a dry run. What would speak to a
cluster is written down instead, and the objects that it would choose are counted.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from tests.deploy import placing
from tests.deploy.composed import PROGRAMS, ROOT
from tests.deploy.rendered import Object, named, of_kind, pods

PAGE = ROOT / "docs/deploying.md"
BLOCK = re.compile(r"^( *)```sh\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
STUB = """\
#!{python}
import json, subprocess, sys
what = sys.argv[1]
if what == "kustomize":
    sys.exit(subprocess.run([{kubectl!r}, *sys.argv[1:]]).returncode)
with open({said!r}, "a") as said:
    print(json.dumps(sys.argv[1:]), file=said)
if what == "create":
    with open({made!r}, "a") as made:
        print("---", file=made, flush=True)
        dry = [{kubectl!r}, *sys.argv[1:], "--dry-run=client", "-o", "yaml"]
        sys.exit(subprocess.run(dry, stdout=made).returncode)
"""
NO_CLUSTER = {"apply", "wait", "delete"}
OPTIONAL = {"temporal", "temporal-tls", "database-ca", "event-bus"}  # of the page's table


@dataclass
class Followed:
    """What somebody has who followed the page."""

    secrets: dict[str, Object]
    rendered: list[Object]
    said: list[list[str]] = field(default_factory=list)


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Followed:
    folder = tmp_path_factory.mktemp("deploying")
    for name in ("kubernetes", "grafana"):
        shutil.copytree(ROOT / "deploy" / name, folder / "deploy" / name)
    programs, said, made = folder / "bin", folder / "said", folder / "made"
    programs.mkdir()
    stub = programs / "kubectl"
    places = {"kubectl": str(PROGRAMS / "kubectl"), "said": str(said), "made": str(made)}
    stub.write_text(STUB.format(python=sys.executable, **places))
    stub.chmod(0o755)
    pasted("## On Kubernetes", folder, programs)
    objects = [item for item in yaml.safe_load_all(made.read_text()) if item]
    rendered = [item for item in yaml.safe_load_all((folder / "all.yaml").read_text()) if item]
    lines = [json.loads(line) for line in said.read_text().splitlines()]
    return Followed(named(objects, "Secret"), rendered, lines)


def test_secrets_and_tokens_for_compose_are_made(tmp_path: Path) -> None:
    """As on one machine; `test_compose` has Docker Compose read what they are for."""
    said = pasted("## On one machine, with Docker Compose", tmp_path)
    assert (tmp_path / ".env").is_file()
    assert said.splitlines()[-1].count(".") == 2  # a JSON web token


def pasted(title: str, folder: Path, *programs: Path) -> str:
    """Run the commands below a heading in a folder, these programs first; what they print."""
    path = os.pathsep.join([*map(str, (*programs, PROGRAMS)), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(section(title))],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def section(title: str) -> list[str]:
    """The commands below a heading."""
    text = PAGE.read_text().split(f"\n{title}\n", 1)[1].split("\n## ", 1)[0]
    return [textwrap.dedent(item[2]) for item in BLOCK.finditer(text)]


def test_every_secret_that_the_manifests_name_is_made(followed: Followed) -> None:
    """With every key that is read from it; those that may be missing are in the page's table."""
    for who, pod in pods(followed.rendered):
        for name, key, optional in _wanted(pod):
            if name in followed.secrets:
                assert key in followed.secrets[name].get("data", {}), (who, name, key)
            else:
                assert optional, (who, name)
                assert name in OPTIONAL
                assert f"| `{name}` |" in PAGE.read_text()


def test_no_secret_is_made_that_nobody_wants(followed: Followed) -> None:
    wanted = {name for _, pod in pods(followed.rendered) for name, _, _ in _wanted(pod)}
    assert followed.secrets.keys() | OPTIONAL == wanted


def _wanted(pod: Object) -> list[tuple[str, str, bool]]:
    """(secret, key, whether it may be missing) of each reference."""
    found = []
    (container,) = pod["spec"]["containers"]
    for item in container.get("env", []):
        if reference := item.get("valueFrom", {}).get("secretKeyRef"):
            found.append((reference["name"], reference["key"], reference.get("optional", False)))
    files = {"service-key": "key.pem", "service-jwks": "jwks.json"}
    for item in pod["spec"].get("volumes", []):
        if secret := item.get("secret"):
            name = secret["secretName"]
            optional = secret.get("optional", False)
            found.append((name, files.get(name, "keys.json"), optional))
    return found


def test_migrations_are_applied_and_awaited_before_the_rest(followed: Followed) -> None:
    """By the labels that the commands choose them by; before them, all that they need."""
    spoken = [record for record in followed.said if record[0] in NO_CLUSTER]
    assert [item[0] for item in spoken] == ["apply", "apply", "delete", "apply", "wait", "apply"]
    space, needed, *of_jobs, everything = spoken
    assert space == ["apply", "-f", "deploy/kubernetes/base/namespace.yaml"]
    jobs = of_kind(followed.rendered, "Job")
    assert all(_choose(followed, argv) == jobs for argv in of_jobs)
    there = _choose(followed, needed)
    assert set(placing.in_waves([*there, *jobs])) == set()  # which looks up what they need
    assert {item["kind"] for item in there} == {
        *("Namespace", "ServiceAccount", "ConfigMap", "NetworkPolicy")
    }
    assert everything == ["apply", "-f", "all.yaml"]


def _choose(followed: Followed, argv: list[str]) -> list[Object]:
    """What a command chooses by its label."""
    name, _, value = argv[argv.index("-l") + 1].partition("=")
    return [
        resource
        for resource in followed.rendered
        if resource["metadata"].get("labels", {}).get(name) == value
    ]


def test_what_the_page_calls_is_there() -> None:
    """Files, overlays and Make targets of commands that cannot be run here."""
    text = PAGE.read_text()
    for target in re.findall(r"`make ([a-z-]+)`", text):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE), target
    for name in re.findall(r"docker compose exec -T (\S+) pg_dump -U (\w+) -Fc (\w+)", text):
        services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
        made = services[name[0]]["environment"]
        assert name[1:] == (made["POSTGRES_USER"], made["POSTGRES_DB"])


def test_sizes_are_reckoned_right() -> None:
    text = PAGE.read_text().replace("\N{MULTIPLICATION SIGN}", "*")
    sums = re.findall(r"(\d[\d.]* \* [\d.]+(?: / [\d.]+)?) = (\d[\d.]*)", text)
    assert len(sums) >= 3
    for left, right in sums:
        value = 1.0
        for sign, number in re.findall(r"([*/]?)\s*([\d.]+)", left):
            value = value / float(number) if sign == "/" else value * float(number)
        assert abs(value - float(right)) <= 0.051, (left, right)


def test_commands_on_one_line_are_sound() -> None:
    """Those that need docker or a cluster are at least words that a shell can read."""
    for command in re.findall(r"`((?:docker|kubectl) [^`]+)`", PAGE.read_text()):
        assert shlex.split(command)
