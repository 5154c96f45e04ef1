"""Disk quotas of containers: each instance's folder is an ext4 of its own in a sparse file, mounted by loop.

What counts is what the app writes: the file system is made larger than the quota, and once the droplet is unpacked
all but the quota is taken out of what anybody may allocate. So the app sees its own ENOSPC while the host has room,
and neither the droplet nor the file system's tables eat into its quota. The mounts are the host's: they outlive the
agent, and where they are is told by the kernel alone.
"""

import fcntl
import logging
import os
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from dea_agent import trees

log = logging.getLogger(__name__)

MIB = 1024 * 1024
BLOCK = 4096

#: Of the file system: a droplet may unpack to its quota, and small files take up to twice their size in blocks.
TIMES_QUOTA, BESIDE_BYTES = 3, 64 * MIB

#: No journal: the file system does not outlive a crash of the host. Tables are not written before they are needed.
MAKE = ("mkfs.ext4", "-q", "-F", "-b", str(BLOCK), "-m", "0", "-i", "8192", "-O", "^has_journal")
MAKE_LAZILY = ("-E", "lazy_itable_init=1,nodiscard,root_owner=0:0")
OPTIONS = "loop,nosuid,nodev,noatime,noinit_itable,discard"

#: EXT4_IOC_SHUTDOWN and EXT4_GOING_FLAGS_NOLOGFLUSH of the kernel's ext4.h.
SHUTDOWN, WITHOUT_FLUSH = 0x8004587D, 2

#: The kernel's own face of a mounted ext4.
EXT4 = Path("/sys/fs/ext4")


class VolumeError(OSError):
    """A volume cannot be had. ``strerror`` is for people."""


@dataclass(frozen=True, slots=True)
class Volume:
    """A mounted one that has been sealed."""

    root: Path
    quota_bytes: int

    def written(self) -> int:
        """Bytes of the quota that are in use."""
        stat = os.statvfs(self.root)
        return min(self.quota_bytes, max(0, self.quota_bytes - stat.f_bavail * stat.f_frsize))


class Volumes:
    """folder: of the files, the agent's own. Each is named after the folder below ``roots`` that it is mounted on."""

    def __init__(self, folder: Path, roots: Path) -> None:
        self._folder, self._roots = folder, roots
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def try_out(self) -> None:
        """Raises VolumeError when this host cannot mount them, or cannot hold them to a quota."""
        root = self._folder / f"try-{os.getpid()}"
        try:
            self.make(root, 16)
            self.seal(root, 16)
        finally:
            self.remove(root)

    def make(self, root: Path, quota_mb: int) -> None:
        """``root`` becomes an empty folder on a volume, larger than the quota until it is sealed."""
        self.remove(root)
        root.mkdir(mode=0o700)
        image = self._image(root)
        with open(image, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.truncate(TIMES_QUOTA * quota_mb * MIB + BESIDE_BYTES)
        _run(*MAKE, *MAKE_LAZILY, str(image))
        _run("mount", "-o", OPTIONS, str(image), str(root))
        (root / "lost+found").rmdir()
        root.chmod(0o700)

    def seal(self, root: Path, quota_mb: int) -> None:
        """From now on just the quota can be written."""
        stat = os.statvfs(root)
        held = stat.f_bfree - quota_mb * MIB // stat.f_frsize
        if held < 0:
            raise VolumeError(28, "the droplet leaves less room than the disk limit")
        try:
            (EXT4 / _device(root) / "reserved_clusters").write_text(str(held))
        except OSError as error:
            raise VolumeError(error.errno, f"the disk quota cannot be set: {error.strerror}") from None

    def remove(self, root: Path) -> None:
        """The folder, with whatever is mounted there. Never raises: what stays is logged."""
        if os.path.ismount(root):
            _forget_unwritten(root)
            subprocess.run(["umount", str(root)], capture_output=True, check=False)
        if os.path.ismount(root):  # somebody looks into it; it goes when he has left
            subprocess.run(["umount", "-l", str(root)], capture_output=True, check=False)
        self._image(root).unlink(missing_ok=True)
        trees.remove(root)

    def sweep(self, known: set[str]) -> None:
        """Those that belong to nobody who is known."""
        for image in self._folder.glob("*.ext4"):
            if image.stem not in known:
                self.remove(self._roots / image.stem)

    def _image(self, root: Path) -> Path:
        return self._folder / f"{root.name}.ext4"


def _device(root: Path) -> str:
    """Name of the block device that is mounted there."""
    number = root.stat().st_dev
    return Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}").resolve().name


def _forget_unwritten(root: Path) -> None:
    """Nobody will read it again, and an unmount would write all of it first: seconds for a large folder."""
    try:
        fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(fd, SHUTDOWN, struct.pack("=I", WITHOUT_FLUSH))
        finally:
            os.close(fd)
    except OSError as error:
        log.info("%s is written out before it goes: %s", root, error)


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        raise VolumeError(2, f"{command[0]} is not installed") from None
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise VolumeError(5, f"{command[0]}: {said[0]}")
