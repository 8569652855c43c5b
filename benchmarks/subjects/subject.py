"""What is measured: anything that runs one saga to its end when told to."""

from typing import Protocol

from pydantic import BaseModel


class EndedSaga(BaseModel, frozen=True):
    """A saga that ended well. `workflow_id` if it ran on Temporal, in the subject's namespace."""

    workflow_id: str | None = None


class Subject(Protocol):
    """One small interface for all peers."""

    @property
    def name(self) -> str:
        """For the command line and for JSON."""

    @property
    def title(self) -> str:
        """For people."""

    @property
    def processes(self) -> tuple[str, ...]:
        """The kinds of process that its sagas take time of; the harness is not among them."""

    async def run(self) -> EndedSaga:
        """Run one saga to its end. Raises if it does not end well: a failure is no speed."""

    async def settle(self) -> None:
        """Wait until nothing that it has started still runs."""
