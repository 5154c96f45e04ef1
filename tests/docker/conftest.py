"""Nothing here runs without an engine, or without the stack's image; it says why."""

import asyncio
import subprocess
import tempfile
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import docker
import pytest
import requests
from docker.errors import DockerException, ImageNotFound

from chalicelib.contracts.auction import Limits
from chalicelib.contracts.network import Egress, PolicyTo
from chalicelib.core.routing import APP_PORT
from dea_agent.runtimes.base import Container, Exit, Launch
from dea_agent.runtimes.docker import IMAGE, DockerRuntime, remove_all
from dea_agent.unpack import give, unpack

UID = 31001


def sh(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@contextmanager
def an_address_of_this_host(address: str) -> Iterator[None]:
    sh("ip", "address", "add", f"{address}/32", "dev", "lo")
    try:
        yield
    finally:
        sh("ip", "address", "del", f"{address}/32", "dev", "lo")


def why_not() -> str:
    try:
        docker.from_env().images.get(IMAGE)
    except ImageNotFound:
        return f"the image {IMAGE} does not exist; `make stack` makes it"
    except (DockerException, requests.RequestException):
        return "no Docker Engine answers"
    return ""


@pytest.fixture(scope="session", autouse=True)
def engine() -> None:
    if reason := why_not():
        pytest.skip(reason)


@dataclass(frozen=True, slots=True)
class Host:
    """What an agent has, without the agent. base: of its cloud."""

    base: Path

    @property
    def folder(self) -> Path:
        return self.base / "dea-0"

    def connect(self) -> DockerRuntime:
        """Within a loop; as each boot of an agent does it."""
        return DockerRuntime.connect(f"zf-{self.base.name}", self.folder, "127.0.0.1")

    def root(self, guid: str) -> Path:
        return self.folder / "instances" / guid

    async def start(
        self,
        runtime: DockerRuntime,
        guid: str,
        command: str,
        droplet_mb: int = 0,
        droplet: Path | None = None,
        app: str = "app",
        egress: tuple[Egress, ...] = (),
        policies: tuple[PolicyTo, ...] = (),
        **limits: int,
    ) -> Container:
        """droplet: a packed one; else empty folders, but for ``droplet_mb``. limits: memory_mb, disk_mb, fds."""
        given = Limits(**{"memory_mb": 128, "disk_mb": 64, "fds": 256, **limits})
        control, logs = self.folder / "control" / guid, self.folder / "logs" / guid
        for folder in (control, logs, self.root(guid).parent):
            folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        await asyncio.to_thread(self._fill, runtime, guid, given.disk_mb, droplet_mb, droplet)
        env = {"PATH": "/usr/bin:/bin", "HOME": "/home/vcap/app", "TMPDIR": "/home/vcap/tmp", "LANG": "C.UTF-8"}
        env |= {"DEPS_DIR": "/home/vcap/deps", "PORT": str(APP_PORT)}
        launch = Launch(guid, app, command, env, self.root(guid), control, logs, given, (), UID)
        return await runtime.launch(replace(launch, egress=egress, policies=policies))

    def _fill(self, runtime: DockerRuntime, guid: str, disk_mb: int, droplet_mb: int, droplet: Path | None) -> None:
        root = self.root(guid)
        with runtime.filling(root, disk_mb):
            if droplet:
                unpack(droplet, root, disk_mb * 2**20)
            for name in ("app", "tmp", "deps"):
                (root / name).mkdir(exist_ok=True)
            (root / "deps" / "droplet").write_bytes(b"\1" * droplet_mb * 2**20)
            give(root, UID)

    def log(self, guid: str) -> str:
        """What the app said, without the frames."""
        lines = [line for path in sorted((self.folder / "logs" / guid).iterdir()) for line in path.open()]
        return "".join(line.split(" ", 2)[2] for line in lines)

    def run(self, command: str, **kwargs: Any) -> tuple[Exit, str]:
        """One command to its end."""

        async def scenario(runtime: DockerRuntime) -> Exit:
            container = await self.start(runtime, "one", command, **kwargs)
            exit_ = await container.wait()
            await container.remove()
            runtime.take_away(self.root("one"))
            return exit_

        return self.do(scenario), self.log("one")

    def do(self, scenario: Any, within_s: float = 60) -> Any:
        """``scenario`` with a runtime, as an agent that comes up and leaves."""

        async def main() -> Any:
            work: Coroutine[Any, Any, Any] = scenario(self.connect())
            return await work

        return asyncio.run(asyncio.wait_for(main(), within_s))


@pytest.fixture
def host() -> Iterator[Host]:
    # Not below pytest's own folder: the app's user must be able to pass through.
    with tempfile.TemporaryDirectory(prefix="zf-", dir="/var/lib") as folder:
        host = Host(Path(folder))
        Path(folder).chmod(0o711)
        host.folder.mkdir(mode=0o711)
        yield host
        asyncio.run(_close(host))
        remove_all(str(host.base))


async def _close(host: Host) -> None:
    await host.connect().close()
