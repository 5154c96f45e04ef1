"""The bus from a loop: boto3's calls run in daemon threads, so that a call that hangs holds up neither the loop
nor the end of the process.
"""

import asyncio
import queue
import threading

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters.bus import Bus
from chalicelib.contracts.envelope import Envelope


class SendError(Exception):
    """The bus did not take the message. is_refusal: it answered, so others may fare better."""

    def __init__(self, text: str, is_refusal: bool) -> None:
        super().__init__(text)
        self.is_refusal = is_refusal


class Sender:
    def __init__(self, bus: Bus, threads: int = 3) -> None:
        self._bus = bus
        self._work: queue.SimpleQueue[tuple[asyncio.Future[None], str, Envelope]] = queue.SimpleQueue()
        for number in range(threads):
            threading.Thread(target=self._run, name=f"sender-{number}", daemon=True).start()

    async def send(self, address: str, envelope: Envelope) -> None:
        """Raises SendError."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._work.put((done, address, envelope))
        await done

    def _run(self) -> None:
        while True:
            done, address, envelope = self._work.get()
            error: SendError | None = None
            try:
                self._bus.send(address, envelope)
            except (BotoCoreError, ClientError, ValueError) as failure:
                error = SendError(str(failure), not isinstance(failure, BotoCoreError))
            try:
                done.get_loop().call_soon_threadsafe(_settle, done, error)
            except RuntimeError:  # the loop has been closed
                return


def _settle(done: asyncio.Future[None], error: SendError | None) -> None:
    if done.cancelled():
        return
    if error:
        done.set_exception(error)
    else:
        done.set_result(None)
