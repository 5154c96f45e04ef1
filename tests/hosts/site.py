"""Hosts for real, on one machine: DEAs and routers each in a network namespace with an address, a data folder and
processes of its own. They reach the AWS endpoint (with the API behind it) and one another, and nothing else here.

The control plane is a platform's as everywhere in tests; its own DEA and router are put to rest, and who asks it
comes by a load balancer to the routers of this site.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.platform import ROOT, Platform, a_platform, eventually

#: The hosts' network; its first address is the machine's.
NETWORK, GATEWAY, BRIDGE = "10.214.77", "10.214.77.1", "zfhosts0"

ROUTER_PORT = 8080

#: Variables that are one component's own, or name places of another host.
OWN = ("ZF_DEA_", "ZF_ROUTER_", "ZF_READY_FILE", "ZF_LISTEN", "ZF_UPLOADER", "ZF_HOST", "ZF_HOME", "PWD", "OLDPWD")


def sh(*command: str, check: bool = True) -> str:
    return subprocess.run(command, check=check, capture_output=True, text=True).stdout


def why_not() -> str:
    """Why there can be no hosts here; empty when there can."""
    if os.geteuid() != 0:
        return "only root makes network namespaces"
    try:
        sh("ip", "netns", "add", "zf-try")
        sh("ip", "netns", "exec", "zf-try", "iptables", "-S")
    except (OSError, subprocess.CalledProcessError) as error:
        return f"network namespaces cannot be made: {error}"
    finally:
        subprocess.run(["ip", "netns", "del", "zf-try"], capture_output=True, check=False)
    return ""


def environment(platform: Platform, name: str) -> dict[str, str]:
    """A component's, as a new interpreter of it is given it: what the first start forks shows its parent's."""
    platform.hold(name)
    platform.release(name)
    pid = eventually(lambda: platform.component(name)["pid"])
    words = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return {key: text for key, _, text in (word.partition("=") for word in words) if key}


@dataclass
class Machine:
    """One host. modules: what it runs, by name. env: of all of them."""

    name: str
    number: int
    folder: Path
    modules: Mapping[str, str]
    env: dict[str, str]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    relay: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"{NETWORK}.{self.number}"

    def inside(self, *command: str) -> list[str]:
        # Not by `ip netns exec`, which hides control groups.
        return ["nsenter", f"--net=/run/netns/{self.name}", *command]

    def plug_in(self, relayed: list[int]) -> None:
        """A cable to the bridge, and the AWS endpoint where it is told to be: on loopback."""
        sh("ip", "netns", "add", self.name)
        sh("ip", "link", "add", self.name, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        sh("ip", "link", "set", self.name, "master", BRIDGE, "up")
        sh(*self.inside("ip", "link", "set", "lo", "up"))
        sh(*self.inside("ip", "address", "add", f"{self.address}/24", "dev", "eth0"))
        sh(*self.inside("ip", "link", "set", "eth0", "up"))
        words = [f"127.0.0.1:{port}={GATEWAY}:{port}" for port in relayed]
        self.relay = relay(*words, before=self.inside())

    def start(self, **more: str) -> None:
        """Whatever of it does not run."""
        for name, module in self.modules.items():
            if name in self.running and self.running[name].poll() is None:
                continue
            ready = self.folder / f"{name}.ready"
            ready.unlink(missing_ok=True)
            env = {**self.env, "ZF_READY_FILE": str(ready), **more}
            with open(self.folder / f"{name}.log", "ab") as log:
                self.running[name] = subprocess.Popen(
                    self.inside(sys.executable, "-P", "-m", module),
                    env=env,
                    cwd=self.folder,
                    stdout=log,
                    stderr=log,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )
        for name in self.modules:
            eventually((self.folder / f"{name}.ready").exists, 60)

    def stop(self, name: str, number: int = signal.SIGTERM) -> None:
        """Returns when it has ended."""
        process = self.running[name]
        process.send_signal(number)
        process.wait(60)

    def ask(self, name: str, path: str, method: str = "GET") -> Any:
        """Of a component of it, as an operator logged in on the host: they answer on loopback."""
        http = json.loads((self.folder / f"{name}.ready").read_text())["http"]
        said = sh(*self.inside("curl", "-sS", "--max-time", "20", "-X", method, f"{http}{path}"))
        return json.loads(said) if said.startswith(("{", "[")) else said

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.inside(*command), check=False, capture_output=True, text=True)

    def pids(self) -> list[int]:
        return [int(word) for word in sh("ip", "netns", "pids", self.name, check=False).split()]

    @contextmanager
    def unplugged(self) -> Iterator[None]:
        """The host is lost to all others, and works on."""
        sh("ip", "link", "set", self.name, "down")
        try:
            yield
        finally:
            sh("ip", "link", "set", self.name, "up")

    @contextmanager
    def mute(self) -> Iterator[None]:
        """It hears, but nothing that it says gets out."""
        rule = ("OUTPUT", "-o", "eth0", "-j", "DROP")
        sh(*self.inside("iptables", "-I", *rule))
        try:
            yield
        finally:
            sh(*self.inside("iptables", "-D", *rule))

    def remove(self) -> None:
        for process in filter(None, [*self.running.values(), self.relay]):
            if process.poll() is None:
                process.kill()
                process.wait()
        eventually(self._is_empty)
        sh("ip", "link", "del", self.name, check=False)  # the namespace itself goes when the kernel finds the time
        sh("ip", "netns", "del", self.name, check=False)

    def _is_empty(self) -> bool:
        for pid in (pids := self.pids()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not pids


def relay(*words: str, before: list[str] | None = None) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [*(before or []), sys.executable, "-m", "tests.hosts.relay", *words], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert process.stdout
    assert process.stdout.readline() == b"listening\n"
    return process


@dataclass
class Site:
    """inner: ports of the AWS endpoint and of the API, on loopback of every host."""

    platform: Platform
    inner: list[int]
    deas: dict[str, Machine]
    routers: dict[str, Machine]

    @property
    def machines(self) -> list[Machine]:
        return [*self.deas.values(), *self.routers.values()]

    def running(self, machine: Machine, app: str) -> list[dict[str, Any]]:
        """Instances of the app there, as its agent tells it."""
        found = machine.ask("dea", "/varz")["running_apps"]
        return [one for one in found if one["app_name"] == app and one["state"] == "RUNNING"]

    def places(self, app: str) -> dict[str, list[int]]:
        """Indices that run, by host."""
        return {name: sorted(one["index"] for one in self.running(machine, app)) for name, machine in self.deas.items()}

    def until_whole(self, app: str, within_s: float = 60) -> None:
        """Each of two instances runs, once, and the routers know."""
        eventually(lambda: sorted(index for found in self.places(app).values() for index in found) == [0, 1], within_s)
        eventually(lambda: self.platform.running(app, 2))

    def home_of(self, app: str) -> tuple[Machine, Machine]:
        """A host that has an instance of it, and the other one."""
        places = self.places(app)
        name = next(name for name, indices in places.items() if indices)
        return self.deas[name], next(machine for other, machine in self.deas.items() if other != name)


@contextmanager
def a_network(ports: list[int]) -> Iterator[None]:
    """A bridge whose hosts reach one another, and of this machine these ports alone."""
    rules = [
        ("INPUT", "-i", BRIDGE, "-j", "REJECT"),
        (
            "INPUT",
            "-i",
            BRIDGE,
            "-p",
            "tcp",
            "-d",
            GATEWAY,
            "-m",
            "multiport",
            "--dports",
            ",".join(map(str, ports)),
            "-j",
            "ACCEPT",
        ),
        ("INPUT", "-i", BRIDGE, "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT"),
        ("FORWARD", "-i", BRIDGE, "-j", "REJECT"),
        ("FORWARD", "-i", BRIDGE, "-o", BRIDGE, "-j", "ACCEPT"),
    ]
    sh("ip", "link", "add", BRIDGE, "type", "bridge")
    for rule in rules:
        sh("iptables", "-w", "-I", *rule)
    try:
        sh("ip", "address", "add", f"{GATEWAY}/24", "dev", BRIDGE)
        sh("ip", "link", "set", BRIDGE, "up")
        yield
    finally:
        sh("ip", "link", "del", BRIDGE, check=False)
        for rule in rules:
            sh("iptables", "-w", "-D", *rule, check=False)


def port_of(url: str) -> int:
    return int(url.rstrip("/").rpartition(":")[2])


def machines(base: Path, dea: dict[str, str], router: dict[str, str]) -> tuple[dict[str, Machine], dict[str, Machine]]:
    """dea, router: environments of the platform's own."""
    deas: dict[str, Machine] = {}
    routers: dict[str, Machine] = {}
    for number, letter in enumerate("ab"):
        for kind, source, found in (("dea", dea, deas), ("router", router, routers)):
            machine_number = 10 + 10 * (kind == "router") + number
            name = f"zf-{kind}-{letter}"
            folder = base / name
            folder.mkdir(mode=0o711)
            env = {key: text for key, text in source.items() if not key.startswith(OWN)}
            env |= {"ZF_HOST": f"{NETWORK}.{machine_number}", "TMPDIR": str(folder)}
            if kind == "dea":
                env |= {"ZF_DEA_ID": name, "ZF_DEA_DIR": str(folder / "data"), "ZF_RUNTIME": "process"}
                env |= {"ZF_DEA_MEMORY_MB": "2048", "ZF_DEA_DISK_MB": "8192", "ZF_UID_BASE": str(40001 + 5000 * number)}
                modules = {"dea": "dea_agent"}
            else:
                env |= {"ZF_ROUTER_ID": name, "ZF_ROUTER_DIR": str(folder / "data")}
                env |= {"ZF_LISTEN": f"{NETWORK}.{machine_number}:{ROUTER_PORT}"}
                env |= {"ZF_UPLOADER_SOCKET": str(folder / "uploader.sock")}
                modules = {"router": "router", "uploader": "router.uploader"}
            found[name] = Machine(name, machine_number, folder, modules, env)
    return deas, routers


