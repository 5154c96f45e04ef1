"""A Docker Engine to test against: the one that answers, else Debian's own, started on a socket of its own.

What is started here keeps everything in one folder and is told by it, so that any process can stop it and start it
again, and several can use it at once. It has no default bridge, and goes when the last of its users has ended, with
its rules; the images in its folder stay.
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import requests
from docker.errors import DockerException

#: Where an engine of ours keeps its images and socket.
FOLDER = Path("/var/lib/zerofoundry-engine")

#: Names this folder to whom we run while such an engine serves.
VARIABLE = "ZF_ENGINE_DIR"

#: Debian's packages that an engine, the stack and contained apps need, by a program of each.
PACKAGES = {
    "dockerd": "docker.io",
    "iptables": "iptables",
    "mmdebstrap": "mmdebstrap",
    "mkfs.ext4": "e2fsprogs",
    "ip": "iproute2",
}

#: Seconds that the engine may take to answer, and to end. It ends its containers first.
START_S, STOP_S = 60.0, 30.0

FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


class NoEngine(Exception):
    """None answers and none can be started. The text is one line for people."""


def answers(host: str | None = None) -> bool:
    """host: as in DOCKER_HOST; None for the one that the environment names."""
    try:
        client = docker.DockerClient(host, timeout=10) if host else docker.from_env(timeout=10)
        try:
            return bool(client.ping())
        finally:
            client.close()
    except (DockerException, requests.RequestException):
        return False


def install() -> None:
    """What is missing, from Debian's archive. Raises NoEngine."""
    missing = sorted(package for program, package in PACKAGES.items() if not shutil.which(program, path=admin_path()))
    if not missing:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise NoEngine(f"missing: {' '.join(missing)}")
    # Its own engine must not come up beside ours.
    policy = Path("/usr/sbin/policy-rc.d")
    is_ours = not policy.exists()
    if is_ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "--no-install-recommends"]):
            words = command + (missing if command[1] == "install" else [])
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            if done.returncode:
                raise NoEngine(f"{' '.join(missing)} cannot be installed: {_last_line(done.stderr)}")
    finally:
        if is_ours:
            policy.unlink()


def admin_path() -> str:
    """Programs of administrators are not always on the path of a root shell."""
    return f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1]


