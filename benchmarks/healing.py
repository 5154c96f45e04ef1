"""Start to first 200, SIGKILL to first 200, host loss to all instances serving again."""

import os
import signal
import time
from typing import Any

from benchmarks.report import ROUNDS, Figure
from chalicelib.core.timers import LOCAL
from tests.support.platform import Platform, a_platform, eventually

INSTANCES = 4


def run() -> list[Figure]:
    with a_platform() as platform:
        platform.push("bench")
        guid = platform.json("app", "bench")["guid"]
        starts = [start(platform, guid) for _ in range(ROUNDS)]
        heals = [_heal(platform, guid) for _ in range(ROUNDS)]
        platform.zf("scale", "bench", "-i", INSTANCES)
        losses = [_lose_host(platform) for _ in range(ROUNDS)]
    beats = [loss / LOCAL.heartbeat_s for loss in losses]
    return [
        Figure("start of a staged app to first 200", "s", starts, aim=0.8),
        Figure("crash (SIGKILL) to first 200", "s", heals, aim=1),
        Figure(
            "host loss to all instances serving again",
            "s",
            losses,
            aim=3 * LOCAL.heartbeat_s + 3,
            note=f"{sorted(beats)[len(beats) // 2]:.1f} heartbeats of {LOCAL.heartbeat_s:g} s",
        ),
    ]


def _answers(platform: Platform) -> bool:
    return platform.get("bench").status_code == 200


def start(platform: Platform, guid: str) -> float:
    """Seconds from the order to the first answer of an app that was stopped."""
    platform.api("POST", f"/v3/apps/{guid}/actions/stop")
    eventually(lambda: not _answers(platform))
    began = time.perf_counter()
    platform.api("POST", f"/v3/apps/{guid}/actions/start")
    eventually(lambda: _answers(platform), every_s=0.01)
    return time.perf_counter() - began


def _heal(platform: Platform, guid: str) -> float:
    """A restart first, so that no crash counts as one of a series and is delayed."""
    start(platform, guid)
    pid = platform.who("bench")["pid"]
    began = time.perf_counter()
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: _answers(platform) and platform.who("bench")["pid"] != pid, every_s=0.01)
    return time.perf_counter() - began


def _lose_host(platform: Platform) -> float:
    """The agent and all that it runs gone at one blow; the host comes back when it is over, for the next round."""
    eventually(lambda: platform.running("bench", INSTANCES), within_s=60)
    # Asked once: each look at the status is a process of its own, which would take time from what is measured.
    addresses = {name: platform.component(name)["http"] for name in platform.names("dea")}

    def instances(name: str) -> list[dict[str, Any]]:
        return list(platform.http.get(f"{addresses[name]}/varz").json()["running_apps"])

    victim = next(name for name in addresses if instances(name))
    other = next(name for name in addresses if name != victim)
    # One that the last restart has ended may still be told of, without a process.
    lost = {instance["pid"] for instance in instances(victim) if instance["pid"]}
    began = time.perf_counter()
    platform.hold(victim, "KILL")
    for pid in lost:
        os.kill(pid, signal.SIGKILL)

    def moved() -> bool:
        return {i["index"] for i in instances(other) if i["state"] == "RUNNING"} == set(range(INSTANCES))

    eventually(moved, within_s=60, every_s=0.05)
    eventually(lambda: _all_answer(platform, lost), within_s=60, every_s=0.01)
    took = time.perf_counter() - began
    platform.release(victim)
    eventually(lambda: platform.component(victim)["http"])
    # Spreads the instances over both hosts again.
    platform.zf("restart", "bench")
    return took


def _all_answer(platform: Platform, lost: set[int]) -> bool:
    """Each index is among the next answers through the router, and no request meets one that is gone."""
    answers = [platform.get("bench") for _ in range(8 * INSTANCES)]
    if any(answer.status_code != 200 for answer in answers):
        return False
    said = [answer.json() for answer in answers]
    return {who["index"] for who in said} == set(range(INSTANCES)) and not lost & {who["pid"] for who in said}
