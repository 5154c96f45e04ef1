"""A droplet onto disk, by the rules of core/archive.py: no entry outside of the folder, none through a link.

A link may have an absolute target: nothing is written, changed or linked through a link while we unpack.

Reads the archive as a stream and writes each file itself, because a droplet is input from outside and the safe
filters of tarfile are not in every Python 3.11.
"""

import gzip
import os
import shutil
import tarfile
import zlib
from pathlib import Path

from chalicelib.core.archive import (
    DIRECTORY,
    FILE,
    ArchiveRefused,
    check_droplet_link,
    clean_path,
    permissions,
    quoted,
)

COPY_BYTES = 256 * 1024

#: Times of files are taken over between these, seconds since the epoch: 1980 (zip knows nothing earlier, and buildpacks
#: pack again) and 2100, for a time may be anything in a tar and programs compare it.
EARLIEST_S, LATEST_S = 315_532_800, 4_102_444_800


class UnpackError(Exception):
    """The droplet cannot be unpacked. The text is for its owner."""


def unpack(archive: Path, folder: Path, most_bytes: int) -> None:
    """Unpack the tar.gz into the existing ``folder``. ``most_bytes``: of all files together. Raises UnpackError."""
    try:
        with gzip.open(archive) as plain, tarfile.open(fileobj=plain, mode="r|", bufsize=COPY_BYTES) as tar:
            _unpack(tar, folder, most_bytes)
    except ArchiveRefused as refusal:
        raise UnpackError(f"the droplet was refused: {refusal}") from None
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise UnpackError(f"the droplet is not a readable archive: {error}") from None
    except OSError as error:
        raise UnpackError(f"the droplet cannot be unpacked: {error.strerror}") from None


def _unpack(tar: tarfile.TarFile, folder: Path, most_bytes: int) -> None:
    links: set[str] = set()
    made = {""}
    times: dict[Path, float] = {}
    left = most_bytes
    for member in tar:
        left -= member.size + tarfile.BLOCKSIZE  # the header too: nothing is free, not even an empty file
        if left < 0:
            raise ArchiveRefused(f"it unpacks to more than its disk limit of {most_bytes // 1024**2}M")
        if member.name.strip("./") == "" and member.isdir():
            continue
        path = clean_path(member.name)
        parent = path.rpartition("/")[0]
        _check_not_below_a_link(path, links)
        if path in links:
            raise ArchiveRefused(f"{quoted(path)} is there twice, once as a link")
        if parent not in made:
            os.makedirs(folder / parent, exist_ok=True)
            made.add(parent)
        target = folder / path
        if member.isdir():
            target.mkdir(exist_ok=True)
            target.chmod(permissions(DIRECTORY, member.mode))
            made.add(path)
            times[target] = member.mtime
        elif member.issym():
            check_droplet_link(path, member.linkname)
            target.symlink_to(member.linkname)
            links.add(path)
        elif member.islnk():
            original = clean_path(member.linkname)
            _check_not_below_a_link(original, links)
            if original in links:
                raise ArchiveRefused(f"{quoted(path)} is a hard link to a symbolic one")
            os.link(folder / original, target)
        elif member.isreg():
            _write(tar, member, target)
        else:
            raise ArchiveRefused(f"{quoted(path)} is a device or a pipe")
    for made_folder, mtime in times.items():  # now, because every entry in a folder changes its time
        os.utime(made_folder, (_sane(mtime),) * 2, follow_symlinks=False)


def _sane(mtime: float) -> float:
    return min(max(mtime, EARLIEST_S), LATEST_S) if mtime == mtime else EARLIEST_S


def _check_not_below_a_link(path: str, links: set[str]) -> None:
    if links and any(path[:i] in links for i, letter in enumerate(path) if letter == "/"):
        raise ArchiveRefused(f"{quoted(path)} lies below a symbolic link")


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    content = tar.extractfile(member)
    assert content is not None  # it is a regular file
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with content, open(fd, "wb") as file:
        shutil.copyfileobj(content, file, COPY_BYTES)
        file.flush()
        os.utime(fd, (_sane(member.mtime),) * 2)
        os.fchmod(fd, permissions(FILE, member.mode))


def give(folder: Path, uid: int | None) -> None:
    """Make ``folder`` and all in it the user's, closed to others. Nothing to do when agent and app share a user."""
    folder.chmod(0o700)
    if uid is None:
        return
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(os.path.join(parent, name), uid, uid, follow_symlinks=False)
    os.chown(folder, uid, uid)
