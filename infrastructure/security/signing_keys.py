"""Keys that sign tokens: P-256 for ES256, and how they are written down (PEM, JWK).

Whoever only verifies has the public half, from a key set; see `jwks`.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from jwt.algorithms import ECAlgorithm

ALGORITHM = "ES256"


@dataclass(frozen=True)
class SigningKey:
    """A private key. Who has it can be anybody."""

    private: EllipticCurvePrivateKey

    @classmethod
    def generate(cls) -> "SigningKey":
        """A new one."""
        return cls(generate_private_key(SECP256R1()))

    @classmethod
    def from_pem(cls, pem: bytes) -> "SigningKey":
        """Read what `pem` wrote. ValueError if it is no P-256 key."""
        private = load_pem_private_key(pem, password=None)
        if not isinstance(private, EllipticCurvePrivateKey) or private.curve.name != "secp256r1":
            raise ValueError("this is no P-256 key")
        return cls(private)

    @property
    def pem(self) -> str:
        """The private key as PKCS 8. Write it where only its owner reads."""
        encoded = self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return encoded.decode()

    @property
    def kid(self) -> str:
        """The key's name: its thumbprint (RFC 7638)."""
        public = self._public()
        named = {name: public[name] for name in ("crv", "kty", "x", "y")}
        digest = hashlib.sha256(json.dumps(named, separators=(",", ":")).encode()).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    @property
    def jwk(self) -> dict[str, str]:
        """The public half, as an entry of a key set (RFC 7517)."""
        return self._public() | {"kid": self.kid, "alg": ALGORITHM, "use": "sig"}

    @property
    def jwks(self) -> str:
        """A key set of this one key, to be given to those who verify."""
        return json.dumps({"keys": [self.jwk]}, indent=2)

    def sign(self, claims: Mapping[str, Any], header: Mapping[str, Any]) -> str:
        """These claims as a token; `alg` and `kid` are added to the header."""
        signed_by = {**header, "kid": self.kid}
        return jwt.encode(dict(claims), self.private, algorithm=ALGORITHM, headers=signed_by)

    def _public(self) -> dict[str, str]:
        return dict(ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True))
