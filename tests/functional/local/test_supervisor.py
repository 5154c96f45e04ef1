"""A cloud's life: up, what dies is started again, what is held stays down, and nothing stays afterwards."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local import cli, folders, processes
from infra.local.control import Control
from infra.local.folders import Folders
from tests.functional.local.fake_cloud import ROOT, folders_of
from zf.client.errors import ZfError

Launch = Callable[[str], "Cloud"]


class Cloud:
    def __init__(self, where: Folders, process: subprocess.Popen[bytes]) -> None:
        self.where, self.process = where, process

    @property
    def control(self) -> Control:
        kept = folders.load(self.where)
        assert kept
        return Control(kept.control)

    def component(self, name: str) -> dict[str, Any]:
        return next(part for part in self.control.status()["components"] if part["name"] == name)

    def until(self, state: str) -> None:
        until(lambda: folders.load(self.where) and self.control.status()["state"] == state)


def until(condition: Callable[[], Any], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    where = folders_of(tmp_path / "home")
    started: list[subprocess.Popen[bytes]] = []

    def start(habits: str) -> Cloud:
        where.make()
        env = {**os.environ, "PYTHONPATH": str(ROOT), "FAKE_CLOUD": habits}
        command = [sys.executable, "-m", "tests.functional.local.fake_cloud", str(where.home)]
        started.append(subprocess.Popen(command, env=env, start_new_session=True))
        return Cloud(where, started[-1])

    yield start
    cli.take_down(where)
    for process in started:
        process.wait(10)


def leftovers(where: Folders) -> tuple[set[processes.Process], bool]:
    return processes.strays(where.marker, where.run), where.cloud.exists() or where.run.exists()


def test_what_dies_is_started_again(launch: Launch) -> None:
    cloud = launch("aws=good,hm=good")
    cloud.until("ready")
    before = cloud.component("hm")["pid"]
    os.kill(before, signal.SIGKILL)
    until(lambda: cloud.component("hm")["state"] == "running" and cloud.component("hm")["pid"] != before)
    assert cloud.component("hm")["exits"] == 1


def test_what_is_held_stays_down_until_it_is_released(launch: Launch) -> None:
    cloud = launch("aws=good,hm=stubborn")
    cloud.until("ready")
    cloud.control.stop("hm", "KILL")
    time.sleep(0.5)
    assert cloud.component("hm")["state"] == "stopped"
    assert cloud.component("hm")["pid"] is None
    cloud.control.start("hm")
    until(lambda: cloud.component("hm")["state"] == "running")
    assert cloud.component("hm")["exits"] == 0


def test_aws_is_never_started_again(launch: Launch) -> None:
    cloud = launch("aws=good,hm=good")
    cloud.until("ready")
    os.kill(cloud.component("aws")["pid"], signal.SIGKILL)
    cloud.until("lost")
    assert cloud.component("aws")["pid"] is None


def test_a_component_that_cannot_start_fails_the_cloud_with_its_last_words(launch: Launch) -> None:
    cloud = launch("aws=good,hm=hopeless")
    cloud.until("failed")
    assert "hm does not start" in cloud.control.status()["error"]
    assert "no such luck" in cloud.control.status()["error"]


def test_down_leaves_no_process_and_no_file(launch: Launch) -> None:
    cloud = launch("aws=good,dea-0=parent,hm=good")
    cloud.until("ready")
    assert len(processes.strays(cloud.where.marker, cloud.where.run)) == 4
    cli.take_down(cloud.where)
    assert cloud.process.wait(10) == 0
    assert leftovers(cloud.where) == (set(), False)


def test_down_works_without_a_supervisor(launch: Launch) -> None:
    cloud = launch("aws=good,dea-0=parent,hm=good")
    cloud.until("ready")
    cloud.process.kill()
    cloud.process.wait()
    assert len(processes.strays(cloud.where.marker, cloud.where.run)) == 4
    with pytest.raises(ZfError, match="without a supervisor"):
        cli.claim(cloud.where)
    cli.take_down(cloud.where)
    assert leftovers(cloud.where) == (set(), False)


def test_a_second_cloud_of_the_same_home_is_refused_and_names_the_first(launch: Launch) -> None:
    cloud = launch("aws=good")
    cloud.until("ready")
    with pytest.raises(ZfError, match=f"process {cloud.process.pid}, port 1"):
        cli.claim(cloud.where)


def test_the_login_stays_when_the_cloud_goes(launch: Launch) -> None:
    cloud = launch("aws=good")
    cloud.until("ready")
    login = cloud.where.home / "config.json"
    login.write_text("{}")
    cli.take_down(cloud.where)
    assert list(cloud.where.home.iterdir()) == [login]


def test_state_and_address_are_the_owners_alone(launch: Launch) -> None:
    cloud = launch("aws=good")
    cloud.until("ready")
    assert (cloud.where.cloud / "state.json").stat().st_mode & 0o777 == 0o600
    assert cloud.where.cloud.stat().st_mode & 0o777 == 0o700
    address = cloud.control.status()["supervisor"]["http"]
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(address.rpartition("/")[0] + "/guess/status")


def test_an_unknown_component_is_refused(launch: Launch) -> None:
    cloud = launch("aws=good")
    cloud.until("ready")
    with pytest.raises(LookupError):
        cloud.control.stop("nobody")


def test_a_reused_pid_is_left_alone() -> None:
    child = subprocess.Popen(["sleep", "60"])
    try:
        known = processes.identify(child.pid)
        assert known
        processes.end([processes.Process(child.pid, known.started - 1)], 0.1)
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()
