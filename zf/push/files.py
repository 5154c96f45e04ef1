"""What is pushed: the files of a folder (less what .cfignore names) or of a zip archive, as one list of entries."""

import os
import posixpath
import stat
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from zf.client.errors import FilesError
from zf.push.ignore import ignored_by, read_ignore

#: The earliest and latest times a zip can tell.
ZIP_YEARS = (1980, 2107)

Moment = tuple[int, int, int, int, int, int]


class Kind(Enum):
    FILE = "file"
    LINK = "link"
    FOLDER = "folder"  # only the empty ones: the others follow from their files


@dataclass(frozen=True, slots=True)
class Entry:
    """name: relative, with slashes. mode: permission bits. size: bytes. target: of a link, relative to it."""

    name: str
    kind: Kind
    mode: int
    size: int
    modified: Moment
    target: str = ""


class Source(Protocol):
    entries: tuple[Entry, ...]

    def open(self, entry: Entry) -> IO[bytes]: ...


class Folder:
    """Raises FilesError for what cannot be pushed: unreadable or special files, links that lead outside."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._ignored = ignored_by(read_ignore(self._root))
        self.entries = tuple(self._walk(""))

    def open(self, entry: Entry) -> IO[bytes]:
        try:
            return open(self._root / entry.name, "rb")
        except OSError as error:
            raise FilesError(f"Cannot read {entry.name}: {error.strerror}", _WAY_OUT) from None

    def _walk(self, folder: str) -> Iterator[Entry]:
        """Depth first, sorted, so that the same folder always gives the same archive."""
        try:
            found = sorted(os.scandir(self._root / folder), key=lambda one: one.name)
        except OSError as error:
            raise FilesError(f"Cannot read {folder or self._root}: {error.strerror}", _WAY_OUT) from None
        for one in found:
            name = f"{folder}/{one.name}" if folder else one.name
            is_folder = one.is_dir(follow_symlinks=False)
            if self._ignored(name, is_folder):
                continue
            _refuse_unless_utf8(name)
            if is_folder:
                inside = list(self._walk(name))
                yield from inside or [self._entry(one, name, Kind.FOLDER)]
            elif one.is_symlink():
                yield self._entry(one, name, Kind.LINK, self._link(name))
            elif one.is_file(follow_symlinks=False):
                yield self._entry(one, name, Kind.FILE)
            else:
                raise FilesError(f"{name} is neither a file nor a folder", _WAY_OUT)

    def _entry(self, one: os.DirEntry[str], name: str, kind: Kind, target: str = "") -> Entry:
        about = one.stat(follow_symlinks=False)
        size = about.st_size if kind is Kind.FILE else 0
        return Entry(name, kind, stat.S_IMODE(about.st_mode), size, _moment(about.st_mtime), target)

    def _link(self, name: str) -> str:
        """The target to store: relative even when the link is absolute. Raises FilesError when it leaves the folder."""
        path = self._root / name
        target = os.readlink(path)
        end = Path(os.path.realpath(path))
        if not end.is_relative_to(self._root):
            raise FilesError(f"The link {name} leads outside the folder (to {target})", _WAY_OUT)
        if not os.path.isabs(target) and not _leaves(name, target):
            return target
        return os.path.relpath(end, (self._root / name).parent.resolve())


class Archive:
    """A zip or jar. Raises FilesError when it is none or holds names that lead outside."""

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as error:
            raise FilesError(
                f"{path} is not a zip archive ({error})", "Push a folder, or a .zip, .jar or .war"
            ) from None
        self._infos = {info.filename.rstrip("/"): info for info in self._zip.infolist()}
        self.entries = tuple(self._entry(name, info) for name, info in self._infos.items())

    def open(self, entry: Entry) -> IO[bytes]:
        try:
            return self._zip.open(self._infos[entry.name])
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            raise FilesError(f"Cannot read {entry.name} in the archive: {error}", "Pack the archive again") from None

    def _entry(self, name: str, info: zipfile.ZipInfo) -> Entry:
        if not name or name.startswith("/") or ".." in PurePosixPath(name).parts or "\\" in name:
            raise FilesError(f"The archive holds the name '{name}', which leads outside", "Pack the archive again")
        mode = info.external_attr >> 16
        kind = Kind.FOLDER if info.is_dir() else Kind.LINK if stat.S_ISLNK(mode) else Kind.FILE
        target = ""
        if kind is Kind.LINK:
            target = self._zip.read(info).decode("utf-8", "replace")
            if _leaves(name, target):
                raise FilesError(f"The link {name} leads outside the archive (to {target})", "Pack the archive again")
        permissions = stat.S_IMODE(mode) or (0o755 if kind is Kind.FOLDER else 0o644)
        return Entry(name, kind, permissions, info.file_size if kind is Kind.FILE else 0, info.date_time, target)


def source_at(path: Path) -> Folder | Archive:
    """Raises FilesError also when there is nothing to push."""
    if path.is_dir():
        found: Folder | Archive = Folder(path)
    elif path.is_file():
        found = Archive(path)
    else:
        raise FilesError(f"There is no folder or archive {path}", "Give the app's folder: zf push -p FOLDER")
    if not any(entry.kind is not Kind.FOLDER for entry in found.entries):
        raise FilesError(
            f"Nothing to push: {path} holds no files", "Add the app's files, or see what .cfignore leaves out"
        )
    return found


def read_through(source: Source, entry: Entry, use: Callable[[bytes], object]) -> None:
    """Hands the bytes of a file to `use`, piece by piece."""
    with source.open(entry) as file:
        while piece := file.read(1 << 20):
            use(piece)


_WAY_OUT = "Change it, or name it in .cfignore to leave it out"


def _leaves(name: str, target: str) -> bool:
    """Whether a link's text, read from its place, is absolute or climbs above the root."""
    end = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
    return target.startswith("/") or end == ".." or end.startswith("../")


def _refuse_unless_utf8(name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise FilesError(f"The name {os.fsencode(name)!r} is not UTF-8", "Rename it") from None


def _moment(timestamp: float) -> Moment:
    moment = time.localtime(timestamp)
    if not ZIP_YEARS[0] <= moment.tm_year <= ZIP_YEARS[1]:
        return (ZIP_YEARS[0], 1, 1, 0, 0, 0)
    return (moment.tm_year, moment.tm_mon, moment.tm_mday, moment.tm_hour, moment.tm_min, moment.tm_sec)
