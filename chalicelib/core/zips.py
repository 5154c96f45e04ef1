"""A zip from outside, opened with suspicion: everything is checked before the first byte is unpacked, and what
is unpacked is held to what was declared.

Works on a seekable file that the caller opened; touches nothing else.
"""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, NoReturn

from chalicelib.core import archive
from chalicelib.core.archive import ArchiveLimits, ArchiveRefused, Entry, quoted

#: Largest single read. It bounds the table of contents, which is read at once: 16 MiB are 50,000 entries of 335
#: bytes, and become at most some 200 MB of objects before they are counted.
MAX_READ_BYTES = 16 * 1024 * 1024
CHUNK_BYTES = 256 * 1024

#: What the zip library raises for broken input, in its many voices.
BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, EOFError, ValueError, OverflowError)

ENCRYPTED = 0x1


class _BoundedReads:
    """The file, refusing to hand out an unreasonable piece at once."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.close = file.seek, file.tell, file.close

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if size > MAX_READ_BYTES:
            raise ArchiveRefused("the archive has too many files: its table of contents is larger than 16 MiB")
        return self._file.read(MAX_READ_BYTES if size < 0 else size)


class PackageZip:
    """A checked zip. ``entries`` in the order of the archive; raises ArchiveRefused for what breaks a rule.

    ``chunks`` may be used from several threads.
    """

    def __init__(self, file: BinaryIO, limits: ArchiveLimits | None = None) -> None:
        limits = limits or ArchiveLimits()
        packed_bytes = file.seek(0, 2)
        archive.check_packed(packed_bytes, limits)
        self._zip = _open(file)
        self._infos: dict[str, zipfile.ZipInfo] = {}
        entries = []
        for info in self._zip.infolist():
            entry = _entry(info)
            self._infos[entry.path] = info
            entries.append(entry)
        self.entries = tuple(entries)
        archive.check_unpacked(self.entries, limits)
        archive.check_ratio(self.entries, packed_bytes, limits)
        archive.check_tree(self.entries)
        _check_overlap(self._zip.infolist(), packed_bytes)
        for entry in self.entries:
            if entry.kind == archive.LINK:
                archive.check_link(entry.path, self.link_target(entry))

    def chunks(self, entry: Entry) -> Iterator[bytes]:
        """The unpacked bytes, exactly ``entry.size`` of them. Raises ArchiveRefused when they are damaged."""
        left = entry.size
        try:
            with self._zip.open(self._infos[entry.path]) as file:
                while chunk := file.read(CHUNK_BYTES):
                    left -= len(chunk)
                    yield chunk
        except ArchiveRefused:
            raise
        except BROKEN as error:
            raise ArchiveRefused(f"{quoted(entry.path)} is damaged: {error}") from None
        if left:
            raise ArchiveRefused(f"{quoted(entry.path)} is damaged: it is not as long as it says")

    def link_target(self, entry: Entry) -> str:
        if entry.size > archive.MAX_LINK_BYTES:
            raise ArchiveRefused(f"the link {quoted(entry.path)} has no usable target")
        return b"".join(self.chunks(entry)).decode(errors="surrogateescape")

    def date_time(self, entry: Entry) -> Any:
        """When the file was changed, as zips keep it: a tuple from year to second."""
        return self._infos[entry.path].date_time


def _open(file: BinaryIO) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(_BoundedReads(file))
    except ArchiveRefused:
        raise
    except (*BROKEN, OSError):
        # OSError: offsets that lie before the beginning.
        _refuse_as_damaged()


def _refuse_as_damaged() -> NoReturn:
    raise ArchiveRefused("the upload is not a zip archive, or it is damaged") from None


def _entry(info: zipfile.ZipInfo) -> Entry:
    # orig_filename: the library cuts the name at a NUL and would hide it from us.
    name, mode = info.orig_filename, info.external_attr >> 16
    path, kind = archive.clean_path(name), archive.kind_of(name, mode)
    if info.flag_bits & ENCRYPTED:
        raise ArchiveRefused(f"{quoted(name)} is encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ArchiveRefused(f"{quoted(name)} is compressed in a way that is not known here; use deflate")
    if kind == archive.DIRECTORY and info.file_size:
        raise ArchiveRefused(f"{quoted(name)} is a folder with contents of its own")
    return Entry(path, kind, archive.permissions(kind, mode), info.file_size)


def _check_overlap(infos: list[zipfile.ZipInfo], packed_bytes: int) -> None:
    """Entries that share their bytes make a small archive unpack to a large one: a bomb, whatever its ratio."""
    end = packed_bytes
    for info in sorted(infos, key=lambda info: info.header_offset, reverse=True):
        # 30 bytes of local header and at least the name stand before the data.
        if info.header_offset < 0 or info.header_offset + 30 + info.compress_size > end:
            raise ArchiveRefused(f"the archive is damaged: {quoted(info.filename)} overlaps another file")
        end = info.header_offset
