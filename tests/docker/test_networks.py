"""Security groups and network policies hold, by packets that pass and packets that do not: of real containers, to a
host beside this one and among themselves."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from chalicelib.contracts.network import Egress, PolicyTo
from dea_agent.runtimes import docker_bridge, docker_firewall
from dea_agent.runtimes.base import Container
from dea_agent.runtimes.docker import DockerRuntime
from tests.docker.conftest import Host, sh
from tests.docker.test_containment import METADATA, a_neighbour, packets_to
from tests.support.platform import eventually

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only a root agent can contain apps")

#: Where the neighbour is, and a second address of its.
NEAR, FAR = "10.213.7.2", "10.213.8.9"

#: Answers at its addresses, each from where it was asked, and its ports.
ANSWER = """
import itertools, os, socket, sys, threading
def tcp(listener, port):
    while True:
        wire = listener.accept()[0]
        wire.sendall(b"tcp %d" % port)
        wire.close()
def udp(box, port):
    while True:
        box.sendto(b"udp %d" % port, box.recvfrom(99)[1])
for place in itertools.product(ADDRESSES, PORTS):
    box = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    box.bind(place)
    threading.Thread(target=tcp, args=(socket.create_server(place), place[1])).start()
    threading.Thread(target=udp, args=(box, place[1])).start()
print("listening", os.environ.get("CF_INSTANCE_INTERNAL_IP"), flush=True)
"""

#: Says for each (protocol, address, port) whether something came back.
ASK = """python3 - <<'END'
import socket
for kind, address, port in {places}:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as wire:
            wire.settimeout(2)
            wire.connect((address, port))
            wire.send(b"who are you")
            print("answered", kind, address, port, wire.recv(99).decode() or "nothing")
    except OSError as error:
        print("shut", kind, address, port, error)
END
"""

Place = tuple[str, str, int]


def answer(addresses: tuple[str, ...], ports: tuple[int, ...]) -> str:
    return ANSWER.replace("ADDRESSES", repr(addresses)).replace("PORTS", repr(ports))


@contextmanager
def a_listening_neighbour(name: str, *ports: int) -> Iterator[None]:
    with a_neighbour(name, METADATA):
        inside = ("ip", "netns", "exec", name)
        sh(*inside, "ip", "address", "add", f"{FAR}/32", "dev", "lo")
        sh("ip", "route", "add", f"{FAR}/32", "via", NEAR)
        sh(*inside, "iptables", "-A", "INPUT", "-d", FAR)
        serving = subprocess.Popen(
            [*inside, sys.executable, "-c", answer((NEAR, FAR), ports)], stdout=subprocess.PIPE, text=True
        )
        try:
            assert serving.stdout
            assert serving.stdout.readline().startswith("listening")
            yield
        finally:
            serving.kill()
            serving.wait()


def asked(said: str) -> dict[Place, bool]:
    words = [line.split() for line in said.splitlines() if line.split()[:1] in (["answered"], ["shut"])]
    return {(word[1], word[2], int(word[3])): word[0] == "answered" for word in words}


async def ask(host: Host, runtime: DockerRuntime, guid: str, places: list[Place], **more: object) -> dict[Place, bool]:
    container = await host.start(runtime, guid, ASK.format(places=places), **more)  # type: ignore[arg-type]
    await container.wait()
    said = asked(host.log(guid))
    assert set(said) == set(places), host.log(guid)
    return said


def everywhere(*ports: int) -> list[Place]:
    return [(kind, address, port) for kind in ("tcp", "udp") for address in (NEAR, FAR) for port in ports]


def test_private_addresses_are_shut_but_for_what_groups_open_by_protocol_port_and_place(host: Host) -> None:
    places = everywhere(80, 443, 8005, 8006)

    async def scenario(runtime: DockerRuntime) -> None:
        shut = await ask(host, runtime, "none", places)
        assert set(shut.values()) == {False}
        assert packets_to("zfnear", FAR) == 0  # nothing was sent there, not even what nobody answered
        one = await ask(host, runtime, "one", places, egress=(Egress("tcp", (NEAR,), "80,443"),))
        assert {place for place, came in one.items() if came} == {("tcp", NEAR, 80), ("tcp", NEAR, 443)}
        ranges = (Egress("udp", ("10.1.0.0/16", "10.213.8.1-10.213.8.10"), "8000-8005", log=True),)
        two = await ask(host, runtime, "two", places, egress=ranges)
        assert {place for place, came in two.items() if came} == {("udp", FAR, 8005)}
        whole = await ask(
            host, runtime, "all", [*places, ("tcp", METADATA, 80)], egress=(Egress("all", ("0.0.0.0/0",)),)
        )
        assert whole.pop(("tcp", METADATA, 80)) is False
        assert set(whole.values()) == {True}
        # A neighbour's group opens nothing for others, and an address that is given again opens nothing either.
        assert not any((await ask(host, runtime, "last", places)).values())

    with a_listening_neighbour("zfnear", 80, 443, 8005, 8006):
        host.do(scenario, 120)
        assert packets_to("zfnear", METADATA) == 0


def test_pings_pass_by_their_type(host: Host) -> None:
    ping = """python3 - <<'END'
