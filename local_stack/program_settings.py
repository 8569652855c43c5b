"""Which program has which of the settings that open something: where data is, and the keys.

One table for every way of running them: the local stack gives by it, and compose and the manifests
are compared with it, process by process and setting by setting (tests/deploy/test_confined.py).
What is not in it opens nothing, and any program may have it.
"""

from collections.abc import Mapping

from contracts.names import DATABASES, SERVICES
from local_stack.options import database_variable

REGISTRY = "REGISTRY_DATABASE_URL"
EVENTS = database_variable("event")
PROVIDER = ("PAYMENT_PROVIDER_URL", "PAYMENT_PROVIDER_KEY")
PAYLOADS = ("PAYLOAD_KEYS_FILE", "PAYLOAD_KEYS", "PAYLOAD_ENCRYPTION")
PERSONS = ("USER_KEYS_FILE", "USER_KEYS")
CALLERS = "SERVICE_AUTH_KEY"  # signs the tokens of who calls services
SANDBOX = "SANDBOX_KEY"
DATABASE_URLS = tuple(database_variable(database) for database in DATABASES)

CONFINED = frozenset({*DATABASE_URLS, REGISTRY, *PROVIDER, *PAYLOADS, *PERSONS, CALLERS, SANDBOX})

# What each service alone has, beside its database.
_OWN: Mapping[str, tuple[str, ...]] = {"user": PERSONS, "payment": PROVIDER}

# By program, where the services are processes of their own. A program that is not here, such as
# Temporal's server, has none.
PROGRAMS: Mapping[str, frozenset[str]] = {
    "saga-api": frozenset({CALLERS, EVENTS, *PAYLOADS}),  # events: customers' webhooks are there
    "saga-worker": frozenset({CALLERS, *PAYLOADS}),
    **{
        f"saga-service-{service}": frozenset(
            {database_variable(service), REGISTRY, *_OWN.get(service, ())}
        )
        for service in SERVICES
    },
    "saga-relay": frozenset(DATABASE_URLS),
    "saga-webhooks": frozenset({EVENTS, *PAYLOADS}),
    "saga-codec-server": frozenset(PAYLOADS),
    "saga-discovery": frozenset({REGISTRY}),
    "saga-migrate": frozenset({*DATABASE_URLS, REGISTRY}),  # of those that it is told to
    "saga-encrypt-users": frozenset({database_variable("user"), *PERSONS}),
    "saga-sandbox": frozenset({SANDBOX}),
    "saga-search-attributes": frozenset(),
    "saga-gateway-config": frozenset(),
}

# Of those that run the services themselves, where these are no processes of their own.
INSIDE = {"saga-api", "saga-worker"}
_OF_SERVICES = frozenset({*map(database_variable, SERVICES), *PROVIDER, *PERSONS})


def granted_to(program: str, *, split: bool = True) -> frozenset[str]:
    """Which of CONFINED a program may have. `split`: services are processes of their own."""
    own = PROGRAMS.get(program, frozenset())
    return own if split or program not in INSIDE else own | _OF_SERVICES


def confine(env: Mapping[str, str], program: str = "", *, split: bool = True) -> dict[str, str]:
    """The environment without what this program may not have; no program: without all of it."""
    hidden = CONFINED - granted_to(program, split=split)
    return {name: value for name, value in env.items() if name not in hidden}
