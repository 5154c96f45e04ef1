"""The control plane killed in the middle of things: what was accepted is done, once."""

import signal
import subprocess
import threading
import time
from contextlib import suppress

import httpx
import pytest

from tests.support.census import app_guid, settled
from tests.support.platform import ROOT, ZF, Platform, Traffic, eventually

ECHO = ROOT / "tests" / "apps" / "echo"
PARTS = ("cc-api", "cc", "hm")


def kill(platform: Platform, *names: str) -> None:
    for name in names:
        platform.signal(name, signal.SIGKILL)


def back(platform: Platform) -> bool:
    return all(platform.component(name)["pid"] for name in PARTS) and platform.api("GET", "/v3/info").is_success


def live(platform: Platform, name: str) -> list[int]:
    """Indices of the app's running instances on all DEAs."""
    return sorted(
        instance["index"]
        for dea in platform.names("dea")
        for instance in platform.varz(dea)["running_apps"]
        if instance["app_name"] == name and instance["state"] in ("STARTING", "RUNNING")
    )


@pytest.mark.parametrize("after_s", [0.05, 0.2, 0.5, 1.0])
def test_killed_while_an_app_is_staged_and_started(platform: Platform, app_name: str, after_s: float) -> None:
    platform.zf("push", app_name, "-p", ECHO, "--no-start")
    guid = platform.json("app", app_name)["guid"]
    package = platform.api("GET", f"/v3/apps/{guid}/packages").json()["resources"][0]["guid"]
    build = platform.api("POST", "/v3/builds", json={"package": {"guid": package}}).json()["guid"]
    threading.Event().wait(after_s)
    kill(platform, "cc-api", "cc")
    eventually(lambda: back(platform))
    droplet = eventually(lambda: platform.api("GET", f"/v3/builds/{build}").json()["droplet"], within_s=60)["guid"]
    current = {"data": {"guid": droplet}}
    assert platform.api("PATCH", f"/v3/apps/{guid}/relationships/current_droplet", json=current).is_success
    assert platform.api("POST", f"/v3/apps/{guid}/actions/start").is_success
    kill(platform, "cc")
    eventually(lambda: live(platform, app_name) == [0], within_s=60)
    eventually(lambda: platform.who(app_name), within_s=30)


def test_killed_in_the_middle_of_a_scale(platform: Platform, app_name: str) -> None:
    platform.push(app_name)
    guid = platform.json("app", app_name)["guid"]
    for count in (4, 1, 3):
        scaled = platform.api("POST", f"/v3/processes/{guid}/actions/scale", json={"instances": count})
        assert scaled.status_code == 202
        kill(platform, "cc-api", "cc")
        eventually(lambda: back(platform))
        wanted = list(range(count))
        eventually(lambda: live(platform, app_name) == wanted, within_s=60)  # noqa: B023 (read at once)
    eventually(lambda: platform.running(app_name, 3))


#: What zf says when the app is described, its files are there, its build runs on a DEA, and its droplet is made.
MOMENTS = ("Described the app", "Uploaded ", "Downloading app package", "Staged ")


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_in_the_middle_of_a_push_nothing_is_left_half_done(
    platform: Platform, app_name: str, moment: str
) -> None:
    push = subprocess.Popen(
        [str(ZF), "push", app_name, "-p", str(ECHO)],
        env={**platform.environment, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert push.stdout
    said: list[str] = []
    for line in push.stdout:
        said.append(line)
        if moment in line:
            kill(platform, "cc-api", "cc")
            break
    said += push.stdout.readlines()
    status, words = push.wait(180), "".join(said)
    assert moment in words
    assert status in (0, 1), words
    assert "Traceback" not in words
    eventually(lambda: back(platform))

    def rests(kind: str, *states: str) -> bool:
        found = platform.api("GET", f"/v3/{kind}", params={"app_guids": app_guid(platform, app_name)})
        return all(one["state"] in states for one in found.json()["resources"])

    eventually(lambda: rests("packages", "READY", "AWAITING_UPLOAD", "FAILED"), within_s=60)
    eventually(lambda: rests("builds", "STAGED", "FAILED"), within_s=60)
    if status:
        assert words.strip().splitlines()[-1], "an error says what to do next"
        platform.push(app_name)
    settled(platform, app_name, 1)
    assert platform.who(app_name)["index"] == 0


def test_killed_again_and_again_while_an_app_is_restarted(platform: Platform, app_name: str) -> None:
    platform.push(app_name)
    guid = platform.json("app", app_name)["guid"]
    for after_s in (0.0, 0.01, 0.02, 0.05, 0.1):
        restart = threading.Thread(target=_restart, args=(platform, guid), daemon=True)
        restart.start()
        restart.join(after_s)
        kill(platform, "cc-api", "cc")
        restart.join(30)
        eventually(lambda: back(platform))
        eventually(lambda: live(platform, app_name) == [0], within_s=60)
        eventually(lambda: platform.running(app_name, 1), within_s=60)
        assert platform.who(app_name)["index"] == 0


def _restart(platform: Platform, guid: str) -> None:
    with suppress(httpx.HTTPError):  # the answer may die with the API
        platform.api("POST", f"/v3/apps/{guid}/actions/restart")


def test_invariant_5_hm_stopped_for_90_s_starts_and_stops_nothing(platform: Platform, app_name: str) -> None:
    platform.push(app_name, "-i", 2)
    eventually(lambda: platform.running(app_name, 2))
    before = {platform.who(app_name)["guid"] for _ in range(40)}
    with Traffic(platform, app_name) as traffic:
        with platform.without("hm"):
            time.sleep(90)  # the fault is its length
        time.sleep(20)  # several sweeps with a backlog of beats
    assert traffic.failures == []
    assert traffic.guids == before
    assert live(platform, app_name) == [0, 1]


def test_invariant_5_the_bus_gone_for_30_s_stops_no_app(platform: Platform, app_name: str) -> None:
    platform.push(app_name, "-i", 2)
    eventually(lambda: platform.running(app_name, 2))
    with Traffic(platform, app_name) as traffic, platform.without("aws"):
        time.sleep(30)  # the fault is its length
    assert traffic.failures == []
    eventually(lambda: platform.running(app_name, 2), within_s=60)
    assert live(platform, app_name) == [0, 1]
    platform.zf("scale", app_name, "-i", 3)
    eventually(lambda: live(platform, app_name) == [0, 1, 2], within_s=60)
