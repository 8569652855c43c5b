"""Keys and codecs for tests; nothing here is ever a default."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from temporalio.api.common.v1 import Payload
from temporalio.converter import DataConverter

from infrastructure.security.envelope_encryption import EnvelopeEncryptor
from infrastructure.security.key_ring import FixedKeys, Key, KeyRing, new_key, serialize_keys
from infrastructure.temporal.codec_settings import PayloadSettings
from infrastructure.temporal.data_converter import converter_of
from infrastructure.temporal.payload_codec import PayloadEncryptor, Plaintext

NOW = datetime.now(UTC)
OLD = new_key(NOW - timedelta(days=30))
NEW = new_key(NOW - timedelta(days=1))
LATER = new_key(NOW + timedelta(days=1))
SAID = Payload(metadata={"encoding": b"json/plain"}, data=b'"ada@example.com"')


def ring(*keys: Key) -> KeyRing:
    return KeyRing.parse(serialize_keys(keys), "a test")


def envelope(*keys: Key) -> EnvelopeEncryptor:
    return EnvelopeEncryptor(FixedKeys(ring(*keys)))


def encryptor(
    *keys: Key, namespace: str = "default", plaintext: Plaintext = Plaintext.REFUSE
) -> PayloadEncryptor:
    return PayloadEncryptor(envelope(*keys), namespace, plaintext)


def key_file(folder: Path, *keys: Key) -> Path:
    path = folder / "keys.json"
    path.write_text(serialize_keys(keys))
    path.chmod(0o600)
    return path


def encrypting(namespace: str = "default", *, mode: str = "required") -> DataConverter:
    """What a process has whose settings say so."""
    environment = {"PAYLOAD_KEYS": serialize_keys((OLD, NEW)), "PAYLOAD_ENCRYPTION": mode}
    return converter_of(PayloadSettings.of(environment), namespace)
