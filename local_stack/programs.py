"""How the programs of a stack are started: each by its console script, as in containers."""

import sysconfig
from dataclasses import dataclass
from pathlib import Path


def program(name: str, *arguments: str) -> tuple[str, ...]:
    """The command line of one of our programs, of the environment that this one runs in."""
    return (str(Path(sysconfig.get_path("scripts")) / name), *arguments)


@dataclass(frozen=True)
class Programs:
    """How our own programs are started; their arguments follow."""

    migrations: tuple[str, ...] = program("saga-migrate")
    encryption: tuple[str, ...] = program("saga-encrypt-users")
    attributes: tuple[str, ...] = program("saga-search-attributes")
    provider: tuple[str, ...] = program("saga-sandbox")
    api: tuple[str, ...] = program("saga-api")
    worker: tuple[str, ...] = program("saga-worker")
    relay: tuple[str, ...] = program("saga-relay")
    webhooks: tuple[str, ...] = program("saga-webhooks")
    codec: tuple[str, ...] = program("saga-codec-server")
    service: tuple[str, ...] = program("saga-service")  # a hyphen and the service's name follow
    discovery: tuple[str, ...] = program("saga-discovery")
