"""The stack's own passwords and key, made once and kept in `secrets.json` for us alone."""

import hashlib
import os
import secrets
from pathlib import Path

from pydantic import BaseModel, ValidationError

from contracts.names import DATABASES
from local_stack.errors import StackError
from local_stack.state_dir import write_private

ROLES = (*DATABASES.values(), "registry")


class Credentials(BaseModel, frozen=True):
    """What the parts of one stack know each other by."""

    superuser: str
    roles: dict[str, str]
    provider_key: str

    @property
    def fingerprint(self) -> str:
        """Tells whether a database cluster was made with these, and tells nothing else."""
        return hashlib.sha256(self.superuser.encode()).hexdigest()[:16]


def generate() -> Credentials:
    """New ones. Letters and digits only: they stand in URLs and SQL without quoting."""
    return Credentials(
        superuser=secrets.token_hex(24),
        roles={role: secrets.token_hex(24) for role in ROLES},
        provider_key=f"sk_test_{secrets.token_hex(24)}",
    )


def load_or_make(path: Path) -> Credentials:
    """Those of the file, with what an older one lacks. StackError if it is unreadable."""
    try:
        found = Credentials.model_validate_json(path.read_bytes())
        if set(ROLES) <= set(found.roles):
            return found
        made = found.model_copy(update={"roles": generate().roles | found.roles})
    except FileNotFoundError:
        made = generate()
    except (ValidationError, OSError) as error:
        who = "root" if os.geteuid() == 0 else "you"
        raise StackError(
            f"{path} cannot be read by {who} ({error.__class__.__name__}): run `saga` as the "
            f"user who made it, or delete {path.parent} to begin anew"
        ) from error
    write_private(path, made.model_dump_json(indent=2))
    return made
