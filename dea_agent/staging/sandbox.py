"""Where the scripts of buildpacks run: what a build asks of such a place, whichever runtime the DEA has, and the one
beside plain processes.

There they run as a user of their own, in a session and, where there are any, a control group of their own, with nothing
of the agent's environment, and such that all of it can be ended at once. It limits and counts; what it isolates is
what the kernel isolates between users.
"""

import asyncio
import hashlib
import os
import signal
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from chalicelib.contracts.auction import Limits
from chalicelib.contracts.network import Egress
from dea_agent import trees
from dea_agent.runtimes import cgroup, processes
from dea_agent.runtimes.cgroup import Cgroup
from dea_agent.staging.errors import StagingFailed

#: What a login gets; never the PATH of whoever started the agent.
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#: A longer line is cut into several, bytes.
LINE_BYTES = 32 * 1024

#: Lines kept as the last words of a script.
LAST_WORDS = 20

#: How long killed processes may take to disappear, seconds.
KILL_S = 5.0

#: How often memory (where no control group limits it) and disk are looked at, seconds.
MEMORY_LOOK_S, DISK_LOOK_S = 1.0, 5.0

#: What ``ulimit -f`` counts in: 512 bytes.
BLOCKS_PER_MB = 2048

#: Names the build in the environment of all its processes, for hosts where nothing else tells who belongs to it.
GUID_VARIABLE = "CF_STAGING_GUID"

#: Waits until the parent has put it into its control group, takes its limits, and becomes the script. An
#: unprivileged user may not raise a limit: then the host's own stays.
GATE = """read -r _ || exit 125
umask 022; ulimit -c 0; ulimit -n "$1" 2>/dev/null; ulimit -f "$2"; shift 2
exec setpriv --no-new-privs "$@" </dev/null"""

Emit = Callable[[str, str], None]


class Sandbox(Protocol):
    """One build's scripts."""

    def inside(self, path: Path) -> str:
        """What the scripts call a path of the build's folder, of a buildpack or of the tools."""
        ...

    async def run(self, argv: list[str], emit: Emit, env: Mapping[str, str] | None = None) -> tuple[int, list[str]]:
        """Run to the end, each line handed to ``emit`` as it comes: (exit status, negative for a signal, last words).

        env: beside the build's own. The last words are the last non-empty lines of standard error or, when it was
        silent, of standard output. Raises StagingFailed when a limit was broken. Daemons left behind are ended.
        """
        ...


@dataclass(frozen=True, slots=True)
class Room:
    """What a sandbox is made of. guid: of the build, a name for files too. folder: all that the scripts write, counted
    against the disk limit. env: complete, but for what a run adds. uid None: they run as the agent's own user. egress:
    where its scripts may connect besides what all builds may, as far as the runtime can tell places apart."""

    guid: str
    folder: Path
    env: Mapping[str, str]
    limits: Limits
    uid: int | None
    egress: tuple[Egress, ...] = ()

    def too_much_memory(self) -> StagingFailed:
        return StagingFailed("StagingError", f"staging used more than its {self.limits.memory_mb} MB of memory")

    def too_much_disk(self) -> StagingFailed:
        return StagingFailed("StagingError", f"staging used more than its {self.limits.disk_mb} MB of disk")


class Sandboxes(Protocol):
    """Of one agent. A build's scripts see its ``folder`` and, to read, what lies in the agent's folder for builds."""

    def inside(self, folder: Path, path: Path) -> str:
        """See :meth:`Sandbox.inside`."""
        ...

    def make(self, folder: Path, disk_mb: int) -> None:
        """The build's folder, new and empty, with its disk limit as far as one can be enforced. Blocks. OSError."""
        ...

    def open(self, room: Room) -> Sandbox: ...

    def clear(self, guid: str, folder: Path) -> None:
        """End what is left of a build, this boot's or an earlier one's, and give back what the host lent it: groups,
        containers, mounts. Blocks. Never raises: what stays is logged."""
        ...


