"""The hot tier of logs: a bounded ring of lines per source. Pure but for its own memory: no clock, no I/O.

Timestamps of a source are made unique by a nanosecond each, as the field's log-cache does: clients walk on by
"last timestamp plus one", and equal ones at the edge of a page would be lost to them.
"""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from chalicelib.contracts.logs import LogEntry

#: Envelopes kept per source (architecture, section 5).
RING = 1000

#: Of all sources together: bytes of text and of their frames, and the number of sources.
MAX_BYTES, MAX_SOURCES = 128 * 1024 * 1024, 20_000

#: The same of gauges: what a hundred instances say in half a minute, or one in 50 minutes.
GAUGE_RING, GAUGE_BYTES = 200, 32 * 1024 * 1024

#: Of one source, bytes: long lines of one app must not push out everybody else's.
MAX_SOURCE_BYTES = 4 * 1024 * 1024

#: A longer line is cut.
MAX_TEXT = 64 * 1024

#: What an entry costs beside its text.
FRAME_BYTES = 400


@dataclass(frozen=True, slots=True)
class Window:
    """Which entries to read. Times in ns since the epoch, start inclusive, end exclusive (None: no end)."""

    start: int = 0
    end: int | None = None
    limit: int = 100
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Meta:
    """count: entries at hand; expired: those that the ring dropped; oldest and newest: ns since the epoch."""

    count: int
    expired: int
    oldest: int
    newest: int


@dataclass(slots=True)
class _Source:
    """entries are in order of times, which holds their timestamps. seen: last offset by (instance, source type)."""

    times: list[int] = field(default_factory=list)
    entries: list[LogEntry] = field(default_factory=list)
    seen: dict[tuple[str, str], int] = field(default_factory=dict)
    size: int = 0
    expired: int = 0


class LogCache:
    def __init__(self, ring: int = RING, max_bytes: int = MAX_BYTES, max_sources: int = MAX_SOURCES) -> None:
        self._ring, self._max_bytes, self._max_sources = ring, max_bytes, max_sources
        self._sources: OrderedDict[str, _Source] = OrderedDict()
        self.size = 0
        self.taken = self.doubled = self.evicted = 0

    def put(self, source_id: str, entries: Iterable[LogEntry]) -> list[LogEntry]:
        """Take lines of one source; what was taken before (by its offset) is dropped. Returns what was new."""
        source = self._sources.setdefault(source_id, _Source())
        self._sources.move_to_end(source_id)
        before = source.size
        new = []
        for entry in entries:
            key = (entry.instance_guid, entry.source_type)
            if entry.offset <= source.seen.get(key, -1):
                self.doubled += 1
                continue
            # Moved to the end, so that the oldest instances are forgotten first.
            source.seen.pop(key, None)
            source.seen[key] = entry.offset
            new.append(_insert(source, entry))
            self.taken += 1
        while len(source.entries) > self._ring or source.size > MAX_SOURCE_BYTES:
            source.size -= size_of(source.entries.pop(0))
            del source.times[0]
            source.expired += 1
        while len(source.seen) > self._ring:
            del source.seen[next(iter(source.seen))]
        self.size += source.size - before
        self._evict()
        return new

    def _evict(self) -> None:
        """Whole sources, those that were silent longest first."""
        while self._sources and (self.size > self._max_bytes or len(self._sources) > self._max_sources):
            _, source = self._sources.popitem(last=False)
            self.size -= source.size
            self.evicted += 1

    def read(self, source_id: str, window: Window) -> list[LogEntry]:
        source = self._sources.get(source_id, _Source())
        first = bisect_left(source.times, window.start)
        last = len(source.times) if window.end is None else bisect_left(source.times, window.end)
        if window.descending:
            return source.entries[max(first, last - window.limit) : last][::-1]
        return source.entries[first : min(last, first + window.limit)]

    def sources(self) -> list[str]:
        """Ids, the latest active first."""
        return list(reversed(self._sources))

    def meta(self, source_id: str) -> Meta | None:
        source = self._sources.get(source_id)
        if source is None or not source.times:
            return None
        return Meta(len(source.times), source.expired, source.times[0], source.times[-1])


def merge(parts: Iterable[Iterable[LogEntry]], window: Window) -> list[LogEntry]:
    """Reads of one window from several owners as one: each line once, in order, within the limit."""
    unique = {(entry.instance_guid, entry.source_type, entry.offset): entry for part in parts for entry in part}
    ordered = sorted(unique.values(), key=lambda entry: entry.timestamp, reverse=window.descending)
    return ordered[: window.limit]


def _insert(source: _Source, entry: LogEntry) -> LogEntry:
    """The entry as it is kept."""
    time = entry.timestamp
    place = bisect_left(source.times, time)
    while place < len(source.times) and source.times[place] == time:
        time, place = time + 1, place + 1
    entry = replace(entry, timestamp=time, text=entry.text[:MAX_TEXT])
    source.times.insert(place, time)
    source.entries.insert(place, entry)
    source.size += size_of(entry)
    return entry


def size_of(entry: LogEntry) -> int:
    """Bytes that a line is reckoned to take."""
    return len(entry.text) + FRAME_BYTES
