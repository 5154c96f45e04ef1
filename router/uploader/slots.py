"""Whose upload may stream now. Each holds two parts in memory, so there are only so many at a time, and one user's
do not fill them all: his others wait for their turn, and not for ever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

AT_A_TIME, PER_USER = 16, 4

#: Of one user, how many may wait, and how long one does, seconds: clients themselves wait for minutes.
WAITING, WAIT_S = 12, 60.0


class BusyError(Exception):
    """Not now. status: 429 for who has too many under way, 503 when there was no room in time."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(slots=True)
class _Line:
    """One user's. people: under way and waiting."""

    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PER_USER))
    people: int = 0


class Slots:
    def __init__(self, at_a_time: int = AT_A_TIME, wait_s: float = WAIT_S) -> None:
        self._room, self._wait_s = asyncio.Semaphore(at_a_time), wait_s
        self._lines: dict[str, _Line] = {}

    @asynccontextmanager
    async def held(self, user: str) -> AsyncIterator[None]:
        """Raises BusyError instead of entering."""
        line = self._lines.setdefault(user, _Line())
        if line.people >= PER_USER + WAITING:
            raise BusyError(429, "You have too many uploads under way. Try again when one of them has ended.")
        line.people += 1
        try:
            async with AsyncExitStack() as stack:
                try:
                    async with asyncio.timeout(self._wait_s):
                        # His own line first: who waits in it takes no place from others.
                        await stack.enter_async_context(line.room)
                        await stack.enter_async_context(self._room)
                except TimeoutError:
                    raise BusyError(503, "Too many uploads are under way. Try again in a minute.") from None
                yield
        finally:
            line.people -= 1
            if not line.people:
                del self._lines[user]
