"""Processes known by pid and start time, so that a pid that the system has given to somebody else is left alone."""

import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True, order=True)
class Process:
    """started: clock ticks since the machine's boot, field 22 of /proc/<pid>/stat."""

    pid: int
    started: int

    def is_alive(self) -> bool:
        """False for a zombie too: it runs nothing, and only its parent can bury it."""
        found = stat_of(self.pid)
        return found is not None and found[1] == self.started and found[0] != "Z"

    def signal(self, number: int) -> None:
        """Nothing when it has ended. The pidfd closes the gap between looking and killing."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except (ProcessLookupError, OSError):
            return
        try:
            if self.is_alive():
                signal.pidfd_send_signal(descriptor, number)
        except ProcessLookupError:
            pass
        finally:
            os.close(descriptor)


def stat_of(pid: int) -> tuple[str, int] | None:
    """(state letter, start time) of a process, None when there is none."""
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return fields[0], int(fields[19])


def identify(pid: int) -> Process | None:
    found = stat_of(pid)
    return Process(pid, found[1]) if found else None


def strays(marker: str, folder: Path) -> set[Process]:
    """Processes that carry ``marker`` (NAME=value) in their environment, or work in or were started from
    ``folder``: Envoys and shims, which outlive who started them, and apps, whose environment is their own."""
    found = set()
    for entry in PROC.iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid() and _belongs(entry, marker, str(folder)):
            process = identify(int(entry.name))
            if process:
                found.add(process)
    return found


def _belongs(entry: Path, marker: str, folder: str) -> bool:
    try:
        if marker.encode() in (entry / "environ").read_bytes().split(b"\0"):
            return True
        if f"{folder}/".encode() in (entry / "cmdline").read_bytes():
            return True
        return f"{os.readlink(entry / 'cwd')}/".startswith(f"{folder}/")
    except OSError:
        return False  # somebody else's, or gone


def end(processes: Iterable[Process], grace_s: float) -> None:
    """SIGTERM, and SIGKILL for those that are still there after ``grace_s``."""
    left = [process for process in processes if process.is_alive()]
    for process in left:
        process.signal(signal.SIGTERM)
        process.signal(signal.SIGCONT)  # a stopped process would never see it
    left = wait_for(left, grace_s)
    for process in left:
        process.signal(signal.SIGKILL)
    wait_for(left, 5)


def wait_for(processes: Iterable[Process], seconds: float) -> list[Process]:
    """Wait until all have ended; returns those that have not."""
    deadline = time.monotonic() + seconds
    left = [process for process in processes if process.is_alive()]
    while left and time.monotonic() < deadline:
        time.sleep(0.02)
        left = [process for process in left if process.is_alive()]
    return left
