"""docker-compose.yml: Docker Compose reads it without a word, and it says what it should."""

import json
import os
import stat
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts import names
from infrastructure.envoy import __main__ as program
from infrastructure.envoy.builders import Address
from infrastructure.envoy.gateway import Gateway
from infrastructure.envoy.jwks_source import KeySource
from infrastructure.envoy.settings import GatewaySettings
from tests.deploy.composed import ROOT, config, prepared, read, saga_secrets

DATABASES = {f"{database}-db" for database in (*names.DATABASES, "temporal")}
JOBS = {"temporal-schema", "temporal-setup", "gateway-config", "seal-user"} | {
    f"migrate-{database}" for database in names.DATABASES
}
NO_PROGRAM_TO_ASK_WITH = {"temporal-ui", "nats", "gateway"}
SEEING = {"prometheus", "grafana", "jaeger"}
Services = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared(tmp_path_factory.mktemp("compose"))


@pytest.fixture(scope="module")
def services(folder: Path) -> Services:
    found: Services = read(folder)["services"]
    return found


def test_compose_reads_it_without_a_warning(folder: Path) -> None:
    said = config(folder)
    assert said.stderr == ""
    assert json.loads(said.stdout)["services"]


def test_there_is_no_default_for_a_secret(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "docker-compose.yml").write_text((folder / "docker-compose.yml").read_text())
    said = config(tmp_path)
    assert said.stdout == ""
    assert "run saga secrets" in said.stderr


def test_generated_secrets_are_for_their_owner_and_never_overwritten(folder: Path) -> None:
    before = (folder / ".env").read_text()
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / ".saga-compose").stat().st_mode) == 0o700
    assert saga_secrets(folder).returncode == 1
    assert (folder / ".env").read_text() == before
    values = [line.partition("=")[2] for line in before.splitlines() if "_PASSWORD=" in line]
    assert max(Counter(values).values()) == 1  # each its own


def test_no_two_databases_are_in_one_network(services: Services) -> None:
    networks = {database: set(services[database]["networks"]) for database in DATABASES}
    assert all(networks.values())
    for one, other in combinations(DATABASES, 2):
        assert not networks[one] & networks[other], (one, other)


def test_a_service_reaches_its_own_database_only(services: Services) -> None:
    for service in names.SERVICES:
        reached = {db for db in DATABASES if _meet(services[service], services[db])}
        assert reached == {f"{service}-db"}
    for front in ("api", "webhooks"):  # keep webhooks there, and nothing else
        assert {db for db in DATABASES if _meet(services[front], services[db])} == {"event-db"}
    for outsider in ("codec", "gateway", "worker-orders", "worker-payments", "provider"):
        assert not any(_meet(services[outsider], services[db]) for db in DATABASES)


def test_only_the_payment_service_reaches_the_provider(services: Services) -> None:
    reach = {
        service for service, has in services.items() if "provider" in (has.get("networks") or {})
    }
    assert reach == {"payment", "provider"}


def test_every_image_is_pinned(services: Services) -> None:
    for name, has in services.items():
        tag = has["image"].rpartition(":")[2]
        assert tag not in {"", "latest"}, name
        assert has["image"] == "order-saga:local" or any(item.isdigit() for item in tag), name


def test_our_containers_cannot_write_nor_gain_rights(services: Services) -> None:
    ours = {service: has for service, has in services.items() if has["image"] == "order-saga:local"}
    assert len(ours) > 15
    for name, has in ours.items():
        assert has["read_only"], name
        assert has["cap_drop"] == ["ALL"], name
        assert has["security_opt"] == ["no-new-privileges:true"], name
        assert ("user" in has) == (name == "gateway-config"), name


def test_what_serves_has_a_health_check(services: Services) -> None:
    for name, has in services.items():
        if name not in JOBS | NO_PROGRAM_TO_ASK_WITH | SEEING:
            assert has["healthcheck"]["test"], name


def test_who_depends_on_another_says_until_when(services: Services) -> None:
    for name, has in services.items():
        for other, needs in has.get("depends_on", {}).items():
            expected = "service_completed_successfully" if other in JOBS else "service_healthy"
            assert needs["condition"] == expected, (name, other)


def test_workers_can_be_scaled(services: Services) -> None:
    for queue in names.Queue:
        worker = services[f"worker-{queue}"]
        assert "container_name" not in worker
        assert "ports" not in worker
        assert queue in worker["command"]


def test_nobody_is_told_to_find_others_at_itself(services: Services) -> None:
    """Of two Temporals, each would take the other for itself."""
    for name, has in services.items():
        for variable, value in (has.get("environment") or {}).items():
            announced = "BROADCAST" in variable or "ADVERTISE" in variable
            assert not (announced and str(value).startswith("127.")), (name, variable)


def test_ports_are_published_on_loopback_alone(services: Services) -> None:
    for name, has in services.items():
        for port in has.get("ports", []):
            assert port["host_ip"] == "127.0.0.1", name


def test_what_is_mounted_is_there(services: Services, folder: Path) -> None:
    for name, has in services.items():
        for mount in has.get("volumes", []):
            if mount["type"] == "bind":
                assert (ROOT / Path(mount["source"]).relative_to(folder)).exists(), name


def test_prometheus_looks_at_names_that_there_are(services: Services) -> None:
    scraped = yaml.safe_load((ROOT / "deploy/compose/prometheus.yml").read_text())
    for job in scraped["scrape_configs"]:
        for found in job["dns_sd_configs"]:
            for name in found["names"]:
                assert "metrics" in services[name]["networks"], name


def test_the_gateway_has_the_configuration_of_the_local_stack(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "envoy.json"
    job = services["gateway-config"]
    argv = [str(output) if item.startswith("/gateway") else item for item in job["command"]]
    for name, value in job["environment"].items():
        monkeypatch.setenv(name, value or "")
    monkeypatch.setattr("sys.argv", argv)
    program.main()
    same = Gateway(
        Address("0.0.0.0", 8080),  # noqa: S104
        (Address("api", 8000),),
        Address("0.0.0.0", 9901),  # noqa: S104
        issuer="urn:order-saga:local",
        audience="order-saga-api",
        keys=KeySource("/run/secrets/jwks"),
        access_log=program.STDOUT,
        admin=program.ADMIN,
        settings=GatewaySettings.by(os.environ),
        watched=True,
    )
    assert json.loads(output.read_text()) == same.config()


def _meet(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return bool(set(one.get("networks") or {}) & set(other["networks"]))
