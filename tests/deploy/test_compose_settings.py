"""Every setting that a process reads is set in docker-compose.yml, or left out for a reason."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.names import SERVICES
from infrastructure.temporal.codec_settings import PayloadSettings
from tests.deploy.composed import ROOT, prepared, read
from tests.deploy.kinds import READ

GRAFANA = ROOT / "deploy/compose/grafana"
# Settings that compose leaves at their defaults, and why that is safe.
LEFT: dict[str, str] = {
    **dict.fromkeys(("API_AUTH_LEEWAY", "API_AUTH_MAX_TOKEN_BYTES"), "bounds"),
    **dict.fromkeys(("FAST_PATH", "MOST_OPEN_SAGAS", "PAYMENT_PROVIDER_TIMEOUT"), "tuning"),
    "AUTHENTICATE_WITHIN": "15 minutes are what most shops want",
    "PAYMENT_RETURN_URL": "a page of the shop's, which we do not know; cards that ask are declined",
    "CONSOLE_DEMO_ORDERS": "it is off, as where orders are real",
    **dict.fromkeys(("CONSOLE_REPORTS", "CONSOLE_ENVOY", "API_HANDBOOK"), "the image has none"),
    **dict.fromkeys(
        (f"{service}_DATABASE_URL" for service in map(str.upper, SERVICES)),
        "services are at URLs; a service that lacks its own does not start",
    ),
    **dict.fromkeys(
        ("SERVICE_TLS_CERTIFICATE", "SERVICE_TLS_KEY", "SERVICE_TLS_AUTHORITIES"),
        "services speak on a network that leads nowhere",
    ),
    "PAYLOAD_KEYS": "only who reads payloads has them; LOG_ERRORS says what else they would",
    "REGISTRY_DATABASE_URL": "Docker's DNS knows the containers",
    **dict.fromkeys(("PAYLOAD_KEYS_FILE", "USER_KEYS_FILE"), "the same is set without a file"),
    **dict.fromkeys(("TEMPORAL_DEPLOYMENT_NAME", "TEMPORAL_WORKER_BUILD_ID"), "one version"),
    **dict.fromkeys(
        (
            *("OTEL_SDK_DISABLED", "OTEL_SERVICE_NAME", "OTEL_TRACES_EXPORTER"),
            *("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "SAGA_SPANS", "LOG_FORMAT"),
        ),
        "as OpenTelemetry has it; traces and logs leave the container",
    ),
}


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    found: dict[str, Any] = read(prepared(tmp_path_factory.mktemp("compose")))["services"]
    return found


@pytest.fixture(scope="module")
def ours(services: dict[str, Any]) -> dict[str, Any]:
    """The containers of our image."""
    return {service: has for service, has in services.items() if has["image"] == "order-saga:local"}


def environment(has: dict[str, Any]) -> dict[str, str]:
    """What it finds set; what is null is handed through from outside, where it may be unset."""
    return {name: value for name, value in has["environment"].items() if value is not None}


def test_each_container_has_what_its_program_needs(
    ours: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {has["command"][0] for has in ours.values()} == READ.keys()
    for name, has in ours.items():
        with monkeypatch.context() as patch:
            patch.setattr("os.environ", environment(has))
            for kind in READ[has["command"][0]]:
                kind()  # ValidationError names what is missing
            if PayloadSettings in READ[has["command"][0]]:
                assert PayloadSettings.of().mode == "required", name


def test_nothing_is_left_to_a_default_by_oversight(ours: dict[str, Any]) -> None:
    left = {
        (name, field.upper())
        for name, has in ours.items()
        for kind in READ[has["command"][0]]
        for field in kind.model_fields
        if field.upper() not in has["environment"]
    }
    assert {field for _, field in left} == LEFT.keys()
    served_elsewhere = {"api", *(own for own in ours if own.startswith("worker-"))}
    assert {name for name, field in left if field.endswith("_DATABASE_URL")} <= {
        *served_elsewhere,
        *SERVICES,  # REGISTRY_DATABASE_URL
    }


def test_each_has_the_secrets_that_its_settings_name(ours: dict[str, Any]) -> None:
    folder = Path("/run/secrets")
    for name, has in ours.items():
        if name == "gateway-config":  # names the file that the gateway has
            continue
        given = {item["source"] for item in has.get("secrets", [])}
        named = {
            Path(item).name for item in environment(has).values() if Path(item).parent == folder
        }
        assert named == given, name


def test_grafana_and_prometheus_find_what_is_mounted(services: dict[str, Any]) -> None:
    provided = yaml.safe_load((GRAFANA / "dashboards/files.yaml").read_text())["providers"]
    mounts = {volume["target"]: Path(volume["source"]) for volume in services["grafana"]["volumes"]}
    (folder,) = {item["options"]["path"] for item in provided}
    assert mounts[folder].parts[-2:] == ("deploy", "grafana")
    assert mounts["/etc/grafana/provisioning"].parts[-3:] == ("deploy", "compose", "grafana")
    (source,) = yaml.safe_load((GRAFANA / "datasources/prometheus.yaml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    (alerts,) = yaml.safe_load((GRAFANA.parent / "prometheus.yml").read_text())["rule_files"]
    mounted = {
        volume["target"]: Path(volume["source"]) for volume in services["prometheus"]["volumes"]
    }
    rules = ROOT / Path(*mounted[str(Path(alerts).parent)].parts[-2:])
    assert list(rules.glob(Path(alerts).name)) == [ROOT / "deploy/prometheus/alerts.yml"]
