"""Builds in containers: one each, of the stack's image, with limits of its own, a disk of its own, and no way to the
host, its neighbours or private networks. Its folder is where the app's will be, so what a buildpack notes of its place
holds when the app runs.

The container's first process (:mod:`dea_agent.staging.runner`) runs the scripts; their lines come as they write them.
"""

import asyncio
import json
import logging
import os
import secrets
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests
from docker.errors import DockerException, NotFound
from docker.types import Mount

from chalicelib.contracts.auction import Limits
from dea_agent import trees
from dea_agent.runtimes.docker import SHIM_INSIDE
from dea_agent.runtimes.docker_accounts import ROOT, account_mounts, write_accounts
from dea_agent.runtimes.docker_bridge import Bridge
from dea_agent.runtimes.docker_container import address_of
from dea_agent.runtimes.docker_volumes import MIB, Volumes
from dea_agent.runtimes.firewall import Guest
from dea_agent.runtimes.iptables import FirewallError
from dea_agent.staging.errors import StagingFailed
from dea_agent.staging.sandbox import DISK_LOOK_S, MEMORY_LOOK_S, Emit, Lines, Room, Sandbox, to_its_end

log = logging.getLogger(__name__)

RUNNER = Path(__file__).with_name("runner.py")

#: Where scripts find buildpacks and tools.
CACHE = Path("/zf/staging")

#: Whom the host trusts, its builds trust: a registry may be behind a certificate of the operator's own.
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")

#: How the engine frames what a container writes: stream (1 is stdout), three empty bytes, length.
FRAME = struct.Struct(">BxxxL")

#: A disk with less left is full.
FULL_BYTES = 256 * 1024

#: What the C library calls ENOSPC, and so nearly everybody.
NO_SPACE = "No space left on device"

#: Ends of the engine's, the container's or the connection's, all of which end a build.
TROUBLE = (DockerException, requests.RequestException, FirewallError, OSError, asyncio.IncompleteReadError)


