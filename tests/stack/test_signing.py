"""The local stack's key: made once, its owner's alone, and the tokens that it signs."""

import os
import stat
from pathlib import Path

import jwt
import pytest
from typer.testing import CliRunner, Result

from cli.client import api_token
from cli.main import app
from infrastructure.security.jwks import parse
from local_stack.commands import checks
from local_stack.errors import StackError
from local_stack.options import ExternalServices
from local_stack.secrets import signing_keys
from local_stack.state_dir import StateDir

LOCAL = "http://127.0.0.1:8000"


@pytest.fixture
def layout(tmp_path: Path) -> StateDir:
    """A state dir with a key."""
    layout = StateDir(tmp_path / ".saga").create()
    signing_keys.load_or_make(layout)
    return layout


def token(layout: StateDir, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["token", f"--state-dir={layout.path}", *arguments])


def claims(layout: StateDir, token: str) -> dict[str, object]:
    """What it says, as the API of this stack reads it."""
    (key,) = parse(layout.jwks.read_bytes()).values()
    return jwt.decode(token.strip(), key, algorithms=["ES256"], audience=signing_keys.AUDIENCE)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_the_key_is_its_owners_alone_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    layout = StateDir(tmp_path / ".saga").create()
    before = os.umask(umask)
    try:
        signing_keys.load_or_make(layout)
    finally:
        os.umask(before)
    assert stat.S_IMODE(layout.signing_key.stat().st_mode) == 0o600
    assert checks.private("signing key", layout.signing_key).ok
    layout.signing_key.chmod(0o640)
    assert not checks.private("signing key", layout.signing_key).ok


def test_the_key_is_made_once_and_never_given_away(layout: StateDir) -> None:
    first = layout.signing_key.read_text()
    signing_keys.load_or_make(layout)
    assert layout.signing_key.read_text() == first
    assert '"d"' not in layout.jwks.read_text()
    environment = signing_keys.environment(layout)
    assert first not in str(environment)
    assert environment["API_AUTH_JWKS"] == str(layout.jwks)


def test_a_spoiled_key_is_an_error_in_words(layout: StateDir) -> None:
    layout.signing_key.write_text("spoiled")
    with pytest.raises(StackError, match="delete it and run `saga up` again"):
        signing_keys.load_or_make(layout)


def test_saga_token_for_a_customer(layout: StateDir) -> None:
    found = claims(layout, token(layout, "--customer", "usr_1").output)
    assert (found["sub"], found["scope"], found["iss"]) == (
        "usr_1",
        "customer",
        signing_keys.ISSUER,
    )


def test_saga_token_for_a_service_by_its_name_until_a_time(layout: StateDir) -> None:
    asked = ("--scope", "service", "--subject", "checkout", "--expires", "15m")
    found = claims(layout, token(layout, *asked).output)
    assert (found["sub"], found["scope"]) == ("checkout", "service")
    assert isinstance(found["exp"], int)
    assert isinstance(found["iat"], int)
    assert found["exp"] - found["iat"] == 900


def test_saga_token_for_an_operator_is_in_the_name_of_whoever_asks(layout: StateDir) -> None:
    found = claims(layout, token(layout, "--scope", "operator").output)
    assert (found["sub"], found["scope"]) == (signing_keys.username(), "operator")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--customer usr_"),
        (("--scope", "customer"), "--customer usr_"),
        (("--scope", "root"), "operator"),
        (("--customer", "usr_1", "--scope", "operator"), "leave out"),
        (("--customer", "usr_1", "--subject", "me"), "leave out"),
        (("--scope", "operator", "--expires", "0h"), "90s"),
        (("--scope", "operator", "--expires", "tomorrow"), "90s"),
    ],
)
def test_saga_token_says_what_is_wrong(
    layout: StateDir, arguments: tuple[str, ...], said: str
) -> None:
    done = token(layout, *arguments)
    assert done.exit_code == 2
    assert said in done.output


def test_saga_token_without_a_key_says_what_to_do(tmp_path: Path) -> None:
    done = token(StateDir(tmp_path), "--scope", "operator")
    assert isinstance(done.exception, StackError)
    assert "run `saga up`" in str(done.exception)


def test_commands_call_as_saga_token_says_else_as_the_local_operator(layout: StateDir) -> None:
    given = {"SAGA_TOKEN": "given"}
    assert api_token(LOCAL, layout.path, given) == "given"
    assert api_token("https://orders.example.com", layout.path, given) == "given"
    own = api_token(LOCAL, layout.path, {})
    assert own is not None
    assert claims(layout, own)["scope"] == "operator"


@pytest.mark.parametrize("url", ["https://orders.example.com", "http://127.0.0.1.example.com"])
def test_a_local_token_is_not_sent_to_another_machine(layout: StateDir, url: str) -> None:
    assert api_token(url, layout.path, {}) is None


def test_without_a_key_commands_call_without_a_token(tmp_path: Path) -> None:
    assert api_token(LOCAL, tmp_path, {}) is None


def test_an_issuer_of_the_users_must_be_told_whole() -> None:
    with pytest.raises(StackError, match="API_AUTH_ISSUER and API_AUTH_AUDIENCE"):
        ExternalServices.by(
            {"API_AUTH_JWKS": "https://issuer.example/jwks", "API_AUTH_ISSUER": "me"}
        )
