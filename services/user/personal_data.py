"""Personal data of one person, sealed under that person's own key.

Whoever deletes the key has erased the data wherever it is, in old backups too. The key itself is
wrapped under a key-encryption key, if there is one, so that the database alone reads nothing.
"""

import secrets
from typing import NamedTuple

from contracts.base import Message
from infrastructure.security.envelope_encryption import EnvelopeEncryptor, decrypt, encrypt
from infrastructure.security.key_ring import SIZE, EncryptionError, Keys
from saga.participant import Unavailable


class Personal(Message):
    """What is known of a person."""

    name: str
    email: str


class SubjectKey(NamedTuple):
    """A person's key as it is kept: wrapped under the key of that id, or plain without one."""

    key_id: str | None
    key: bytes


class PersonalDataCipher:
    """Seals and opens personal data. Without `envelope`, persons' keys are kept as they are."""

    def __init__(self, envelope: EnvelopeEncryptor | None = None) -> None:
        self._envelope = envelope

    @classmethod
    def under(cls, keys: Keys | None) -> "PersonalDataCipher":
        """Which wraps persons' keys under these, if there are any."""
        return cls(EnvelopeEncryptor(keys) if keys else None)

    def seal(self, user_id: str, personal: Personal) -> tuple[SubjectKey, bytes]:
        """Under a new key: the key as it is to be kept, and the sealed data."""
        kept, key = self._new_key()
        return kept, encrypt(key, personal.model_dump_json().encode(), _place(user_id))

    def open(self, user_id: str, kept: SubjectKey, sealed: bytes) -> Personal:
        """What was sealed. Unavailable if the key cannot be unwrapped here, or does not fit."""
        try:
            plain = decrypt(self._unwrap(kept), sealed, _place(user_id))
        except EncryptionError as error:
            raise Unavailable(f"personal data of {user_id} cannot be read: {error}") from error
        return Personal.model_validate_json(plain)

    def _new_key(self) -> tuple[SubjectKey, bytes]:
        if self._envelope is None:
            key = secrets.token_bytes(SIZE)
            return SubjectKey(None, key), key
        key_id, wrapped, key = self._envelope.new_data_key()
        return SubjectKey(key_id, wrapped), key

    def _unwrap(self, kept: SubjectKey) -> bytes:
        if kept.key_id is None:
            return kept.key
        if self._envelope is None:
            raise Unavailable("persons' keys are wrapped: set USER_KEYS_FILE")
        return self._envelope.unwrap(kept.key_id, kept.key)


def _place(user_id: str) -> bytes:
    return f"user/{user_id}".encode()
