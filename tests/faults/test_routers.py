"""Router agents, Envoys and routers that die: no request is lost, no route forgotten."""

import os
import signal

import pytest

from tests.support.platform import Platform, Traffic, eventually


@pytest.fixture(scope="module")
def app(platform: Platform) -> str:
    platform.push("routed")
    return "routed"


def restarted(platform: Platform, name: str, old_pid: int) -> bool:
    return platform.component(name)["pid"] not in (None, old_pid)


def test_envoy_keeps_routing_while_its_agent_is_killed(platform: Platform, app: str) -> None:
    with Traffic(platform, app) as traffic:
        pid = platform.signal("router-0")
        eventually(lambda: restarted(platform, "router-0", pid))
        eventually(lambda: platform.varz("router-0")["urls"] >= 1)
    assert traffic.failures == []


def test_losing_the_agent_and_the_bus_empties_no_table(platform: Platform, app: str) -> None:
    with Traffic(platform, app) as traffic:
        with platform.without("aws"):
            pid = platform.signal("router-0")
            sent = traffic.sent
            eventually(lambda: restarted(platform, "router-0", pid), within_s=60)
            eventually(lambda: traffic.sent > sent + 200, within_s=60)
        eventually(lambda: platform.varz("router-0")["urls"] >= 1, within_s=60)
        name = "after-the-bus"
        platform.push(name)
        eventually(lambda: platform.who(name))
        platform.zf("delete", name, "-f", "-r")
    assert traffic.failures == []


def test_a_killed_envoy_is_restarted_with_its_table(platform: Platform, app: str) -> None:
    pid = int(platform.component("router-0")["envoy_pid"])
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: platform.get(app).status_code == 200, within_s=10)
    assert int(platform.component("router-0")["envoy_pid"]) != pid


def test_one_of_two_routers_may_die(platform: Platform, app: str) -> None:
    other = platform.url(1)
    eventually(lambda: platform.get(app, router=other).status_code == 200)
    with Traffic(platform, app, router=other) as traffic:
        envoy = int(platform.component("router-0")["envoy_pid"])
        pid = platform.signal("router-0")
        os.kill(envoy, signal.SIGKILL)
        eventually(lambda: restarted(platform, "router-0", pid))
    assert traffic.failures == []
    eventually(lambda: platform.get(app).status_code == 200)
