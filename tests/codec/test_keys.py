"""Keys: private files, typed faults that name no secret, rotation without a restart."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from infrastructure.security import key_ring
from infrastructure.security.envelope_encryption import EnvelopeEncryptor
from infrastructure.security.key_ring import KeyFile, KeyRing, KeysUnusable, serialize_keys
from infrastructure.temporal.codec_settings import PayloadSettings
from infrastructure.temporal.data_converter import converter_of
from local_stack.errors import StackError
from local_stack.options import Options
from local_stack.secrets.passwords import load_or_make
from local_stack.secrets.payload_keys import environment
from local_stack.state_dir import StateDir
from tests.codec.rings import LATER, NEW, NOW, OLD, envelope, key_file, ring


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = key_file(tmp_path, NEW)
    for mode in (0o644, 0o604, 0o620, 0o602):
        path.chmod(mode)
        with pytest.raises(KeysUnusable, match="chmod 600"):
            KeyFile(path)
    path.chmod(0o640)  # as Kubernetes mounts it for a process's group
    assert KeyFile(path).ring().keys == (NEW,)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Invalid JSON"),
        ('{"keys": []}', "keys: Tuple should have at least 1 item"),
        ('{"keys": [{"id": "a", "secret": "c2VjcmV0LW9uZQ==", "starts": "2026-01-01"}]}', "starts"),
        (
            '{"keys": [{"id": "a", "secret": "c2VjcmV0LW9uZQ==", "starts": "2026-01-01T00:00Z"}]}',
            "10 bytes",
        ),
        (serialize_keys((NEW, NEW)), "two keys of the same id"),
    ],
)
def test_what_is_wrong_with_keys_is_said_without_a_secret(text: str, said: str) -> None:
    with pytest.raises(KeysUnusable, match=said) as refused:
        KeyRing.parse(text, "keys.json")
    assert "c2VjcmV0" not in str(refused.value)
    assert NEW.secret not in str(refused.value)


def test_no_key_shows_its_secret_where_it_is_printed() -> None:
    for shown in (repr(NEW), repr(ring(NEW)), str(NEW)):
        assert NEW.secret not in shown


def test_a_new_key_is_used_once_it_starts() -> None:
    three = ring(LATER, OLD, NEW)
    assert three.current(NOW) == NEW
    assert three.current(LATER.starts) == LATER
    assert three.current(OLD.starts - timedelta(days=1)) == OLD


def test_keys_that_come_later_are_found_without_a_restart(tmp_path: Path) -> None:
    source = KeyFile(key_file(tmp_path, OLD))
    sealed = envelope(NEW).seal(b"ada", b"here")
    key_file(tmp_path, OLD, NEW)
    assert EnvelopeEncryptor(source).open(sealed, b"here") == b"ada"


def test_a_new_key_in_the_file_is_used_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = KeyFile(key_file(tmp_path, OLD))
    key_file(tmp_path, OLD, NEW)
    monkeypatch.setattr(key_ring, "LOOK_AGAIN", -1.0)
    assert EnvelopeEncryptor(source).seal(b"", b"").key_id == NEW.id


def test_a_file_that_is_gone_or_spoilt_costs_nothing_that_was_known(tmp_path: Path) -> None:
    path = key_file(tmp_path, OLD)
    source = KeyFile(path)
    path.write_text("{")
    assert source.again().keys == (OLD,)
    path.unlink()
    assert source.again().keys == (OLD,)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"PAYLOAD_ENCRYPTION": "required"}, "set PAYLOAD_KEYS_FILE or PAYLOAD_KEYS"),
        ({"PAYLOAD_ENCRYPTION": "migrating"}, "set PAYLOAD_KEYS_FILE or PAYLOAD_KEYS"),
        (
            {"PAYLOAD_ENCRYPTION": "off", "PAYLOAD_KEYS": serialize_keys((NEW,))},
            "leave one of them",
        ),
        ({"PAYLOAD_KEYS_FILE": "/nowhere/keys.json"}, "cannot be read"),
        ({"PAYLOAD_KEYS": "secret"}, "PAYLOAD_KEYS holds no keys"),
    ],
)
def test_without_usable_keys_nothing_starts(settings: dict[str, str], said: str) -> None:
    with pytest.raises(KeysUnusable, match=said):
        converter_of(PayloadSettings.of(settings), "default")


def test_without_keys_payloads_are_plain_and_with_keys_encryption_is_required() -> None:
    assert converter_of(PayloadSettings.of({}), "default").payload_codec is None
    assert PayloadSettings.of({"PAYLOAD_KEYS": serialize_keys((NEW,))}).mode == "required"


def invoke(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["keys", *words], env={"COLUMNS": "200"})
    assert done.exit_code == code, done.output
    return done.output


def test_keys_are_made_listed_and_dropped(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    said = invoke("new", "--file", str(path))
    assert path.stat().st_mode & 0o777 == 0o600
    first = json.loads(path.read_text())["keys"][0]
    assert first["id"] in said
    assert first["secret"] not in said
    invoke("new", "--file", str(path), "--in", "10m")
    second = json.loads(path.read_text())["keys"][1]["id"]
    assert "seals and opens" in next(
        line for line in invoke("list", "--file", str(path)).splitlines() if first["id"] in line
    )
    invoke("drop", first["id"], "--file", str(path), code=2)  # it is in use until the other starts
    invoke("drop", second, "--file", str(path))
    assert [key["id"] for key in json.loads(path.read_text())["keys"]] == [first["id"]]


def test_a_stack_encrypts_once_it_was_told_to(tmp_path: Path) -> None:
    layout = StateDir(tmp_path)
    plain, encrypted = Options(tmp_path), Options(tmp_path, encrypt=True)
    assert environment(plain, layout, {}) == {}
    told = environment(encrypted, layout, {})
    assert PayloadSettings.of(told).mode == "required"
    assert environment(plain, layout, {}) == told  # what is encrypted stays readable
    mine = {"PAYLOAD_KEYS_FILE": "/my/keys.json"}
    assert environment(plain, layout, mine) == mine | {"LOG_ERRORS": "types"}


def test_a_stack_with_plain_workflows_is_migrated_on_demand_only(tmp_path: Path) -> None:
    layout = StateDir(tmp_path)
    load_or_make(layout.secrets)
    layout.temporal.touch()
    encrypted = Options(tmp_path, encrypt=True)
    with pytest.raises(StackError, match="PAYLOAD_ENCRYPTION=migrating"):
        environment(encrypted, layout, {})
    told = environment(encrypted, layout, {"PAYLOAD_ENCRYPTION": "migrating"})
    assert PayloadSettings.of(told).mode == "migrating"
