"""The incident that is under way, as it is written down in the stack's folder: one at a time."""

from pathlib import Path

from pydantic import BaseModel, ValidationError

from contracts.names import workflow_id
from local_stack.errors import StackError
from local_stack.state_dir import write_private
from local_stack.supervision.process_identity import Identity

FILE = "drill.json"


class Incident(BaseModel, frozen=True):
    """What a drill has made. `process` is one that it has started, and that is ended with it."""

    drill: str
    order_id: str
    sku: str = ""
    process: Identity | None = None

    @property
    def saga_id(self) -> str:
        """The workflow that places its order."""
        return workflow_id(self.order_id)


def read(state_dir: Path) -> Incident | None:
    """The one that is under way, if any. StackError if it cannot be read."""
    try:
        return Incident.model_validate_json((state_dir / FILE).read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise StackError(f"{state_dir / FILE} cannot be read; remove it") from error


def write(state_dir: Path, incident: Incident) -> None:
    """Remember it."""
    write_private(state_dir / FILE, incident.model_dump_json())


def forget(state_dir: Path) -> None:
    """It is over."""
    (state_dir / FILE).unlink(missing_ok=True)
