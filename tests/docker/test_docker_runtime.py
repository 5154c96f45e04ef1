"""Apps in containers of a real engine, pushed to a whole platform."""

import json
import signal
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import docker
import httpx
import pytest

from dea_agent.runtimes.docker import CLOUD, INSTANCE
from tests.support.platform import Platform, Traffic, a_platform, eventually

AUTO = ("--runtime", "auto")


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with a_platform(deas=2, flags=AUTO) as running:
        yield running


@pytest.fixture
def app_name(request: pytest.FixtureRequest) -> Iterator[str]:
    name = f"docker-{abs(hash(request.node.nodeid)) % 10**8}"
    yield name
    request.getfixturevalue("platform").zf("delete", name, "-f", "-r", check=False)


def containers(platform: Platform) -> dict[str, Any]:
    """Those of this cloud, running or not, by the guid of their instance."""
    label = f"{CLOUD}={platform.status()['run_folder']}"
    found = docker.from_env().containers.list(all=True, filters={"label": label}, ignore_removed=True)
    return {container.labels[INSTANCE]: container for container in found}


def execute(container: Any, *command: str) -> str:
    status, output = container.exec_run(list(command), user="root")
    assert status == 0, output
    return str(output.decode())


def set_up(platform: Platform, name: str, *flags: object, **variables: str) -> None:
    platform.push(name, "--no-start", *flags)
    for key, value in variables.items():
        platform.zf("set-env", name, key, value)


def dea_of(platform: Platform, guid: str) -> str:
    return next(
        name
        for name in platform.names("dea")
        if guid in [instance["instance_guid"] for instance in platform.varz(name)["running_apps"]]
    )


def chatter(platform: Platform, name: str) -> list[int]:
    lines = platform.zf("logs", name, "--recent").stdout.splitlines()
    return [int(line.rsplit(" ", 1)[1]) for line in lines if " chatter " in line]


def test_auto_takes_docker_and_an_app_answers_from_a_container(platform: Platform, app_name: str) -> None:
    assert {platform.varz(name)["runtime"] for name in platform.names("dea")} == {"docker"}
    platform.push(app_name)
    guid = platform.who(app_name)["guid"]
    assert containers(platform)[guid].status == "running"


def test_an_app_has_no_variable_of_the_platform_and_its_own_are_not_in_the_containers_configuration(
    platform: Platform, app_name: str
) -> None:
    set_up(platform, app_name, MESSAGE="very-secret-value-5512")
    platform.zf("start", app_name)
    environment = eventually(lambda: platform.get(app_name, "/env").json())
    assert [name for name in environment if name.startswith(("AWS_", "ZF_", "DOCKER_"))] == []
    assert (environment["PORT"], environment["HOME"]) == ("8080", "/home/vcap/app")
    assert environment["MESSAGE"] == "very-secret-value-5512"
    container = containers(platform)[environment["CF_INSTANCE_GUID"]]
    assert "very-secret-value-5512" not in json.dumps(container.attrs)


def test_an_app_is_contained(platform: Platform, app_name: str) -> None:
    platform.push(app_name, "-m", "64M")
    who = platform.who(app_name)
    container = containers(platform)[who["guid"]]
    asked = container.attrs["HostConfig"]
    assert asked["Memory"] == asked["MemorySwap"] == 64 * 2**20
    assert 0 < asked["PidsLimit"] <= 4096
    status = dict(line.split(":\t", 1) for line in execute(container, "cat", f"/proc/{who['pid']}/status").splitlines())
    assert (status["CapPrm"], status["CapEff"]) == ("0" * 16, "0" * 16)
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    assert status["Uid"].split()[0] != "0"


def test_instances_are_scaled_and_each_answers(platform: Platform, app_name: str) -> None:
    platform.push(app_name)
    platform.zf("scale", app_name, "-i", 2)
    seen: set[int] = set()
    eventually(lambda: seen.add(platform.who(app_name)["index"]) or seen == {0, 1})
    assert len(containers(platform)) == 2
    platform.zf("scale", app_name, "-i", 1)
    eventually(lambda: len(containers(platform)) == 1)


def test_an_app_killed_with_sigkill_is_healed_and_its_status_is_known(platform: Platform, app_name: str) -> None:
    platform.push(app_name)
    before = platform.who(app_name)
    execute(containers(platform)[before["guid"]], "bash", "-c", f"kill -9 {before['pid']}")
    eventually(lambda: platform.who(app_name)["guid"] != before["guid"], within_s=20)
    eventually(lambda: "Exited with status 137" in platform.zf("events", app_name).stdout)
    eventually(lambda: before["guid"] not in containers(platform))


