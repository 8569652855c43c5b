"""Where each service is: in this process, or at a URL. A choice of settings, not of code."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field, FilePath

from contracts.names import SERVICES
from infrastructure.security.access_tokens import Issuer
from infrastructure.security.key_ring import Keys
from infrastructure.security.signing_keys import SigningKey
from infrastructure.settings import (
    DatabaseSettings,
    ProviderSettings,
    ServiceDatabaseSettings,
    ServiceUrlSettings,
    UserKeySettings,
)


@dataclass(frozen=True)
class ServiceLocations:
    """By service: the URL of its database if it is to run in this process, else its own URL.

    `provider` and `user_keys` are for services in this process, `issuer` mints the tokens by
    which services at URLs know us; `authorities` (PEM) sign the certificates of those at https
    URLs, instead of the usual ones. ValueError if a service has no place or two, or one lacks.
    """

    databases: Mapping[str, str]
    urls: Mapping[str, str] = field(default_factory=dict)
    provider: ProviderSettings | None = None
    issuer: Issuer | None = None
    authorities: Path | None = None
    user_keys: Keys | None = None

    def __post_init__(self) -> None:
        for service in SERVICES:
            name = service.upper()
            if (service in self.databases) == (service in self.urls):
                raise ValueError(f"set either {name}_DATABASE_URL or {name}_SERVICE_URL")
        if self.urls and self.issuer is None:
            raise ValueError("set SERVICE_AUTH_ISSUER and SERVICE_AUTH_KEY to call services")
        if "payment" in self.databases and self.provider is None:
            raise ValueError("set PAYMENT_PROVIDER_URL and PAYMENT_PROVIDER_KEY")

    @classmethod
    def local(cls, settings: DatabaseSettings, provider: ProviderSettings) -> "ServiceLocations":
        """All services in this process."""
        databases = {
            service: str(getattr(settings, f"{service}_database_url")) for service in SERVICES
        }
        return cls(databases, provider=provider)


class ServiceLocationSettings(ServiceDatabaseSettings, ServiceUrlSettings):
    """USER_DATABASE_URL or USER_SERVICE_URL, and so on; who we are to services at URLs."""

    service_auth_issuer: str = Field(
        default="", description="Who signs the tokens of calls between services: their claim iss"
    )
    service_auth_key: Path | None = Field(
        default=None, description="The private key (PEM) that signs tokens for other services"
    )
    service_tls_authorities: FilePath | None = Field(
        default=None, description="Authorities (PEM) that services' certificates are signed by"
    )

    def locations(self) -> ServiceLocations:
        """What was set. ValueError if it makes no whole; OSError if the key cannot be read."""
        databases = self.databases()
        provider = ProviderSettings() if "payment" in databases else None
        return ServiceLocations(
            databases,
            self.urls(),
            provider,
            self._issuer(),
            self.service_tls_authorities,
            UserKeySettings().keys() if "user" in databases else None,
        )

    def _issuer(self) -> Issuer | None:
        if self.service_auth_key is None or not self.service_auth_issuer:
            return None
        key = SigningKey.from_pem(self.service_auth_key.read_bytes())
        return Issuer(self.service_auth_issuer, key)
