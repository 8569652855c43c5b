"""Envelope encryption: data is sealed under a key of its own, and that one under a long-lived key.

Each thing has a data key, which is wrapped under a key-encryption key (AES key wrap, RFC 3394): no
long-lived key ever meets data, so none wears out. The data is encrypted by AES-256-GCM, with what
it belongs to as associated data. Errors are those of `keys`.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap,
    aes_key_wrap,
)

from infrastructure.security.key_ring import SIZE, Keys, Tampered, UnknownKey

NONCE = 12


@dataclass(frozen=True)
class Sealed:
    """Something encrypted: the key's id, the wrapped data key, and nonce with cipher text."""

    key_id: str
    wrapped: bytes
    data: bytes


class EnvelopeEncryptor:
    """Seals and opens under keys."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def check(self) -> None:
        """KeysUnusable if there is nothing to seal under; for start-up."""
        self._keys.ring()

    def seal(self, plain: bytes, place: bytes) -> Sealed:
        """Under the newest key. It opens at this place only."""
        key_id, wrapped, data_key = self.new_data_key()
        return Sealed(key_id, wrapped, encrypt(data_key, plain, _bind(key_id, place)))

    def new_data_key(self) -> tuple[str, bytes, bytes]:
        """A key for one thing: the id of the key that it is wrapped under, wrapped, and plain."""
        ring, data_key = self._keys.ring(), secrets.token_bytes(SIZE)
        key = ring.current(datetime.now(UTC))
        return key.id, aes_key_wrap(ring.material[key.id], data_key), data_key

    def open(self, sealed: Sealed, place: bytes) -> bytes:
        """What was sealed. UnknownKey, or Tampered: it may also belong to another place."""
        data_key = self.unwrap(sealed.key_id, sealed.wrapped)
        return decrypt(data_key, sealed.data, _bind(sealed.key_id, place))

    def unwrap(self, key_id: str, wrapped: bytes) -> bytes:
        """A data key. UnknownKey or Tampered."""
        known = self._keys.ring().material.get(key_id) or self._keys.again().material.get(key_id)
        if known is None:
            raise UnknownKey(f"sealed under the key {key_id!r}, which is not among ours")
        try:
            return aes_key_unwrap(known, wrapped)
        except (InvalidUnwrap, ValueError) as error:
            raise Tampered("its data key is not one that was wrapped by us") from error


def _bind(key_id: str, place: bytes) -> bytes:
    return b"order-saga/1\0" + key_id.encode() + b"\0" + place


def encrypt(key: bytes, plain: bytes, belongs: bytes) -> bytes:
    """Nonce and cipher text. Use a key for few things only, so that no nonce comes twice."""
    nonce = secrets.token_bytes(NONCE)
    return nonce + AESGCM(key).encrypt(nonce, plain, belongs)


def decrypt(key: bytes, data: bytes, belongs: bytes) -> bytes:
    """The plain text. Tampered if anything differs from what was encrypted."""
    try:
        return AESGCM(key).decrypt(data[:NONCE], data[NONCE:], belongs)
    except (InvalidTag, ValueError) as error:
        raise Tampered("it was changed since it was sealed, or belongs elsewhere") from error
