"""Instances as Docker containers, through docker-py. The same shim as with plain processes is each container's
first process, so logs and exit records are the same files and outlive the agent the same way.

Everything that blocks runs in worker threads; exits come as events of the engine, never by polling.
"""

import asyncio
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import requests
from docker.errors import DockerException, ImageNotFound, NotFound
from docker.types import Mount, Ulimit

from dea_agent.runtimes import processes
from dea_agent.runtimes.base import Address, Container, Exit, Launch, LaunchError, Sample, read_exit, shim_order
from dea_agent.runtimes.cgroup import MAX_PIDS
from dea_agent.runtimes.process import SHIM, SHIM_START_S

log = logging.getLogger(__name__)

IMAGE = "zerofoundry/cflinuxfs4"

#: What the app sees, whatever the host calls it.
ROOT, CONTROL, LOGS = Path("/home/vcap"), Path("/zf/control"), Path("/zf/logs")
SHIM_INSIDE, PORT = "/zf/shim.py", 8080

#: Labels by which containers are found again: whose they are, which instance, and which cloud's when that goes.
OWNER, INSTANCE, CLOUD = "zerofoundry.dea", "zerofoundry.instance", "zerofoundry.cloud"

#: What the shim needs to hand over to the app's user; the app itself keeps none of it.
CAPABILITIES = ["SETUID", "SETGID", "KILL"]

#: Seconds between tries to hear the engine's events again, and between tries to kill.
AGAIN_S = 1.0

#: The engine's event of a process killed for lack of memory, not always the instance's first.
OUT_OF_MEMORY = "oom"


class DockerUnusable(Exception):
    """No engine answers, or the image is missing. The text is for people."""


class DockerContainer:
    """out_of_memory: the engine has said that the kernel killed a process of it."""

    def __init__(self, container: Any, control: Path) -> None:
        self._container, self._control = container, control
        self.ended, self.out_of_memory = asyncio.Event(), False

    async def wait(self) -> Exit:
        await self.ended.wait()
        return await asyncio.to_thread(self._exit)

    def _exit(self) -> Exit:
        """The shim's record; where there is none (the shim was killed too), what the engine saw of the shim."""
        exit_ = read_exit(self._control, time.time())
        try:
            self._container.reload()
        except (DockerException, requests.RequestException):
            return replace(exit_, out_of_memory=self.out_of_memory)
        state = self._container.attrs["State"]
        status = state["ExitCode"] if exit_.status is None else exit_.status
        oom = status != 0 and (self.out_of_memory or bool(state["OOMKilled"]))
        return replace(exit_, status=status, out_of_memory=oom)

    def terminate(self) -> None:
        threading.Thread(target=self._try, args=(lambda: self._container.kill("SIGTERM"),), daemon=True).start()

    async def kill(self) -> Exit:
        # Again and again, because the engine may be restarting.
        while not self.ended.is_set():
            await asyncio.to_thread(self._try, self._container.kill)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.ended.wait(), AGAIN_S)
        return await self.wait()

    async def remove(self) -> None:
        """What the engine does not remove at once it removes later; nobody waits for that."""
        self._removal = asyncio.create_task(self._remove())
        await asyncio.wait({self._removal}, timeout=AGAIN_S)

    async def _remove(self) -> None:
        while not await asyncio.to_thread(self._try, lambda: self._container.remove(force=True)):  # noqa: ASYNC110
            await asyncio.sleep(AGAIN_S)

    def _try(self, call: Callable[[], Any]) -> bool:
        """False when it should be tried again."""
        try:
            call()
        except NotFound:
            pass
        except (DockerException, requests.RequestException) as error:
            log.info("the engine did not: %s", error)
            return False
        return True

    def is_over(self) -> bool:
        """Asked of the engine; a container that it does not know is over."""
        try:
            self._container.reload()
        except NotFound:
            return True
        return self._container.status in ("exited", "dead")

    def address(self, published: tuple[str, int]) -> Address:
        """Its own on the bridge: at a published port of loopback the engine's proxy accepts whether the app listens
        or not."""
        networks = self._container.attrs["NetworkSettings"]["Networks"].values()
        own = next((network["IPAddress"] for network in networks if network["IPAddress"]), None)
        return Address(own, PORT) if own else Address(*published)

    def main_pid(self) -> int | None:
        """The shim's first child: the container's first process is the shim."""
        shim = self._container.attrs["State"]["Pid"]  # 0: it has ended, and everything on this host is below 0
        below = processes.descendants(shim) if shim and not self.ended.is_set() else []
        stats = [entry for pid in below if (entry := processes.stat(pid))]
        return min(stats, key=lambda entry: (entry.start, entry.pid)).pid if stats else None

    def sample(self) -> Sample | None:
        if self.ended.is_set():
            return None
        try:
            return to_sample(self._container.stats(stream=False, one_shot=True), self.out_of_memory)
        except (DockerException, requests.RequestException):
            return None


