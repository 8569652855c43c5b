"""Free ports for what a test starts.

All are below those that the kernel gives to clients: nobody takes one between its choice and its
use, nor while its server is killed and comes back. Each process of a test run has a part of its
own, and goes through it in turn. A run beside another one, on the same machine and at the same
time, says by PORTS_FROM at which part it begins.
"""

import itertools
import os
import random
import socket

from local_stack.options import Ports

LOWEST, HIGHEST = 12_000, 32_000
PARTS = 4
USUAL = {port for port in Ports().model_dump().values() if LOWEST <= port < HIGHEST}
EACH = (HIGHEST - LOWEST) // PARTS


def _part() -> int:
    """Which part is this process's; pytest-xdist numbers its workers from `gw0`."""
    own = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return (int(os.environ.get("PORTS_FROM", "0")) + own) % PARTS


# Another test run on the same machine most likely begins elsewhere. Not from the shared generator:
# Hypothesis sets its seed.
_turns = itertools.count(random.SystemRandom().randrange(EACH))


def free_port() -> int:
    """A port of loopback that nobody listens on, nor a stack would without its flags."""
    return quiet_block(1)


def free_ports(count: int) -> list[int]:
    """Several, all different."""
    return [free_port() for _ in range(count)]


def quiet_block(length: int) -> int:
    """The first of so many free ports in a row."""
    lowest = LOWEST + _part() * EACH
    for _ in range(EACH):
        first = lowest + next(_turns) % EACH
        block = range(first, first + length)
        usual = not USUAL.isdisjoint(block)
        if block.stop <= lowest + EACH and not usual and all(map(_is_free, block)):
            for _ in range(length - 1):
                next(_turns)
            return first
    raise OSError(f"no {length} free ports in a row from {lowest}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
