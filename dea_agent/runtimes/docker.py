"""Instances as Docker containers, through docker-py. The same shim as with plain processes is each container's
first process, so logs and exit records are the same files and outlive the agent the same way.

Everything that blocks runs in worker threads; exits come as events of the engine, never by polling.
"""

import asyncio
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker
import requests
from docker.errors import DockerException, ImageNotFound, NotFound
from docker.types import Mount, Ulimit

from chalicelib.contracts.auction import Limits
from chalicelib.contracts.codec import DecodeError, from_json, to_json
from chalicelib.core.addresses import Allowed
from dea_agent import trees
from dea_agent.runtimes import docker_image_app
from dea_agent.runtimes.base import Container, Launch, LaunchError, shim_order
from dea_agent.runtimes.cgroup import MAX_PIDS
from dea_agent.runtimes.docker_accounts import ROOT, account_mounts, write_accounts
from dea_agent.runtimes.docker_bridge import Bridge
from dea_agent.runtimes.docker_bridge import remove as remove_bridge
from dea_agent.runtimes.docker_container import AGAIN_S, DockerContainer, address_of
from dea_agent.runtimes.docker_image_app import ImageContainer
from dea_agent.runtimes.docker_images import ImageError, Images, is_apps_fault
from dea_agent.runtimes.docker_volumes import MIB, Volume, VolumeError, Volumes
from dea_agent.runtimes.firewall import Guest
from dea_agent.runtimes.iptables import FirewallError
from dea_agent.runtimes.process import SHIM, SHIM_START_S

if TYPE_CHECKING:  # a DEA starts faster without
    from dea_agent.staging.sandbox import Sandboxes

log = logging.getLogger(__name__)

IMAGE = "zerofoundry/cflinuxfs4"

#: What the app sees, whatever the host calls it.
CONTROL, LOGS = Path("/zf/control"), Path("/zf/logs")
SHIM_INSIDE = "/zf/shim.py"

#: Labels by which containers are found again: whose they are, which instance, and which cloud's when that goes.
OWNER, INSTANCE, CLOUD = "zerofoundry.dea", "zerofoundry.instance", "zerofoundry.cloud"

#: What the shim needs to hand over to the app's user; the app itself keeps none of it.
CAPABILITIES = ["SETUID", "SETGID", "KILL"]

#: The disk limit is noted on the container, for the agent that finds it again.
DISK_MB = "zerofoundry.disk_mb"

#: The root of the image is read-only. What an app writes there counts as its memory; TMPDIR is on its disk.
SCRATCH = {"/tmp": "size=64m,mode=1777,nosuid,nodev", "/var/tmp": "size=16m,mode=1777,nosuid,nodev"}

#: Shares of the CPU by megabyte of memory, between these; who is alone may use all of it.
LEAST_SHARES, MOST_SHARES = 64, 8192

#: The folder of instances in the agent's, by its name in starter.Folders.
INSTANCES = "instances"

#: What an instance may connect to, among its records.
NETWORK = "network.json"

#: Where an app reads its own address among containers.
INTERNAL_IP = "CF_INSTANCE_INTERNAL_IP"

#: The engine's event of a process killed for lack of memory, not always the instance's first.
OUT_OF_MEMORY = "oom"


NOTHING_ALLOWED = Allowed()


class DockerUnusable(Exception):
    """No engine answers, or the image is missing. The text is for people."""


