"""The Docker runtime: what it asks of the engine, and what it makes of the answers. The engine is a stateful fake."""

import asyncio
import json
import os
import queue
import socket
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from docker.errors import APIError, NotFound

from chalicelib.contracts.auction import Limits
from chalicelib.contracts.routing import OpenPort
from chalicelib.core.addresses import Allowed
from dea_agent.config import Config, from_env
from dea_agent.runtimes import NOTE, choose
from dea_agent.runtimes.base import Address, Launch, LaunchError, Sidecar
from dea_agent.runtimes.docker import DISK_MB, INSTANCE, OWNER, DockerRuntime
from dea_agent.runtimes.docker_container import to_sample
from dea_agent.runtimes.docker_images import Images

#: For who runs none.
NO_IMAGES = Images(None, Path(os.devnull), Allowed(), 0)

CPU = {"cpu_stats": {"cpu_usage": {"total_usage": 2_500_000_000}}, "pids_stats": {"current": 7}}


class FakeContainer:
    """Its app runs from :meth:`start` until killed; the shim in it is played by the other end of a socket."""

    def __init__(self, engine: "FakeEngine", arguments: dict[str, Any]) -> None:
        self.engine, self.arguments = engine, arguments
        self.name, self.labels, self.status = arguments["name"], arguments["labels"], "created"
        self.attrs: dict[str, Any] = {
            "State": {"OOMKilled": False, "Pid": 0, "ExitCode": 0},
            "NetworkSettings": {"Networks": {"bridge": {"IPAddress": ""}}},
            "HostConfig": {"Mounts": [dict(mount) for mount in arguments.get("mounts", ())]},
        }
        self.signals: list[str] = []
        self.order: dict[str, Any] = {}

    def attach_socket(self, params: dict[str, int]) -> socket.socket:
        ours, theirs = socket.socketpair()
        theirs.sendall(b"\x01\x00\x00\x00\x00\x00\x00\x08" + self.engine.answer)
        theirs.shutdown(socket.SHUT_WR)
        self.shim = theirs
        return ours

    def start(self) -> None:
        if self.engine.broken:
            raise APIError("no room")
        self.status = "running"
        self.attrs["NetworkSettings"]["Networks"]["bridge"]["IPAddress"] = "172.17.0.2"

    def kill(self, signal: str = "SIGKILL") -> None:
        self.signals.append(signal)
        if self.engine.deaf_to_kills:
            self.engine.deaf_to_kills -= 1
            raise APIError("restarting")
        if signal == "SIGKILL":
            self.die(137)

    def die(self, status: int = 0) -> None:
        self.status, self.attrs["State"]["ExitCode"] = "exited", status
        self.say("die")

    def say(self, action: str) -> None:
        self.engine.happenings.put({"Action": action, "Actor": {"Attributes": self.labels}})

    def reload(self) -> None:
        if self.name not in self.engine.all:
            raise NotFound("gone")

    def stats(self, stream: bool, one_shot: bool) -> dict[str, Any]:
        return {**CPU, "memory_stats": {"usage": 100}}

    def remove(self, v: bool = False, force: bool = False) -> None:
        self.engine._answer()
        self.engine.all.pop(self.name, None)


class FakeEngine:
    def __init__(self) -> None:
        self.all: dict[str, FakeContainer] = {}
        self.happenings: queue.Queue[dict[str, Any]] = queue.Queue()
        self.broken, self.answer, self.deaf_to_kills, self.away = False, b"started\n", 0, 0
        self.containers = self

    def create(self, **arguments: Any) -> FakeContainer:
        made = self.all[arguments["name"]] = FakeContainer(self, arguments)
        return made

    def _answer(self) -> None:
        if self.away:
            self.away -= 1
            raise requests.ConnectionError("no such socket")

    def get(self, name: str) -> FakeContainer:
        self._answer()
        if name not in self.all:
            raise NotFound("no such container")
        return self.all[name]

    def list(self, all: bool, filters: dict[str, str]) -> list[FakeContainer]:
        label, _, value = filters["label"].partition("=")
        return [container for container in self.all.values() if container.labels[label] == value]

    def events(self, decode: bool, filters: dict[str, str]) -> Iterator[dict[str, Any]]:
        while True:
            yield self.happenings.get()


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


