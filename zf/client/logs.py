"""Reading an app's log from the log cache, each line once.

The cache answers in time order, but a line may arrive after a younger one of another instance. So every read goes
back OVERLAP_NS before the newest line seen and counts what it has shown of that stretch: nothing is lost, nothing
doubled, and no line is held back.
"""

import base64
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from zf.client.errors import BadAnswerError
from zf.client.http import Http, Json

#: What other clients hold back for; a DEA sends its lines at most 0.2 s old.
OVERLAP_NS = 2_000_000_000
#: The most the cache gives in one answer.
LIMIT = 1000
POLL_S = 0.25


@dataclass(frozen=True, slots=True)
class Line:
    """timestamp: ns since the epoch. source: STG, APP/PROC/WEB, ... instance: the index as text. type: OUT or ERR."""

    timestamp: int
    source: str
    instance: str
    type: str
    text: str


class LogCache:
    def __init__(self, http: Http, url: str) -> None:
        self._http, self._url = http, url

    def read(self, source_guid: str, **params: Any) -> list[Line]:
        """The lines of one answer, the oldest first unless descending. Raises ApiError, UnreachableError."""
        url = f"{self._url}/api/v1/read/{source_guid}"
        # No patience: whoever follows asks again soon, and a push must not wait for its log.
        query = {"envelope_types": "LOG", "limit": LIMIT, **params}
        body = self._http.json("GET", url, params=query, patience_s=0)
        return list(lines_of(body))

    def recent(self, source_guid: str) -> list[Line]:
        """What the cache still holds, the oldest first."""
        return self.read(source_guid, descending="true")[::-1]

    def newest(self, source_guid: str) -> int:
        """The timestamp of the newest line, 0 when there is none."""
        found = self.read(source_guid, descending="true", limit=1)
        return found[0].timestamp if found else 0


class Reads(Protocol):
    def read(self, source_guid: str, **params: Any) -> list[Line]: ...

    def newest(self, source_guid: str) -> int: ...


class Follower:
    """The lines of one app from `start` (ns, included) on, each once."""

    def __init__(self, cache: Reads, source_guid: str, start: int) -> None:
        self._cache, self._source, self._start = cache, source_guid, start
        self._newest = start
        self._shown: Counter[Line] = Counter()

    @classmethod
    def from_now(cls, cache: Reads, source_guid: str) -> "Follower":
        """Of what the cache does not have yet. By its contents, not by time: clocks of hosts differ."""
        newest = cache.newest(source_guid)
        follower = cls(cache, source_guid, max(0, newest - OVERLAP_NS))
        if newest:
            follower.new()
        return follower

    def new(self) -> list[Line]:
        """What has come since the last call; an empty list when nothing has."""
        found: list[Line] = []
        cursor = max(self._start, self._newest - OVERLAP_NS)
        while True:
            batch = self._cache.read(self._source, start_time=cursor)
            found += batch
            if len(batch) < LIMIT:
                break
            # A full answer: what follows begins with the same instant, unless that alone fills an answer.
            last = batch[-1].timestamp
            found = [line for line in found if line.timestamp < last or last == cursor]
            cursor = last + (last == cursor)
        return self.fresh(found)

    def fresh(self, found: Iterable[Line]) -> list[Line]:
        """Those of `found` (all that the cache has from the cursor on) that were not given before."""
        counted = Counter(found)
        new = sorted((counted - self._shown).elements(), key=lambda line: line.timestamp)
        if counted:
            self._newest = max(self._newest, *(line.timestamp for line in counted), 0)
            kept = self._newest - OVERLAP_NS
            merged = self._shown | counted
            self._shown = Counter({line: count for line, count in merged.items() if line.timestamp >= kept})
        return new


def lines_of(body: Json) -> Iterator[Line]:
    """Raises BadAnswerError when the body is not a batch of log envelopes."""
    try:
        for envelope in body["envelopes"]["batch"]:
            log = envelope.get("log")
            if log is None:
                continue
            yield Line(
                int(envelope["timestamp"]),
                (envelope.get("tags") or {}).get("source_type", ""),
                str(envelope.get("instance_id", "")),
                log.get("type", "OUT"),
                base64.b64decode(log.get("payload", "")).decode("utf-8", "replace").rstrip("\n"),
            )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadAnswerError(
            "The log cache answered with something else than log lines", "Try again in a moment"
        ) from None
