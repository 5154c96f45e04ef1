"""What ``/proc`` tells about processes. A process may end at any moment; then it is as if it had not been there."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Stat:
    """From ``/proc/<pid>/stat``: parent, CPU seconds, threads, start in ticks since the host's boot."""

    pid: int
    parent: int
    cpu_s: float
    threads: int
    start: int
    is_zombie: bool


def stat(pid: int) -> Stat | None:
    try:
        # The second field is the name in parentheses and may hold anything, parentheses too.
        fields = (PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    cpu_s = (int(fields[11]) + int(fields[12])) / TICKS_PER_S
    return Stat(pid, int(fields[1]), cpu_s, int(fields[17]), int(fields[19]), fields[0] == b"Z")


def all_pids() -> list[int]:
    return [int(name) for name in os.listdir(PROC) if name.isdecimal()]


def descendants(root: int) -> list[int]:
    """Every process below ``root``, itself not among them."""
    children: dict[int, list[int]] = {}
    for pid in all_pids():
        if entry := stat(pid):
            children.setdefault(entry.parent, []).append(pid)
    found: list[int] = []
    todo = [root]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


def of_uid(uid: int) -> Iterator[int]:
    for pid in all_pids():
        try:
            if os.stat(PROC / str(pid)).st_uid == uid:
                yield pid
        except OSError:
            continue


def with_variable(name: str, value: str) -> Iterator[int]:
    """Processes whose environment was started with ``name=value``, as far as this user may look."""
    wanted = f"{name}={value}".encode()
    for pid in all_pids():
        try:
            if wanted in (PROC / str(pid) / "environ").read_bytes().split(b"\0"):
                yield pid
        except OSError:
            continue


def pss_bytes(pids: Iterable[int]) -> int:
    """Proportional memory of the processes together: what they share counts once."""
    total = 0
    for pid in pids:
        try:
            text = (PROC / str(pid) / "smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:"))
    return total


def fd_count(pid: int) -> int:
    try:
        return len(os.listdir(PROC / str(pid) / "fd"))
    except OSError:
        return 0


def io_bytes(pid: int) -> tuple[int, int]:
    """Bytes read from and written to disks by the process."""
    try:
        lines = (PROC / str(pid) / "io").read_text().splitlines()
    except OSError:
        return 0, 0
    values = dict(line.split(": ") for line in lines)
    return int(values["read_bytes"]), int(values["write_bytes"])
