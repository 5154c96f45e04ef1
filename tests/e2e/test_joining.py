"""A machine that no part of the platform has started joins by one command, works, and is let go."""

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.platform import ROOT, ZF, Platform, eventually

ECHO: Path = ROOT / "tests" / "apps" / "echo"
NAME = "lab-1"

#: What no local DEA has (infra/local/plan.py).
PORTS, FIRST_UID = "19000-19400", "52001"


@contextmanager
def joined(platform: Platform, folder: Path, token: str) -> Iterator[subprocess.Popen[bytes]]:
    """``zf dea join`` on a machine that has nothing but the command: none of the platform's variables, no login."""
    kept = {key: text for key, text in os.environ.items() if not key.startswith(("AWS_", "ZF_"))}
    env = kept | {"ZF_HOME": str(folder / "home"), "ZF_UID_BASE": FIRST_UID, "ZF_DISK_FULL_PERCENT": "99"}
    command = [str(ZF), "dea", "join", platform.router, token, "--dir", str(folder), "--ports", PORTS]
    sizes = ["--memory", "2G", "--disk", "8G", "--runtime", "process"]
    with open(folder / "log", "wb") as log:
        agent = subprocess.Popen(
            [*command, *sizes], env=env, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        yield agent
    finally:
        if agent.poll() is None:
            agent.send_signal(signal.SIGUSR2)  # drains: nothing of it stays
            agent.wait(60)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not below pytest's own folder, which it shuts: apps run as users of their own."""
    with tempfile.TemporaryDirectory(prefix="zfj-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)
        yield Path(name)


def host(platform: Platform) -> dict[str, Any]:
    """Raises KeyError before it was heard."""
    return dict({one["id"]: one for one in platform.json("admin", "hosts")}[NAME])


def test_a_host_from_elsewhere_joins_by_one_command_takes_apps_and_is_let_go(
    platform: Platform, app_name: str, folder: Path
) -> None:
    others = platform.names("dea")
    token = platform.json("admin", "invite", NAME)["token"]
    with joined(platform, folder, token) as agent:
        eventually(lambda: host(platform)["state"] == "UP", within_s=60)
        try:
            for other in others:
                platform.zf("admin", "cordon", other)
            eventually(lambda: all(one["state"] == "CORDONED" for one in others_of(platform, others)))
            platform.zf("push", app_name, "-p", ECHO)
            eventually(lambda: host(platform)["instances"] == 1)
        finally:
            for other in others:
                platform.zf("admin", "uncordon", other)
        assert eventually(lambda: platform.get(app_name).status_code == 200)
        kinds = {(one["type"], one["id"]) for one in platform.json("admin", "versions")}
        assert {("dea", NAME), ("hm", "hm"), ("client", "zf"), ("control plane", "cc")} <= kinds
        secret = json.loads((folder / "membership.json").read_text())["secret"]
        environment = Path(f"/proc/{agent.pid}/environ").read_bytes().decode()
        assert "AWS_SECRET_ACCESS_KEY" not in environment
        platform.zf("admin", "revoke", NAME, "-f")
        assert agent.wait(90) == 0, "it drains and ends"
        assert eventually(lambda: platform.get(app_name).status_code == 200), "elsewhere"
    log = (folder / "log").read_text()
    assert token not in log
    assert secret not in log


def others_of(platform: Platform, names: list[str]) -> list[dict[str, Any]]:
    return [one for one in platform.json("admin", "hosts") if one["id"] in names]
