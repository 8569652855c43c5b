"""What containers may do and whom they reach, asked of the containers that run."""

import json
from pathlib import Path

import pytest

from tests.compose.up import IMAGE, Project, service_of

# Who may reach which database; everybody else may reach none. As the design has it, not the file.
DATABASES = ("user-db", "order-db", "inventory-db", "payment-db", "event-db", "temporal-db")
REACH = {
    "user": {"user-db"},
    "order": {"order-db"},
    "inventory": {"inventory-db"},
    "payment": {"payment-db"},
    "api": {"event-db"},  # where webhooks are
    "webhooks": {"event-db"},
    "relay": {"user-db", "order-db", "inventory-db", "payment-db", "event-db"},
}
OUTSIDE = {"codec", "webhooks"}  # have a way out of Docker's networks
CONNECT = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor
def tried(place):
    host, port = place.split(":")
    try:
        socket.create_connection((host, int(port)), timeout=3).close()
    except OSError:
        return False
    return True
with ThreadPoolExecutor() as pool:
    print(json.dumps(list(pool.map(tried, sys.argv[1:]))))
"""
RIGHTS = """
import json, os, shutil, tempfile
def writes(folder):
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines())
tools = [it for it in ("cc", "gcc", "pip", "pip3") if shutil.which(it)]
folders = {it: writes(it) for it in ("/", "/app", "/opt/venv", "/home", "/tmp")}
held = [status["CapEff"], status["NoNewPrivs"]]
print(json.dumps([os.getuid(), os.getgid(), *held, tools, folders]))
"""

pytestmark = pytest.mark.compose


@pytest.fixture(scope="module")
def ours(project: Project) -> list[str]:
    """The services that run our image."""
    running = [container for container in project.containers() if container["State"]["Running"]]
    found = {service_of(item) for item in running if item["Config"]["Image"] == IMAGE}
    assert found > REACH.keys()
    return sorted(found)


def test_each_reaches_its_own_database_and_no_other(project: Project, ours: list[str]) -> None:
    addresses = {database: addresses_of(project, database) for database in DATABASES}
    asked = [(name, f"{at}:5432") for name in DATABASES for at in (name, *addresses[name])]
    for service in ours:
        said = json.loads(project.python(service, CONNECT, *(place for _, place in asked)))
        reached = {name for (name, _), answer in zip(asked, said, strict=True) if answer}
        assert reached == REACH.get(service, set()), service


def addresses_of(project: Project, service: str) -> list[str]:
    """By which it could be reached past the names."""
    (container,) = project.containers(service)
    return [network["IPAddress"] for network in container["NetworkSettings"]["Networks"].values()]


def test_only_who_must_has_a_way_outside(project: Project, ours: list[str]) -> None:
    """To this machine's name server, which takes TCP: by its address, past Docker's own."""
    place = f"{name_server()}:53"
    out = {own for own in ours if json.loads(project.python(own, CONNECT, place)) == [True]}
    assert out == OUTSIDE


def name_server() -> str:
    """Of this machine, and not on it."""
    places = (Path("/run/systemd/resolve/resolv.conf"), Path("/etc/resolv.conf"))
    lines = next(place for place in places if place.exists()).read_text().splitlines()
    found = next(line.split()[1] for line in lines if line.startswith("nameserver"))
    assert not found.startswith("127."), "only a server elsewhere shows a way outside"
    return found


def test_none_of_ours_has_rights_or_writes(project: Project, ours: list[str]) -> None:
    for service in ours:
        uid, gid, rights, held, tools, writes = json.loads(project.python(service, RIGHTS))
        assert (uid, gid) == (10001, 10001), service
        assert (int(rights, 16), held) == (0, "1"), service
        assert tools == [], service
        assert [folder for folder, can in writes.items() if can] == ["/tmp"], service  # noqa: S108


def test_docker_itself_holds_them_to_it(project: Project, ours: list[str]) -> None:
    for container in project.containers():
        if service_of(container) in ours:
            host = container["HostConfig"]
            assert host["ReadonlyRootfs"]
            assert host["CapDrop"] == ["ALL"]
            assert not host["Privileged"]
            assert not [m for m in container["Mounts"] if m["RW"] and m["Type"] == "bind"]
