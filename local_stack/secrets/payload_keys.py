"""Payloads of the local stack encrypted: by `saga up --encrypt`, once and for good.

What is encrypted on Temporal can be read with its keys only, so it stays on once they are there.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from infrastructure.security.key_ring import new_key, serialize_keys
from local_stack.errors import StackError
from local_stack.options import Options
from local_stack.program_settings import PAYLOADS, PERSONS
from local_stack.state_dir import StateDir, write_private

FILE, KEYS, MODE = PAYLOADS
USER_FILE, _ = PERSONS
DISCREET = {"LOG_ERRORS": "types"}  # of processes without keys, too


def resolve_encryption(options: Options, layout: StateDir, environ: Mapping[str, str]) -> Options:
    """The options, with `encrypt` as it is going to be."""
    given = bool(environ.get(FILE) or environ.get(KEYS))
    return replace(options, encrypt=options.encrypt or given or layout.payload_keys.exists())


def environment(options: Options, layout: StateDir, environ: Mapping[str, str]) -> dict[str, str]:
    """What has our programs encrypt; a key is made where there is none. Nothing if it is off.

    Keys of the user's own are used instead. StackError if workflows are there from before: they
    could no longer be read.
    """
    if environ.get(FILE) or environ.get(KEYS):
        return {name: environ[name] for name in PAYLOADS if environ.get(name)} | DISCREET
    if not layout.payload_keys.exists():
        if not options.encrypt:
            return {}
        if layout.temporal.exists() and environ.get(MODE) != "migrating":
            raise StackError(
                f"{layout.temporal} holds workflows that are not encrypted: begin anew, or set "
                f"{MODE}=migrating to go on with them"
            )
        write_private(layout.payload_keys, serialize_keys((new_key(datetime.now(UTC)),)))
    return {FILE: str(layout.payload_keys), MODE: environ.get(MODE) or "required"} | DISCREET


def persons(options: Options, layout: StateDir, environ: Mapping[str, str]) -> dict[str, str]:
    """What has the user service wrap persons' keys: likewise, and by a key of its own."""
    if given := {name: environ[name] for name in PERSONS if environ.get(name)}:
        return given
    if not layout.user_keys.exists():
        if not options.encrypt:
            return {}
        write_private(layout.user_keys, serialize_keys((new_key(datetime.now(UTC)),)))
    return {USER_FILE: str(layout.user_keys)}
