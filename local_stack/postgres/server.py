"""The PostgreSQL of the stack: running it, and tidying up after it.

Its files are `cluster`'s business, and what is in it `databases`'.
"""

import shutil
import signal
from pathlib import Path

import psutil

from local_stack.postgres import cluster as clusters
from local_stack.postgres import databases
from local_stack.postgres.cluster import Cluster
from local_stack.secrets.passwords import Credentials, load_or_make
from local_stack.supervision.child import Child
from local_stack.supervision.child_runner import NullListener, Runner
from local_stack.supervision.process_identity import alive, end

SETTINGS = {
    "listen_addresses": databases.HOST,
    "unix_socket_directories": "",
    "max_connections": "500",
    "fsync": "on",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}

# What is committed survives the server's crash, but not the machine's.
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


class Postgres:
    """One database server in a state dir. `start` and `stop` are for tests."""

    def __init__(
        self,
        cluster: Cluster,
        port: int,
        credentials: Credentials,
        log: Path,
        *,
        durable: bool = True,
    ) -> None:
        self.cluster = cluster
        self.port = port
        self.credentials = credentials
        self._log = log
        self._durable = durable
        self._settings = SETTINGS if durable else SETTINGS | NOT_DURABLE
        self._runner: Runner | None = None

    @classmethod
    def at(cls, directory: Path, port: int, *, durable: bool = True) -> "Postgres":
        """One of its own: folder, passwords and log. Not `durable`: faster, see `NOT_DURABLE`."""
        credentials = load_or_make(directory / "secrets.json")
        log = directory / "postgres.log"
        return cls(clusters.locate(directory), port, credentials, log, durable=durable)

    def url(self, role: str) -> str:
        """The URL of a role's own database, which has its name."""
        password = self.credentials.roles[role]
        return f"postgresql://{role}:{password}@{databases.HOST}:{self.port}/{role}"

    @property
    def child(self) -> Child:
        """The server as a child: a fast shutdown on SIGINT, also when the supervisor dies."""
        settings = [
            arg for name, value in self._settings.items() for arg in ("-c", f"{name}={value}")
        ]
        place = ("-D", self.cluster.data, "-p", self.port)
        return Child(
            name="postgres",
            argv=self.cluster.command("postgres", *place, *settings),
            env=clusters.ENVIRONMENT,
            ready=databases.answering(self.port, self.credentials.superuser),
            tidy=self.tidy,
            stop_signal=signal.SIGINT,
            orphan_signal=signal.SIGINT,
            grace=20.0,
            account=self.cluster.account,
            cwd=self.cluster.home,
        )

    async def initialise(self) -> str | None:
        """Make the cluster where there is none that our passwords open; a note for the user."""
        self.tidy()
        return await clusters.make(self.cluster, self.credentials, self._log, durable=self._durable)

    async def provision(self) -> None:
        """Make roles and databases where they are missing. The server must be up."""
        await databases.provision(self.port, self.credentials)

    def tidy(self) -> None:
        """End servers of an earlier life, known by their working folder, and remove their lock.

        A backend is a group of its own and may outlive a killed postmaster; until it has ended,
        the next one refuses to start. The lock names a pid that may be somebody else's by now.
        """
        data = str(self.cluster.data.resolve())
        servers = [p for p in psutil.process_iter(["name", "cwd"]) if p.info["name"] == "postgres"]
        ours = [p for p in servers if p.info["cwd"] in {data, f"{data} (deleted)"} and alive(p)]
        end(ours, signal.SIGQUIT, 5.0)
        (self.cluster.data / "postmaster.pid").unlink(missing_ok=True)

    async def start(self) -> None:
        """Make, start and fill it. StartFailed if that does not work."""
        await self.initialise()
        self._runner = Runner(self.child, self._log, NullListener())
        try:
            await self._runner.start()
            await self.provision()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End it in an orderly way."""
        if self._runner is not None:
            await self._runner.stop()

    def remove(self) -> None:
        """Delete its files, also those that had to live outside the state dir. For tests."""
        self.tidy()
        shutil.rmtree(self.cluster.home)
