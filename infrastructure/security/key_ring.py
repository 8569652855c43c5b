"""Key-encryption keys: where they come from, which one is used, and what can be wrong with them.

    EncryptionError
    ├── KeysUnusable    the keys themselves cannot be used: mend the file, the variable or its mode
    ├── UnknownKey      sealed under a key that is not here: add it, and the same works
    └── Refused         never opens: do not try again
        ├── NotEncrypted    plain text where only sealed data is taken
        ├── Misplaced       sealed for another namespace, workflow or row: it was moved
        └── Tampered        changed since it was sealed, or sealed by somebody without our keys

What is done with them is in `envelope_encryption`.
"""

import base64
import binascii
import json
import secrets
import stat
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from pydantic import AwareDatetime, BaseModel, Field, ValidationError

SIZE = 32  # bytes of every key: AES-256
OPEN_TO_OTHERS = stat.S_IRWXO | stat.S_IWGRP
LOOK_AGAIN = 5.0  # seconds between looks at a file of keys


class EncryptionError(Exception):
    """Base of all of them."""


class KeysUnusable(EncryptionError):
    """Keys are missing, malformed, or readable by others. Mend what the message names."""


class UnknownKey(EncryptionError):
    """Sealed under a key that this process does not have. Give it that key; until then, retry."""


class Refused(EncryptionError):
    """It never opens. Find out who wrote it, and where it came from."""


class NotEncrypted(Refused):
    """Plain text where encryption is required."""


class Misplaced(Refused):
    """It belongs somewhere else."""


class Tampered(Refused):
    """It is not what was sealed."""


class Key(BaseModel, frozen=True):
    """One key. New data is sealed under it from `starts` on, until a newer one starts."""

    id: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")
    secret: str = Field(repr=False)  # base64 of SIZE bytes
    starts: AwareDatetime

    @property
    def material(self) -> bytes:
        """The key itself. KeysUnusable if it is none."""
        try:
            found = base64.b64decode(self.secret, validate=True)
        except binascii.Error as error:
            raise KeysUnusable(f"key {self.id} is not base64") from error
        if len(found) != SIZE:
            raise KeysUnusable(f"key {self.id} has {len(found)} bytes instead of {SIZE}")
        return found


class KeyFileContent(BaseModel, frozen=True):
    """What a file of keys holds, and the variable that may stand in for it."""

    keys: tuple[Key, ...] = Field(min_length=1)


@dataclass(frozen=True)
class KeyRing:
    """All keys that are known: one to seal under, every one to open."""

    keys: tuple[Key, ...]
    material: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def parse(cls, text: str, origin: str) -> "KeyRing":
        """From JSON. KeysUnusable names the origin and what is wrong, and no secret."""
        try:
            keys = KeyFileContent.model_validate_json(text).keys
        except ValidationError as error:
            faults = {
                ".".join(map(str, fault["loc"])) or "it": fault["msg"] for fault in error.errors()
            }
            said = "; ".join(f"{where}: {what}" for where, what in faults.items())
            raise KeysUnusable(f"{origin} holds no keys: {said}; see `saga keys new`") from None
        if len({key.id for key in keys}) != len(keys):
            raise KeysUnusable(f"{origin} has two keys of the same id")
        return cls(keys, {key.id: key.material for key in keys})

    @classmethod
    def of_file(cls, path: Path) -> "KeyRing":
        """KeysUnusable if it is not there, not for us alone, or holds no keys."""
        try:
            mode = path.stat().st_mode
            if mode & OPEN_TO_OTHERS:
                said = f"{path} has mode {stat.S_IMODE(mode):o}, so others may use it"
                raise KeysUnusable(f"{said}: chmod 600 {path}")
            return cls.parse(path.read_text(), str(path))
        except OSError as error:
            raise KeysUnusable(f"{path} cannot be read: {error.strerror}") from error

    def current(self, now: datetime) -> Key:
        """The newest key that has started; the oldest if none has."""
        started = [key for key in self.keys if key.starts <= now]
        return max(started, key=_age) if started else min(self.keys, key=_age)


def _age(key: Key) -> datetime:
    return key.starts


class Keys(Protocol):
    """Where keys come from."""

    def ring(self) -> KeyRing:
        """What is known now."""

    def again(self) -> KeyRing:
        """The same, looked up anew: something was sealed under a key that is not known."""


@dataclass(frozen=True)
class FixedKeys:
    """Keys that do not change while the process runs: from a variable."""

    fixed: KeyRing

    def ring(self) -> KeyRing:
        """Those."""
        return self.fixed

    def again(self) -> KeyRing:
        """Those."""
        return self.fixed


class KeyFile:
    """Keys in a file of JSON, which is read again when it has changed, so none needs a restart."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = _stamp(path)
        self._looked = time.monotonic()
        self._ring = KeyRing.of_file(path)

    def ring(self) -> KeyRing:
        """What the file held some seconds ago, at most."""
        if time.monotonic() - self._looked > LOOK_AGAIN:
            return self.again()
        return self._ring

    def again(self) -> KeyRing:
        """What it holds now. A file that cannot be read any more costs nothing that was known."""
        self._looked = time.monotonic()
        stamp = _stamp(self._path)  # before it is read, so that no change is missed
        if stamp != self._stamp:
            with suppress(KeysUnusable):
                self._ring, self._stamp = KeyRing.of_file(self._path), stamp
        return self._ring


def _stamp(path: Path) -> tuple[int, int]:
    """Another one after each change of the file."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return found.st_mtime_ns, found.st_ino


def new_key(now: datetime, *, after: timedelta = timedelta(0)) -> Key:
    """A random one, used for new data `after` so long: as long as others need to get it, too."""
    secret = base64.b64encode(secrets.token_bytes(SIZE)).decode()
    return Key(id=f"{now:%Y%m%d}-{secrets.token_hex(4)}", secret=secret, starts=now + after)


def serialize_keys(keys: tuple[Key, ...]) -> str:
    """These keys as a file holds them."""
    return json.dumps({"keys": [key.model_dump(mode="json") for key in keys]}, indent=2)
