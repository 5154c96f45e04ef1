"""One drain of one app: its backlog, and the task that delivers it, with back-off while its server is away."""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp

from chalicelib.contracts.logs import AppDrains, LogEntry
from chalicelib.core.addresses import AddressRefused
from router.drains.backlog import Backlog, Budget
from router.drains.senders import Network, RejectedError
from router.drains.syslog import message
from router.drains.targets import BATCHES, BadDrainError, Target, parse

log = logging.getLogger(__name__)

#: Seconds between tries: the first, doubled up to the last.
FIRST_PAUSE_S, LAST_PAUSE_S = 0.2, 30.0

#: What a server that is away, slow or not meant to be reached amounts to.
AWAY = (OSError, TimeoutError, aiohttp.ClientError, AddressRefused)

#: Least seconds between two lines that an app's log gets about a drain's trouble, and about its losses.
TROUBLE_S, LOSS_S = 60.0, 5.0


@dataclass(slots=True)
class Totals:
    """Of all drains of a router, ever."""

    sent: int = 0
    lost: int = 0
    failures: int = 0


class Drain:
    """``tell(text)``: a line for the app's log. clock: monotonic seconds. Runs from the beginning until closed."""

    def __init__(
        self,
        url: str,
        app: AppDrains,
        network: Network,
        budget: Budget,
        totals: Totals,
        tell: Callable[[str], None],
        plain_allowed: bool,
        clock: Callable[[], float],
    ) -> None:
        self.app = app
        self._totals, self._tell, self._clock = totals, tell, clock
        self._backlog, self._network = Backlog(budget), network
        self._some, self._empty = asyncio.Event(), asyncio.Event()
        self._empty.set()
        self._trouble_at = self._loss_at = float("-inf")
        self._target: Target | None = None
        self._task: asyncio.Task[None] | None = None
        try:
            self._target = parse(url, plain_allowed)
        except BadDrainError as problem:
            self._tell(f"A syslog drain gets no lines: {problem}")
        else:
            self._task = asyncio.create_task(self._run(self._target))

    def put(self, entry: LogEntry) -> None:
        """Never waits."""
        if self._task is None:
            self._totals.lost += 1
            return
        self._backlog.put(entry)
        self._some.set()
        self._empty.clear()

    def tend(self) -> None:
        """Tell of what was lost since the last time."""
        lost, now = self._backlog.lost, self._clock()
        if lost and self._target and now - self._loss_at >= LOSS_S:
            self._loss_at, self._backlog.lost = now, 0
            self._totals.lost += lost
            app = self.app.source_id
            self._tell(f"{lost} messages lost for application {app} in user provided syslog drain {self._target.shown}")

    async def flush(self, timeout_s: float) -> None:
        """Wait until what is here has gone, but not for long."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._empty.wait(), timeout_s)

    async def close(self) -> None:
        """What waits is lost."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._backlog.clear()
        self._totals.lost += self._backlog.lost

    async def _run(self, target: Target) -> None:
        sender = self._network.sender(target)
        pause = FIRST_PAUSE_S
        try:
            while True:
                if not (batch := self._backlog.take()):
                    self._some.clear()
                    self._empty.set()
                    await self._some.wait()
                    continue
                try:
                    done = await sender.send([message(entry, self.app) for entry in batch])
                except RejectedError as problem:
                    # One POST is refused; of a batch that is all of it.
                    refused = len(batch) if target.scheme == BATCHES else 1
                    self._backlog.lost += refused
                    self._totals.sent += problem.done
                    self._backlog.done(problem.done + refused)
                    self._trouble(target, str(problem))
                except Exception as problem:
                    # Whatever a user's server makes of us must not end the drain.
                    if not isinstance(problem, AWAY):
                        log.exception("a drain of %s failed", self.app.source_id)
                    self._totals.failures += 1
                    self._trouble(target, _reason(problem))
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, LAST_PAUSE_S)
                else:
                    pause = FIRST_PAUSE_S
                    self._totals.sent += done
                    self._backlog.done(done)
        finally:
            await sender.close()

    def _trouble(self, target: Target, reason: str) -> None:
        now = self._clock()
        if now - self._trouble_at >= TROUBLE_S:
            self._trouble_at = now
            self._tell(f"Syslog drain {target.shown} takes no lines: {reason}")
            log.info("a drain of %s takes no lines: %s", self.app.source_id, reason)


def _reason(problem: Exception) -> str:
    """For the app's owner. What connections were refused for is about addresses that anybody may reach."""
    match problem:
        case AddressRefused():
            return str(problem)
        case aiohttp.ClientConnectorCertificateError():
            return _reason(problem.certificate_error)
        case ssl.SSLCertVerificationError():
            return f"its certificate is not good: {problem.verify_message}"
        case ssl.SSLError() | aiohttp.ClientConnectorSSLError():
            return "no TLS connection"
        case TimeoutError():
            return "it is too slow"
        case ConnectionRefusedError():
            return "it refuses connections"
        case aiohttp.ClientConnectorError():
            return _reason(problem.os_error)
        case aiohttp.ClientError():
            return "it breaks the connection"
        case OSError():
            return problem.strerror or str(problem)
    return "it cannot be reached"
