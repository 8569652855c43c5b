"""What the console's pages work with: all that the API's routes have, and the console's own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from typing import Annotated

from fastapi import Depends, Request

from api.app import Opening
from api.dependencies import Backend
from console.dashboard import Board
from console.settings import Settings


@dataclass(frozen=True, kw_only=True)
class ConsoleBackend(Backend):
    """The API's backend, with the settings of the console and the figures of this process."""

    console: Settings
    board: Board

    @classmethod
    def extend(cls, backend: Backend, console: Settings) -> "ConsoleBackend":
        """The same backend, and the console's own parts."""
        parts = {field.name: getattr(backend, field.name) for field in fields(backend)}
        board = Board(backend.services, backend.client, backend.sagas)
        return cls(**parts, console=console, board=board)


def with_console(open_backend: Opening, console: Settings) -> Opening:
    """Opens the API's backend, and extends it."""

    @asynccontextmanager
    async def open_console_backend() -> AsyncIterator[Backend]:
        async with open_backend() as backend:
            yield ConsoleBackend.extend(backend, console)

    return open_console_backend


def console_backend(request: Request) -> ConsoleBackend:
    """The dependency of every page."""
    found = request.app.state.backend
    assert isinstance(found, ConsoleBackend)  # noqa: S101 - the composition root's promise
    return found


ConsoleDeps = Annotated[ConsoleBackend, Depends(console_backend)]
