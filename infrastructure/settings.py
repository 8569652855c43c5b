"""Settings from the environment; read in composition roots only.

Temporal's own settings are not here: `temporalio.envconfig` reads `TEMPORAL_*` and profiles.
"""

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings

from contracts.names import SERVICES
from infrastructure.http.ssrf_safe_client import Network, networks
from infrastructure.security.key_ring import FixedKeys, KeyFile, KeyRing, Keys

HOST = re.compile(r"(\[[\w.:]+\]|[\w.-]+)(?::(\d+))?")


def with_driver(url: str) -> str:
    """The URL as SQLAlchemy wants it; `postgres://` and `postgresql://` are welcome too.

    So are several hosts, as libpq has them: `postgresql://role:password@a:5432,b:5432/database`.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in {"postgres", "postgresql", "postgresql+asyncpg"}:
        raise ValueError("must look like postgresql://role:password@host:port/database")
    return f"postgresql+asyncpg://{_move_hosts(rest)}"


def _move_hosts(rest: str) -> str:
    """Several hosts go to the query; one stays where it is."""
    place, slash, path = rest.partition("/")
    role, at, hosts = place.rpartition("@")
    if "," not in hosts:
        return rest
    found = [HOST.fullmatch(host) for host in hosts.split(",")]
    if not all(found):
        raise ValueError("several hosts must look like a:5432,b:5432")
    names, ports = zip(*(match.groups("5432") for match in found if match), strict=True)
    both = f"host={','.join(name.strip('[]') for name in names)}&port={','.join(ports)}"
    return f"{role}{at}{slash or '/'}{path}{'&' if '?' in path else '?'}{both}"


DatabaseUrl = Annotated[str, AfterValidator(with_driver)]

# What each setting is, for whoever sets it: docs/reference/settings.md is made of these.
USERS = "The user service's database, where this process runs the service itself"
ORDERS = "The order service's database, where this process runs the service itself"
INVENTORY = "The inventory service's database, where this process runs the service itself"
PAYMENTS = "The payment service's database, where this process runs the service itself"
EVENTS = "The database of published events and of webhooks; without it the API has no webhooks"
REMOTE = "The {} service, where it runs as a process of its own"


class DatabaseSettings(BaseSettings):
    """Where each service's database is: USER_DATABASE_URL and so on."""

    user_database_url: DatabaseUrl = Field(description=USERS)
    order_database_url: DatabaseUrl = Field(description=ORDERS)
    inventory_database_url: DatabaseUrl = Field(description=INVENTORY)
    payment_database_url: DatabaseUrl = Field(description=PAYMENTS)
    event_database_url: DatabaseUrl = Field(description=EVENTS)


class ServiceDatabaseSettings(BaseSettings):
    """The same of the services, where not all are known: each process need only know its own."""

    user_database_url: DatabaseUrl | None = Field(default=None, description=USERS)
    order_database_url: DatabaseUrl | None = Field(default=None, description=ORDERS)
    inventory_database_url: DatabaseUrl | None = Field(default=None, description=INVENTORY)
    payment_database_url: DatabaseUrl | None = Field(default=None, description=PAYMENTS)

    def databases(self) -> dict[str, str]:
        """By service, those that are known."""
        return _set_of(self, "database_url")


class ServiceUrlSettings(BaseSettings):
    """Where services are that run as processes of their own: USER_SERVICE_URL and so on."""

    user_service_url: str | None = Field(default=None, description=REMOTE.format("user"))
    order_service_url: str | None = Field(default=None, description=REMOTE.format("order"))
    inventory_service_url: str | None = Field(default=None, description=REMOTE.format("inventory"))
    payment_service_url: str | None = Field(default=None, description=REMOTE.format("payment"))

    def urls(self) -> dict[str, str]:
        """By service, those that are known."""
        return _set_of(self, "service_url")


class AnyDatabaseSettings(ServiceDatabaseSettings):
    """All databases, as far as they are known."""

    event_database_url: DatabaseUrl | None = Field(default=None, description=EVENTS)


def _set_of(settings: BaseSettings, kind: str) -> dict[str, str]:
    found = {owner: getattr(settings, f"{owner}_{kind}") for owner in SERVICES}
    return {service: url for service, url in found.items() if url}


class UserKeySettings(BaseSettings):
    """USER_KEYS_FILE, or USER_KEYS with the same JSON: what persons' keys are wrapped under."""

    user_keys_file: Path | None = Field(
        default=None, description="The keys under which each person's key is wrapped (mode 0600)"
    )
    user_keys: SecretStr | None = Field(
        default=None, description="The keys of `USER_KEYS_FILE`, as JSON instead"
    )

    def keys(self) -> Keys | None:
        """The keys, if there are any. KeysUnusable if they cannot be used."""
        if self.user_keys_file is not None:
            return KeyFile(self.user_keys_file)
        if self.user_keys is None:
            return None
        return FixedKeys(KeyRing.parse(self.user_keys.get_secret_value(), "USER_KEYS"))


class RegistrySettings(BaseSettings):
    """REGISTRY_DATABASE_URL: where instances of services are listed, if they are."""

    registry_database_url: DatabaseUrl | None = Field(
        default=None, description="The registry in which an instance of a service lists itself"
    )


def _return_url(url: str) -> str:
    """A page of the shop's, which customers reach with their browsers."""
    if not url.startswith(("https://", "http://")):
        raise ValueError("must look like https://shop.example/orders/{order_id}")
    return url


class ProviderSettings(BaseSettings):
    """Where the payment provider is, and our key: PAYMENT_PROVIDER_URL, PAYMENT_PROVIDER_KEY."""

    payment_provider_url: str = Field(description="The payment provider's API, as Stripe has it")
    payment_provider_key: SecretStr = Field(description="Our key at the payment provider")
    payment_provider_timeout: float = Field(
        default=3.0,
        gt=0,
        description="How long one request to the provider may take",
        json_schema_extra={"unit": "seconds"},
    )
    payment_return_url: Annotated[str, AfterValidator(_return_url)] | None = Field(
        default=None,
        description="Where the provider leads customers who have authenticated, such as "
        "`https://shop.example/orders/{order_id}`; without it, cards that ask for it are declined",
    )


def nats_url(url: str) -> str:
    """A bus that is not PostgreSQL is NATS, so its URL must be one of NATS."""
    if not url.startswith(("nats://", "tls://")):
        raise ValueError("must look like nats://host:port, or be left out for PostgreSQL")
    return url


def _networks(given: str) -> str:
    networks(given)
    return given


class EventSettings(BaseSettings):
    """EVENT_DATABASE_URL; EVENT_BUS_URL if events go by NATS instead of by that database."""

    event_database_url: DatabaseUrl = Field(description=EVENTS)
    event_bus_url: Annotated[str, AfterValidator(nats_url)] | None = Field(
        default=None, description="NATS (`nats://…`, `tls://…`), instead of the event database"
    )


class WebhookSettings(BaseSettings):
    """WEBHOOK_ALLOWED_NETWORKS, such as `10.1.0.0/16, fd00::/8`: sent to though not public.

    They may be spoken to by http as well; everybody else by https only.
    """

    webhook_allowed_networks: Annotated[str, AfterValidator(_networks)] = Field(
        default="",
        description="Networks that webhooks may reach although they are not public, by http as "
        "well, such as `10.1.0.0/16, fd00::/8`",
    )

    @property
    def allowed(self) -> tuple[Network, ...]:
        """The same, parsed."""
        return networks(self.webhook_allowed_networks)
