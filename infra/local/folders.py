"""Where a cloud keeps what: its state under $ZF_HOME, and what instances and sockets need elsewhere.

Instance folders never lie under HOME or a clone: apps run as users of their own, who may not enter there. As
root they are under /var/lib; other users have no users to give away, and use their state directory.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.local.ops import write_private
from infra.local.processes import Process

SYSTEM_STATE = Path("/var/lib")


@dataclass(frozen=True, slots=True)
class Folders:
    """home: $ZF_HOME. run: the folder of instances, router tables and sockets; short, as
    sockets' paths must be."""

    home: Path
    run: Path

    @property
    def cloud(self) -> Path:
        return self.home / "cloud"

    @property
    def logs(self) -> Path:
        return self.cloud / "logs"

    @property
    def tls(self) -> Path:
        """Of a cloud that speaks https; zf.client.http trusts what infra.local.authority puts there."""
        return self.cloud / "tls"

    @property
    def pids(self) -> Path:
        return self.cloud / "pids"

    @property
    def ready(self) -> Path:
        return self.cloud / "ready"

    @property
    def lock(self) -> Path:
        return self.cloud / "lock"

    @property
    def marker(self) -> str:
        """A variable in the environment of every process of this cloud."""
        return f"ZF_CLOUD={self.run}"

    def make(self) -> None:
        for folder in (self.home, self.cloud, self.logs, self.pids, self.ready):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.run.mkdir(parents=True, exist_ok=True)
        # Apps reach their own folder through this one and see nothing else in it.
        self.run.parent.chmod(0o711)
        self.run.chmod(0o711)

    def remove(self) -> None:
        """All of the cloud; the login beside it stays, and so does a home that holds something else."""
        shutil.rmtree(self.run, ignore_errors=True)
        # The lock goes last: who finds it free must find nothing else.
        for path in sorted(self.cloud.glob("*"), key=lambda path: path == self.lock):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        shutil.rmtree(self.cloud, ignore_errors=True)
        for folder in (self.run.parent, self.home):
            try:
                folder.rmdir()
            except OSError:
                pass  # other clouds, or the login


def folders(home: Path, env: Mapping[str, str], is_root: bool) -> Folders:
    """``home``: absolute. The run folder's name is derived from it, so that every home has its own."""
    name = hashlib.sha256(str(home).encode()).hexdigest()[:12]
    own = Path(env.get("XDG_STATE_HOME") or Path(env.get("HOME", "/tmp")) / ".local" / "state")
    return Folders(home, (SYSTEM_STATE if is_root else own) / "zerofoundry" / name)


@dataclass(frozen=True, slots=True)
class State:
    """What is remembered of a cloud in ``state.json``. supervisor: (pid, start time). control: its address,
    with the secret in it."""

    supervisor: tuple[int, int]
    port: int
    prefix: str
    api_url: str
    apps_domain: str
    admin_user: str
    admin_password: str
    control: str = ""


def save(folders: Folders, state: State) -> None:
    write_private(folders.cloud / "state.json", json.dumps(asdict(state), indent=2))


def load(folders: Folders) -> State | None:
    """None when there is no cloud, or only half a state that nothing can be said of."""
    try:
        raw = json.loads((folders.cloud / "state.json").read_text())
        return State(**{**raw, "supervisor": tuple(raw["supervisor"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def claim(folders: Folders) -> int | None:
    """Take the home's lock; None when another cloud has it. The lock lives as long as the descriptor is open in
    any process, and ends with it however that process ends."""
    folders.make()
    descriptor = os.open(folders.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def remember(folders: Folders, name: str, process: Process) -> None:
    """Note a component's process, for a ``down`` that finds no supervisor."""
    write_private(folders.pids / name, f"{process.pid} {process.started}")


def remembered(folders: Folders) -> dict[str, Process]:
    """Every component's last process by name."""
    found = {}
    for file in sorted(folders.pids.glob("[!.]*")):
        try:
            pid, started = file.read_text().split()
            found[file.name] = Process(int(pid), int(started))
        except (OSError, ValueError):
            continue
    return found


def addresses(folders: Folders) -> dict[str, str]:
    """The health address of every component whose last process still runs."""
    alive = {name: process.pid for name, process in remembered(folders).items() if process.is_alive()}
    found = {}
    for name, pid in alive.items():
        try:
            said = json.loads((folders.ready / f"{name}.json").read_text())
            if said["pid"] == pid:
                found[name] = said["http"]
        except (OSError, ValueError, KeyError):
            continue
    return found
