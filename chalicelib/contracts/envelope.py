"""The envelope around every message, and what the bus knows of each subject.

At-least-once and unordered: the envelope carries what a receiver needs to drop a message that is too old
(``sent_at`` with the subject's time to live) and to name it in a log line (``id``, ``trace``).
"""

import json
from dataclasses import replace
from typing import Any

from chalicelib.contracts.codec import DecodeError, from_json, to_json
from chalicelib.contracts.frozen import frozen

#: Version of the envelope itself. A decoder refuses what is newer than it knows.
ENVELOPE_VERSION = 1

#: Largest encoded envelope, bytes: SNS refuses more than 256 KiB by default.
MAX_ENVELOPE_BYTES = 256 * 1024

#: Seconds after which a message is not worth handling, because its sender says it again anyway.
#: Subjects that are not named here (results, jobs, stops) never expire.
TIME_TO_LIVE_S: dict[str, float] = {
    "dea.discover": 10,
    "dea.bid": 10,
    "dea.heartbeat": 30,
    "router.register": 40,
    "router.start": 60,
    "component.announce": 60,
    "component.discover": 30,
}


@frozen
class Envelope:
    """One message on the bus.

    id: unique per message, minted by the sender; re-sends of the outbox keep it.
    subject: what it is, for example ``dea.bid``. sent_at: seconds since the epoch.
    sender: component id, for example ``dea-0`` or ``cc``.
    trace: the request id of the first cause; stands in every log line on the way.
    """

    id: str
    subject: str
    sent_at: float
    sender: str
    trace: str
    body: dict[str, Any]
    v: int = ENVELOPE_VERSION

    def encode(self) -> str:
        """Compact JSON. Raises ValueError when it would not fit on the bus."""
        text = json.dumps(to_json(self), separators=(",", ":"))
        if len(text.encode()) > MAX_ENVELOPE_BYTES:
            raise ValueError(f"{self.subject} is {len(text)} bytes; the bus carries {MAX_ENVELOPE_BYTES}")
        return text

    def is_expired(self, now: float) -> bool:
        """Whether the subject's time to live has passed at ``now`` (seconds since the epoch)."""
        ttl = TIME_TO_LIVE_S.get(self.subject)
        return ttl is not None and now - self.sent_at > ttl

    def read(self, cls: type[Any]) -> Any:
        """The body as the dataclass ``cls``. Raises DecodeError."""
        return from_json(cls, self.body, self.subject)

    def sent_again_at(self, now: float) -> "Envelope":
        """The same message with a new time, for the outbox's re-send."""
        return replace(self, sent_at=now)


def decode(text: str) -> Envelope:
    """Raises DecodeError when ``text`` is not an envelope of a version we know."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"not JSON: {error}") from None
    envelope = from_json(Envelope, data, "envelope")
    if envelope.v > ENVELOPE_VERSION:
        raise DecodeError(f"envelope version {envelope.v} is newer than {ENVELOPE_VERSION}")
    return envelope
