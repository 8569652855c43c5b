"""What the console's pages work with: all that the API's routes have, and the console's own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from typing import Annotated

from fastapi import Depends, Request

from api.app import Opening
from api.dependencies import Backend
from console.dashboard import Board
from console.security.wrong_codes import WrongCodes
from console.settings import Settings
from services.event.sign_in_links import SignInLinks
from services.event.wiring import open_sign_in_links


@dataclass(frozen=True, kw_only=True)
class ConsoleBackend(Backend):
    """The API's backend, with the settings of the console and the figures of this process.

    `sign_in_links` is None where the API has no event database.
    """

    console: Settings
    board: Board
    sign_in_links: SignInLinks | None
    wrong_codes: WrongCodes

    @classmethod
    def extend(
        cls, backend: Backend, console: Settings, sign_in_links: SignInLinks | None = None
    ) -> "ConsoleBackend":
        """The same backend, and the console's own parts."""
        parts = {field.name: getattr(backend, field.name) for field in fields(backend)}
        board = Board(backend.services, backend.client, backend.sagas, backend.troubles)
        return cls(
            **parts,
            console=console,
            board=board,
            sign_in_links=sign_in_links,
            wrong_codes=WrongCodes(),
        )


def with_console(
    open_backend: Opening, console: Settings, event_database_url: str | None = None
) -> Opening:
    """Opens the API's backend, and extends it. Sign-in links are in the event database."""

    @asynccontextmanager
    async def open_console_backend() -> AsyncIterator[Backend]:
        async with open_backend() as backend, open_sign_in_links(event_database_url) as links:
            yield ConsoleBackend.extend(backend, console, links)

    return open_console_backend


def console_backend(request: Request) -> ConsoleBackend:
    """The dependency of every page."""
    found = request.app.state.backend
    assert isinstance(found, ConsoleBackend)  # noqa: S101 - the composition root's promise
    return found


ConsoleDeps = Annotated[ConsoleBackend, Depends(console_backend)]
