"""Whether ports are free, and who holds those that are not."""

import contextlib
import socket
from collections.abc import Sequence

import psutil

from local_stack.errors import PortsTaken
from local_stack.options import HOST, PortToListenOn


def free_port() -> int:
    """A port that nobody has at this moment. For tests."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def why_not(port: int) -> str | None:
    """Why we cannot listen there; None if we can."""
    with socket.socket() as probe:
        # As servers do: connections that have just ended do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError:
            return "needs root, as every port below 1024"
        except OSError:
            return f"is held by {holder(port)}"
    return None


def holder(port: int) -> str:
    """Who listens there, as far as we are allowed to know."""
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            listening = connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
            if listening and connection.pid:
                process = psutil.Process(connection.pid)
                return f"process {process.pid} ({_command(process)})"
    return "another process (run `saga doctor` as root to see which)"


def demand(wanted: Sequence[PortToListenOn]) -> None:
    """PortsTaken, naming every port that we cannot have, its holder and its flag."""
    problems = []
    names: dict[int, str] = {}
    for port, name, flag in wanted:
        if port in names:
            problems.append(f"{port} is asked for twice, by {names[port]} and {name}: see {flag}")
        elif reason := why_not(port):
            problems.append(f"{port} for {name} {reason}; choose another with {flag}")
        names[port] = name
    if problems:
        raise PortsTaken("\n".join(f"port {problem}" for problem in problems))


def _command(process: psutil.Process) -> str:
    words = " ".join(process.cmdline()) or process.name()
    return words if len(words) <= 60 else f"{words[:59]}…"
