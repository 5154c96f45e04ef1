"""What an app can do to its host and its neighbours: nothing. Each app here tries, in a container of a real engine."""

import asyncio
import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import docker
import pytest

from chalicelib.contracts.network import Egress
from dea_agent.runtimes import docker_bridge
from dea_agent.runtimes.docker import DockerRuntime
from tests.docker.conftest import Host, an_address_of_this_host, sh
from tests.support.platform import eventually

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only a root agent can contain apps")

METADATA = "169.254.169.254"

#: Says how connecting went.
KNOCK = """python3 - <<'END'
import socket
for address, port in {places}:
    try:
        with socket.create_connection((address, port), 3) as wire:
            wire.sendall(b"who are you")
            print("reached", address, port)
    except OSError as error:
        print("failed", address, port, error)
END
"""

FILL = """python3 - <<'END'
written = 0
try:
    with open("/home/vcap/app/big", "wb", buffering=0) as file:
        while True:
            written += file.write(b"x" * 65536)
except OSError as error:
    print(written // 1024, error.strerror)
END
"""


def listens(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((address, port)) == 0


class Listener:
    """Counts who comes to it."""

    def __init__(self, address: str) -> None:
        self.socket = socket.create_server((address, 0))
        self.address, self.port = self.socket.getsockname()[:2]
        self.came = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                self.socket.accept()[0].close()
            except OSError:
                return
            self.came += 1

    def somebody_came(self) -> bool:
        return self.came > 0


@contextmanager
def a_neighbour(name: str, address: str) -> Iterator[None]:
    """A host of its own, in a network namespace, that answers at ``address`` and counts the packets to it."""
    sh("ip", "netns", "add", name)
    try:
        sh("ip", "link", "add", f"{name}-0", "type", "veth", "peer", "name", f"{name}-1", "netns", name)
        sh("ip", "address", "add", "10.213.7.1/30", "dev", f"{name}-0")
        sh("ip", "link", "set", f"{name}-0", "up")
        inside = ("ip", "netns", "exec", name)
        sh(*inside, "ip", "link", "set", "lo", "up")
        sh(*inside, "ip", "address", "add", "10.213.7.2/30", "dev", f"{name}-1")
        sh(*inside, "ip", "address", "add", f"{address}/32", "dev", "lo")
        sh(*inside, "ip", "link", "set", f"{name}-1", "up")
        sh(*inside, "ip", "route", "add", "default", "via", "10.213.7.1")
        sh(*inside, "iptables", "-A", "INPUT", "-d", address)
        sh("ip", "route", "add", f"{address}/32", "via", "10.213.7.2")
        yield
    finally:
        sh("ip", "netns", "del", name)


def packets_to(name: str, address: str) -> int:
    table = sh("ip", "netns", "exec", name, "iptables", "-L", "INPUT", "-v", "-x", "-n")
    (line,) = [line for line in table.splitlines() if address in line]
    return int(line.split()[0])


def test_nothing_of_an_app_gets_to_the_metadata_service_of_the_network(host: Host) -> None:
    with a_neighbour("zfmeta", METADATA):
        command = KNOCK.format(places=[(METADATA, 80), ("10.213.7.2", 80)])
        said = host.run(command, egress=(Egress("all", ("0.0.0.0/0",)),))[1]
        assert re.search(f"failed {METADATA} 80 ", said), said
        assert packets_to("zfmeta", METADATA) == 0
        # That the neighbour would have been seen: from this host it is, and from the app at its other address.
        assert not listens(METADATA, 80)
        assert packets_to("zfmeta", METADATA) > 0
        assert re.search("failed 10.213.7.2 80 .*refused", said), said


def test_nothing_of_an_app_gets_to_addresses_of_this_host(host: Host) -> None:
    with an_address_of_this_host(METADATA):
        metadata, everywhere = Listener(METADATA), Listener("0.0.0.0")
        addresses = [*{word for line in sh("ip", "-4", "-o", "address").splitlines() for word in [line.split()[3]]}]
        places = [(METADATA, metadata.port)]
        places += [(address.split("/")[0], everywhere.port) for address in addresses if not address.startswith("127.")]
        gateway = "$(ip route 2>/dev/null | awk '/default/ {print $3}')"
        said = host.run(KNOCK.format(places=places) + f"echo gateway {gateway}")[1]
        assert "reached" not in said
        assert said.count("failed") == len(places) > 1
        assert (metadata.came, everywhere.came) == (0, 0)
        for listener, address in ((metadata, METADATA), (everywhere, "127.0.0.1")):
            socket.create_connection((address, listener.port), 3).close()
            eventually(listener.somebody_came)
            listener.socket.close()


def test_nothing_of_an_app_gets_to_its_own_gateway_or_to_other_containers(host: Host) -> None:
    async def scenario(runtime: DockerRuntime) -> str:
        serving = await host.start(runtime, "other", "exec python3 -m http.server 8080")
        address = serving.address(("", 0))
        eventually(lambda: listens(address.host, 8080))
        bridge = docker.from_env().networks.get(f"zf-{host.base.name}").attrs["IPAM"]["Config"][0]["Gateway"]
        listener = Listener(bridge)
        command = KNOCK.format(places=[(address.host, 8080), (bridge, listener.port)])
        knocking = await host.start(runtime, "one", command)
        await knocking.wait()
        assert listener.came == 0
        listener.socket.close()
        return host.log("one")

    said = host.do(scenario)
    assert (said.count("failed"), said.count("reached")) == (2, 0), said


def test_the_rules_are_written_again_where_somebody_has_emptied_the_filter(host: Host) -> None:
    host.run("true")
    rules = docker_bridge.rules(docker_bridge.interface(f"zf-{host.base.name}"))
    for rule in rules:
        sh("iptables", "-D", *rule)
    host.run("true")
    for rule in rules:
        sh("iptables", "-C", *rule)


@pytest.mark.parametrize(("disk_mb", "droplet_mb"), [(16, 0), (16, 12), (64, 1)])
def test_what_an_app_writes_ends_at_its_quota_and_the_droplet_does_not_count(
    host: Host, disk_mb: int, droplet_mb: int
) -> None:
    exit_, said = host.run(FILL, disk_mb=disk_mb, droplet_mb=droplet_mb)
    assert exit_.status == 0
    kib, reason = said.splitlines()[0].split(" ", 1)
    assert reason == "No space left on device"
    assert 0.98 * disk_mb * 1024 <= int(kib) <= disk_mb * 1024


def test_an_app_writes_nowhere_but_in_its_folder_and_a_little_in_tmp(host: Host) -> None:
    command = """
for place in / /etc /usr /var /root /home /zf /zf/control /zf/logs /opt /run; do
    touch "$place/it" 2>/dev/null && echo "wrote $place"
done
echo yes > /tmp/it && cat /tmp/it
head -c 100M /dev/zero > /tmp/large || echo tmp is full
echo "$TMPDIR" "$(id -un)" > "$TMPDIR/it" && cat "$TMPDIR/it"
"""
    said = host.run(command, memory_mb=256)[1]
    assert "wrote" not in said
    assert "yes" in said
    assert "tmp is full" in said
    assert "/home/vcap/tmp vcap" in said


def test_a_fork_bomb_ends_at_its_limit(host: Host) -> None:
    forks = "python3 -c 'import os,time\nn = 0\ntry:\n while 1:\n  if not os.fork(): time.sleep(60)\n  n += 1\n" + (
        "except OSError: print(n, flush=True)\nos._exit(0)'"
    )
    exit_, said = host.run(forks, memory_mb=1024)
    assert 500 < int(said.split()[0]) < 2100
    assert exit_.status == 0


def test_a_leak_of_descriptors_ends_at_its_limit(host: Host) -> None:
    leak = "python3 -c 'import os\nn = 0\ntry:\n while 1: os.dup(0); n += 1\nexcept OSError: print(n)'"
    assert int(host.run(leak, fds=100)[1].split()[0]) < 100


def test_too_much_memory_is_told_as_such_and_nothing_goes_to_swap(host: Host) -> None:
    exit_, _ = host.run("exec python3 -c 'x = bytearray(300 * 2**20); print(len(x))'", memory_mb=64)
    assert (exit_.status, exit_.out_of_memory) == (137, True)


def test_an_app_has_no_right_beyond_its_users(host: Host) -> None:
    said = host.run("grep -E '^(Cap|NoNew|Seccomp:|Uid)' /proc/self/status; unshare -n true || echo no namespaces")[1]
    status = dict(line.split(":\t", 1) for line in said.splitlines() if ":\t" in line)
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert "no namespaces" in said


def test_usage_is_what_the_app_uses(host: Host) -> None:
    command = "head -c 8M /dev/zero > used; exec 5<used 6<used; echo ready; sleep 60"

    async def scenario(runtime: DockerRuntime) -> None:
        container = await host.start(runtime, "one", command, droplet_mb=20)
        while "ready" not in host.log("one"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        sample = await asyncio.to_thread(container.sample)
        assert sample
        assert sample.disk_bytes is not None
        assert 8 <= sample.disk_bytes / 2**20 < 8.5
        assert sample.fds >= 5
        assert sample.memory_bytes > 0
        await container.kill()

    host.do(scenario)


def test_an_agent_that_comes_back_finds_container_disk_and_limit_again_and_leaves_none(host: Host) -> None:
    async def first(runtime: DockerRuntime) -> None:
        await host.start(runtime, "kept", "echo one > file; sleep 60")
        await host.start(runtime, "stray", "sleep 60")

    async def second(runtime: DockerRuntime) -> None:
        container = await runtime.adopt("kept", host.folder / "control" / "kept", None)
        assert container
        await runtime.sweep({"kept"})
        assert (host.root("kept") / "app" / "file").read_text() == "one\n"
        sample = await asyncio.to_thread(container.sample)
        assert sample
        assert sample.disk_bytes
        assert not host.root("stray").exists()
        await container.kill()
        await container.remove()
        await runtime.close()

    host.do(first)
    assert os.path.ismount(host.root("kept"))
    host.do(second)
    assert str(host.base) not in sh("mount")
    assert docker_bridge.interface(f"zf-{host.base.name}") not in sh("iptables", "-S") + sh("ip", "link")
