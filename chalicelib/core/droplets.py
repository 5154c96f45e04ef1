"""A droplet from outside, looked at before it becomes one: a tar.gz that unpacks into its own folder, with an app.

Pure but for the file that it reads, as a stream and once.
"""

import gzip
import tarfile
import zlib
from typing import Any, BinaryIO

from chalicelib.contracts.frozen import frozen
from chalicelib.core import archive
from chalicelib.core.archive import DIRECTORY, FILE, LINK, ArchiveLimits, ArchiveRefused, Entry, quoted

#: A droplet holds an app and all that it needs to run.
LIMITS = ArchiveLimits(packed_bytes=2 * 1024**3, unpacked_bytes=8 * 1024**3, files=200_000)

#: Files of a droplet that tell of it, and how much of them is read, bytes.
STAGING_INFO, PROCFILE = "staging_info.yml", "app/Procfile"
MAX_TEXT_BYTES = 256 * 1024

#: The largest piece that is ever held; headers of tar may say any size.
MAX_READ_BYTES = 1024 * 1024

BROKEN = (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError, OverflowError, OSError)


@frozen
class Contents:
    """texts: of STAGING_INFO and PROCFILE, those that are there. files: how many entries."""

    texts: dict[str, str]
    files: int


class _BoundedReads:
    """The unpacked stream, refusing to hand out an unreasonable piece at once."""

    def __init__(self, file: gzip.GzipFile) -> None:
        self._file = file
        self.seek, self.tell, self.close = file.seek, file.tell, file.close

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MAX_READ_BYTES:
            raise ArchiveRefused("a header of the droplet is too large")
        return self._file.read(size)


def examine(file: BinaryIO, limits: ArchiveLimits = LIMITS) -> Contents:
    """Raises ArchiveRefused for what no DEA could, or should, unpack."""
    packed = file.seek(0, 2)
    archive.check_packed(packed, limits)
    file.seek(0)
    try:
        with gzip.GzipFile(fileobj=file, mode="rb") as plain:
            reader: Any = _BoundedReads(plain)
            with tarfile.open(fileobj=reader, mode="r:") as tar:
                return _examine(tar, packed, limits)
    except ArchiveRefused:
        raise
    except BROKEN:
        raise ArchiveRefused("the upload is not a tar.gz archive, or it is damaged") from None


def _examine(tar: tarfile.TarFile, packed: int, limits: ArchiveLimits) -> Contents:
    entries: list[Entry] = []
    texts: dict[str, str] = {}
    left = min(limits.unpacked_bytes, max(limits.ratio_from_bytes, limits.ratio * packed))
    while (member := tar.next()) is not None:
        vars(tar)["members"].clear()  # it would remember them all
        if member.name.strip("./") == "" and member.isdir():
            continue
        entry = _entry(member)
        left -= member.size + tarfile.BLOCKSIZE
        if left < 0:
            raise ArchiveRefused(
                f"it unpacks to more than {limits.unpacked_bytes} bytes or {limits.ratio} times its size"
            )
        entries.append(entry)
        if len(entries) > limits.files:
            raise ArchiveRefused(f"it has more than {limits.files} files")
        if entry.path in (STAGING_INFO, PROCFILE) and entry.kind == FILE:
            content = tar.extractfile(member)
            texts[entry.path] = content.read(MAX_TEXT_BYTES).decode(errors="replace") if content else ""
    archive.check_tree(entries)
    if not any(entry.path == "app" or entry.path.startswith("app/") for entry in entries):
        raise ArchiveRefused("it has no folder 'app', so it is no droplet")
    return Contents(texts, len(entries))


def _entry(member: tarfile.TarInfo) -> Entry:
    path = archive.clean_path(member.name)
    if member.issym():
        archive.check_droplet_link(path, member.linkname)
    elif member.islnk():
        archive.clean_path(member.linkname)
    elif not (member.isreg() or member.isdir()):
        raise ArchiveRefused(f"{quoted(path)} is a device or a pipe")
    kind = DIRECTORY if member.isdir() else LINK if member.issym() else FILE
    return Entry(path, kind, archive.permissions(kind, member.mode), member.size)
