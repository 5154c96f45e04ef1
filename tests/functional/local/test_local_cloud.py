"""``zf local`` as its user runs it, with the real components."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local import folders, processes
from infra.local.folders import Folders

ZF = Path(sys.executable).parent / "zf"


class User:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.env = {**os.environ, "ZF_HOME": str(home)}

    @property
    def folders(self) -> Folders:
        return folders.folders(self.home, self.env, os.geteuid() == 0)

    def zf(self, *arguments: str, fails: bool = False) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([str(ZF), *arguments], env=self.env, capture_output=True, text=True, timeout=200)
        assert (done.returncode != 0) is fails, done.stdout + done.stderr
        return done

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.zf("local", "status", "--json").stdout))

    def assert_nothing_is_left(self) -> None:
        assert processes.strays(self.folders.marker, self.folders.run) == set()
        assert not self.folders.run.exists()
        assert not self.folders.cloud.exists()
        assert str(self.folders.run) not in Path("/proc/self/mounts").read_text()


@pytest.fixture
def user(tmp_path: Path) -> Iterator[User]:
    someone = User(tmp_path / "home")
    yield someone
    someone.zf("local", "down")


def get(url: str, host: str) -> tuple[int, bytes]:
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Host": host}), timeout=10) as answer:
        return answer.status, answer.read()


@pytest.mark.slow
def test_a_cloud_comes_up_ready_and_goes_without_a_trace(user: User) -> None:
    said = json.loads(user.zf("local", "up", "--port", "0", "--routers", "2", "--detach", "--json").stdout)
    status = user.status()
    assert status["state"] == "ready"
    assert {part["name"] for part in status["components"]} == {
        "aws", "cc-api", "cc", "hm", "dea-0", "dea-1", "router-0", "router-1", "uploader-0", "uploader-1"
    }  # fmt: skip
    for part in status["components"]:
        assert processes.identify(part["pid"])
        assert get(f"{part['http']}/healthz", "localhost") == (200, b"ok\n")
    assert status["api_url"] == said["api_url"] == status["routers"][0]
    for router in status["routers"]:
        assert get(f"{router}/v3/info", "api.localhost")[0] == 200
    # Logged in, and where apps go is chosen.
    login = json.loads((user.home / "config.json").read_text())
    assert (login["user"], login["org"]["name"], login["space"]["name"]) == ("admin", "local", "dev")
    assert login["api"] == status["api_url"]

    second = user.zf("local", "up", "--port", "0", "--detach", fails=True)
    assert f"process {status['supervisor']['pid']}, port {status['port']}" in second.stderr

    user.zf("local", "down")
    user.assert_nothing_is_left()
    assert [path.name for path in user.home.iterdir()] == ["config.json"]
    assert "No cloud runs" in user.zf("local", "status", fails=True).stderr


@pytest.mark.slow
def test_control_c_in_the_foreground_takes_the_cloud_down(user: User) -> None:
    command = [str(ZF), "local", "up", "--port", "0", "--deas", "1"]
    process = subprocess.Popen(command, env=user.env, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    for line in process.stdout:
        if "Ctrl-C" in line:
            break
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    process.stdout.close()
    user.assert_nothing_is_left()


@pytest.mark.slow
def test_ending_the_command_while_it_comes_up_leaves_nothing(user: User) -> None:
    process = subprocess.Popen([str(ZF), "local", "up", "--port", "0"], env=user.env, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not folders.remembered(user.folders):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.terminate()
    process.wait(60)
    user.assert_nothing_is_left()


def test_a_taken_port_is_named_with_the_way_out(user: User) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = user.zf("local", "up", "--port", str(port), "--detach", fails=True)
    assert f"Port {port} is in use" in refused.stderr
    assert "--port" in refused.stderr
    user.assert_nothing_is_left()