@contextmanager
def a_site(base: Path) -> Iterator[Site]:
    """base: an empty folder that all may pass through."""
    with a_platform(deas=1, routers=1) as platform:
        dea, router = (environment(platform, name) for name in ("dea-0", "router-0"))
        front = port_of(platform.router)
        inner = [port_of(dea["AWS_ENDPOINT_URL"]), port_of(router["ZF_API_UPSTREAM"])]
        deas, routers = machines(base, dea, router)
        site = Site(platform, inner, deas, routers)
        with a_network(inner), ExitStack() as stack:
            stack.enter_context(a_relay(*(f"{GATEWAY}:{port}=127.0.0.1:{port}" for port in inner)))
            for machine in site.machines:
                stack.callback(machine.remove)
                machine.plug_in(inner)
            for machine in site.machines:
                stack.callback(stop_all, machine)
                machine.start()
            put_to_rest(platform)
            targets = ",".join(f"{machine.address}:{ROUTER_PORT}" for machine in routers.values())
            stack.enter_context(a_relay(f"127.0.0.1:{front}={targets}"))
            yield site


@contextmanager
def a_relay(*words: str) -> Iterator[None]:
    process = relay(*words)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def put_to_rest(platform: Platform) -> None:
    """The platform's own DEA and router, with the Envoy that would outlive it and keeps the user's port."""
    for name in ("dea-0", "router-0", "uploader-0"):
        platform.hold(name)
    folder = f"{platform.status()['run_folder']}/router-0"
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if folder in (process / "cmdline").read_text():
                os.kill(int(process.name), signal.SIGKILL)


def stop_all(machine: Machine) -> None:
    """What an agent alone knows well: apps with their control groups, Envoy. The rest ends with the host."""
    for name, path in (("dea", "/stop-all"), ("router", "/stop")):
        if name in machine.running and machine.running[name].poll() is None:
            with suppress(subprocess.CalledProcessError):
                machine.ask(name, path, "POST")
