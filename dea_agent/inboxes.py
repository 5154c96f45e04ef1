"""This boot's queue, and those of earlier boots that are still to be read and removed."""

import asyncio
import logging
import time
from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters.bus import Bus
from chalicelib.adapters.inbox import Inbox
from chalicelib.contracts.envelope import Envelope

log = logging.getLogger(__name__)

TOPICS = ("dea", "components")

#: Seconds between tries to open the inbox.
OPEN_AGAIN_S = 1.0


class Inboxes:
    """``boots``: those whose queue has not been removed, ours at the end; kept in the snapshot.

    take: called in a polling thread with each message. on_back: called in the loop when the bus answers after
    a silence.
    """

    def __init__(
        self,
        bus: Bus,
        dea: str,
        boot: str,
        former: list[str],
        is_local: bool,
        take: Callable[[Envelope], None],
        on_back: Callable[[], None],
    ) -> None:
        self._bus, self._dea, self._boot, self._is_local = bus, dea, boot, is_local
        self._former, self._take, self._on_back = former, take, on_back
        self.boots = [*former, boot]
        self._own = self._inbox(boot)
        self._loop = asyncio.get_running_loop()
        self._answered_at = time.monotonic()

    def _inbox(self, boot: str) -> Inbox:
        wait_s, visibility_s = (1, 5) if self._is_local else (20, 30)
        return Inbox(self._bus, f"dea-{self._dea}-{boot}", TOPICS, wait_s, visibility_s)

    async def open(self) -> str:
        """Our queue's URL, however long the bus takes; polling begins."""
        while True:
            try:
                url = await asyncio.to_thread(self._own.open)
                break
            except (BotoCoreError, ClientError) as error:
                log.warning("the inbox cannot be opened yet: %s", error)
                await asyncio.sleep(OPEN_AGAIN_S)
        self._answered_at = time.monotonic()
        self._own.on_answer = self._answered
        self._own.start(self._take)
        return url

    async def read_former(self) -> None:
        """What was sent to an earlier boot and not read by it is for us; then its queue is removed."""
        inboxes = {boot: self._inbox(boot) for boot in self._former if boot in self.boots}
        for inbox in inboxes.values():
            await asyncio.to_thread(inbox.open)
            inbox.start(self._take)
        # What those boots had received but not finished is visible again after this time.
        await asyncio.sleep(2 * self._own.visibility_s)
        for boot, inbox in inboxes.items():
            await self._remove(inbox, boot)

    async def remove(self) -> None:
        """Our queue; nobody will send to it any more."""
        await self._remove(self._own, self._boot)

    async def _remove(self, inbox: Inbox, boot: str) -> None:
        try:
            await asyncio.to_thread(inbox.close)
        except (BotoCoreError, ClientError) as error:
            log.warning("the inbox of boot %s could not be removed: %s", boot, error)
            return
        self.boots.remove(boot)

    def stop(self) -> None:
        """Read no more; the queue stays for the next boot."""
        self._own.stop()

    @property
    def _most_silence_s(self) -> float:
        """Longer between two answers than polling explains."""
        return 2 * self._own.wait_s + 3

    def is_silent(self) -> bool:
        return time.monotonic() - self._answered_at > self._most_silence_s

    def _answered(self) -> None:
        """In the polling thread, after each poll."""
        was_silent, self._answered_at = self.is_silent(), time.monotonic()
        if was_silent:
            self._loop.call_soon_threadsafe(self._on_back)
