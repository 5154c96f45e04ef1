"""Instances as plain processes of this host, each under a shim. It limits and counts, but isolates next to nothing.

A root agent gives every instance a user of its own and, where it can write them, a control group; any other
agent runs them as itself. Who belongs to an instance is told by its group, else by its user, else by descent from
the shim and by the instance's guid in the environment.
"""

import asyncio
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.core.addresses import Allowed
from dea_agent import trees
from dea_agent.runtimes import processes
from dea_agent.runtimes.base import Address, Container, Exit, Launch, LaunchError, Sample, read_exit, shim_order
from dea_agent.runtimes.cgroup import Cgroup, Cgroups

if TYPE_CHECKING:  # a DEA starts faster without
    from dea_agent.staging.sandbox import Sandboxes

SHIM = Path(__file__).with_name("shim.py")

#: How long killed processes may take to disappear, seconds; the disk may hold one up.
KILL_S = 5.0

#: How long a shim may take to say that it has started the app, seconds.
SHIM_START_S = 20.0

#: The variable that names the instance in the environment of all its processes.
GUID_VARIABLE = "CF_INSTANCE_GUID"


class ProcessContainer:
    """An instance under a shim. ``pidfd`` is the shim's; None when the shim had ended before we came."""

    def __init__(
        self, guid: str, control: Path, uid: int | None, group: Cgroup | None, shim: int, pidfd: int | None
    ) -> None:
        self._guid, self._control, self._uid, self._group = guid, control, uid, group
        self._shim, self._pidfd = shim, pidfd
        self._ended = asyncio.Event()
        if pidfd is None:
            self._ended.set()
        else:
            asyncio.get_running_loop().add_reader(pidfd, self._shim_ended)

    def _shim_ended(self) -> None:
        assert self._pidfd is not None
        asyncio.get_running_loop().remove_reader(self._pidfd)
        with suppress(ChildProcessError):  # adopted: another parent reaps it
            os.waitpid(self._shim, os.WNOHANG)
        os.close(self._pidfd)
        self._pidfd = None
        self._ended.set()

    async def wait(self) -> Exit:
        await self._ended.wait()
        exit_ = read_exit(self._control, time.time())
        oom = self._group is not None and self._group.oom_kills() > 0
        return replace(exit_, out_of_memory=oom and exit_.status != 0)

    def terminate(self) -> None:
        if self._pidfd is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGTERM)

    async def kill(self) -> Exit:
        deadline = time.monotonic() + KILL_S
        while True:
            members = await asyncio.to_thread(self.pids)
            for pid in members:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            if not members and self._ended.is_set():
                return await self.wait()
            if time.monotonic() > deadline:
                return await self._give_the_shim_up()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), 0.02)

    async def _give_the_shim_up(self) -> Exit:
        """It waits for something that cannot be killed now; the app's processes are dead or dying all the same."""
        if self._pidfd is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        return await self.wait()

    def pids(self) -> list[int]:
        """The living processes of the instance, the shim not among them."""
        if self._group is not None:
            found = self._group.pids()
        elif self._uid is not None:
            found = list(processes.of_uid(self._uid))
        else:
            below = processes.descendants(self._shim) if self._pidfd is not None else []
            found = list({*below, *processes.with_variable(GUID_VARIABLE, self._guid)})
        return [pid for pid in found if (entry := processes.stat(pid)) and not entry.is_zombie]

    def address(self, published: tuple[str, int]) -> Address:
        return Address(*published, owner=os.geteuid() if self._uid is None else self._uid)

    def main_pid(self) -> int | None:
        stats = [entry for pid in self.pids() if (entry := processes.stat(pid))]
        return min(stats, key=lambda entry: (entry.start, entry.pid)).pid if stats else None

    def sample(self) -> Sample | None:
        pids = self.pids()
        if self._ended.is_set() or not pids:
            return None
        stats = [entry for pid in pids if (entry := processes.stat(pid))]
        io = [processes.io_bytes(pid) for pid in pids]
        try:
            cpu_s = self._group.cpu_s() if self._group else sum(entry.cpu_s for entry in stats)
            memory = self._group.memory_bytes() if self._group else processes.pss_bytes(pids)
            oom = self._group is not None and self._group.oom_kills() > 0
        except (OSError, ValueError):
            return None
        return Sample(
            cpu_s=cpu_s,
            memory_bytes=memory,
            fds=sum(processes.fd_count(pid) for pid in pids),
            threads=sum(entry.threads for entry in stats),
            io_read_bytes=sum(read for read, _ in io),
            io_write_bytes=sum(written for _, written in io),
            out_of_memory=oom,
        )

    async def remove(self) -> None:
        if self._group is not None:
            self._group.remove()


