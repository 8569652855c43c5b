"""Where the stack keeps what, and writing files that nobody sees half done."""

import os
from dataclasses import dataclass
from pathlib import Path

from local_stack.errors import StackError


@dataclass(frozen=True)
class StateDir:
    """The layout of `.saga/`."""

    path: Path

    @property
    def secrets(self) -> Path:
        """The passwords; see `credentials`."""
        return self.path / "secrets.json"

    @property
    def signing_key(self) -> Path:
        """The private key of the stack's tokens; see `signing`."""
        return self.path / "signing-key.pem"

    @property
    def jwks(self) -> Path:
        """Its public half, as the API reads it."""
        return self.path / "jwks.json"

    @property
    def service_key(self) -> Path:
        """The private key of the tokens between services; see `signing`."""
        return self.path / "service-key.pem"

    @property
    def service_jwks(self) -> Path:
        """Its public half, as services read it."""
        return self.path / "service-jwks.json"

    @property
    def payload_keys(self) -> Path:
        """The keys of payloads on Temporal, if they are encrypted; see `encryption`."""
        return self.path / "payload-keys.json"

    @property
    def user_keys(self) -> Path:
        """What persons' keys are wrapped under, if payloads are encrypted; see `encryption`."""
        return self.path / "user-keys.json"

    @property
    def temporal(self) -> Path:
        """The Temporal server's database."""
        return self.path / "temporal.db"

    @property
    def endpoints(self) -> Path:
        """Where Envoy finds the instances of services."""
        return self.path / "endpoints"

    @property
    def stack(self) -> Path:
        """What runs; see `state`."""
        return self.path / "stack.json"

    @property
    def lock(self) -> Path:
        """Held by the supervisor; see `lock`."""
        return self.path / "lock"

    @property
    def spans(self) -> Path:
        """The folder of kept spans; see `infrastructure.telemetry.span_files`."""
        return self.path / "spans"

    def log(self, name: str) -> Path:
        """The log of one child."""
        return self.path / "logs" / f"{name}.log"

    def create(self) -> "StateDir":
        """Make the folder where there is none; StackError if that is not allowed."""
        try:
            self.path.mkdir(parents=True, exist_ok=False)
            # Root's PostgreSQL runs as another account, which has to walk through, not to look.
            self.path.chmod(0o711 if os.geteuid() == 0 else 0o700)
        except FileExistsError:
            pass
        except OSError as error:
            raise StackError(f"{self.path} cannot be made: {error.strerror}") from error
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise StackError(f"{self.path} belongs to another user; choose another --state-dir")
        return self


def write_private(path: Path, text: str) -> None:
    """Replace the file at once, for its owner's eyes only."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def find_state_dir(given: Path) -> Path:
    """The folder with this name here, or else in the nearest folder above that is ours.

    As git finds its repository: commands work from any folder below the one where the stack was
    started. A folder of another user's is passed over, since it holds keys that we would use.
    """
    if given.is_absolute() or given.exists():
        return given.absolute()
    for folder in Path.cwd().parents:
        found = folder / given
        if StateDir(found).stack.exists() and found.stat().st_uid == os.getuid():
            return found
    return given.absolute()
