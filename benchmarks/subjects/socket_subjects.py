"""Subjects that run in programs of ours: asked on sockets, by turns."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from benchmarks.programs.serving import HOST, LONGEST_LINE, Ask, RunReply
from benchmarks.subjects.subject import EndedSaga
from contracts.orders import CreateOrder


class Line:
    """One connection to one program; many sagas may be under way on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[RunReply]] = {}

    async def ask(self, kind: str, order: CreateOrder) -> EndedSaga:
        """Have one saga run to its end. RuntimeError if it did not end well."""
        number = next(self._numbers)
        answer = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        ask = Ask(number=number, kind=kind, order=order)
        self._writer.write(ask.model_dump_json().encode() + b"\n")
        told = await answer
        if told.error is not None:
            raise RuntimeError(told.error)
        return EndedSaga(workflow_id=told.workflow_id)

    async def listen(self) -> None:
        """Hand answers to those who wait, until the program hangs up."""
        while line := await self._reader.readline():
            told = RunReply.model_validate_json(line)
            self._waiting.pop(told.number).set_result(told)
        for waiting in self._waiting.values():
            waiting.set_exception(ConnectionError("the program hung up"))

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


@asynccontextmanager
async def lines(ports: Sequence[int]) -> AsyncIterator[list[Line]]:
    """Connections to programs on these ports."""
    async with AsyncExitStack() as stack:
        opened = []
        for port in ports:
            line = Line(*await asyncio.open_connection(HOST, port, limit=LONGEST_LINE))
            listening = asyncio.create_task(line.listen())
            stack.callback(listening.cancel)
            stack.callback(line.close)
            opened.append(line)
        yield opened


@dataclass(frozen=True)
class SocketSubject:
    """A subject whose sagas run in these programs, by turns."""

    name: str
    title: str
    kind: str
    processes: tuple[str, ...]
    lines: Sequence[Line]
    order: Callable[[], CreateOrder]

    async def run(self) -> EndedSaga:
        """Run one saga to its end."""
        order = self.order()
        return await self.lines[hash(order.order_id) % len(self.lines)].ask(self.kind, order)

    async def settle(self) -> None:
        """Nothing is left once `run` returned."""