class ProcessRuntime:
    """``groups`` None: no control groups. Agents that are not root give no uid either."""

    name = "process"
    images = None

    def __init__(self, groups: Cgroups | None) -> None:
        self._groups = groups

    def inner_port(self, named: int, host_port: int) -> int:
        return host_port

    def inner_root(self, root: Path) -> Path:
        return root

    @contextmanager
    def filling(self, root: Path, disk_mb: int) -> Iterator[None]:
        trees.remove(root)
        root.mkdir(mode=0o700)
        yield

    def take_away(self, root: Path) -> None:
        trees.remove(root)

    async def launch(self, launch: Launch) -> Container:
        try:
            group = self._groups.create(launch.guid, launch.limits.memory_mb) if self._groups else None
        except OSError as error:
            raise LaunchError(f"the control group could not be made: {error}") from None
        try:
            procs = group.procs_files if group else []
            order = shim_order(launch, launch.root, launch.control, launch.logs, procs)
            pid, pidfd = await asyncio.to_thread(_start_shim, order)
        except OSError as error:
            if group:
                group.remove()
            raise LaunchError(f"the process could not be started: {error}") from None
        return ProcessContainer(launch.guid, launch.control, launch.uid, group, pid, pidfd)

    async def adopt(self, guid: str, control: Path, uid: int | None) -> Container | None:
        group = self._groups.find(guid) if self._groups else None
        try:
            record = json.loads((control / "shim.json").read_text())
            shim, start = int(record["pid"]), int(record["start"])
        except (OSError, ValueError, KeyError, TypeError):
            if _forbid(control):
                if group:
                    group.remove()
                return None
            return await self.adopt(guid, control, uid)
        return ProcessContainer(guid, control, uid, group, shim, _open_pidfd(shim, start))

    async def sweep(self, known: set[str]) -> None:
        if self._groups is None:
            return
        for guid in set(self._groups.guids()) - known:
            if group := self._groups.find(guid):
                stray = ProcessContainer(guid, Path(os.devnull), None, group, 0, None)
                await stray.kill()
                await stray.remove()

    def sandboxes(self, cache_dir: Path, work_dir: Path, allowed: Allowed) -> "Sandboxes":
        from dea_agent.staging.sandbox import ProcessSandboxes

        return ProcessSandboxes(work_dir)

    async def close(self) -> None:
        await self.sweep(set())


def _start_shim(order: bytes) -> tuple[int, int]:
    """Returns (pid, pidfd) of a shim that has started the app. Raises OSError."""
    shim = subprocess.Popen(
        [sys.executable, "-I", "-S", str(SHIM)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"LANG": "C.UTF-8"},
        cwd="/",
        start_new_session=True,
    )
    assert shim.stdin
    assert shim.stdout
    pidfd = os.pidfd_open(shim.pid)
    with suppress(BrokenPipeError), shim.stdin:
        shim.stdin.write(order)
    with shim.stdout:
        answers = select.select([shim.stdout], [], [], SHIM_START_S)[0]
        started = bool(answers) and shim.stdout.readline() == b"started\n"
    if not started:
        shim.kill()
        shim.wait()
        os.close(pidfd)
        raise OSError("its shim did not come up")
    # From here on its end is seen by the pidfd; this object must not wait for it.
    shim.returncode = 0
    return shim.pid, pidfd


def _forbid(control: Path) -> bool:
    """Keep a shim that is only just coming from running the app after all, by taking its folder away.

    False when it had come before: then the folder is back, with its record in it.
    """
    gone = control.with_name(f"{control.name}.gone")
    with suppress(OSError):
        control.rename(gone)
    if (gone / "shim.json").exists():
        gone.rename(control)
        return False
    shutil.rmtree(gone, ignore_errors=True)
    return True


def _open_pidfd(pid: int, start: int) -> int | None:
    """A pidfd of exactly that process; None when it has ended, whoever has its pid now."""
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return None
    entry = processes.stat(pid)
    if entry is None or entry.start != start or entry.is_zombie:
        os.close(pidfd)
        return None
    return pidfd