def to_sample(stats: dict[str, Any], out_of_memory: bool) -> Sample | None:
    """Of the engine's answer (cgroups v1 or v2); None for a container that has ended, whose answer is empty."""
    memory = stats.get("memory_stats", {})
    if "usage" not in memory:
        return None
    details = memory.get("stats", {})
    cache = details.get("total_inactive_file", details.get("inactive_file", 0))
    io = {"read": 0, "write": 0}
    for entry in stats.get("blkio_stats", {}).get("io_service_bytes_recursive") or ():
        if (operation := entry["op"].lower()) in io:
            io[operation] += entry["value"]
    return Sample(
        cpu_s=stats["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9,
        memory_bytes=max(0, memory["usage"] - cache),
        threads=stats.get("pids_stats", {}).get("current", 0),
        io_read_bytes=io["read"],
        io_write_bytes=io["write"],
        out_of_memory=out_of_memory,
    )


class DockerRuntime:
    """owner: names this agent among all on the engine. cloud: folder of the cloud, for whoever takes it down.
    host: address of this host at which the apps' ports are opened.
    """

    name = "docker"

    def __init__(self, client: Any, owner: str, cloud: str, host: str) -> None:
        self._client, self._owner, self._cloud, self._host = client, owner, cloud, host
        self._containers: dict[str, DockerContainer] = {}
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._hear, name="docker-events", daemon=True).start()

    @classmethod
    def connect(cls, owner: str, cloud: str, host: str) -> "DockerRuntime":
        """Raises DockerUnusable."""
        try:
            client = docker.from_env(timeout=30)
            client.ping()
            client.images.get(IMAGE)
        except ImageNotFound:
            raise DockerUnusable(f"the image {IMAGE} does not exist") from None
        except (DockerException, requests.RequestException):
            raise DockerUnusable("no Docker Engine answers") from None
        return cls(client, owner, cloud, host)

    def inner_port(self, host_port: int) -> int:
        return PORT

    def inner_root(self, root: Path) -> Path:
        return ROOT

    async def launch(self, launch: Launch) -> Container:
        work = asyncio.ensure_future(asyncio.to_thread(self._launch, launch))
        try:
            container = await asyncio.shield(work)
        except asyncio.CancelledError:
            # A thread cannot be stopped; whoever cleans up must find what it has made.
            await asyncio.wait({work})
            raise
        except (DockerException, requests.RequestException, OSError) as error:
            raise LaunchError(f"the container could not be started: {error}") from None
        return self._know(launch.guid, container, launch.control)

    def _launch(self, launch: Launch) -> Any:
        container = self._client.containers.create(**self.creation(launch))
        # The order goes by stdin: what is in a container's configuration can be read by whoever asks the engine.
        try:
            with _attached(container) as wire:
                container.start()
                wire.sendall(shim_order(launch, ROOT, CONTROL, LOGS))
                _read_until(wire, b"started\n")
            container.reload()  # now it has an address and a process
        except BaseException:
            container.remove(force=True)
            raise
        return container

    def creation(self, launch: Launch) -> dict[str, Any]:
        """The arguments of the container's creation; nothing secret is among them."""
        memory = f"{launch.limits.memory_mb}m"
        mounts = [
            Mount(str(ROOT), str(launch.root), type="bind"),
            Mount(str(CONTROL), str(launch.control), type="bind"),
            Mount(str(LOGS), str(launch.logs), type="bind"),
            Mount(SHIM_INSIDE, str(SHIM), type="bind", read_only=True),
        ]
        return {
            "image": IMAGE,
            "command": ["/usr/bin/python3", "-I", "-S", SHIM_INSIDE],
            "name": f"{self._owner}-{launch.guid}",
            "labels": {OWNER: self._owner, INSTANCE: launch.guid, CLOUD: self._cloud},
            "user": "root" if launch.uid is not None else f"{os.geteuid()}:{os.getegid()}",
            "stdin_open": True,
            "mounts": mounts,
            "ports": {f"{PORT}/tcp": (self._host, launch.port)} if launch.port else {},
            "mem_limit": memory,
            "memswap_limit": memory,
            "pids_limit": MAX_PIDS,
            "ulimits": [Ulimit(name="nofile", soft=launch.limits.fds, hard=launch.limits.fds)],
            "cap_drop": ["ALL"],
            "cap_add": CAPABILITIES if launch.uid is not None else [],
            "security_opt": ["no-new-privileges"],
            "log_config": {"Type": "none"},
        }

    def _know(self, guid: str, container: Any, control: Path) -> DockerContainer:
        known = self._containers[guid] = DockerContainer(container, control)
        # Its end may have come before anybody listened for it.
        check = asyncio.ensure_future(asyncio.to_thread(self._check, guid))
        check.add_done_callback(lambda task: task.exception())
        return known

    async def adopt(self, guid: str, control: Path, uid: int | None) -> Container | None:
        container = await self._find(guid)
        if container is None:
            return None
        if container.status == "created" or not (control / "shim.json").exists():
            await DockerContainer(container, control).remove()
            return None
        return self._know(guid, container, control)

    async def _find(self, guid: str) -> Any | None:
        """Asks until the engine answers: whether a container is there must be known for certain."""
        while True:
            try:
                return await asyncio.to_thread(self._client.containers.get, f"{self._owner}-{guid}")
            except NotFound:
                return None
            except (DockerException, requests.RequestException) as error:
                log.info("the engine does not tell of instance %s: %s", guid, error)
                await asyncio.sleep(AGAIN_S)

    async def sweep(self, known: set[str]) -> None:
        listed = await asyncio.to_thread(
            self._client.containers.list, all=True, filters={"label": f"{OWNER}={self._owner}"}
        )
        for container in listed:
            if container.labels.get(INSTANCE) not in known:
                await DockerContainer(container, Path(os.devnull)).remove()

    async def close(self) -> None:
        await self.sweep(set())

    def _hear(self) -> None:
        """In a thread of its own, for ever: the engine's events; after a break, a look at everything we know."""
        while True:
            try:
                wanted = {"label": f"{OWNER}={self._owner}", "event": ["die", OUT_OF_MEMORY]}
                events = self._client.events(decode=True, filters=wanted)
                for guid in list(self._containers):
                    self._check(guid)
                for event in events:
                    self._heard(event["Action"], event["Actor"]["Attributes"].get(INSTANCE, ""))
            except (DockerException, requests.RequestException, OSError) as error:
                log.warning("the engine is silent: %s", error)
            time.sleep(AGAIN_S)

    def _heard(self, action: str, guid: str) -> None:
        if action != OUT_OF_MEMORY:
            self._end(guid)
        elif known := self._containers.get(guid):
            known.out_of_memory = True

    def _check(self, guid: str) -> None:
        if (known := self._containers.get(guid)) and known.is_over():
            self._end(guid)

    def _end(self, guid: str) -> None:
        if known := self._containers.pop(guid, None):
            self._loop.call_soon_threadsafe(known.ended.set)


@contextmanager
def _attached(container: Any) -> Iterator[socket.socket]:
    """The container's stdin and stdout. docker-py returns a reader of the socket; both must be closed."""
    wire = container.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
    raw: socket.socket = getattr(wire, "_sock", wire)
    raw.settimeout(SHIM_START_S)
    try:
        yield raw
    finally:
        wire.close()
        raw.close()


def _read_until(wire: socket.socket, wanted: bytes) -> None:
    """What the engine frames may come in pieces. Raises OSError when it does not come."""
    heard = b""
    while wanted not in heard:
        piece = wire.recv(1024)
        if not piece:
            raise OSError("its shim did not come up")
        heard += piece


def remove_all(cloud: str) -> None:
    """End and remove every container of a cloud, whichever agent's; none is left when no engine answers."""
    try:
        client = docker.from_env()
        for container in client.containers.list(all=True, filters={"label": f"{CLOUD}={cloud}"}):
            container.remove(force=True)
    except (DockerException, requests.RequestException) as error:
        log.warning("containers of the cloud may be left: %s", error)
