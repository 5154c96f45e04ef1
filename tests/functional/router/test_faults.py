"""Parts of the router die, or the bus does; requests go on."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import httpx
import pytest

from chalicelib.adapters.bus import Bus
from tests.functional.router.cloud import AWS, ROOT, ControlPlane, Dea, Instance, Router, a_bus, eventually, make_topics


@pytest.fixture
def own_router(bus: Bus, plane: ControlPlane) -> Iterator[Router]:
    """A router that a test may break."""
    router = Router(plane, bus.prefix, "router-own")
    try:
        yield router.start()
    finally:
        router.close()


def routed(router: Router, host: str) -> bool:
    return router.get(host).status_code == 200


@contextlib.contextmanager
def load(router: Router, host: str) -> Iterator[list[str]]:
    """Two clients that ask all the time; yields what went wrong."""
    stop, failures, counts = threading.Event(), [], [0, 0]

    def ask(number: int) -> None:
        with httpx.Client(base_url=router.url, headers={"Host": host}, timeout=10) as client:
            while not stop.wait(0.002):
                try:
                    answer = client.get("/")
                    if answer.status_code != 200:
                        failures.append(f"{answer.status_code} {answer.text}")
                except httpx.HTTPError as error:
                    failures.append(repr(error))
                counts[number] += 1

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield failures
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert min(counts) > 50


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_an_agent_that_ends_under_load_fails_no_request(
    own_router: Router, dea: Dea, instance: Instance, number: int
) -> None:
    dea.register(dea.endpoint("agent-1", instance.port, "agent.localhost"), full=True)
    eventually(lambda: routed(own_router, "agent.localhost"))
    envoy = own_router.envoy_pid()
    with load(own_router, "agent.localhost") as failures:
        own_router.kill_agent(number)
        own_router.start()
        # The new agent rules the old Envoy: a change that only it has heard of arrives.
        dea.register(dea.endpoint("agent-2", instance.port, "agent-2.localhost"))
        eventually(lambda: routed(own_router, "agent-2.localhost"))
    assert failures == []
    assert own_router.envoy_pid() == envoy == own_router.facts["envoy_pid"]
    dea.unregister("agent-1")
    eventually(lambda: not routed(own_router, "agent.localhost"))


def test_a_dead_envoy_is_replaced_with_the_table_intact(own_router: Router, dea: Dea, instance: Instance) -> None:
    dea.register(dea.endpoint("envoy-1", instance.port, "envoy.localhost"), full=True)
    eventually(lambda: routed(own_router, "envoy.localhost"))
    dead = own_router.envoy_pid()
    os.kill(dead, signal.SIGKILL)
    eventually(lambda: routed(own_router, "envoy.localhost"), 5)
    assert own_router.envoy_pid() != dead
    eventually(lambda: str(own_router.envoy_pid()) in own_router.ready_file.read_text())
    assert own_router.varz()["router"]["envoy_restarts_total"] == 1


def test_agent_and_envoy_die_together_and_come_back_with_the_table(
    own_router: Router, dea: Dea, instance: Instance
) -> None:
    dea.register(dea.endpoint("both-1", instance.port, "both.localhost"))
    dea.register(dea.endpoint("both-2", instance.port, "both-gone.localhost"))
    eventually(lambda: routed(own_router, "both-gone.localhost"))
    dea.unregister("both-2")
    eventually(lambda: not routed(own_router, "both-gone.localhost"))
    own_router.kill_agent()
    os.kill(own_router.envoy_pid(), signal.SIGKILL)
    own_router.start()
    # Nobody registers anew; the disk knows, also what was unregistered.
    eventually(lambda: routed(own_router, "both.localhost"))
    assert own_router.get("both-gone.localhost").status_code == 404


def test_an_agent_without_its_table_takes_no_route_from_the_envoy_it_adopts(
    own_router: Router, dea: Dea, instance: Instance
) -> None:
    endpoint = dea.endpoint("lost-1", instance.port, "lost.localhost")
    dea.register(endpoint, full=True)
    eventually(lambda: routed(own_router, "lost.localhost"))
    own_router.kill_agent()
    (own_router.dir / "table.json").write_text("{ half")
    (own_router.dir / "journal.jsonl").unlink()
    own_router.environment["ZF_REGISTER_S"] = "3"
    with load(own_router, "lost.localhost") as failures:
        own_router.start()
        dea.register(endpoint, full=True)
        eventually(lambda: own_router.varz()["router"]["routes"] == 1)
        # Past the first round the agent may remove; by now it knows the route again.
        eventually(lambda: own_router.varz()["uptime"] >= 5)
    assert failures == []


def test_two_agents_do_not_share_a_folder(own_router: Router) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "router"], cwd=ROOT, env=own_router.environment, stderr=subprocess.PIPE, timeout=30
    )
    assert second.returncode == 1
    assert b"another router agent" in second.stderr


def test_a_taken_address_is_named(own_router: Router, plane: ControlPlane, bus: Bus) -> None:
    other = Router(plane, bus.prefix, "router-other", ZF_LISTEN=f"127.0.0.1:{own_router.port}")
    try:
        done = subprocess.run(
            [sys.executable, "-m", "router"], cwd=ROOT, env=other.environment, stderr=subprocess.PIPE, timeout=30
        )
    finally:
        other.close()
    assert done.returncode == 1
    assert f"does not listen on 127.0.0.1:{own_router.port}".encode() in done.stderr
    assert b"ddress already in use" in done.stderr


#: One that every user may run: the virtual environment's is under somebody's home.
SYSTEM_PYTHON = "/usr/bin/python3"


@pytest.mark.skipif(os.geteuid() != 0 or not os.access(SYSTEM_PYTHON, os.X_OK), reason="only root can be others")
def test_nobody_else_on_the_host_may_stop_it(own_router: Router) -> None:
    order = f"import urllib.request as u; u.urlopen('{own_router.facts['http']}/stop', data=b'')"
    done = subprocess.run([SYSTEM_PYTHON, "-c", order], user=65534, capture_output=True, text=True, check=False)
    assert "HTTP Error 403" in done.stderr
    assert own_router.agent is not None
    assert own_router.agent.poll() is None


def test_stop_drains_and_leaves_nothing(own_router: Router, dea: Dea, instance: Instance, bus: Bus) -> None:
    envoy = own_router.envoy_pid()
    assert httpx.post(f"{own_router.facts['http']}/stop", timeout=30).text == "stopped\n"
    assert own_router.agent is not None
    assert own_router.agent.wait(10) == 0
    with pytest.raises(ProcessLookupError):
        os.kill(envoy, 0)
    queues = bus.sqs.list_queues(QueueNamePrefix=f"{bus.prefix}-router-own").get("QueueUrls", [])
    assert queues == []


def test_two_routers_side_by_side_route_the_same(
    router: Router, own_router: Router, dea: Dea, instance: Instance
) -> None:
    dea.register(dea.endpoint("two-1", instance.port, "two.localhost"))
    eventually(lambda: routed(router, "two.localhost") and routed(own_router, "two.localhost"))
    os.kill(own_router.envoy_pid(), signal.SIGKILL)
    assert routed(router, "two.localhost")


def test_what_is_not_repeated_is_pruned_but_never_while_the_bus_is_silent(plane: ControlPlane) -> None:
    with a_bus() as (endpoint, stop_bus):
        before = dict(os.environ)
        os.environ.update(AWS, AWS_ENDPOINT_URL=endpoint)
        bus = Bus("test", "zfp")
        make_topics(bus)
        timers = {"ZF_PRUNE_S": "3", "ZF_REGISTER_S": "0.5", "ZF_ROUTER_START_S": "0.5"}
        router = Router(plane, "zfp", "router-prune", **timers, AWS_ENDPOINT_URL=endpoint).start()
        dea, instance = Dea(bus, plane), Instance("one")
        try:
            dea.register(dea.endpoint("prune-1", instance.port, "prune.localhost"))
            eventually(lambda: routed(router, "prune.localhost"))
            eventually(lambda: router.get("prune.localhost").status_code == 404, 15)
            assert router.varz()["router"]["pruned_endpoints_total"] == 1
            dea.register(dea.endpoint("prune-2", instance.port, "prune-2.localhost"))
            eventually(lambda: routed(router, "prune-2.localhost"))
            stop_bus()
            eventually(lambda: not router.varz()["router"]["bus_healthy"], 30)
            router.kill_agent()
            router.start()
            with load(router, "prune-2.localhost") as failures:
                eventually(lambda: router.varz()["uptime"] > 5, 10)
            assert failures == []
        finally:
            instance.close()
            router.close()
            os.environ.clear()
            os.environ.update(before)
