"""DEA agents that die, alone and with all they carry."""

import os
import signal

from tests.support.census import app_guid
from tests.support.platform import Platform, Traffic, eventually


def numbers(platform: Platform, name: str) -> list[int]:
    lines = platform.zf("logs", name, "--recent").stdout.splitlines()
    return [int(line.rsplit(" ", 1)[1]) for line in lines if " chatter " in line]


def dea_of(platform: Platform, name: str) -> str:
    guid = platform.who(name)["guid"]
    return next(
        dea
        for dea in platform.names("dea")
        if any(instance["instance_guid"] == guid for instance in platform.varz(dea)["running_apps"])
    )


def test_apps_outlive_their_agent_and_no_log_line_is_lost_or_doubled(platform: Platform, app_name: str) -> None:
    platform.push(app_name, "--no-start")
    platform.zf("set-env", app_name, "CHATTER_S", "0.02")
    platform.zf("start", app_name)
    before = platform.who(app_name)
    dea = dea_of(platform, app_name)
    with Traffic(platform, app_name) as traffic:
        old_pid = platform.signal(dea, signal.SIGKILL)
        eventually(lambda: platform.component(dea)["pid"] not in (None, old_pid))
        eventually(lambda: before["guid"] in str(platform.varz(dea)["running_apps"]))
        last = numbers(platform, app_name)[-1]
        eventually(lambda: numbers(platform, app_name)[-1] > last + 50)
    assert traffic.failures == []
    assert platform.who(app_name)["guid"] == before["guid"]
    seen = numbers(platform, app_name)
    assert seen == list(range(seen[0], seen[0] + len(seen)))


def test_an_exit_while_the_agent_was_away_is_reported_and_healed(platform: Platform, app_name: str) -> None:
    platform.push(app_name)
    before = platform.who(app_name)
    dea = dea_of(platform, app_name)
    platform.hold(dea)
    os.kill(before["pid"], signal.SIGKILL)
    platform.release(dea)
    eventually(lambda: platform.who(app_name)["guid"] != before["guid"], within_s=30)
    query = {"target_guids": app_guid(platform, app_name), "types": "app.crash"}
    (crash,) = platform.api("GET", "/v3/audit_events", params=query).json()["resources"]
    assert crash["data"]["instance"] == before["guid"]
    assert (crash["data"]["exit_status"], crash["data"]["reason"]) == (137, "CRASHED")


def test_a_lost_host_is_replaced_by_the_other(platform: Platform, app_name: str) -> None:
    platform.push(app_name, "-i", 2)
    eventually(lambda: platform.running(app_name, 2))
    dea = dea_of(platform, app_name)
    instances = platform.varz(dea)["running_apps"]
    platform.hold(dea, "KILL")
    for instance in instances:
        os.kill(instance["pid"], signal.SIGKILL)
    other = next(name for name in platform.names("dea") if name != dea)

    def moved() -> bool:
        running = [i for i in platform.varz(other)["running_apps"] if i["state"] == "RUNNING"]
        return len({i["index"] for i in running if i["app_name"] == app_name}) == 2

    try:
        eventually(moved, within_s=30)
        eventually(lambda: platform.running(app_name, 2))
    finally:
        platform.release(dea)
    eventually(lambda: platform.component(dea)["pid"])


def test_a_host_that_comes_back_has_its_duplicates_stopped(platform: Platform, app_name: str) -> None:
    platform.push(app_name, "-i", 2)
    eventually(lambda: platform.running(app_name, 2))
    dea = dea_of(platform, app_name)
    other = next(name for name in platform.names("dea") if name != dea)
    with platform.without(dea):
        eventually(lambda: len([i for i in platform.varz(other)["running_apps"] if i["app_name"] == app_name]) >= 2, 30)

    def settled() -> bool:
        live = [
            i
            for name in platform.names("dea")
            for i in platform.varz(name)["running_apps"]
            if i["app_name"] == app_name and i["state"] == "RUNNING"
        ]
        return sorted(i["index"] for i in live) == [0, 1]

    eventually(settled, within_s=40)


def test_a_drained_host_loses_no_request(platform: Platform, app_name: str) -> None:
    platform.push(app_name, "-i", 2)
    eventually(lambda: platform.running(app_name, 2))
    dea = dea_of(platform, app_name)
    with Traffic(platform, app_name) as traffic:
        pid = platform.component(dea)["pid"]
        platform.http.post(f"{platform.component(dea)['http']}/drain").raise_for_status()
        eventually(lambda: platform.component(dea)["pid"] != pid, within_s=60)
        eventually(lambda: platform.running(app_name, 2))
    assert traffic.failures == []
    assert traffic.sent > 10
