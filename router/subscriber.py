"""The router on the bus: hears registrations and other components, makes itself known.

Runs in a thread of its own (boto3 blocks) that hands each message to the agent's loop and waits until it has been
taken, so that a message is deleted from the queue only after it is in the table and its journal. A bus that is
away is waited for; the agent serves meanwhile with what it knows.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters.bus import Bus
from chalicelib.adapters.inbox import Inbox
from chalicelib.contracts.codec import DecodeError
from chalicelib.contracts.components import Announce
from chalicelib.contracts.envelope import Envelope
from chalicelib.contracts.logs import AppLines
from chalicelib.contracts.routing import Register, RouterStart, Unregister

log = logging.getLogger(__name__)

TOPICS = ("routes", "components")

#: At most one router.start in this time for DEAs and routers that are new to us.
ASK_PAUSE_S = 1.0

#: The bus is silent when no poll was answered for the poll's own length and this, or when not even our own
#: router.start came back to us for so many of its intervals.
POLL_GRACE_S, MISSED_STARTS = 5.0, 3

#: (message, when it was sent) to the agent; returns whether the sender's boot is new to the table.
Hear = Callable[[Register | Unregister, float], bool]


class Subscriber:
    """``start`` and ``announce`` are what is said of this router; the callables take what others say."""

    def __init__(
        self,
        bus: Bus,
        start: RouterStart,
        announce: Announce,
        hear: Hear,
        meet: Callable[[RouterStart], bool],
        lines: Callable[[AppLines], None],
        wait_s: int,
        router_start_s: float,
    ) -> None:
        self._bus, self._start, self._announce = bus, start, announce
        self._hear, self._meet, self._lines = hear, meet, lines
        self._wait_s, self._router_start_s = wait_s, router_start_s
        self._inbox = Inbox(bus, f"router-{start.router}-{start.boot}", TOPICS, wait_s)
        self._inbox.on_answer = self._answered
        self._stop = threading.Event()
        self._asked_at = float("-inf")
        self._answered_at = float("-inf")
        #: When anything last came through the bus (monotonic seconds); our own router.start does, if nothing else.
        self.heard_at = float("-inf")
        #: Set once the queue is subscribed and the router has said so.
        self.subscribed = threading.Event()
        #: When the bus first answered a poll (monotonic seconds); None before.
        self.first_answer: float | None = None
        self.messages = self.expired = 0

    def run_in_background(self) -> None:
        for target in (self._listen, self._repeat):
            threading.Thread(target=target, name=f"bus-{target.__name__}", daemon=True).start()

    def is_healthy(self, now: float) -> bool:
        """Whether silence would mean something: polls are answered and messages do come through."""
        return (
            now - self._answered_at < self._wait_s + POLL_GRACE_S
            and now - self.heard_at < self._router_start_s * MISSED_STARTS + POLL_GRACE_S
        )

    def leave(self) -> None:
        """Say goodbye and remove the queue. Blocks for as long as the bus does."""
        self._stop.set()
        if self._inbox.url:
            goodbye = RouterStart(self._start.router, self._start.boot, self._start.logs, leaving=True)
            self._say("router.start", goodbye)
        try:
            self._inbox.close()
        except (BotoCoreError, ClientError) as error:
            log.warning("the router's queue could not be removed: %s", error)

    def _listen(self) -> None:
        pause = 0.1
        while not self._stop.is_set():
            try:
                self._inbox.open()
                break
            except (BotoCoreError, ClientError) as error:
                log.warning("the bus cannot be joined: %s", error)
                self._stop.wait(pause)
                pause = min(pause * 2, 5)
        self._ask()
        self._say("component.announce", self._announce)
        self.subscribed.set()
        self._inbox.run(self._take)

    def _repeat(self) -> None:
        """Say router.start for ever: DEAs that are new learn where logs go, and it is our proof of the bus."""
        while not self._stop.wait(self._router_start_s):
            if self.subscribed.is_set():
                self._ask()

    def _ask(self) -> None:
        self._asked_at = time.monotonic()
        self._say("router.start", self._start)

    def _say(self, subject: str, body: Any) -> None:
        try:
            self._bus.say("topic:components", subject, body)
        except (BotoCoreError, ClientError) as error:
            log.warning("%s could not be said: %s", subject, error)

    def _answered(self) -> None:
        self._answered_at = time.monotonic()
        if self.first_answer is None:
            self.first_answer = self._answered_at

    def _take(self, envelope: Envelope) -> None:
        self.heard_at = time.monotonic()
        self.messages += 1
        if envelope.is_expired(time.time()):
            self.expired += 1
            return
        try:
            self._dispatch(envelope)
        except DecodeError as error:
            log.error("dropped a message: %s", error, extra={"trace": envelope.trace, "sender": envelope.sender})

    def _dispatch(self, envelope: Envelope) -> None:
        if envelope.subject == "router.register":
            is_new = self._hear(envelope.read(Register), envelope.sent_at)
            if is_new and time.monotonic() - self._asked_at > ASK_PAUSE_S:
                self._ask()
        elif envelope.subject == "router.unregister":
            self._hear(envelope.read(Unregister), envelope.sent_at)
        elif envelope.subject == "router.start":
            if self._meet(envelope.read(RouterStart)) and time.monotonic() - self._asked_at > ASK_PAUSE_S:
                self._ask()  # so that the new one soon knows all others
        elif envelope.subject == "app.lines":
            self._lines(envelope.read(AppLines))
        elif envelope.subject == "component.discover":
            self._say("component.announce", self._announce)
