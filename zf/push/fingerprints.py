"""What the platform may hold already: sha1 and size of the larger files, asked for in chunks."""

import hashlib
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from zf.push.files import Entry, Kind, Source, read_through

#: The platform's resource pool keeps files of these sizes, in bytes.
POOLED = range(64 * 1024, 512 * 1024 * 1024 + 1)
#: What one call of resource_matches takes.
CHUNK = 5000


@dataclass(frozen=True, slots=True)
class Fingerprint:
    entry: Entry
    sha1: str

    def as_resource(self) -> dict[str, Any]:
        """The shape of resource_matches and of the upload's `resources` field."""
        return {
            "path": self.entry.name,
            "mode": f"{self.entry.mode:o}",
            "checksum": {"value": self.sha1},
            "size_in_bytes": self.entry.size,
        }


def candidates(source: Source) -> list[Entry]:
    return [entry for entry in source.entries if entry.kind is Kind.FILE and entry.size in POOLED]


def fingerprints(source: Source, entries: Iterable[Entry], read: Callable[[int], None]) -> list[Fingerprint]:
    """read: told of each piece of bytes that is hashed. Threads help since hashing releases the GIL."""

    def one(entry: Entry) -> Fingerprint:
        digest = hashlib.sha1(usedforsecurity=False)

        def use(piece: bytes) -> None:
            digest.update(piece)
            read(len(piece))

        read_through(source, entry, use)
        return Fingerprint(entry, digest.hexdigest())

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
        return list(threads.map(one, entries))


def known(prints: list[Fingerprint], ask: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> list[Fingerprint]:
    """Those of `prints` that the platform has. ask: one call of resource_matches."""
    matched: set[tuple[str, int]] = set()
    for first in range(0, len(prints), CHUNK):
        for found in ask([one.as_resource() for one in prints[first : first + CHUNK]]):
            matched.add((found["checksum"]["value"], found["size_in_bytes"]))
    return [one for one in prints if (one.sha1, one.entry.size) in matched]