def a_launch(tmp_path: Path, guid: str = "g1", uid: int | None = 22001, **changes: Any) -> Launch:
    control = tmp_path / "control" / guid
    control.mkdir(parents=True)
    env = {"SECRET": "swordfish"}
    ports = (OpenPort(8080, 20001),)
    launch = Launch(
        guid, "app-1", "run", env, tmp_path / "root", control, tmp_path / "logs", Limits(64, 32, 99), ports, uid
    )
    return replace(launch, **changes)


def run(engine: FakeEngine, scenario: Callable[[DockerRuntime], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        await scenario(DockerRuntime(engine, "zf-dea-0", "/var/lib/cloud", "10.0.0.1", None, NO_IMAGES))

    asyncio.run(asyncio.wait_for(main(), 20))


def test_a_container_is_limited_and_labelled_and_holds_no_secret(engine: FakeEngine, tmp_path: Path) -> None:
    async def scenario(runtime: DockerRuntime) -> None:
        await runtime.launch(a_launch(tmp_path))

    run(engine, scenario)
    made = engine.all["zf-dea-0-g1"]
    asked = made.arguments
    assert (asked["mem_limit"], asked["memswap_limit"], asked["cpu_shares"]) == ("64m", "64m", 64)
    assert (asked["read_only"], set(asked["tmpfs"])) == (True, {"/tmp", "/var/tmp"})
    assert (asked["network"], asked["labels"][DISK_MB]) == ("zf-dea-0", "32")
    assert (asked["cap_drop"], asked["security_opt"]) == (["ALL"], ["no-new-privileges"])
    assert asked["ports"] == {"8080/tcp": ("10.0.0.1", 20001)}
    assert asked["labels"][OWNER] == "zf-dea-0"
    assert "swordfish" not in str(asked)
    order = json.loads(made.shim.recv(100_000))
    assert order["env"] == {"SECRET": "swordfish", "CF_INSTANCE_INTERNAL_IP": "172.17.0.2"}
    assert (order["cwd"], order["uid"], order["fds"]) == ("/home/vcap/app", 22001, 99)


def test_each_port_that_destinations_name_is_published_and_the_first_is_watched(
    engine: FakeEngine, tmp_path: Path
) -> None:
    async def scenario(runtime: DockerRuntime) -> None:
        container = await runtime.launch(a_launch(tmp_path, ports=(OpenPort(9000, 20001), OpenPort(9001, 20002))))
        made = engine.all["zf-dea-0-g1"]
        assert made.arguments["ports"] == {"9000/tcp": ("10.0.0.1", 20001), "9001/tcp": ("10.0.0.1", 20002)}
        made.attrs["HostConfig"] = {
            "PortBindings": {"9001/tcp": [{"HostPort": "20002"}], "9000/tcp": [{"HostPort": "20001"}]}
        }
        assert container.address(("10.0.0.1", 20001)).port == 9000
        assert runtime.inner_port(9001, 20002) == 9001

    run(engine, scenario)


def test_a_task_publishes_no_port_and_sidecars_go_with_the_order(engine: FakeEngine, tmp_path: Path) -> None:
    sidecars = (Sidecar("sidecar-0", "APP/PROC/WEB/SIDECAR/TWIN", "run twin"),)

    async def scenario(runtime: DockerRuntime) -> None:
        launch = a_launch(tmp_path, ports=(), sidecars=sidecars)
        container = await runtime.launch(launch)
        (launch.control / "exit.json").write_text('{"status": 5, "at": 12.5, "of": "APP/PROC/WEB/SIDECAR/TWIN"}')
        engine.all["zf-dea-0-g1"].die()
        exit_ = await container.wait()
        assert (exit_.status, exit_.of) == (5, "APP/PROC/WEB/SIDECAR/TWIN")

    run(engine, scenario)
    made = engine.all["zf-dea-0-g1"]
    assert made.arguments["ports"] == {}
    (beside,) = json.loads(made.shim.recv(100_000))["sidecars"]
    assert (beside["stem"], beside["argv"][-1]) == ("sidecar-0", "run twin")


def test_an_agent_that_is_not_root_runs_apps_as_itself_and_without_capabilities(
    engine: FakeEngine, tmp_path: Path
) -> None:
    async def scenario(runtime: DockerRuntime) -> None:
        await runtime.launch(a_launch(tmp_path, uid=None))

    run(engine, scenario)
    assert engine.all["zf-dea-0-g1"].arguments["cap_add"] == []


def test_an_app_calls_itself_vcap_whatever_its_number_is(engine: FakeEngine, tmp_path: Path) -> None:
    launch = a_launch(tmp_path)

    async def scenario(runtime: DockerRuntime) -> None:
        await runtime.launch(launch)

    run(engine, scenario)
    assert "vcap:x:22001:22001:vcap:/home/vcap:/bin/bash" in (launch.control / "passwd").read_text().splitlines()
    assert "vcap:x:22001:" in (launch.control / "group").read_text().splitlines()


@pytest.mark.parametrize("fault", ["engine", "shim"])
def test_a_launch_that_fails_leaves_no_container(engine: FakeEngine, tmp_path: Path, fault: str) -> None:
    engine.broken, engine.answer = fault == "engine", b"Traceback"

    async def scenario(runtime: DockerRuntime) -> None:
        with pytest.raises(LaunchError):
            await runtime.launch(a_launch(tmp_path))

    run(engine, scenario)
    assert engine.all == {}


def test_an_exit_comes_as_an_event_with_the_shims_record(engine: FakeEngine, tmp_path: Path) -> None:
    async def scenario(runtime: DockerRuntime) -> None:
        launch = a_launch(tmp_path)
        container = await runtime.launch(launch)
        (launch.control / "exit.json").write_text('{"status": 3, "at": 12.5}')
        engine.all["zf-dea-0-g1"].die()
        exit_ = await container.wait()
        assert (exit_.status, exit_.at, exit_.out_of_memory) == (3, 12.5, False)

    run(engine, scenario)


def test_a_container_that_the_kernel_killed_ran_out_of_memory(engine: FakeEngine, tmp_path: Path) -> None:
    async def scenario(runtime: DockerRuntime) -> None:
        container = await runtime.launch(a_launch(tmp_path))
        engine.all["zf-dea-0-g1"].attrs["State"]["OOMKilled"] = True
        exit_ = await container.kill()
        assert (exit_.status, exit_.out_of_memory) == (137, True)

    run(engine, scenario)


def test_a_process_out_of_memory_shows_in_the_samples_and_the_exit(engine: FakeEngine, tmp_path: Path) -> None:
    async def scenario(runtime: DockerRuntime) -> None:
        container = await runtime.launch(a_launch(tmp_path))
        made = engine.all["zf-dea-0-g1"]
        made.say("oom")
        while not (sample := container.sample()) or not sample.out_of_memory:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        made.die(1)
        exit_ = await container.wait()
        assert (exit_.status, exit_.out_of_memory) == (1, True)

    run(engine, scenario)


def test_without_the_shims_record_the_engines_status_counts(engine: FakeEngine, tmp_path: Path) -> None:
    async def scenario(runtime: DockerRuntime) -> None:
        container = await runtime.launch(a_launch(tmp_path))
        exit_ = await container.kill()
        assert (exit_.status, exit_.out_of_memory) == (137, False)

    run(engine, scenario)


def test_an_instance_without_a_process_names_none(engine: FakeEngine, tmp_path: Path) -> None:
    async def scenario(runtime: DockerRuntime) -> None:
        container = await runtime.launch(a_launch(tmp_path))
        assert container.main_pid() is None

    run(engine, scenario)


def test_a_kill_is_tried_until_the_engine_obeys(engine: FakeEngine, tmp_path: Path) -> None:
    async def scenario(runtime: DockerRuntime) -> None:
        container = await runtime.launch(a_launch(tmp_path))
        engine.deaf_to_kills = 1
        await container.kill()

    run(engine, scenario)
    assert engine.all["zf-dea-0-g1"].signals == ["SIGKILL", "SIGKILL"]


def test_what_the_engine_does_not_answer_while_it_is_away_is_asked_and_done_later(
    engine: FakeEngine, tmp_path: Path
) -> None:
    async def scenario(runtime: DockerRuntime) -> None:
        launch = a_launch(tmp_path)
        await runtime.launch(launch)
        (launch.control / "shim.json").write_text("{}")
        engine.away = 1
        container = await runtime.adopt("g1", launch.control, None)
        assert container is not None
        engine.away = 1
        await container.remove()
        while engine.all:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    run(engine, scenario)


def test_health_is_asked_at_the_containers_own_address_if_it_has_one(engine: FakeEngine, tmp_path: Path) -> None:
    async def scenario(runtime: DockerRuntime) -> None:
        container = await runtime.launch(a_launch(tmp_path))
        assert container.address(("10.0.0.1", 20001)) == Address("172.17.0.2", 8080)
        engine.all["zf-dea-0-g1"].attrs["NetworkSettings"]["Networks"] = {}
        assert container.address(("10.0.0.1", 20001)) == Address("10.0.0.1", 20001)

    run(engine, scenario)


def test_containers_are_known_again_running_or_ended_and_others_are_not(engine: FakeEngine, tmp_path: Path) -> None:
    async def scenario(runtime: DockerRuntime) -> None:
        launch = a_launch(tmp_path)
        await runtime.launch(launch)
        (launch.control / "shim.json").write_text("{}")
        assert await runtime.adopt("g1", launch.control, None)
        engine.all["zf-dea-0-g1"].status = "exited"
        ended = await runtime.adopt("g1", launch.control, None)
        assert ended is not None
        assert (await ended.wait()).status == 0
        assert await runtime.adopt("other", tmp_path, None) is None

    run(engine, scenario)


def test_one_that_was_created_but_never_told_what_to_run_is_removed(engine: FakeEngine, tmp_path: Path) -> None:
    async def scenario(runtime: DockerRuntime) -> None:
        engine.create(name="zf-dea-0-half", labels={OWNER: "zf-dea-0", INSTANCE: "half"})
        assert await runtime.adopt("half", tmp_path, None) is None

    run(engine, scenario)
    assert engine.all == {}


def test_a_sweep_removes_only_what_is_ours_and_unknown(engine: FakeEngine, tmp_path: Path) -> None:
    async def scenario(runtime: DockerRuntime) -> None:
        for guid, owner in (("known", "zf-dea-0"), ("stray", "zf-dea-0"), ("foreign", "zf-dea-1")):
            engine.create(name=f"{owner}-{guid}", labels={OWNER: owner, INSTANCE: guid})
        await runtime.sweep({"known"})

    run(engine, scenario)
    assert set(engine.all) == {"zf-dea-0-known", "zf-dea-1-foreign"}


@pytest.mark.parametrize("cache", [{"total_inactive_file": 40}, {"inactive_file": 40}], ids=["v1", "v2"])
def test_statistics_of_both_kernel_interfaces(cache: dict[str, int]) -> None:
    io = {"io_service_bytes_recursive": [{"op": "Read", "value": 5}, {"op": "write", "value": 6}]}
    sample = to_sample({**CPU, "memory_stats": {"usage": 100, "stats": cache}, "blkio_stats": io}, False)
    assert sample is not None
    assert (sample.cpu_s, sample.memory_bytes, sample.threads) == (2.5, 60, 7)
    assert (sample.io_read_bytes, sample.io_write_bytes) == (5, 6)


def test_a_container_that_has_ended_has_no_statistics() -> None:
    assert to_sample({"memory_stats": {}, **CPU}, False) is None


def config(folder: Path) -> Config:
    return from_env({"ZF_DEA_ID": "dea-0", "ZF_DEA_DIR": str(folder), "ZF_PREFIX": "zf", "ZF_RUNTIME": "auto"})


def test_auto_takes_processes_where_no_engine_answers_but_stays_with_docker_once_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine.sock")
    assert choose(config(tmp_path / "new")).name == "process"
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / NOTE).write_text("docker")
    with pytest.raises(ValueError, match="no Docker Engine answers"):
        choose(config(tmp_path / "old"))
