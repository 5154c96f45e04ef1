"""Tasks while parts are killed under them: each ends, none runs twice."""

import os
import signal
from typing import Any

import pytest

from tests.e2e.test_tasks import read_log
from tests.faults.test_control_plane import ECHO, back, kill
from tests.support.platform import Platform, eventually


class Work:
    """Tasks of one app that is not started."""

    def __init__(self, platform: Platform, name: str) -> None:
        self.platform = platform
        platform.zf("push", name, "-p", ECHO)
        platform.zf("stop", name)
        self.app = platform.json("app", name)["guid"]

    def create(self, name: str, command: str) -> str:
        body = {"name": name, "command": f"echo began; {command}", "memory_in_mb": 64}
        answered = self.platform.api("POST", f"/v3/apps/{self.app}/tasks", json=body)
        assert answered.status_code == 202, answered.text
        return str(answered.json()["guid"])

    def state(self, task: str) -> tuple[str, str | None]:
        shown = self.platform.api("GET", f"/v3/tasks/{task}").json()
        return shown["state"], shown["result"]["failure_reason"]

    def place(self, task: str) -> tuple[str, dict[str, Any]]:
        """Where it runs: the DEA, and what that tells of it."""
        return next(
            (dea, one)
            for dea in self.platform.names("dea")
            for one in self.platform.varz(dea)["running_apps"]
            if one["process_guid"] == task and one["pid"]
        )

    def running(self, name: str, command: str) -> tuple[str, str, int]:
        """A task that runs: its guid, its DEA, the pid of its command."""
        task = self.create(name, command)
        eventually(lambda: self.state(task)[0] == "RUNNING")
        dea, told = eventually(lambda: self.place(task))
        return task, dea, told["pid"]

    def began(self, name: str) -> int:
        return read_log(self.platform, self.app, f"APP/TASK/{name}").count("began")


@pytest.fixture
def work(platform: Platform, app_name: str) -> Work:
    return Work(platform, app_name)


def test_a_task_outlives_its_agent_and_an_end_in_the_gap_is_told(platform: Platform, work: Work) -> None:
    long, dea, _ = work.running("long", "sleep 3; echo done")
    short, its_dea, pid = work.running("short", "sleep 600")
    for one in {dea, its_dea}:
        platform.hold(one, "KILL")
    os.kill(pid, signal.SIGKILL)
    for one in {dea, its_dea}:
        platform.release(one)
    eventually(lambda: work.state(long) == ("SUCCEEDED", None))
    eventually(lambda: work.state(short) == ("FAILED", "APP/TASK/short: Exited with status 137"))
    eventually(lambda: work.began("long") == work.began("short") == 1)


def test_a_task_whose_host_is_lost_fails_and_is_stopped_when_it_returns(platform: Platform, work: Work) -> None:
    task, dea, pid = work.running("cut-off", "sleep 600")
    with platform.without(dea):
        eventually(lambda: work.state(task) == ("FAILED", f"the host {dea} was lost while the task ran"), within_s=30)
        os.kill(pid, 0)
    eventually(lambda: not os.path.exists(f"/proc/{pid}"), within_s=30)
    assert work.state(task)[0] == "FAILED"
    assert work.began("cut-off") == 1


def test_what_was_accepted_runs_once_though_the_control_plane_dies(platform: Platform, work: Work) -> None:
    tasks = {}
    for number in range(3):
        tasks[f"job-{number}"] = work.create(f"job-{number}", "sleep 0.2")
        kill(platform, "cc", "cc-api")
        eventually(lambda: back(platform))
    for name, task in tasks.items():
        eventually(lambda: work.state(task) == ("SUCCEEDED", None), within_s=60)  # noqa: B023 (read at once)
        eventually(lambda: work.began(name) == 1)  # noqa: B023
