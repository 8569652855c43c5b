"""Where names tell who there is: containers by DNS, Kubernetes by its Services, or a fixed list.

Whoever runs the instances keeps the names, so nothing is registered here.
"""

import asyncio
import socket
from collections.abc import Mapping

from infrastructure.registry.registry import Instance, Registered
from saga.participant import Unavailable

Place = tuple[str, int]  # a host's name or address, and a port


class NamedRegistry:
    """Implements `infrastructure.registry.registry.Registry` by looking names up."""

    def __init__(self, places: Mapping[str, Place]) -> None:
        self._places = places

    async def renew(self, instance: Instance) -> None:
        """Nothing: it is known by its name."""

    async def drop(self, instance: Instance) -> None:
        """Nothing: it is gone when its name says so."""

    async def instances(self) -> list[Registered]:
        """An instance for each address that a service's name has now."""
        found: list[Registered] = []
        for service, (host, port) in sorted(self._places.items()):
            addresses = await self._look_up(host, port)
            found += [
                Registered(Instance(service, address, address, port)) for address in addresses
            ]
        return found

    async def _look_up(self, host: str, port: int) -> list[str]:
        loop = asyncio.get_running_loop()
        try:
            answers = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise Unavailable(f"{host} cannot be looked up: {error}") from error
        return sorted({str(address[0]) for *_, address in answers})
