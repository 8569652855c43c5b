"""A gate for some who work at once: a word over their letters says whose next call may go on.

It never holds all for ever. A letter of whoever has ended is left out. If whoever has the turn
does not come, or its call does not come back since it waits for another one (for a row that the
other has locked), another one goes on; `followed` is the word that came of it.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

SIDES = "ABC"  # the letters of those who meet
# Between two calls of a saga are two tasks of its workflow, and now and then a timer that the
# server skips late. Who is slower than this is passed over for once, which `passed` counts.
PATIENCE = 20.0
SOON = 0.01  # after so long, a call that is under way may be one that waits for another side

Blocked = Callable[[], Awaitable[bool]]


@dataclass(eq=False)
class Turn:
    """One call of a side, from its being let in to its end.

    `blocked`: tells whether what it does now waits for somebody else; set by whoever knows.
    """

    turns: "Turns"
    side: str
    what: str
    blocked: Blocked | None = None
    begun: bool = False
    over: bool = False
    admitted: asyncio.Event = field(default_factory=asyncio.Event)

    async def pause(self, what: str) -> None:
        """Within a call: let another side go on here, if it is its turn.

        Not where this is asked for the first time: there it stands since its turn began.
        """
        if not self.begun:
            self.begun = True
            return
        if self.over or not self.admitted.is_set():
            return  # by something that the call has begun, and does not wait for
        self.admitted.clear()
        self.turns.leave(self)
        await self.turns.enter(self, f"{self.what}, {what}")


CURRENT: ContextVar[Turn | None] = ContextVar("the call that is under way", default=None)


class Turns:
    """The gate of one run of `sides`. `steps`: who was let in, in order, and for what.

    `deadlocks`: how often each side waited for another, as whoever knows has said.
    """

    def __init__(self, word: str, sides: str = SIDES[:2]) -> None:
        self.sides = sides
        self.steps: list[tuple[str, str]] = []
        self.passed = 0
        self.deadlocks = 0
        self._word = deque(word)
        self._asking: dict[str, deque[Turn]] = {side: deque() for side in sides}
        self._names: dict[Turn, str] = {}
        self._under_way: set[Turn] = set()
        self._ended: set[str] = set()
        self._changed = asyncio.Event()

    @property
    def followed(self) -> str:
        """The word that was really followed."""
        return "".join(side for side, _ in self.steps)

    @asynccontextmanager
    async def take(self, side: str, what: str) -> AsyncIterator[Turn]:
        """Do one call of a side within this block, when it is its turn."""
        turn = Turn(self, side, what)
        token = CURRENT.set(turn)
        try:
            await self.enter(turn, what)
            yield turn
        finally:
            CURRENT.reset(token)
            turn.over = True
            self.leave(turn)

    async def enter(self, turn: Turn, what: str) -> None:
        """Wait for its turn; who is of a side that has ended goes on at once."""
        if turn.side in self._ended:
            return
        self._names[turn] = what
        self._asking[turn.side].append(turn)
        self._changed.set()
        try:
            await turn.admitted.wait()
        finally:
            if turn in self._asking[turn.side]:
                self._asking[turn.side].remove(turn)

    def leave(self, turn: Turn) -> None:
        """It is not under way any more."""
        self._under_way.discard(turn)
        self._changed.set()

    def end(self, side: str) -> None:
        """A side makes no more calls; what still comes from it is late, and let in."""
        self._ended.add(side)
        for turn in self._asking[side]:
            turn.admitted.set()
        self._changed.set()

    async def conduct(self) -> None:
        """Let one in after the other until all sides have ended."""
        try:
            while side := self._next_side():
                await self._settle()
                if await self._comes(side):
                    self._admit(side)
                elif side not in self._ended:
                    self.passed += not self._waits(side)
                    self._word.appendleft(side)
                    if other := next(filter(self._asking.get, self._others(side)), ""):
                        self._admit(other)
        finally:
            for side in self.sides:
                self.end(side)

    def _next_side(self) -> str:
        """Whose turn it is: by the word, and behind its end in turn; empty if all has ended."""
        open_ = set(self.sides) - self._ended
        while self._word:
            if (side := self._word.popleft()) in open_:
                return side
        last = self.steps[-1][0] if self.steps else self.sides[-1]
        return next((side for side in self._others(last) if side in open_), "")

    def _others(self, side: str) -> str:
        """All sides, from the one behind this on; this one comes last."""
        behind = self.sides.index(side) + 1
        return self.sides[behind:] + self.sides[:behind]

    async def _comes(self, side: str) -> bool:
        """Wait until a side asks for its turn; False if it has ended, or does not come.

        One whose call waits for another side does not come before that has gone on.
        """
        others = self._others(side)[:-1]

        def is_known() -> bool:
            gone_on = self._waits(side) and any(self._asking[other] for other in others)
            return bool(self._asking[side]) or side in self._ended or gone_on

        await self._until(is_known)
        return bool(self._asking[side])

    def _waits(self, side: str) -> bool:
        """Whether a call of it is under way, and so waits for another one: see `_settle`."""
        return any(turn.side == side for turn in self._under_way)

    def _admit(self, side: str) -> None:
        turn = self._asking[side].popleft()
        self._under_way.add(turn)
        self.steps.append((side, self._names.pop(turn)))
        turn.admitted.set()

    async def _settle(self) -> None:
        """Wait until whoever was let in is through, or waits for another side."""
        await self._until(lambda: not self._under_way, within=SOON)
        for _ in range(round(PATIENCE / SOON)):
            under_way = set(self._under_way)
            if all([await _is_blocked(turn) for turn in under_way]):
                self.deadlocks += len({turn.side for turn in under_way}) == len(self.sides)
                return
            await self._until(lambda: not self._under_way, within=SOON)
        self.passed += 1

    async def _until(self, so: Callable[[], bool], *, within: float = PATIENCE) -> None:
        try:
            async with asyncio.timeout(within):
                while not so():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return


async def _is_blocked(turn: Turn) -> bool:
    return turn.blocked is not None and await turn.blocked()
