"""The socket between the harness and a program: one JSON line asks for a saga, one tells its end.

As little as possible, so that what is measured is the saga and not the way to ask for it.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping

from pydantic import BaseModel

from contracts.orders import CreateOrder
from saga.participant.errors import describe_error

HOST = "127.0.0.1"
LONGEST_LINE = 2**20


class Ask(BaseModel, frozen=True):
    """Run one saga of this kind."""

    number: int
    kind: str
    order: CreateOrder


class RunReply(BaseModel, frozen=True):
    """How it ended; `error` says why it did not end well."""

    number: int
    workflow_id: str | None = None
    error: str | None = None


# Runs one saga to a good end, and raises otherwise; its workflow's id if it has one.
Handler = Callable[[CreateOrder], Awaitable[str | None]]


async def serve(port: int, handlers: Mapping[str, Handler]) -> None:
    """Answer on loopback until SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    answering = _Answering(handlers)
    server = await asyncio.start_server(answering.connection, HOST, port, limit=LONGEST_LINE)
    async with server:
        await stop.wait()


class _Answering:
    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = handlers

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Each line is a saga of its own; they run side by side."""
        async with asyncio.TaskGroup() as group:
            while line := await reader.readline():
                group.create_task(self._one(Ask.model_validate_json(line), writer))
        writer.close()

    async def _one(self, ask: Ask, writer: asyncio.StreamWriter) -> None:
        try:
            told = RunReply(
                number=ask.number, workflow_id=await self._handlers[ask.kind](ask.order)
            )
        except Exception as error:  # noqa: BLE001 - the harness has to know, whatever it was
            told = RunReply(number=ask.number, error=describe_error(error))
        writer.write(told.model_dump_json().encode() + b"\n")
