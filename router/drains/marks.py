"""How far the lines of a source have gone to its drains: the last offset of each writer. Pure.

Of CloudController's lines each has a writer of its own, and a time for its offset. The last of them are remembered;
of those before it is known only that all up to a time have gone, so that one that comes very late is left out rather
than sent again.
"""

from collections.abc import Iterable

from chalicelib.contracts.logs import API, LogEntry, Mark

#: Writers of one source that are remembered; those that wrote last.
MAX_WRITERS = 500

#: Of CloudController's lines. All of them go in each word to the other owner, so they are few.
MAX_API = 50


class Marks:
    """changed: since it was last set to False."""

    def __init__(self, marks: Iterable[Mark] = ()) -> None:
        self._offsets: dict[tuple[str, str], int] = {}
        self._api: dict[str, int] = {}
        self._api_until = -1
        self.changed = False
        self.merge(marks)

    def __bool__(self) -> bool:
        return bool(self._offsets or self._api)

    def pass_on(self, entries: Iterable[LogEntry]) -> list[LogEntry]:
        """Those that have not gone before; from now on they have. In any order, each once."""
        offsets = self._offsets
        new = [
            entry
            for entry in entries
            if (
                self._is_new_api(entry)
                if entry.source_type == API
                else entry.offset > offsets.get((entry.instance_guid, entry.source_type), -1)
            )
        ]
        for entry in new:
            self._advance(entry.instance_guid, entry.source_type, entry.offset)
        return new

    def merge(self, marks: Iterable[Mark]) -> None:
        """What somebody else passed on."""
        for mark in marks:
            self._advance(mark.instance_guid, mark.source_type, mark.offset)

    def all(self) -> tuple[Mark, ...]:
        writers = tuple(Mark(writer, kind, offset) for (writer, kind), offset in self._offsets.items())
        api = tuple(Mark(writer, API, offset) for writer, offset in self._api.items())
        return writers + api + ((Mark("", API, self._api_until),) if self._api_until >= 0 else ())

    def _is_new_api(self, entry: LogEntry) -> bool:
        return entry.offset > self._api_until and entry.instance_guid not in self._api

    def _advance(self, writer: str, kind: str, offset: int) -> None:
        if kind == API:
            self._advance_api(writer, offset)
            return
        key = (writer, kind)
        if offset <= self._offsets.get(key, -1):
            return
        self._offsets.pop(key, None)
        self._offsets[key] = offset
        self.changed = True
        while len(self._offsets) > MAX_WRITERS:
            del self._offsets[next(iter(self._offsets))]

    def _advance_api(self, writer: str, offset: int) -> None:
        """Without a writer: all up to there."""
        if offset <= self._api_until or writer in self._api:
            return
        self.changed = True
        if writer:
            self._api[writer] = offset
        else:
            self._api_until = offset
            self._api = {name: at for name, at in self._api.items() if at > offset}
        if len(self._api) > MAX_API:
            oldest = min(self._api, key=lambda name: self._api[name])
            self._api_until = max(self._api_until, self._api.pop(oldest))
