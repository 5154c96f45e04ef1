"""A container as the agent holds it: its exit, its signals, its statistics, through docker-py."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import requests
from docker.errors import DockerException, NotFound

from chalicelib.core.routing import APP_PORT
from dea_agent.runtimes import processes
from dea_agent.runtimes.base import Address, Exit, Sample, read_exit
from dea_agent.runtimes.docker_volumes import Volume

log = logging.getLogger(__name__)

#: Seconds between tries when the engine does not do what it is asked.
AGAIN_S = 1.0


class DockerContainer:
    """volume: where its folder lies; None when it has no disk of its own.

    out_of_memory: the engine has said that the kernel killed a process of it.
    """

    def __init__(self, container: Any, control: Path, volume: Volume | None = None) -> None:
        self._container, self._control, self._volume = container, control, volume
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
        number = self.stop_signal()
        threading.Thread(target=self._try, args=(lambda: self._container.kill(number),), daemon=True).start()

    def stop_signal(self) -> str:
        """What asks it to end."""
        return "SIGTERM"

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
        while not await asyncio.to_thread(self._try, lambda: self._container.remove(v=True, force=True)):  # noqa: ASYNC110
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
        own = address_of(self._container)
        bound = self._container.attrs.get("HostConfig", {}).get("PortBindings") or {}
        inner = [key for key, hosts in bound.items() if any(host["HostPort"] == str(published[1]) for host in hosts)]
        port = int(inner[0].partition("/")[0]) if inner else APP_PORT
        return Address(own, port) if own else Address(*published)

    def main_pid(self) -> int | None:
        """The shim's first child: the container's first process is the shim."""
        stats = [entry for pid in self._pids() if (entry := processes.stat(pid))]
        return min(stats, key=lambda entry: (entry.start, entry.pid)).pid if stats else None

    def _pids(self) -> list[int]:
        shim = self._container.attrs["State"]["Pid"]  # 0: it has ended, and everything on this host is below 0
        return processes.descendants(shim) if shim and not self.ended.is_set() else []

    def sample(self) -> Sample | None:
        if self.ended.is_set():
            return None
        try:
            sample = to_sample(self._container.stats(stream=False, one_shot=True), self.out_of_memory)
            disk = self._volume.written() if self._volume else None
        except (DockerException, requests.RequestException, OSError):
            return None
        fds = sum(processes.fd_count(pid) for pid in self._pids())
        return replace(sample, disk_bytes=disk, fds=fds) if sample else None


def address_of(container: Any) -> str:
    """Its own on the bridge, as the engine told it last; empty where it has none."""
    networks = container.attrs["NetworkSettings"]["Networks"].values()
    return next((str(network["IPAddress"]) for network in networks if network["IPAddress"]), "")


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
