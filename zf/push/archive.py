"""The zip that is uploaded: what the platform does not have yet, with modes, links and empty folders."""

import stat
import zipfile
from collections.abc import Callable, Iterable
from typing import IO

from zf.push.files import Entry, Kind, Source, read_through

#: Deflating these again costs time and gains nothing.
PACKED = (
    *(".7z", ".bz2", ".br", ".ear", ".gz", ".jar", ".tgz", ".war", ".whl", ".xz", ".zip", ".zst"),
    *(".avif", ".gif", ".jpeg", ".jpg", ".mp3", ".mp4", ".png", ".webm", ".webp", ".woff", ".woff2"),
)

_TYPES = {Kind.FILE: stat.S_IFREG, Kind.LINK: stat.S_IFLNK, Kind.FOLDER: stat.S_IFDIR}
_MS_DOS_FOLDER = 0x10
_MADE_ON_UNIX = 3


def write_zip(source: Source, entries: Iterable[Entry], out: IO[bytes], packed: Callable[[int], None]) -> int:
    """Returns how many entries went in. packed: told of each piece of bytes read."""
    count = 0
    with zipfile.ZipFile(out, "w") as archive:
        for entry in entries:
            count += 1
            info = _info(entry)
            if entry.kind is not Kind.FILE:
                archive.writestr(info, entry.target.encode())
                continue
            with archive.open(info, "w") as file:

                def use(piece: bytes, file: IO[bytes] = file) -> None:
                    file.write(piece)
                    packed(len(piece))

                read_through(source, entry, use)
    return count


def _info(entry: Entry) -> zipfile.ZipInfo:
    folder = entry.kind is Kind.FOLDER
    info = zipfile.ZipInfo(entry.name + ("/" if folder else ""), entry.modified)
    info.create_system = _MADE_ON_UNIX
    info.external_attr = (_TYPES[entry.kind] | entry.mode) << 16 | (_MS_DOS_FOLDER if folder else 0)
    packed = entry.kind is not Kind.FILE or entry.name.lower().endswith(PACKED)
    info.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
    info.file_size = entry.size  # large ones get zip64 fields
    return info
