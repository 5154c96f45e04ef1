"""The envelope around every message, and what the bus knows of each subject.

At-least-once and unordered: the envelope carries what a receiver needs to drop a message that is too old
(``sent_at`` with the subject's time to live) and to name it in a log line (``id``, ``trace``).
"""

import base64
import json
import zlib
from dataclasses import replace
from typing import Any

from chalicelib.contracts.codec import DecodeError, from_json, to_json
from chalicelib.contracts.frozen import frozen

#: Version of the envelope itself. A decoder refuses what is newer than it knows. In a packed one the body is
#: ``{"zlib": <base64>}``; only what would not fit otherwise is packed: the list of a very full host.
ENVELOPE_VERSION, PACKED_VERSION = 1, 2

#: Largest encoded envelope, bytes: SNS refuses more than 256 KiB by default.
MAX_ENVELOPE_BYTES = 256 * 1024

#: Most bytes of a body that was packed: far above what fits (a heartbeat packs to a third), far below what hurts.
MAX_UNPACKED_BYTES = 4 * 1024**2

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
        """Compact JSON, packed when it is long. Raises ValueError when it would not fit on the bus."""
        text = _dumps(to_json(self))
        if len(text) > MAX_ENVELOPE_BYTES:
            body = _dumps(self.body).encode()
            packed = {"zlib": base64.b64encode(zlib.compress(body)).decode()}
            text = _dumps(to_json(replace(self, body=packed, v=PACKED_VERSION)))
            if len(text) > MAX_ENVELOPE_BYTES or len(body) > MAX_UNPACKED_BYTES:
                raise ValueError(f"{self.subject} is {len(body)} bytes; the bus carries {MAX_ENVELOPE_BYTES}")
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


def _dumps(data: Any) -> str:
    """In ASCII: as many bytes as characters."""
    return json.dumps(data, separators=(",", ":"))


def _unpacked(envelope: Envelope) -> Envelope:
    """Raises DecodeError."""
    reader = zlib.decompressobj()
    try:
        text = reader.decompress(base64.b64decode(envelope.body["zlib"]), MAX_UNPACKED_BYTES)
        body = json.loads(text) if reader.eof else None
    except (KeyError, TypeError, ValueError, zlib.error, RecursionError) as error:
        raise DecodeError(f"the packed body cannot be read: {error!r}") from None
    if not isinstance(body, dict):
        raise DecodeError("the packed body is cut, too long or no object")
    return replace(envelope, body=body, v=ENVELOPE_VERSION)


def decode(text: str) -> Envelope:
    """Raises DecodeError when ``text`` is not an envelope of a version we know."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"not JSON: {error}") from None
    envelope = from_json(Envelope, data, "envelope")
    if envelope.v > PACKED_VERSION:
        raise DecodeError(f"envelope version {envelope.v} is newer than {PACKED_VERSION}")
    return _unpacked(envelope) if envelope.v == PACKED_VERSION else envelope
