"""An app's package onto disk, by the rules of ``core/archive``: inside its folder, modes kept, owned by its user."""

import os
from pathlib import Path

from chalicelib.core import archive
from chalicelib.core.archive import ArchiveLimits, ArchiveRefused
from chalicelib.core.zips import PackageZip
from dea_agent.staging.errors import StagingFailed

#: The control plane holds uploads to the narrow limits. A package may be larger, because the resource pool adds to
#: it, and pack better than any upload may: 1,032 to 1 is the best that deflate can do.
LIMITS = ArchiveLimits(packed_bytes=5 * 1024**3, ratio=1032)


def unpack(source: Path, target: Path, uid: int | None, what: str) -> None:
    """Unpack the zip into the empty folder ``target``. ``what``: for errors. Raises StagingFailed."""
    try:
        with source.open("rb") as file:
            package = PackageZip(file, LIMITS)
            _write(package, target, uid)
    except ArchiveRefused as error:
        raise StagingFailed("StagingError", f"the {what} was refused: {error}") from None


def _write(package: PackageZip, target: Path, uid: int | None) -> None:
    """Links come last: until then no name can lead anywhere else."""
    made: set[str] = set()

    def make_folder(path: str) -> None:
        if path and path not in made:
            make_folder(path.rpartition("/")[0])
            os.mkdir(target / path, 0o755)
            _give(target / path, uid)
            made.add(path)

    for entry in package.entries:
        make_folder(entry.path if entry.kind == archive.DIRECTORY else entry.path.rpartition("/")[0])
        if entry.kind == archive.FILE:
            fd = os.open(target / entry.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, entry.mode)
            with open(fd, "wb") as file:
                os.fchmod(fd, entry.mode)
                if uid is not None:
                    os.fchown(fd, uid, uid)
                for chunk in package.chunks(entry):
                    file.write(chunk)
    for entry in package.entries:
        if entry.kind == archive.LINK:
            os.symlink(package.link_target(entry), target / entry.path)
            _give(target / entry.path, uid)
        elif entry.kind == archive.DIRECTORY:
            os.chmod(target / entry.path, entry.mode)


def _give(path: Path, uid: int | None) -> None:
    if uid is not None:
        os.chown(path, uid, uid, follow_symlinks=False)