class DockerRuntime:
    """owner: names this agent among all on the engine. cloud: folder of the cloud, for whoever takes it down.
    host: address of this host at which the apps' ports are opened. volumes: None when it cannot mount any.
    """

    name = "docker"

    def __init__(self, client: Any, owner: str, cloud: str, host: str, volumes: Volumes | None, images: Images) -> None:
        self._client, self._owner, self._cloud, self._host = client, owner, cloud, host
        self._volumes, self.images = volumes, images
        self._bridge = Bridge(client, owner, {OWNER: owner, CLOUD: cloud})
        self._containers: dict[str, DockerContainer] = {}
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._hear, name="docker-events", daemon=True).start()

    @classmethod
    def connect(
        cls, owner: str, folder: Path, host: str, allowed: Allowed = NOTHING_ALLOWED, images_mb: int = 10240
    ) -> "DockerRuntime":
        """folder: the agent's, in its cloud's. allowed: registries besides public ones. images_mb: of apps' images that
        may stay. Raises DockerUnusable."""
        try:
            client = docker.from_env(timeout=30)
            client.ping()
            client.images.get(IMAGE)
        except ImageNotFound:
            raise DockerUnusable(f"the image {IMAGE} does not exist") from None
        except (DockerException, requests.RequestException):
            raise DockerUnusable("no Docker Engine answers") from None
        volumes = Volumes(folder / "volumes", folder / INSTANCES) if os.geteuid() == 0 else None
        images = Images(client, folder / "images.json", allowed, images_mb * MIB)
        runtime = cls(client, owner, str(folder.parent), host, volumes, images)
        try:
            runtime.contain()
        except (VolumeError, FirewallError, DockerException, requests.RequestException) as error:
            raise DockerUnusable(f"apps could not be contained: {error}") from None
        return runtime

    def contain(self) -> None:
        """The bridge and its rules stand and disks can be had, or an error tells why not."""
        if self._volumes:
            self._volumes.try_out()
        else:
            log.warning("disk limits of apps are looked at, not enforced: only root can mount disks for them")
        self._bridge.ensure()

    def inner_port(self, named: int, host_port: int) -> int:
        return named

    def inner_root(self, root: Path) -> Path:
        return ROOT

    @contextmanager
    def filling(self, root: Path, disk_mb: int) -> Iterator[None]:
        self.take_away(root)
        if self._volumes is None:
            root.mkdir(mode=0o700)
            yield
            return
        self._volumes.make(root, disk_mb)
        yield
        self._volumes.seal(root, disk_mb)

    def take_away(self, root: Path) -> None:
        if self._volumes is None:
            trees.remove(root)
        else:
            self._volumes.remove(root)

    async def launch(self, launch: Launch) -> Container:
        work = asyncio.ensure_future(asyncio.to_thread(self._launch, launch))
        try:
            container = await asyncio.shield(work)
        except asyncio.CancelledError:
            # A thread cannot be stopped; whoever cleans up must find what it has made.
            await asyncio.wait({work})
            raise
        except ImageError as error:
            raise LaunchError(str(error)) from None
        except (DockerException, requests.RequestException, FirewallError, OSError) as error:
            is_ours = launch.image is None or not is_apps_fault(error)
            raise LaunchError(f"the container could not be started: {error}", is_ours) from None
        return self._know(launch.guid, container, launch.control)

    def _launch(self, launch: Launch) -> Any:
        if launch.image:
            self.images.have(launch.image)
        else:
            write_accounts(launch.control, os.geteuid() if launch.uid is None else launch.uid)
        container = self._client.containers.create(**self.creation(launch))
        try:
            if launch.image:
                container.start()  # and what is in it: until it is admitted, its packets get nowhere
                container.reload()
                self._admit(launch, container)
            else:
                self._start_shim(launch, container)
        except BaseException:
            container.remove(force=True)
            self._bridge.dismiss(launch.guid)
            raise
        return container

    def _start_shim(self, launch: Launch, container: Any) -> None:
        """The order goes by stdin: what is in a container's configuration can be read by whoever asks the engine."""
        with _attached(container) as wire:
            container.start()
            container.reload()  # now it has an address and a process
            address = self._admit(launch, container)
            env = {**launch.env, INTERNAL_IP: address} if address else launch.env
            wire.sendall(shim_order(replace(launch, env=env), ROOT, CONTROL, LOGS))
            _read_until(wire, b"started\n")

    def _admit(self, launch: Launch, container: Any) -> str:
        """Its address, where it may connect from now on as it should; nothing of the app runs yet."""
        guest = Guest(launch.guid, launch.app_guid, address_of(container), launch.egress, launch.policies)
        (launch.control / NETWORK).write_text(json.dumps(to_json(guest)))
        if guest.address:  # else it has ended already, as short tasks of images do
            self._bridge.admit(guest)
        return guest.address

    def creation(self, launch: Launch) -> dict[str, Any]:
        """The arguments of the container's creation; nothing secret is among them, but an image's variables."""
        contained = self.contained(launch.guid, launch.limits, launch.uid)
        if launch.image:
            return docker_image_app.creation(contained, launch, launch.image, self._bridge.name, self._host)
        mounts = [
            Mount(str(ROOT), str(launch.root), type="bind"),
            Mount(str(CONTROL), str(launch.control), type="bind"),
            Mount(str(LOGS), str(launch.logs), type="bind"),
            Mount(SHIM_INSIDE, str(SHIM), type="bind", read_only=True),
            *account_mounts(launch.control),
        ]
        return {
            **contained,
            "mounts": mounts,
            "tmpfs": SCRATCH,
            "network": self._bridge.name,
            "ports": {f"{port.internal}/tcp": (self._host, port.external) for port in launch.ports},
        }

    def contained(self, guid: str, limits: Limits, uid: int | None) -> dict[str, Any]:
        """What holds for every container of this agent: its name and labels, its limits and rights. Its first process
        is Python, with a script of ours, which hands over to the user ``uid``; None for the agent's own."""
        memory = f"{limits.memory_mb}m"
        return {
            "image": IMAGE,
            "command": ["/usr/bin/python3", "-I", "-S", SHIM_INSIDE],
            "name": f"{self._owner}-{guid}",
            "labels": {OWNER: self._owner, INSTANCE: guid, CLOUD: self._cloud, DISK_MB: str(limits.disk_mb)},
            "user": "0:0" if uid is not None else f"{os.geteuid()}:{os.getegid()}",
            "stdin_open": True,
            "read_only": True,
            "mem_limit": memory,
            "memswap_limit": memory,
            "cpu_shares": min(max(limits.memory_mb, LEAST_SHARES), MOST_SHARES),
            "pids_limit": MAX_PIDS,
            "ulimits": [Ulimit(name="nofile", soft=limits.fds, hard=limits.fds)],
            "cap_drop": ["ALL"],
            "cap_add": CAPABILITIES if uid is not None else [],
            "security_opt": ["no-new-privileges"],
            "log_config": {"Type": "none"},
        }

    def sandboxes(self, cache_dir: Path, work_dir: Path, allowed: Allowed) -> "Sandboxes":
        from dea_agent.staging.container import ContainerSandboxes

        bridge = Bridge(self._client, f"{self._owner}-builds", {OWNER: self._owner, CLOUD: self._cloud}, allowed)
        volumes = Volumes(work_dir.with_name("build-volumes"), work_dir) if self._volumes else None
        return ContainerSandboxes(self._client, self.contained, bridge, volumes, cache_dir)

    def _know(self, guid: str, container: Any, control: Path) -> DockerContainer:
        is_image = docker_image_app.LOGS in container.labels
        known = self._containers[guid] = (
            ImageContainer(container, control)
            if is_image
            else DockerContainer(container, control, self._volume(container))
        )
        # Its end may have come before anybody listened for it.
        check = asyncio.ensure_future(asyncio.to_thread(self._check, guid))
        check.add_done_callback(lambda task: task.cancelled() or task.exception())
        return known

    def _volume(self, container: Any) -> Volume | None:
        """As the container's own configuration tells it."""
        mounts = {mount["Target"]: mount["Source"] for mount in container.attrs["HostConfig"].get("Mounts") or ()}
        root, disk_mb = mounts.get(str(ROOT)), container.labels.get(DISK_MB, "")
        return Volume(Path(root), int(disk_mb) * MIB) if self._volumes and root and disk_mb.isdecimal() else None

    async def adopt(self, guid: str, control: Path, uid: int | None) -> Container | None:
        container = await self._find(guid)
        if container is None:
            return None
        has_begun = docker_image_app.LOGS in container.labels or (control / "shim.json").exists()
        if container.status == "created" or not has_begun:
            await DockerContainer(container, control).remove()
            return None
        if address := address_of(container):
            self._bridge.firewall.know(replace(read_guest(guid, control), address=address))
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
        await asyncio.to_thread(self._bridge.renew)
        if self._volumes:
            await asyncio.to_thread(self._volumes.sweep, known)

    async def close(self) -> None:
        try:
            await self.sweep(set())
            await asyncio.to_thread(self._remove_bridges)
        except (DockerException, requests.RequestException, FirewallError) as error:
            log.warning("a bridge of %s may be left: %s", self._owner, error)

    def _remove_bridges(self) -> None:
        """Those of earlier boots too, which may have built where this one has not."""
        for network in self._client.networks.list(filters={"label": f"{OWNER}={self._owner}"}):
            remove_bridge(network)

    def _hear(self) -> None:
        """In a thread of its own, as long as somebody listens: the engine's events; after a break, a look at everything
        we know."""
        is_back = False
        while not self._loop.is_closed():
            try:
                if is_back:
                    self._bridge.ensure()
                wanted = {"label": f"{OWNER}={self._owner}", "event": ["die", OUT_OF_MEMORY]}
                events = self._client.events(decode=True, filters=wanted)
                for guid in list(self._containers):
                    self._check(guid)
                for event in events:
                    self._heard(event["Action"], event["Actor"]["Attributes"].get(INSTANCE, ""))
            except (DockerException, requests.RequestException, OSError, FirewallError) as error:
                log.warning("the engine is silent: %s", error)
            is_back = True
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
        if guid in self._containers:
            self._bridge.dismiss(guid)
        if (known := self._containers.pop(guid, None)) and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(known.ended.set)


def read_guest(guid: str, control: Path) -> Guest:
    """As it was admitted; one of which nothing is known may connect to public addresses alone."""
    try:
        return from_json(Guest, json.loads((control / NETWORK).read_text()))
    except (OSError, ValueError, DecodeError):
        return Guest(guid, "", "")


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
    """End and remove every container and bridge of a cloud, whichever agent's; none is left when no engine answers."""
    try:
        client, ours = docker.from_env(), {"label": f"{CLOUD}={cloud}"}
        for container in client.containers.list(all=True, filters=ours):
            container.remove(force=True)
        for network in client.networks.list(filters=ours):
            remove_bridge(network)
    except (DockerException, requests.RequestException) as error:
        log.warning("containers of the cloud may be left: %s", error)