import socket, struct
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP) as wire:
    wire.sendto(struct.pack("!BBHHH", 8, 0, 0, 0, 1), ("10.213.7.2", 0))
print("sent")
END
"""
    with a_listening_neighbour("zfping", 80):
        sh("ip", "netns", "exec", "zfping", "iptables", "-A", "INPUT", "-p", "icmp", "-s", "10.213.7.1", "-d", NEAR)
        came = []
        for opened in ((), (Egress("icmp", (NEAR,), type=0),), (Egress("icmp", (NEAR,), type=8, code=0),)):
            said = host.run(ping, egress=opened)[1]
            if "Permission denied" in said:
                pytest.skip("this engine's containers may not ping")
            assert "sent" in said, said
            came.append(packets_to("zfping", NEAR))
    assert came == [0, 0, 1]


async def serve(host: Host, runtime: DockerRuntime, guid: str, app: str) -> tuple[Container, str]:
    script = answer(("0.0.0.0",), (8080, 8081))
    container = await host.start(runtime, guid, f"python3 - <<'END'\n{script}\nEND\n", app=app)
    while "listening" not in host.log(guid):  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    return container, container.address(("", 0)).host


def test_a_policy_opens_one_app_for_another_at_its_ports_and_nothing_else(host: Host) -> None:
    async def scenario(runtime: DockerRuntime) -> None:
        (_, store), (_, second), (_, other) = [
            await serve(host, runtime, guid, app) for guid, app in (("s-0", "store"), ("s-1", "store"), ("o", "other"))
        ]
        assert store in host.log("s-0")  # and it knows its address itself
        places = [(kind, to, port) for kind in ("tcp", "udp") for to in (store, second, other) for port in (8080, 8081)]
        opened = (PolicyTo("store", "tcp", 8080, 8080),)
        wide = (Egress("all", ("0.0.0.0/0",)),)
        allowed = await ask(host, runtime, "web", places, app="web", policies=opened)
        assert {place for place, came in allowed.items() if came} == {("tcp", store, 8080), ("tcp", second, 8080)}
        # No group opens another app, and a policy is of its source alone.
        assert not any((await ask(host, runtime, "foe", places, app="foe", egress=wide)).values())
        datagrams = (PolicyTo("store", "udp", 8081, 8090),)
        udp = await ask(host, runtime, "udp", places, app="udp", policies=datagrams)
        assert {place for place, came in udp.items() if came} == {("udp", store, 8081), ("udp", second, 8081)}
        # The host itself, health checks and routers among it, comes to all of them.
        for to in (store, other):
            socket.create_connection((to, 8080), 3).close()

    host.do(scenario, 120)


def test_instances_that_come_later_are_opened_and_what_was_of_one_goes_with_it(host: Host) -> None:
    async def scenario(runtime: DockerRuntime) -> None:
        opened = (PolicyTo("store", "tcp", 8080, 8080),)
        script = "while ! [ -f go ]; do sleep 0.1; done\n"
        address = "$(cat go)"
        knock = (
            f"python3 -c 'import socket,sys; print(socket.create_connection((sys.argv[1], 8080), 5).recv(9))' {address}"
        )
        web = await host.start(runtime, "web", script + knock, app="web", policies=opened)
        store, to = await serve(host, runtime, "store", "store")
        (host.root("web") / "app" / "go").write_text(to)
        await web.wait()
        assert "tcp 8080" in host.log("web")
        assert to in written(host)
        await store.kill()
        await store.remove()
        eventually(lambda: to not in written(host))
        assert "tcp 8080" in host.log("web")

    host.do(scenario)


def written(host: Host) -> str:
    """All rules of the agent's bridge."""
    bridge = docker_bridge.interface(f"zf-{host.base.name}")
    return "\n".join(line for line in sh("iptables", "-S").splitlines() if bridge in line)


def test_an_agent_that_comes_back_keeps_rules_in_force_and_writes_those_that_somebody_took(host: Host) -> None:
    wait = "while ! [ -f go ]; do sleep 0.1; done\n"
    places: list[Place] = [("tcp", NEAR, 80), ("tcp", NEAR, 443)]

    async def first(runtime: DockerRuntime) -> None:
        opened = (Egress("tcp", (NEAR,), "80"),)
        await host.start(runtime, "kept", wait + ASK.format(places=places), egress=opened)
        await host.start(runtime, "stray", "sleep 600", egress=opened)

    async def second(runtime: DockerRuntime) -> None:
        bridge = docker_bridge.interface(f"zf-{host.base.name}")
        own = docker_firewall.chain(bridge, "kept")
        assert f"-N {own}" in written(host)
        sh("iptables", "-F", own)
        container = await runtime.adopt("kept", host.folder / "control" / "kept", None)
        assert container
        await runtime.sweep({"kept"})
        assert docker_firewall.chain(bridge, "stray") not in written(host)
        (host.root("kept") / "app" / "go").write_text("")
        await container.wait()
        assert asked(host.log("kept")) == {places[0]: True, places[1]: False}
        await container.remove()

    with a_listening_neighbour("zfback", 80, 443):
        host.do(first)
        host.do(second)
