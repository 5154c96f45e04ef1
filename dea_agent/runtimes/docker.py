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
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import requests
from docker.errors import DockerException, ImageNotFound, NotFound
from docker.types import Mount, Ulimit

from dea_agent.runtimes.base import Container, Exit, Launch, LaunchError, Sample, read_exit, shim_order
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

#: Seconds between tries to hear the engine's events again.
EVENTS_AGAIN_S = 1.0


class DockerUnusable(Exception):
    """No engine answers, or the image is missing. The text is for people."""


class DockerContainer:
    def __init__(self, container: Any, control: Path) -> None:
        self._container, self._control = container, control
        self.ended = asyncio.Event()

    async def wait(self) -> Exit:
        await self.ended.wait()
        exit_ = read_exit(self._control, time.time())
        oom = await asyncio.to_thread(self._was_out_of_memory)
        return Exit(137 if oom and exit_.status is None else exit_.status, exit_.at, oom)

    def _was_out_of_memory(self) -> bool:
        try:
            self._container.reload()
            return bool(self._container.attrs["State"].get("OOMKilled"))
        except (DockerException, requests.RequestException):
            return False

    def terminate(self) -> None:
        threading.Thread(target=self._try, args=(lambda: self._container.kill("SIGTERM"),), daemon=True).start()

    async def kill(self) -> Exit:
        if not self.ended.is_set():
            await asyncio.to_thread(self._try, self._container.kill)
        return await self.wait()

    async def remove(self) -> None:
        await asyncio.to_thread(self._try, lambda: self._container.remove(force=True))

    def _try(self, call: Callable[[], Any]) -> None:
        try:
            call()
        except (DockerException, requests.RequestException) as error:
            log.info("the engine did not: %s", error)

    def is_over(self) -> bool:
        """Asked of the engine; a container that it does not know is over."""
        try:
            self._container.reload()
        except NotFound:
            return True
        return self._container.status in ("exited", "dead")

    def main_pid(self) -> int | None:
        try:
            self._container.reload()
            return int(self._container.attrs["State"]["Pid"]) or None
        except (DockerException, requests.RequestException):
            return None

    def sample(self) -> Sample | None:
        if self.ended.is_set():
            return None
        try:
            return to_sample(self._container.stats(stream=False, one_shot=True))
        except (DockerException, requests.RequestException):
            return None


def to_sample(stats: dict[str, Any]) -> Sample | None:
    """The engine's answer (cgroups v1 or v2); None for a container that has ended, whose answer is empty."""
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
        try:
            container = await asyncio.to_thread(self._launch, launch)
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
                if b"started" not in wire.recv(1024):
                    raise OSError("its shim did not come up")
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
            "ports": {f"{PORT}/tcp": (self._host, launch.port)},
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
        try:
            container = await asyncio.to_thread(self._client.containers.get, f"{self._owner}-{guid}")
        except NotFound:
            return None
        if container.status == "created" or not (control / "shim.json").exists():
            await DockerContainer(container, control).remove()
            return None
        return self._know(guid, container, control)

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
                events = self._client.events(decode=True, filters={"label": f"{OWNER}={self._owner}", "event": "die"})
                for guid in list(self._containers):
                    self._check(guid)
                for event in events:
                    self._end(event["Actor"]["Attributes"].get(INSTANCE, ""))
            except (DockerException, requests.RequestException, OSError) as error:
                log.warning("the engine is silent: %s", error)
            time.sleep(EVENTS_AGAIN_S)

    def _check(self, guid: str) -> None:
        if (known := self._containers.get(guid)) and known.is_over():
            self._end(guid)

    def _end(self, guid: str) -> None:
        if known := self._containers.pop(guid, None):
            self._loop.call_soon_threadsafe(known.ended.set)


@contextmanager
def _attached(container: Any) -> Iterator[socket.socket]:
    """The container's stdin and stdout."""
    wire = container.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
    raw: socket.socket = getattr(wire, "_sock", wire)
    raw.settimeout(SHIM_START_S)
    try:
        yield raw
    finally:
        wire.close()
