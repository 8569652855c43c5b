"""`saga secrets`: passwords and keys for `docker compose`, made once and kept for us alone.

Containers do not run as whoever calls this, so they could not read files of mode 0600. What they
read is in a folder that only its owner may enter; Docker mounts the single files from there.
"""

import json
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from contracts.names import DATABASES
from infrastructure.security.key_ring import new_key, serialize_keys
from local_stack.secrets import signing_keys
from local_stack.state_dir import StateDir, write_private

FOLDER = Path(".saga-compose")
READABLE = ("jwks.json", "service-key.pem", "service-jwks.json")


def command(
    env: Annotated[Path, typer.Option(help="Where the passwords go")] = Path(".env"),
    folder: Annotated[Path, typer.Option(help="Where the keys go")] = FOLDER,
) -> None:
    """Make what `docker compose up` needs: .env and .saga-compose/. Never overwrites anything."""
    if env.exists():
        typer.secho(f"{env} is there already; nothing was changed", fg="yellow", err=True)
        raise typer.Exit(1)
    make_keys(folder)
    write_private(env, dotenv(folder))
    typer.echo(f"{env} and {folder}/ are made, for your eyes only")


def make_keys(folder: Path) -> None:
    """The signing key of tokens, and the one between services."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    layout = StateDir(folder)
    signing_keys.load_or_make(layout)
    signing_keys.make_service_key(layout)
    for name in READABLE:
        (folder / name).chmod(0o644)


def dotenv(folder: Path) -> str:
    """What compose reads. Hexadecimal, so that nothing needs quoting in a URL.

    Keys that encrypt are here and not in the folder: their files must be nobody else's.
    """
    lines = [
        f"{database.upper()}_PASSWORD={secrets.token_hex(24)}"
        for database in (*DATABASES.values(), "temporal")
    ]
    lines += [f"{name}='{_keys()}'" for name in ("PAYLOAD_KEYS", "USER_KEYS")]
    lines += [
        f"PROVIDER_KEY=sk_test_{secrets.token_hex(24)}",
        f"GRAFANA_PASSWORD={secrets.token_hex(12)}",
        f"SECRETS_FOLDER=./{folder}" if not folder.is_absolute() else f"SECRETS_FOLDER={folder}",
    ]
    return "\n".join(["# Made by `saga secrets`. Keep it; do not commit it.", *lines, ""])


def _keys() -> str:
    """A new ring of one key, on one line."""
    return json.dumps(json.loads(serialize_keys((new_key(datetime.now(UTC)),))))