class ProcessSandbox:
    """One build's processes."""

    def __init__(self, room: Room, group: Cgroup | None) -> None:
        self._room, self._guid, self._folder, self._limits = room, room.guid, room.folder, room.limits
        self._env = {**room.env, GUID_VARIABLE: room.guid}
        self._uid, self._group = room.uid, group
        self._excess: StagingFailed | None = None
        self._running: set[asyncio.subprocess.Process] = set()

    def inside(self, path: Path) -> str:
        return str(path)

    async def run(self, argv: list[str], emit: Emit, env: Mapping[str, str] | None = None) -> tuple[int, list[str]]:
        process = await self._spawn(argv, env or {})
        out, err = Lines("OUT", emit), Lines("ERR", emit)
        assert process.stdout
        assert process.stderr
        readers = asyncio.gather(out.read(process.stdout), err.read(process.stderr))
        watch = asyncio.create_task(self._watch())
        try:
            with _pidfd(process.pid) as pidfd:  # it waits at its gate, so it is still there
                await self._open_gate(process)
                await _readable(pidfd)
            # A daemon may hold the pipes open for ever; asyncio's own wait would wait for it.
            await self.kill()
            await readers
        finally:
            watch.cancel()
            await to_its_end(self._end(process, readers))
            self._running.discard(process)
        status = process.returncode
        if self._excess or (status and self._group and self._group.oom_kills()):
            raise self._excess or self._room.too_much_memory()
        if status is None:
            raise StagingFailed("StagingError", "a process of the build could not be ended")
        return status, list(err.last or out.last)

    async def _spawn(self, argv: list[str], env: Mapping[str, str]) -> asyncio.subprocess.Process:
        user: dict[str, Any] = {}
        if self._uid is not None:
            user = {"user": self._uid, "group": self._uid, "extra_groups": []}
        process = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", GATE, "sh", str(self._limits.fds), str(self._limits.disk_mb * BLOCKS_PER_MB), *argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**self._env, **env},
            cwd=self._folder,
            start_new_session=True,
            **user,
        )  # fmt: skip
        self._running.add(process)
        return process

    async def _open_gate(self, process: asyncio.subprocess.Process) -> None:
        for procs in self._group.procs_files if self._group else ():
            with suppress(ProcessLookupError):
                procs.write_text(str(process.pid))
        assert process.stdin
        with suppress(ConnectionError):
            process.stdin.write(b"\n")
            await process.stdin.drain()
        process.stdin.close()

    async def _watch(self) -> None:
        disk_due = time.monotonic() + DISK_LOOK_S
        while True:
            await asyncio.sleep(MEMORY_LOOK_S)
            if self._group is None:
                used = await asyncio.to_thread(lambda: processes.pss_bytes(self._members()))
                if used > self._limits.memory_mb * 1024**2:
                    self._excess = self._room.too_much_memory()
            if time.monotonic() > disk_due:
                used = await asyncio.to_thread(trees.disk_bytes, self._folder)
                if used > self._limits.disk_mb * 1024**2:
                    self._excess = self._room.too_much_disk()
                disk_due = time.monotonic() + DISK_LOOK_S
            if self._excess:
                await self.kill()

    def _members(self) -> list[int]:
        """The living processes of the build."""
        roots = {process.pid for process in self._running if process.returncode is None}
        if self._group is not None:
            found = set(self._group.pids())
        elif self._uid is not None:
            found = set(processes.of_uid(self._uid))
        else:
            found = set(processes.with_variable(GUID_VARIABLE, self._guid))
            found.update(pid for root in roots for pid in processes.descendants(root))
        found |= roots
        return [pid for pid in found if (entry := processes.stat(pid)) and not entry.is_zombie]

    async def _end(self, process: asyncio.subprocess.Process, readers: Awaitable[object]) -> None:
        await self.kill()
        # Lets asyncio close its books before its loop may be; what the kernel cannot end must not hold us up.
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(process.wait(), readers, return_exceptions=True), KILL_S)

    async def kill(self) -> None:
        """End every process; returns when none is left, or when the kernel will not let go of one."""
        deadline = time.monotonic() + KILL_S
        while members := self._members():
            for pid in members:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            if time.monotonic() > deadline:
                return
            await asyncio.sleep(0.01)


class ProcessSandboxes:
    """work_dir: of the agent's builds, which names their control groups."""

    def __init__(self, work_dir: Path) -> None:
        # The name is stable over restarts of this agent and nobody else's: what is left in the group is ours.
        self._groups = cgroup.detect(f"zf-staging-{hashlib.sha256(str(work_dir).encode()).hexdigest()[:12]}")

    def inside(self, folder: Path, path: Path) -> str:
        return str(path)

    def make(self, folder: Path, disk_mb: int) -> None:
        folder.mkdir(mode=0o710)

    def open(self, room: Room) -> Sandbox:
        return ProcessSandbox(room, self._groups.create(room.guid, room.limits.memory_mb) if self._groups else None)

    def clear(self, guid: str, folder: Path) -> None:
        group = self._groups.find(guid) if self._groups else None
        for pid in {*processes.with_variable(GUID_VARIABLE, guid), *(group.pids() if group else ())}:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if group:
            group.remove()


async def to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Do all of ``work``; whoever cancels us meanwhile is heard after it.

    One round of killing misses what was being forked while the processes were listed.
    """
    task, cancelled = asyncio.create_task(work), False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError


@contextmanager
def _pidfd(pid: int) -> Iterator[int]:
    fd = os.pidfd_open(pid)
    try:
        yield fd
    finally:
        os.close(fd)


async def _readable(fd: int) -> None:
    """A pidfd is, once its process has ended."""
    loop, event = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(fd, event.set)
    try:
        await event.wait()
    finally:
        loop.remove_reader(fd)


class Lines:
    """A stream as lines, and its last words."""

    def __init__(self, stream: str, emit: Emit) -> None:
        self._stream, self._emit = stream, emit
        self.last: deque[str] = deque(maxlen=LAST_WORDS)

        self._rest = b""

    async def read(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(65536):
            self.take(data)
        self.finish()

    def take(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._say(line)
        if len(self._rest) > LINE_BYTES:
            self.finish()

    def finish(self) -> None:
        """Say what no newline has ended."""
        if self._rest:
            self._say(self._rest)
            self._rest = b""

    def _say(self, line: bytes) -> None:
        for start in range(0, max(1, len(line)), LINE_BYTES):
            # Progress bars rewrite their line: only what would stay on a screen counts.
            piece = line[start : start + LINE_BYTES].rstrip(b"\r").rpartition(b"\r")[2]
            text = piece.decode(errors="replace")
            if text.strip():
                self.last.append(text.strip())
            self._emit(self._stream, text)
