"""`saga-api` as a process: it does not start where nobody could be told from anybody else."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from infrastructure.settings import DatabaseSettings
from local_stack.programs import program
from tests.support.ports import free_port
from tests.support.tokens import AUDIENCE, ISSUER, bearer
from tests.support.waiting import until

GOOD = {"API_AUTH_ISSUER": ISSUER.name, "API_AUTH_AUDIENCE": AUDIENCE}
START = 60.0


def command(port: int, host: str = "127.0.0.1") -> list[str]:
    return [*program("saga-api", "--host", host, "--port", str(port))]


def environment(**auth: str) -> dict[str, str]:
    """Ours, with these settings and no others."""
    ours = {
        name: variable for name, variable in os.environ.items() if not name.startswith("API_AUTH_")
    }
    return ours | {"PYTHONPATH": ":".join(filter(None, sys.path))} | auth


def refusal(**auth: str) -> str:
    """What it says when it does not start."""
    done = subprocess.run(
        command(free_port()),
        env=environment(**auth),
        capture_output=True,
        text=True,
        check=False,
        timeout=START,
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    return done.stderr


def test_without_settings_it_says_what_to_set() -> None:
    said = refusal()
    for name in ("API_AUTH_ISSUER", "API_AUTH_AUDIENCE", "API_AUTH_JWKS"):
        assert f"{name}: Field required" in said
    assert "docs/authentication.md" in said


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "No such file"),
        ("", "no key set"),
        ('{"keys": []}', "no ES256 key"),
        (ISSUER.key.pem, "no key set"),
    ],
    ids=["no file", "an empty file", "no keys", "the private key"],
)
def test_without_keys_it_says_why(tmp_path: Path, content: str | None, why: str) -> None:
    path = tmp_path / "jwks.json"
    if content is not None:
        path.write_text(content)
    said = refusal(**GOOD, API_AUTH_JWKS=str(path))
    assert f"{path}: " in said
    assert why in said
    assert "PRIVATE" not in said


def test_keys_over_plain_http_and_a_long_leeway_are_refused(tmp_path: Path) -> None:
    assert "https" in refusal(**GOOD, API_AUTH_JWKS="http://keys.example/jwks")
    (tmp_path / "jwks.json").write_text(ISSUER.key.jwks)
    good = GOOD | {"API_AUTH_JWKS": str(tmp_path / "jwks.json")}
    assert "API_AUTH_LEEWAY" in refusal(**good, API_AUTH_LEEWAY="31")


@contextmanager
def serving(host: str, port: int, env: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("w") as output:
        process = subprocess.Popen(command(port, host), env=env, stdout=output, stderr=output)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(START)


async def test_with_keys_it_serves_any_address_and_asks_for_a_token(
    migrated: DatabaseSettings, tmp_path: Path
) -> None:
    (tmp_path / "jwks.json").write_text(ISSUER.key.jwks)
    databases = {name.upper(): str(url) for name, url in migrated.model_dump().items()}
    env = environment(
        **GOOD,
        **databases,
        API_AUTH_JWKS=str(tmp_path / "jwks.json"),
        PAYMENT_PROVIDER_URL="http://127.0.0.1:1",
        PAYMENT_PROVIDER_KEY="sk_test_nobody",
        TEMPORAL_ADDRESS="127.0.0.1:1",
    )
    port = free_port()
    with serving("0.0.0.0", port, env, tmp_path / "log"):  # noqa: S104 - what is tested
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:

            async def live() -> bool:
                try:
                    return (await http.get("/health/live")).status_code == 200
                except httpx2.HTTPError:
                    return False

            await until(live, within=START)
            assert (await http.get("/v1/products")).status_code == 401
            assert (await http.get("/v1/products", headers=bearer())).status_code == 200
