"""Apps in containers: what a start is made of, many starts at once, and what an agent costs at fifty containers."""

import os
import statistics
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docker
from prometheus_client.parser import text_string_to_metric_families

from benchmarks import healing
from benchmarks.report import ROUNDS, Figure
from dea_agent.metrics import FETCH, LAUNCH, READY
from dea_agent.runtimes.docker import CLOUD
from tests.support.platform import Platform, a_platform, eventually

SMALL = ("-m", "32M", "-k", "16M")
AT_ONCE, MANY = 20, 50
#: Seconds over which an agent's CPU is looked at.
WATCHED_S = 30.0
#: Nanoseconds.
SECOND = 1e9


def run() -> list[Figure]:
    with a_platform(flags=("--runtime", "docker")) as platform:
        platform.push("bench", *SMALL)
        guid = platform.json("app", "bench")["guid"]
        figures = _starts(platform, guid)
        figures += _at_once(platform, guid)
    with a_platform(deas=1, flags=("--runtime", "docker")) as platform:
        platform.push("bench", *SMALL)
        figures += _at_fifty(platform)
    return figures


def _starts(platform: Platform, guid: str) -> list[Figure]:
    """The whole, and its parts one after the other; what is left of it is the auction before and the route after."""
    totals: list[float] = []
    parts: defaultdict[str, list[float]] = defaultdict(list)
    for _ in range(ROUNDS):
        before, since = _phases(platform), time.time()
        totals.append(healing.start(platform, guid))
        after = _phases(platform)
        took = {phase: after[phase] - before[phase] for phase in (FETCH, LAUNCH, READY)}
        create = _creation(platform, since)
        found = {
            "fetch and unpack the droplet": took[FETCH],
            "create the container": create,
            "start it": took[LAUNCH] - create,
            "ready": took[READY],
            "auction and route": totals[-1] - sum(took.values()),
        }
        for name, seconds in found.items():
            parts[name].append(seconds)
    figures = [Figure("start of a staged app in a container to first 200", "s", totals, aim=1.2)]
    return figures + [Figure(f"... {name}", "s", samples) for name, samples in parts.items()]


def _phases(platform: Platform) -> dict[str, float]:
    """Seconds that all DEAs have spent in each phase."""
    found: defaultdict[str, float] = defaultdict(float)
    for name in platform.names("dea"):
        text = platform.http.get(f"{platform.component(name)['http']}/metrics").text
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == "dea_start_seconds_sum":
                    found[sample.labels["phase"]] += sample.value
    return found


def _creation(platform: Platform, since: float) -> float:
    """Of the newest container of the platform: from the engine's first thought of it to its word that it is made."""
    client = docker.from_env()
    label = f"{CLOUD}={platform.status()['run_folder']}"
    wanted = {"label": label, "event": "create"}
    events = list(client.events(since=int(since), until=int(time.time()) + 1, filters=wanted, decode=True))
    made: dict[str, Any] = max(events, key=lambda event: event["timeNano"])
    created = client.containers.get(made["Actor"]["ID"]).attrs["Created"]
    client.close()
    whole, _, fraction = created.rstrip("Z").partition(".")
    begun = datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp() + float(f"0.{fraction or 0}")
    return float(made["timeNano"] / SECOND - begun)


def _at_once(platform: Platform, guid: str) -> list[Figure]:
    took, spreads = [], []
    platform.api("POST", f"/v3/apps/{guid}/actions/stop").raise_for_status()
    platform.zf("scale", "bench", "-i", AT_ONCE)
    for _ in range(max(3, ROUNDS // 2)):
        eventually(lambda: platform.get("bench").status_code == 404, within_s=60)
        began = time.perf_counter()
        platform.api("POST", f"/v3/apps/{guid}/actions/start").raise_for_status()
        took.append(_until_all_answer(platform, began))
        hosts = [len(platform.varz(name)["running_apps"]) for name in platform.names("dea")]
        spreads.append(float(max(hosts) - min(hosts)))
        platform.api("POST", f"/v3/apps/{guid}/actions/stop").raise_for_status()
    return [
        Figure(f"{AT_ONCE} instances at once on two DEAs, to all routable", "s", took, aim=8),
        Figure("... instances on the fuller DEA more than on the other", "", spreads),
    ]


def _until_all_answer(platform: Platform, began: float) -> float:
    """Seconds since ``began`` at which the last of the instances has answered for the first time."""
    seen: set[int] = set()

    def asked() -> bool:
        answer = platform.get("bench")
        if answer.status_code == 200:
            seen.add(answer.json()["index"])
        return len(seen) == AT_ONCE

    eventually(asked, within_s=120, every_s=0.002)
    return time.perf_counter() - began


def _at_fifty(platform: Platform) -> list[Figure]:
    platform.zf("scale", "bench", "-i", MANY)
    eventually(lambda: platform.running("bench", MANY), within_s=240)
    pid = int(platform.component("dea-0")["pid"])
    cores, memory = [], []
    for _ in range(3):
        before = _cpu_s(pid)
        time.sleep(WATCHED_S)
        cores.append((_cpu_s(pid) - before) / WATCHED_S * 100)
        memory.append(_rss_mb(pid))
    note = f"over {WATCHED_S:g} s each; median memory {statistics.median(memory):.0f} MB"
    return [
        Figure(f"an agent's CPU at {MANY} containers", "% of a core", cores, note=note),
        Figure(f"an agent's memory at {MANY} containers", "MB", memory),
    ]


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
