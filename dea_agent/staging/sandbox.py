"""Where the scripts of buildpacks run: as a user of their own, in a session and, where there are any, a control
group of their own, with nothing of the agent's environment, and such that all of it can be ended at once.

It limits and counts; what it isolates is what the kernel isolates between users.
"""

import asyncio
import os
import signal
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from chalicelib.contracts.auction import Limits
from dea_agent import trees
from dea_agent.runtimes import processes
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


class Sandbox:
    """One build's processes. ``folder``: all that they write, counted against the disk limit.

    uid None: they run as the agent's own user.
    """

    def __init__(
        self, guid: str, folder: Path, env: Mapping[str, str], limits: Limits, uid: int | None, group: Cgroup | None
    ) -> None:
        self._guid, self._folder, self._limits = guid, folder, limits
        self._env = {**env, GUID_VARIABLE: guid}
        self._uid, self._group = uid, group
        self._excess: str | None = None
        self._running: set[asyncio.subprocess.Process] = set()

    async def run(self, argv: list[str], emit: Emit, env: Mapping[str, str] | None = None) -> tuple[int, list[str]]:
        """Run to the end, each line handed to ``emit`` as it comes: (exit status, last words).

        The last words are the last non-empty lines of standard error or, when it was silent, of standard output.
        Raises StagingFailed when a limit was broken. Daemons left behind are ended.
        """
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
            await _to_its_end(self._end(process, readers))
            self._running.discard(process)
        status = process.returncode
        if self._excess or (status and self._group and self._group.oom_kills()):
            raise StagingFailed("StagingError", self._excess or self._too_much_memory())
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
                    self._excess = self._too_much_memory()
            if time.monotonic() > disk_due:
                used = await asyncio.to_thread(trees.disk_bytes, self._folder)
                if used > self._limits.disk_mb * 1024**2:
                    self._excess = f"staging used more than its {self._limits.disk_mb} MB of disk"
                disk_due = time.monotonic() + DISK_LOOK_S
            if self._excess:
                await self.kill()

    def _too_much_memory(self) -> str:
        return f"staging used more than its {self._limits.memory_mb} MB of memory"

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


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
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

    async def read(self, reader: asyncio.StreamReader) -> None:
        rest = b""
        while data := await reader.read(65536):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._say(line)
            if len(rest) > LINE_BYTES:
                self._say(rest)
                rest = b""
        if rest:
            self._say(rest)

    def _say(self, line: bytes) -> None:
        for start in range(0, max(1, len(line)), LINE_BYTES):
            # Progress bars rewrite their line: only what would stay on a screen counts.
            piece = line[start : start + LINE_BYTES].rstrip(b"\r").rpartition(b"\r")[2]
            text = piece.decode(errors="replace")
            if text.strip():
                self.last.append(text.strip())
            self._emit(self._stream, text)