class Engine:
    """One of ours, running or not, by its folder."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self.folder = folder
        self.host = f"unix://{folder}/docker.sock"
        self._pidfile, self._log = folder / "docker.pid", folder / "docker.log"
        self._users, self._before = folder / "users", folder / "before.json"

    @property
    def pid(self) -> int | None:
        """Of the running engine."""
        try:
            pid = int(self._pidfile.read_text())
            is_it = "dockerd" in Path(f"/proc/{pid}/comm").read_text()
        except (OSError, ValueError):
            return None
        return pid if is_it else None

    def command(self, dockerd: str) -> list[str]:
        """Containers live on while it is away, as on real hosts; its files are apart from any other engine's."""
        return [
            dockerd,
            f"--host={self.host}",
            f"--data-root={self.folder}/data",
            f"--exec-root={self.folder}/run",
            f"--pidfile={self._pidfile}",
            f"--config-file={self.folder}/daemon.json",
            "--bridge=none",
            "--live-restore",
            "--log-level=warn",
        ]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else comes, goes, or starts it meanwhile."""
        self._users.mkdir(mode=0o711, parents=True, exist_ok=True)
        with (self.folder / "door").open("w") as door:
            fcntl.flock(door, fcntl.LOCK_EX)
            yield

    def users(self) -> int:
        """How many processes use it. One that was killed has let go of its lock."""
        found = 0
        for path in self._users.iterdir():
            with path.open("w") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink()
                except BlockingIOError:
                    found += 1
        return found

    @contextmanager
    def used(self) -> Iterator[None]:
        """It answers while the block runs, and ends with the last user's. Raises NoEngine."""
        if os.geteuid() != 0:
            raise NoEngine("no Docker Engine answers, and only root can start one")
        with self._alone():
            if not self.users():
                self._end()  # of users that were killed
                before = {"forwarding": FORWARDING.read_text(), "policy": _rules("filter", "FORWARD")[:1]}
                self._before.write_text(json.dumps(before))
            self._start()
            mine = (self._users / str(os.getpid())).open("w")
            fcntl.flock(mine, fcntl.LOCK_EX)
        try:
            yield
        finally:
            with self._alone():
                mine.close()
                if not self.users():
                    self._end()

    def _end(self) -> None:
        """And the host is as it was before it."""
        if not self._before.exists():
            return
        self.stop()
        clear_rules()
        before = json.loads(self._before.read_text())
        for rule in before["policy"]:
            _iptables("filter", *rule)
        FORWARDING.write_text(before["forwarding"])
        self._before.unlink()

    def start(self) -> None:
        """Returns when it answers, whoever has started it. Raises NoEngine."""
        with self._alone():
            self._start()

    def _start(self) -> None:
        if answers(self.host):
            return
        dockerd = shutil.which("dockerd", path=admin_path())
        if not dockerd:
            raise NoEngine("no dockerd here")
        (self.folder / "daemon.json").write_text("{}")
        self._forget_the_dead()
        with self._log.open("w") as log:
            started = subprocess.Popen(
                self.command(dockerd),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "PATH": admin_path()},
                start_new_session=True,
            )
        deadline = time.monotonic() + START_S
        while not answers(self.host):
            if started.poll() is not None or time.monotonic() > deadline:
                started.kill()
                started.wait()
                raise NoEngine(f"dockerd does not come up: {_last_line(self._log.read_text())}")
            time.sleep(0.1)

    def _forget_the_dead(self) -> None:
        """An engine that was killed takes its containerd along; while nobody has collected them, the next engine takes
        them for alive."""
        for pidfile in (self._pidfile, self.folder / "run" / "containerd" / "containerd.pid"):
            if pidfile.exists() and _has_ended(int(pidfile.read_text())):
                pidfile.unlink()

    def signal(self, number: int) -> None:
        """Raises ProcessLookupError when it does not run. Returns when it has ended."""
        pid = self.pid
        if pid is None:
            raise ProcessLookupError(f"no engine in {self.folder}")
        os.kill(pid, number)
        deadline = time.monotonic() + STOP_S
        while self.pid is not None and not _has_ended(pid) and time.monotonic() < deadline:
            time.sleep(0.05)

    def stop(self) -> None:
        """Its containers go with it."""
        if self.pid is None:
            return
        client = docker.DockerClient(self.host)
        for container in client.containers.list(all=True, ignore_removed=True):
            container.remove(force=True)
        for network in client.networks.list():
            if network.name not in ("bridge", "host", "none"):
                network.remove()
        client.close()
        self.signal(signal.SIGTERM)


def _has_ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@contextmanager
def engine(may_install: bool = False) -> Iterator[dict[str, str]]:
    """While the block runs an engine answers; yields what the environment must say to reach it. Raises NoEngine."""
    if answers():
        yield {}
        return
    if may_install:
        install()
    ours = Engine()
    with ours.used():
        yield {"DOCKER_HOST": ours.host, VARIABLE: str(ours.folder)}


def clear_rules() -> None:
    """Take the engine's chains out of tables that others use too."""
    for table in ("filter", "nat"):
        rules = _rules(table)
        chains = [rule[1] for rule in rules if rule[0] == "-N" and rule[1].startswith("DOCKER")]
        for rule in rules:
            if rule[0] == "-A" and rule[1] not in chains and rule[-1] in chains:
                _iptables(table, "-D", *rule[1:])
        for chain in chains:
            _iptables(table, "-F", chain)
        for chain in chains:
            _iptables(table, "-X", chain)


def _rules(table: str, *chain: str) -> list[list[str]]:
    """As iptables prints them, by words; none where there is no iptables."""
    return [line.split() for line in _iptables(table, "-S", *chain).splitlines()]


def _iptables(table: str, *words: str) -> str:
    program = shutil.which("iptables", path=admin_path())
    if not program:
        return ""
    return subprocess.run([program, "-w", "-t", table, *words], capture_output=True, text=True, check=False).stdout
