"""`saga keys`: the keys of encrypted payloads. No command prints a key itself."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cli.client import STATE_DIR
from cli.durations import lifetime
from infrastructure.security.key_ring import Key, KeyRing, KeysUnusable, new_key, serialize_keys
from local_stack.state_dir import StateDir, write_private

app = typer.Typer(help="Keys of encrypted payloads.", no_args_is_help=True)
File = Annotated[
    Path, typer.Option("--file", help="Where they are, for their owner's eyes only (mode 0600)")
]
OURS = StateDir(STATE_DIR).payload_keys


@app.command()
def new(
    file: File = OURS,
    after: Annotated[
        str, typer.Option("--in", help="Use it for new payloads in so long: 0s, 10m, 1h")
    ] = "0s",
) -> None:
    """Add a key; it is used for all new payloads, and older keys still open older ones."""
    keys = _read(file).keys if file.exists() else ()
    made = new_key(datetime.now(UTC), after=lifetime(after))
    write_private(file, serialize_keys((*keys, made)))
    typer.echo(f"{made.id} in {file}, used from {made.starts:%Y-%m-%d %H:%M:%S} UTC on")


@app.command("list")
def list_keys(file: File = OURS) -> None:
    """Show the keys' ids, and which of them new payloads are sealed under."""
    ring = _read(file)
    current = ring.current(datetime.now(UTC)).id
    for key in ring.keys:
        use = "seals and opens" if key.id == current else "opens"
        typer.echo(f"{key.id}  from {key.starts:%Y-%m-%d %H:%M:%S} UTC  {use}")


@app.command()
def drop(
    key: Annotated[str, typer.Argument(help="Its id; nothing that it sealed can be read any more")],
    file: File = OURS,
) -> None:
    """Remove an old key for good."""
    ring = _read(file)
    if key not in ring.material:
        raise typer.BadParameter(f"{file} has no key {key}")
    if key == ring.current(datetime.now(UTC)).id:
        raise typer.BadParameter(f"{key} is the one in use: make a new one first")
    write_private(file, serialize_keys(_without(ring, key)))
    typer.echo(f"{key} is gone")


def _without(ring: KeyRing, key: str) -> tuple[Key, ...]:
    return tuple(name for name in ring.keys if name.id != key)


def _read(file: Path) -> KeyRing:
    try:
        return KeyRing.of_file(file)
    except KeysUnusable as error:
        raise typer.BadParameter(str(error)) from error