def test_the_pid_that_the_agent_names_is_the_apps(platform: Platform, app_name: str) -> None:
    platform.push(app_name)
    guid = platform.who(app_name)["guid"]
    running = platform.varz(dea_of(platform, guid))["running_apps"]
    (pid,) = [instance["pid"] for instance in running if instance["instance_guid"] == guid]
    with open(f"/proc/{pid}/cmdline") as command:
        assert "server.py" in command.read()


def test_an_app_that_never_binds_its_port_is_not_taken_for_healthy(platform: Platform, app_name: str) -> None:
    set_up(platform, app_name, "-t", 2, NEVER_BIND="1")
    assert platform.zf("start", app_name, check=False).returncode == 1
    assert platform.get(app_name).status_code in (404, 503)
    eventually(lambda: "port health check on port 8080" in platform.zf("logs", app_name, "--recent").stdout)


def test_no_request_fails_while_an_instance_that_is_slow_to_bind_comes_up(platform: Platform, app_name: str) -> None:
    set_up(platform, app_name, COMING_UP_S="2")
    platform.zf("start", app_name)
    eventually(lambda: platform.who(app_name))
    with Traffic(platform, app_name) as traffic:
        platform.zf("scale", app_name, "-i", 2)
        eventually(lambda: len(traffic.guids) == 2)
    assert traffic.failures == []


def test_too_much_memory_ends_an_instance_with_that_reason(platform: Platform, app_name: str) -> None:
    platform.push(app_name, "-m", "64M")
    before = platform.who(app_name)
    with suppress(httpx.HTTPError):
        platform.get(app_name, "/eat?mb=200", timeout=20)
    eventually(lambda: platform.who(app_name)["guid"] != before["guid"], within_s=20)
    eventually(lambda: "out of memory" in platform.zf("events", app_name).stdout)
    assert "out of memory" in platform.zf("logs", app_name, "--recent").stdout


def test_containers_outlive_their_agent_and_no_log_line_is_lost_or_doubled(platform: Platform, app_name: str) -> None:
    set_up(platform, app_name, CHATTER_S="0.02")
    platform.zf("start", app_name)
    before = eventually(lambda: platform.who(app_name))
    container = containers(platform)[before["guid"]].id
    dea = dea_of(platform, before["guid"])
    with Traffic(platform, app_name) as traffic:
        old_pid = platform.signal(dea, signal.SIGKILL)
        eventually(lambda: platform.component(dea)["pid"] not in (None, old_pid))
        eventually(lambda: before["guid"] in str(platform.varz(dea)["running_apps"]))
        count = len(chatter(platform, app_name))
        eventually(lambda: len(chatter(platform, app_name)) > count + 50)
    assert traffic.failures == []
    assert containers(platform)[before["guid"]].id == container
    seen = chatter(platform, app_name)
    assert seen == list(range(seen[0], seen[0] + len(seen)))


def test_an_exit_while_the_agent_was_away_is_reported_with_its_status(platform: Platform, app_name: str) -> None:
    platform.push(app_name)
    before = platform.who(app_name)
    dea = dea_of(platform, before["guid"])
    platform.hold(dea, "KILL")
    with suppress(httpx.HTTPError):
        platform.get(app_name, "/crash?status=7")
    platform.release(dea)
    eventually(lambda: platform.who(app_name)["guid"] != before["guid"])
    eventually(lambda: "Exited with status 7" in platform.zf("events", app_name).stdout)


def test_a_restart_is_a_new_container_and_neither_stop_nor_delete_leaves_one(platform: Platform, app_name: str) -> None:
    platform.push(app_name)
    first = platform.who(app_name)["guid"]
    platform.zf("restart", app_name)
    second = eventually(lambda: platform.who(app_name)["guid"])
    assert second != first
    platform.zf("stop", app_name)
    eventually(lambda: not {first, second} & set(containers(platform)))
    platform.zf("start", app_name)
    third = eventually(lambda: platform.who(app_name)["guid"])
    platform.zf("delete", app_name, "-f")
    eventually(lambda: third not in containers(platform))


@pytest.mark.parametrize("with_agents", [True, False], ids=["in good order", "after the agents were killed"])
def test_down_leaves_no_container(with_agents: bool) -> None:
    with a_platform(deas=1, flags=AUTO) as platform:
        platform.push("left", "-i", 2)
        eventually(lambda: platform.running("left", 2))
        label = f"{CLOUD}={platform.status()['run_folder']}"
        assert len(containers(platform)) == 2
        if not with_agents:
            platform.hold("dea-0", "KILL")
    assert docker.from_env().containers.list(all=True, filters={"label": label}) == []
