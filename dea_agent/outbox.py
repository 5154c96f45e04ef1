"""Messages that must arrive: on disk before they are sent, in order, until the bus has taken them.

Exits, starts that succeeded or were refused, results of stagings and what routers must hear in order go this way;
what is said again anyway (bids, beats, full registrations) does not.
"""

import asyncio
import json
import logging
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path

from chalicelib.contracts.codec import DecodeError, to_json
from chalicelib.contracts.envelope import Envelope, decode
from dea_agent.sender import SendError

log = logging.getLogger(__name__)

Send = Callable[[str, Envelope], Awaitable[None]]

#: Seconds between tries: the first, doubled up to the last.
FIRST_PAUSE_S, LAST_PAUSE_S = 0.1, 5.0

#: A message that the bus has refused so often lets the others pass.
REFUSALS = 3


class Outbox:
    """``folder``: one file per message; the names sort in the order of sending."""

    def __init__(self, folder: Path, send: Send) -> None:
        self._folder, self._send = folder, send
        self._waiting: deque[tuple[Path, str, Envelope]] = deque()
        self._filled, self._empty = asyncio.Event(), asyncio.Event()
        self._empty.set()
        self._last_name = 0
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in sorted(folder.glob("*.json")):
            self._load(path)

    def _load(self, path: Path) -> None:
        try:
            data = json.loads(path.read_text())
            self._append(path, data["address"], decode(json.dumps(data["envelope"])))
        except (OSError, ValueError, KeyError, TypeError, DecodeError) as error:
            log.error("dropped a message in the outbox that cannot be read: %s", error)
            path.unlink(missing_ok=True)

    def _append(self, path: Path, address: str, envelope: Envelope) -> None:
        self._waiting.append((path, address, envelope))
        self._filled.set()
        self._empty.clear()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, address: str, envelope: Envelope) -> None:
        """On disk when this returns; sent soon. What no bus can carry is dropped, lest it stand before the others
        for ever; what a full disk cannot keep is sent all the same."""
        try:
            envelope.encode()
        except ValueError as error:
            log.error("dropped a message: %s", error)
            return
        self._last_name = max(self._last_name + 1, time.time_ns())
        path = self._folder / f"{self._last_name:020d}.json"
        new = path.with_suffix(".new")
        try:
            new.write_text(json.dumps({"address": address, "envelope": to_json(envelope)}))
            os.rename(new, path)
        except OSError as error:
            log.error("%s would not survive the agent: %s", envelope.subject, error)
        self._append(path, address, envelope)

    async def run(self) -> None:
        """Send for ever. A bus that does not answer is asked again with growing pauses; order is kept."""
        pause, refusals = FIRST_PAUSE_S, 0
        while True:
            await self._filled.wait()
            path, address, envelope = self._waiting[0]
            # What has a time to live is said again in other ways; late, it would only be dropped.
            if not envelope.is_expired(time.time()):
                try:
                    await self._send(address, envelope)
                except SendError as error:
                    refusals = refusals + 1 if error.is_refusal else 0
                    log.warning("%s waits in the outbox: %s", envelope.subject, error)
                    if refusals >= REFUSALS:
                        self._waiting.rotate(-1)
                        refusals = 0
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, LAST_PAUSE_S)
                    continue
            pause, refusals = FIRST_PAUSE_S, 0
            self._waiting.popleft()
            path.unlink(missing_ok=True)
            if not self._waiting:
                self._filled.clear()
                self._empty.set()

    async def flush(self, timeout_s: float) -> bool:
        """Wait until all is sent; False when that took too long. :meth:`run` must be running."""
        try:
            await asyncio.wait_for(self._empty.wait(), timeout_s)
        except TimeoutError:
            return False
        return True
