"""Free ports for what a test starts."""

import random
import socket


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def free_ports(count: int) -> list[int]:
    """Several, all different."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def quiet_block(length: int) -> int:
    """The first of so many free ports in a row, below those that the kernel gives to clients.

    For servers that are killed and come back: nobody may take their ports meanwhile.
    """
    for _ in range(200):
        first = random.randrange(12_000, 30_000)
        if all(_is_free(port) for port in range(first, first + length)):
            return first
    raise OSError(f"no {length} free ports in a row")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
