"""What the agent asks of a runtime: launch an instance, know it again, watch it, end it.

The agent holds one :class:`Container` per live instance, whichever runtime made it. A container outlives the
agent; :meth:`Runtime.adopt` finds it again by its guid and its control folder.
"""

import json
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from chalicelib.contracts.auction import Limits
from chalicelib.contracts.network import Egress, PolicyTo
from chalicelib.contracts.routing import OpenPort
from chalicelib.contracts.runspec import Image
from chalicelib.contracts.staging import DropletMade
from chalicelib.core.addresses import Allowed

if TYPE_CHECKING:  # a DEA starts faster without
    from dea_agent.staging.sandbox import Sandboxes

#: What bash runs in HOME: the scripts that buildpacks and users left for the start, then the command ($1).
LAUNCHER = """\
for script in ../profile.d/*.sh .profile.d/*.sh .profile; do [ -f "$script" ] && . "./$script"; done
exec /bin/bash -c "$1"
"""


class LaunchError(Exception):
    """The instance could not be launched. The text is for people. is_ours: another host may do better."""

    def __init__(self, text: str, is_ours: bool = True) -> None:
        super().__init__(text)
        self.is_ours = is_ours


@dataclass(frozen=True, slots=True)
class Sidecar:
    """stem: of its log. label: what people know it by, the source type of that log."""

    stem: str
    label: str
    command: str


@dataclass(frozen=True, slots=True)
class Launch:
    """One instance to run.

    root: folder with the unpacked droplet, the app's own. control: the agent's folder for the shim's records.
    logs: folder of the framed log. env: complete; nothing else reaches the app. ports: what destinations name, and of
    the host; a task has none.
    sidecars: what runs beside the command, in the same container, folder and environment.
    egress, policies: where it may connect besides public addresses, as far as this runtime can tell places apart.
    image: what it is made of instead of a droplet; root and uid mean nothing then.
    """

    guid: str
    app_guid: str
    command: str
    env: dict[str, str]
    root: Path
    control: Path
    logs: Path
    limits: Limits
    ports: tuple[OpenPort, ...]
    uid: int | None
    sidecars: tuple[Sidecar, ...] = ()
    egress: tuple[Egress, ...] = ()
    policies: tuple[PolicyTo, ...] = ()
    image: Image | None = None


@dataclass(frozen=True, slots=True)
class Exit:
    """status: the process's own, or 128 + signal; None when nobody saw it. at: seconds since the epoch.

    of: label of the sidecar whose end it is; empty for the command itself.
    """

    status: int | None
    at: float
    out_of_memory: bool = False
    of: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """cpu_s: seconds of CPU used since the start, all threads. io: bytes since the start. The rest is of now.

    out_of_memory: the kernel has killed a process of the instance for lack of memory. disk_bytes: of its disk limit;
    None when only a walk through its folder can tell.
    """

    cpu_s: float
    memory_bytes: int
    fds: int = 0
    threads: int = 0
    io_read_bytes: int = 0
    io_write_bytes: int = 0
    out_of_memory: bool = False
    disk_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """Where this host asks the app itself. owner: the user whose the sockets at the port must be, or whoever else
    came first to it would pass for the app; None where nobody else can come to it."""

    host: str
    port: int
    owner: int | None = None


class Container(Protocol):
    """A launched instance. All methods may be called again; those of one that has ended do nothing."""

    async def wait(self) -> Exit:
        """Until it has ended by itself or by others."""
        ...

    def terminate(self) -> None:
        """Ask it to end (SIGTERM)."""
        ...

    async def kill(self) -> Exit:
        """End every process of it, daemons too; returns when none is left."""
        ...

    def sample(self) -> Sample | None:
        """What it uses now; None when it has ended. Reads files; meant for a worker thread."""
        ...

    def address(self, published: tuple[str, int]) -> Address:
        """Where this host asks the app itself whether it listens. published: where all others reach it."""
        ...

    def main_pid(self) -> int | None:
        """Its first process, as the host numbers it; None when it has ended."""
        ...

    async def remove(self) -> None:
        """After its end: give back what the host lent it (cgroup, container). Its folders are not touched."""
        ...


class ImageShelf(Protocol):
    """Docker images that a runtime can run."""

    async def stage(self, image: Image, emit: Callable[[str, str], None]) -> DropletMade:
        """What it is as a droplet, pinned to its digest. Raises StagingFailed."""
        ...

    async def clear(self) -> None:
        """Keep only what is in use."""
        ...


class Runtime(Protocol):
    """name: ``process`` or ``docker``, for people. images: None where none can run."""

    name: str

    @property
    def images(self) -> ImageShelf | None: ...

    def inner_port(self, named: int, host_port: int) -> int:
        """What the app listens on, for a port that destinations name, to be reached at a port of the host."""
        ...

    def inner_root(self, root: Path) -> Path:
        """The instance's folder as the app sees it."""
        ...

    def filling(self, root: Path, disk_mb: int) -> AbstractContextManager[None]:
        """Makes the instance's folder, empty; after the block, which puts the droplet in, the disk limit holds as far
        as this runtime can enforce one. Blocks. Raises OSError."""
        ...

    def take_away(self, root: Path) -> None:
        """Removes the instance's folder and all in it. Blocks. Never raises: what stays is logged."""
        ...

    async def launch(self, launch: Launch) -> Container:
        """Raises LaunchError; nothing of it runs then."""
        ...

    async def adopt(self, guid: str, control: Path, uid: int | None) -> Container | None:
        """The container of ``guid``, running or ended; None when it was never launched (and never will be)."""
        ...

    async def sweep(self, known: set[str]) -> None:
        """End and remove everything of this agent whose guid is not known."""
        ...

    def sandboxes(self, cache_dir: Path, work_dir: Path, allowed: Allowed) -> "Sandboxes":
        """Where builds run their scripts. cache_dir: the agent's, with buildpacks and tools. work_dir: of its builds.
        allowed: where they may connect besides public places, as far as this runtime can tell places apart."""
        ...

    async def close(self) -> None:
        """The agent goes for good: nothing of it stays."""
        ...


def shim_order(launch: Launch, root: Path, control: Path, logs: Path, cgroup_procs: Iterable[Path] = ()) -> bytes:
    """What the shim reads from its stdin (see its ``main``). The folders are as the shim sees them."""
    order = {
        "argv": _argv(launch.command),
        "sidecars": [
            {"stem": sidecar.stem, "label": sidecar.label, "argv": _argv(sidecar.command)}
            for sidecar in launch.sidecars
        ],
        "env": launch.env,
        "cwd": str(root / "app"),
        "uid": launch.uid,
        "fds": launch.limits.fds,
        "log_rate_bytes": launch.limits.log_rate_bytes,
        "cgroup_procs": [str(path) for path in cgroup_procs],
        "control": str(control),
        "logs": str(logs),
    }
    return json.dumps(order).encode() + b"\n"


def _argv(command: str) -> list[str]:
    return ["/bin/bash", "-c", LAUNCHER, "launcher", command]


def read_exit(control: Path, at: float) -> Exit:
    """What the shim wrote down; without a record (the shim itself was killed) the status is unknown."""
    try:
        record = json.loads((control / "exit.json").read_text())
        return Exit(int(record["status"]), float(record["at"]), of=str(record.get("of", "")))
    except (OSError, ValueError, KeyError, TypeError):
        return Exit(None, at)