class ContainerSandboxes:
    """contained: the arguments of a container's creation that limit it, by guid, limits and user. volumes: None where
    none can be mounted; then the disk is looked at from time to time."""

    def __init__(
        self,
        client: Any,
        contained: Callable[[str, Limits, int | None], dict[str, Any]],
        bridge: Bridge,
        volumes: Volumes | None,
        cache_dir: Path,
    ) -> None:
        self._client, self._contained, self._bridge = client, contained, bridge
        self._volumes, self._cache_dir = volumes, cache_dir
        self._open: dict[str, ContainerSandbox] = {}

    def inside(self, folder: Path, path: Path) -> str:
        for outer, inner in ((folder, ROOT), (self._cache_dir, CACHE)):
            if path.is_relative_to(outer):
                return str(inner / path.relative_to(outer))
        return str(path)

    def make(self, folder: Path, disk_mb: int) -> None:
        if self._volumes is None:
            folder.mkdir(mode=0o710)
            return
        self._volumes.make(folder, disk_mb)
        self._volumes.seal(folder, disk_mb)

    def open(self, room: Room) -> Sandbox:
        sandbox = ContainerSandbox(room, self._start, self.inside, has_volume=self._volumes is not None)
        self._open[room.guid] = sandbox
        return sandbox

    def _start(self, room: Room) -> tuple[Any, socket.socket]:
        """A running container, and the wire to its first process."""
        aside = room.folder.parent
        self._bridge.ensure()
        write_accounts(aside, os.geteuid() if room.uid is None else room.uid)
        mounts = [
            Mount(str(ROOT), str(room.folder), type="bind"),
            Mount("/tmp", str(room.folder / "tmp"), type="bind"),  # many write there, and it counts as their disk
            Mount(str(CACHE), str(self._cache_dir), type="bind", read_only=True),
            Mount(SHIM_INSIDE, str(RUNNER), type="bind", read_only=True),
            *account_mounts(aside),
        ]
        if CERTIFICATES.exists():
            mounts.append(Mount(str(CERTIFICATES), str(CERTIFICATES.resolve()), type="bind", read_only=True))
        container = self._client.containers.create(
            **self._contained(room.guid, room.limits, room.uid), mounts=mounts, network=self._bridge.name
        )
        wire = container.attach_socket(params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
        # A descriptor of our own: what docker-py returns closes its socket as soon as it is dropped.
        raw = socket.socket(fileno=os.dup(wire.fileno()))
        wire.close()
        container.start()
        container.reload()  # now it has an address; its scripts wait for the wire
        self._bridge.admit(Guest(room.guid, "", address_of(container), room.egress))
        return container, raw

    def clear(self, guid: str, folder: Path) -> None:
        if sandbox := self._open.pop(guid, None):
            sandbox.close()
        self._bridge.dismiss(guid)
        try:
            name = self._contained(guid, Limits(0, 0), None)["name"]
            self._client.containers.get(name).remove(force=True)
        except NotFound:
            pass
        except (DockerException, requests.RequestException) as error:
            log.warning("the container of %s may be left: %s", guid, error)
        if self._volumes is not None:
            self._volumes.remove(folder)


class ContainerSandbox:
    """start: makes the container and returns it with the wire to it; blocks."""

    def __init__(
        self,
        room: Room,
        start: Callable[[Room], tuple[Any, socket.socket]],
        inside: Callable[[Path, Path], str],
        has_volume: bool,
    ) -> None:
        self._room, self._inside, self._has_volume = room, inside, has_volume
        self._loop, self._is_starting, self._is_closed = asyncio.get_running_loop(), threading.Lock(), False
        # At once: while it starts, the app is fetched.
        self._starting = asyncio.ensure_future(self._connect(start))
        self._starting.add_done_callback(lambda task: task.cancelled() or task.exception())
        self._excess: StagingFailed | None = None
        self._was_full, self._oom_kills = False, 0

    def inside(self, path: Path) -> str:
        return self._inside(self._room.folder, path)

    async def _connect(
        self, start: Callable[[Room], tuple[Any, socket.socket]]
    ) -> tuple[Any, asyncio.StreamReader, asyncio.StreamWriter]:
        container, wire = await asyncio.to_thread(self._start, start)
        return container, *(await asyncio.open_unix_connection(sock=wire))

    def _start(self, start: Callable[[Room], tuple[Any, socket.socket]]) -> tuple[Any, socket.socket]:
        with self._is_starting:
            if self._is_closed:
                raise ConnectionError("the build has ended")
            return start(self._room)

    def close(self) -> None:
        """From any thread. A container that is just being made is there when this returns, none comes after it."""
        with self._is_starting:
            self._is_closed = True
        with suppress(RuntimeError):  # the loop may have gone, and the wire with it
            self._loop.call_soon_threadsafe(self._disconnect)

    def _disconnect(self) -> None:
        if self._starting.done() and not self._starting.cancelled() and not self._starting.exception():
            self._starting.result()[2].close()

    async def run(self, argv: list[str], emit: Emit, env: Mapping[str, str] | None = None) -> tuple[int, list[str]]:
        try:
            container, reader, writer = await asyncio.shield(self._starting)
        except TROUBLE as error:
            raise StagingFailed("StagingError", f"the build's container could not be started: {error}") from None
        mark = f"\0{secrets.token_hex(16)} "
        room = self._room
        order = {"argv": argv, "env": {**room.env, **(env or {})}, "cwd": str(ROOT), "uid": room.uid, "mark": mark}
        out, err = Stream("OUT", emit, mark.encode()), Stream("ERR", emit, mark.encode())
        watch = asyncio.create_task(self._watch(container))
        try:
            writer.write(json.dumps(order).encode() + b"\n")
            while not (out.end and err.end):
                number, length = FRAME.unpack(await reader.readexactly(FRAME.size))
                (out if number == 1 else err).take(await reader.readexactly(length))
        except TROUBLE:
            out.lines.finish()
            err.lines.finish()
            raise await asyncio.to_thread(self._why_it_ended, container) from None
        except asyncio.CancelledError:
            await to_its_end(asyncio.to_thread(_kill, container))
            raise
        finally:
            watch.cancel()
        status, oom_kills = map(int, out.end.split())
        words = list(err.lines.last or out.lines.last)
        self._check(status, oom_kills, words)
        return status, words

    def _check(self, status: int, oom_kills: int, words: list[str]) -> None:
        """Raises StagingFailed when a limit is why it failed."""
        is_new, self._oom_kills = oom_kills > self._oom_kills, oom_kills
        if status and is_new:
            raise self._room.too_much_memory()
        if status and (self._is_full() or self._was_full or any(NO_SPACE in word for word in words)):
            raise self._room.too_much_disk()

    def _is_full(self) -> bool:
        """What cannot be asked is not."""
        try:
            stat = os.statvfs(self._room.folder)
        except OSError:
            return False
        return self._has_volume and stat.f_bavail * stat.f_frsize < FULL_BYTES

    async def _watch(self, container: Any) -> None:
        """A full disk ends scripts by itself, often after they have tidied up; a folder of the host's does not fill."""
        while self._has_volume:
            self._was_full = self._was_full or self._is_full()
            await asyncio.sleep(MEMORY_LOOK_S)
        most_bytes = self._room.limits.disk_mb * MIB
        while await asyncio.to_thread(trees.disk_bytes, self._room.folder) <= most_bytes:  # noqa: ASYNC110
            await asyncio.sleep(DISK_LOOK_S)
        self._excess = self._room.too_much_disk()
        await asyncio.to_thread(_kill, container)

    def _why_it_ended(self, container: Any) -> StagingFailed:
        if self._excess:
            return self._excess
        with suppress(DockerException, requests.RequestException):
            container.reload()
            if container.attrs["State"]["OOMKilled"]:
                return self._room.too_much_memory()
        return StagingFailed("StagingError", "the build's container was ended from outside")


def _kill(container: Any) -> None:
    """Gone is as good; and what the engine does not do now it is asked again when the build is cleared."""
    with suppress(DockerException, requests.RequestException):
        container.kill()


class Stream:
    """What a script writes to one of its streams, up to the mark; ``end`` is then what the runner says of its end."""

    def __init__(self, name: str, emit: Emit, mark: bytes) -> None:
        self.lines, self._mark = Lines(name, emit), mark
        self._held, self.end = b"", b""

    def take(self, data: bytes) -> None:
        data = self._held + data
        said, mark, end = data.partition(self._mark)
        if mark:
            # Whole only with its newline.
            self.end, self._held = (end, b"") if end.endswith(b"\n") else (b"", mark + end)
        else:
            cut = data.rfind(b"\0", -len(self._mark))
            said, self._held = (
                (data[:cut], data[cut:]) if cut >= 0 and self._mark.startswith(data[cut:]) else (data, b"")
            )
        self.lines.take(said)
        if self.end:
            self.lines.finish()
