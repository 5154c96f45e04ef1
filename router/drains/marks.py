"""How far the lines of a source have gone to its drains: the last offset of each writer. Pure."""

from collections.abc import Iterable

from chalicelib.contracts.logs import LogEntry, Mark

#: Writers of one source that are remembered; those that wrote last.
MAX_WRITERS = 500


class Marks:
    """changed: since it was last set to False."""

    def __init__(self, marks: Iterable[Mark] = ()) -> None:
        self._offsets: dict[tuple[str, str], int] = {}
        self.changed = False
        for mark in marks:
            self._advance((mark.instance_guid, mark.source_type), mark.offset)

    def __bool__(self) -> bool:
        return bool(self._offsets)

    def pass_on(self, entries: Iterable[LogEntry]) -> list[LogEntry]:
        """Those that have not gone before; from now on they have. In any order, each once."""
        before = dict(self._offsets)
        new = [entry for entry in entries if entry.offset > before.get((entry.instance_guid, entry.source_type), -1)]
        for entry in new:
            self._advance((entry.instance_guid, entry.source_type), entry.offset)
        return new

    def merge(self, marks: Iterable[Mark]) -> None:
        """What somebody else passed on."""
        for mark in marks:
            self._advance((mark.instance_guid, mark.source_type), mark.offset)

    def all(self) -> tuple[Mark, ...]:
        return tuple(Mark(writer, kind, offset) for (writer, kind), offset in self._offsets.items())

    def _advance(self, key: tuple[str, str], offset: int) -> None:
        if offset <= self._offsets.get(key, -1):
            return
        self._offsets.pop(key, None)
        self._offsets[key] = offset
        self.changed = True
        while len(self._offsets) > MAX_WRITERS:
            del self._offsets[next(iter(self._offsets))]
