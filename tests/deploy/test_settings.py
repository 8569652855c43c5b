"""Each process finds its settings in the manifests, read by the classes that it has for them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.__main__ import EventPlace
from cli.security.secrets import make_keys
from contracts.names import SERVICES
from infrastructure.security.key_ring import new_key, serialize_keys
from infrastructure.settings import UserKeySettings
from infrastructure.temporal.codec_settings import PayloadSettings
from services.locations import ServiceLocationSettings
from tests.deploy.kinds import KNOWN, READ, declared
from tests.deploy.reading import RUNS, SAFE, environment
from tests.deploy.rendered import Object, of_kind, render


@pytest.fixture(scope="module")
def objects() -> list[Object]:
    return render("production")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What secrets are mounted in /run."""
    folder = tmp_path_factory.mktemp("run")
    made = folder / "made"
    make_keys(made)
    files = {
        "service-key/key.pem": (made / "service-key.pem").read_text(),
        "service-jwks/jwks.json": (made / "service-jwks.json").read_text(),
        "payload-keys/keys.json": serialize_keys((new_key(datetime.now(UTC)),)),
        "user-keys/keys.json": serialize_keys((new_key(datetime.now(UTC)),)),
    }
    for name, text in files.items():
        (folder / name).parent.mkdir()
        (folder / name).write_text(text)
        (folder / name).chmod(0o440)
    return folder


@pytest.fixture
def found(
    objects: list[Object], run: Path, monkeypatch: pytest.MonkeyPatch, process: str
) -> dict[str, str]:
    """The process's environment, which is this one's now."""
    for known in {field.upper() for one in KNOWN for field in one.model_fields}:
        monkeypatch.delenv(known, raising=False)
    given = environment(objects, process, run)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return given


@pytest.mark.parametrize("process", RUNS)
def test_a_process_finds_what_it_reads(found: dict[str, str], process: str) -> None:
    """Nothing it cannot do without is missing, and nothing is malformed."""
    for settings in READ[RUNS[process]]:
        read = settings()
        unset = {name.upper() for name in settings.model_fields if name.upper() not in found}
        assert unset <= SAFE.keys(), (settings, read)


@pytest.mark.parametrize("process", RUNS)
def test_keys_are_where_a_process_looks_for_them(found: dict[str, str], process: str) -> None:
    reads = READ[RUNS[process]]
    if PayloadSettings in reads:
        assert PayloadSettings.of().mode == "required"
        PayloadSettings.of().keys()
    if ServiceLocationSettings in reads:
        assert set(ServiceLocationSettings().locations().urls) == set(SERVICES)
    if UserKeySettings in reads:
        assert UserKeySettings().keys() is not None
    if EventPlace in reads:
        assert EventPlace().event_database_url  # else there would be no webhooks


def test_every_process_is_asked(objects: list[Object]) -> None:
    deployments = of_kind(objects, "Deployment")
    containers = {
        deployment["metadata"]["name"]: _container(deployment) for deployment in deployments
    }
    assert {name: container["args"][0] for name, container in containers.items()} == RUNS


def _container(deployment: Object) -> Object:
    found: Object = deployment["spec"]["template"]["spec"]["containers"][0]
    return found


def test_all_settings_are_known_here() -> None:
    """Those of a new class must be given to whoever reads it."""
    assert {(item.__module__, item.__name__) for item in KNOWN} == set(declared())
