"""`zf` as a process of its own: on a terminal, in a pipe, interrupted, and quick to start."""

import os
import pty
import re
import resource
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .cloud import Cloud
from .conftest import Zf

ZF = [sys.executable, "-m", "zf"]


def on_a_terminal(args: list[str], width: int = 80, **env: str) -> tuple[int, str]:
    """Runs `zf` with a pty as its standard output; gives the status and everything it wrote."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(width), "TERM": "xterm-256color", **env}
    process = subprocess.Popen([*ZF, *args], stdin=follower, stdout=follower, stderr=follower, env=environment)
    os.close(follower)
    written = b""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        ready, _, _ = select.select([leader], [], [], 0.1)
        try:
            piece = os.read(leader, 65536) if ready else None
        except OSError:  # Linux: the other end is closed
            break
        if piece == b"":
            break
        written += piece or b""
    os.close(leader)
    return process.wait(10), written.decode()


def test_a_push_on_a_terminal_draws_and_ends_with_the_table(logged_in: Zf, cloud: Cloud, folder: Path) -> None:
    status, written = on_a_terminal(["push", "hello", "-p", str(folder)])
    assert status == 0, written
    assert "\x1b[" in written
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written)
    assert f"http://hello.localhost:{cloud.port}" in plain
    assert max(len(line) for line in plain.replace("\r", "\n").splitlines()) <= 80


def test_no_color_takes_the_colours_away(logged_in: Zf, cloud: Cloud, folder: Path) -> None:
    logged_in("push", "hello", "-p", str(folder))
    assert "\x1b[" in on_a_terminal(["app", "hello"])[1]
    assert "\x1b[" not in on_a_terminal(["app", "hello"], NO_COLOR="1")[1]


def test_a_password_is_asked_for_and_not_shown(home: Path, cloud: Cloud) -> None:
    leader, follower = pty.openpty()
    args = [*ZF, "login", "-a", cloud.url, "-u", "ada"]
    process = subprocess.Popen(args, stdin=follower, stdout=follower, stderr=follower, start_new_session=True)
    os.close(follower)
    written = b""
    while b"Password" not in written:
        written += os.read(leader, 1024)
    os.write(leader, b"secret\n")
    try:
        while piece := os.read(leader, 1024):
            written += piece
    except OSError:
        pass
    os.close(leader)
    assert process.wait(10) == 0, written
    assert b"secret" not in written


def test_ctrl_c_ends_a_followed_log_with_130(logged_in: Zf, cloud: Cloud) -> None:
    app = cloud.state.add_app("hello", next(iter(cloud.state.spaces)))
    process = subprocess.Popen([*ZF, "logs", "hello"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    deadline = time.monotonic() + 20
    while cloud.count("GET", "/api/v1/read/.*") < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    cloud.state.say(app["guid"], "hello from the app", "APP/PROC/WEB")
    assert "hello from the app" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert err.strip() == "Interrupted."


def test_a_reader_that_goes_away_is_no_traceback(logged_in: Zf, cloud: Cloud) -> None:
    app = cloud.state.add_app("hello", next(iter(cloud.state.spaces)))
    for number in range(900):
        cloud.state.say(app["guid"], f"line {number} " + "x" * 200, "APP/PROC/WEB")
    line = f"{' '.join(ZF)} logs hello --recent | head -n 1"
    ran = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=30)
    assert "line 0" in ran.stdout
    assert ran.stderr == ""


def test_help_starts_in_150_ms_of_cpu() -> None:
    """The best of several, for the machine may be busy; on a slow one, half as much again as click alone takes."""

    def cpu_s(command: list[str]) -> float:
        def once() -> float:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

        return min(once() for _ in range(7))

    assert cpu_s([*ZF, "--help"]) < max(0.15, 1.5 * cpu_s([sys.executable, "-c", "import click"]))


@pytest.mark.parametrize("module", ["httpx", "rich", "yaml", "zf.push"])
def test_help_imports_nothing_heavy(module: str) -> None:
    code = f"import sys, zf.__main__; zf.__main__.main(['--help']); sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0
