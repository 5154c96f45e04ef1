"""Control groups of both kernel interfaces (v1 and v2), one group per instance below one of the agent's own.

They make the limits hard (memory, processes), the numbers exact (CPU of processes that have ended) and the end
complete (no process leaves its group). Where this user cannot write them the process runtime does without.
"""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

log = logging.getLogger(__name__)

MOUNT = Path("/sys/fs/cgroup")

#: Processes and threads of one instance: enough for a JVM with a large pool, too few for a fork bomb to matter.
MAX_PIDS = 2048


class Cgroup(Protocol):
    """The group of one instance."""

    #: Files to which a process writes ``0`` to join.
    procs_files: list[Path]

    def pids(self) -> list[int]: ...

    def cpu_s(self) -> float: ...

    def memory_bytes(self) -> int:
        """Without the page cache that the kernel would give back first."""
        ...

    def oom_kills(self) -> int: ...

    def remove(self) -> None: ...


class Cgroups(Protocol):
    """The groups of one agent, below a group of its own that is there only while one of them is."""

    def create(self, guid: str, memory_mb: int) -> Cgroup: ...

    def find(self, guid: str) -> Cgroup | None: ...

    def guids(self) -> list[str]: ...

    def remove(self) -> None:
        """The agent's own group, if none is left in it; a no-op otherwise."""
        ...


def detect(name: str, mount: Path = MOUNT) -> Cgroups | None:
    """The interface that this host has and this user may write, tried out; None when there is none."""
    groups: Cgroups = (V2Cgroups if (mount / "cgroup.controllers").exists() else V1Cgroups)(name, mount)
    try:
        # With the pid, because another boot of the same agent may be trying too.
        groups.create(f"try-{os.getpid()}", memory_mb=16).remove()
    except OSError as error:
        log.info("no control groups: %s", error)
        return None
    return groups


def _make(folder: Path, prepare: Callable[[Path], None] = lambda _: None) -> None:
    """The folder of an instance below its agent's, which another thread may be removing because it was empty."""
    for _ in range(10):
        try:
            folder.parent.mkdir(exist_ok=True)
            prepare(folder.parent)
            folder.mkdir(exist_ok=True)
            break
        except FileNotFoundError:
            continue
    os.stat(folder / "cgroup.procs")  # a plain folder, where nothing is mounted, has none


def _unmake(folder: Path) -> None:
    """The folder of an instance, and its agent's when it was the last."""
    with suppress(OSError):
        folder.rmdir()
        folder.parent.rmdir()


def _subfolders(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in os.scandir(folder) if entry.is_dir()]
    except FileNotFoundError:
        return []


def _fields(path: Path) -> Iterator[tuple[str, int]]:
    for line in path.read_text().splitlines():
        key, _, value = line.partition(" ")
        if value.isdecimal():
            yield key, int(value)


def _pids(procs: Path) -> list[int]:
    try:
        return [int(line) for line in procs.read_text().split()]
    except OSError:
        return []


class V2Cgroup:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.procs_files = [folder / "cgroup.procs"]

    def pids(self) -> list[int]:
        return _pids(self._folder / "cgroup.procs")

    def cpu_s(self) -> float:
        return dict(_fields(self._folder / "cpu.stat")).get("usage_usec", 0) / 1e6

    def memory_bytes(self) -> int:
        cache = dict(_fields(self._folder / "memory.stat")).get("inactive_file", 0)
        return max(0, int((self._folder / "memory.current").read_text()) - cache)

    def oom_kills(self) -> int:
        with suppress(OSError):
            return dict(_fields(self._folder / "memory.events")).get("oom_kill", 0)
        return 0

    def remove(self) -> None:
        _unmake(self._folder)


class V2Cgroups:
    def __init__(self, name: str, mount: Path) -> None:
        self._folder = mount / name

    def create(self, guid: str, memory_mb: int) -> V2Cgroup:
        folder = self._folder / guid
        _make(folder, self._hand_down)
        (folder / "memory.max").write_text(str(memory_mb * 1024 * 1024))
        (folder / "pids.max").write_text(str(MAX_PIDS))
        for optional, value in (("memory.swap.max", "0"), ("memory.oom.group", "1")):
            with suppress(OSError):
                (folder / optional).write_text(value)
        return V2Cgroup(folder)

    def _hand_down(self, own: Path) -> None:
        """Controllers work in a group only when the one above says so."""
        for parent in (own.parent, own):
            (parent / "cgroup.subtree_control").write_text("+cpu +memory +pids")

    def find(self, guid: str) -> V2Cgroup | None:
        folder = self._folder / guid
        return V2Cgroup(folder) if folder.is_dir() else None

    def guids(self) -> list[str]:
        return _subfolders(self._folder)

    def remove(self) -> None:
        with suppress(OSError):
            self._folder.rmdir()


class V1Cgroup:
    def __init__(self, memory: Path, pids: Path, cpu: Path) -> None:
        self._memory, self._pids, self._cpu = memory, pids, cpu
        self.procs_files = [folder / "cgroup.procs" for folder in (memory, pids, cpu)]

    def pids(self) -> list[int]:
        return _pids(self._memory / "cgroup.procs")

    def cpu_s(self) -> float:
        return int((self._cpu / "cpuacct.usage").read_text()) / 1e9

    def memory_bytes(self) -> int:
        cache = dict(_fields(self._memory / "memory.stat")).get("total_inactive_file", 0)
        return max(0, int((self._memory / "memory.usage_in_bytes").read_text()) - cache)

    def oom_kills(self) -> int:
        with suppress(OSError):
            return dict(_fields(self._memory / "memory.oom_control")).get("oom_kill", 0)
        return 0

    def remove(self) -> None:
        for folder in (self._memory, self._pids, self._cpu):
            _unmake(folder)


class V1Cgroups:
    """Three hierarchies, the same name in each."""

    def __init__(self, name: str, mount: Path) -> None:
        self._folders = [mount / controller / name for controller in ("memory", "pids", "cpuacct")]

    def create(self, guid: str, memory_mb: int) -> V1Cgroup:
        memory, pids, cpu = (folder / guid for folder in self._folders)
        for folder in (memory, pids, cpu):
            _make(folder)
        limit = str(memory_mb * 1024 * 1024)
        (memory / "memory.limit_in_bytes").write_text(limit)
        with suppress(OSError):  # only kernels that account swap have it
            (memory / "memory.memsw.limit_in_bytes").write_text(limit)
        (pids / "pids.max").write_text(str(MAX_PIDS))
        return V1Cgroup(memory, pids, cpu)

    def find(self, guid: str) -> V1Cgroup | None:
        memory, pids, cpu = (folder / guid for folder in self._folders)
        return V1Cgroup(memory, pids, cpu) if memory.is_dir() else None

    def guids(self) -> list[str]:
        return _subfolders(self._folders[0])

    def remove(self) -> None:
        for folder in self._folders:
            with suppress(OSError):
                folder.rmdir()
