"""Whether payloads are encrypted, and under which keys: from the environment, never a default."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from infrastructure.security.key_ring import FixedKeys, KeyFile, KeyRing, Keys, KeysUnusable

Mode = Literal["off", "migrating", "required"]


class PayloadSettings(BaseSettings):
    """PAYLOAD_KEYS_FILE, or PAYLOAD_KEYS with the same JSON; PAYLOAD_ENCRYPTION.

    With keys, encryption is `required`: what is not encrypted is refused. `migrating` encrypts what
    is new and still takes plain text. Without keys it is `off`.
    """

    payload_keys_file: Path | None = Field(
        default=None, description="The keys that encrypt payloads on Temporal (mode 0600)"
    )
    payload_keys: SecretStr | None = Field(
        default=None, description="The keys of `PAYLOAD_KEYS_FILE`, as JSON instead"
    )
    payload_encryption: Mode | None = Field(
        default=None,
        description="Whether payloads are encrypted; unset, `required` if there are keys, else "
        "`off`",
    )

    @classmethod
    def of(cls, environment: Mapping[str, str] | None = None) -> "PayloadSettings":
        """From this environment, else from the process's."""
        found = os.environ if environment is None else environment
        names = {field: field.upper() for field in cls.model_fields}
        return cls.model_validate(
            {key: found[name] for key, name in names.items() if found.get(name)}
        )

    @property
    def mode(self) -> Mode:
        """What was asked for. KeysUnusable where it does not go with the keys."""
        keys = self.payload_keys_file is not None or self.payload_keys is not None
        mode: Mode = self.payload_encryption or ("required" if keys else "off")
        if keys and mode == "off":
            raise KeysUnusable("PAYLOAD_ENCRYPTION is off, but there are keys: leave one of them")
        if not keys and mode != "off":
            raise KeysUnusable(
                f"PAYLOAD_ENCRYPTION is {mode}: set PAYLOAD_KEYS_FILE or PAYLOAD_KEYS, "
                "see docs/encryption.md"
            )
        return mode

    def keys(self) -> Keys:
        """The keys. KeysUnusable if there are none, or none that can be used."""
        if self.payload_keys_file is not None:
            return KeyFile(self.payload_keys_file)
        if self.payload_keys is None:
            raise KeysUnusable("there are no keys: set PAYLOAD_KEYS_FILE or PAYLOAD_KEYS")
        return FixedKeys(KeyRing.parse(self.payload_keys.get_secret_value(), "PAYLOAD_KEYS"))
