"""From recorded calls to rates. Pure but for reading the files.

A function's turn, as Lambda would run it, is what its thread does between the receive that ended its batch and the
delete, or, for schedules, between two firings. Receives and deletes of a function's own queue are Lambda's pollers'.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

from chalicelib.core.timers import Timers

Call = dict[str, Any]

#: Threads of infra.local.functions -> the function. Schedules' threads have the function's own name.
QUEUES = {"cc": "cc_inbox", "jobs": "cc_jobs", "hm": "hm_inbox"}
SCHEDULES = ("hm_quick_sweep", "hm_full_sweep", "cc_sweep")
#: A schedule's calls with a longer pause between them belong to two turns, seconds.
PAUSE_S = 0.5


@dataclass(frozen=True, slots=True)
class Window:
    """The calls between two moments, in order. seconds: its length."""

    calls: Sequence[Call]
    seconds: float
    deas: int
    instances: int

    @classmethod
    def read(cls, folder: Path, began: float, ended: float, deas: int, instances: int) -> "Window":
        lines = [json.loads(line) for path in folder.glob("*.jsonl") for line in path.read_text().splitlines()]
        within = [line for line in lines if began <= line["at"][0] < ended]
        return cls(sorted(within, key=lambda line: line["at"][0]), ended - began, deas, instances)

    @property
    def per_dea(self) -> float:
        return self.instances / self.deas


@dataclass(frozen=True, slots=True)
class Turn:
    """One run of a function. cpu_ms: of its own thread; calls: that it made."""

    function: str
    messages: Sequence[str]
    cpu_ms: float
    calls: Sequence[Call]


def function_of(call: Call) -> str | None:
    if call["who"] not in ("cc", "hm"):
        return None
    if call["thread"] in SCHEDULES:
        return str(call["thread"])
    return QUEUES.get(call["thread"].rpartition("-")[0])


def turns(window: Window) -> list[Turn]:
    threads: dict[tuple[str, str], list[Call]] = defaultdict(list)
    for call in window.calls:
        if function_of(call):
            threads[call["who"], call["thread"]].append(call)
    return [
        turn
        for calls in threads.values()
        for turn in (_scheduled(calls) if calls[0]["thread"] in SCHEDULES else _polled(calls))
    ]


def is_poll(call: Call) -> bool:
    """A receive or delete by what stands for Lambda's pollers. Queue ``beats`` has none: sweeps empty it."""
    name, own = call["call"], call.get("target") != "zf-beats"
    return function_of(call) is not None and own and name in ("ReceiveMessage", "DeleteMessageBatch")


def _polled(calls: Sequence[Call]) -> Iterable[Turn]:
    subjects: list[str] = []
    own: list[Call] = []
    last: Call | None = None
    for call in calls:
        if is_poll(call) and call["call"] == "ReceiveMessage":
            subjects += [subject for subject, _ in call["messages"]]
            last = call
        elif is_poll(call):
            if last is not None and subjects:
                cpu_ms = 1000 * (call["cpu"][0] - last["cpu"][1])
                yield Turn(str(function_of(call)), subjects, cpu_ms, own)
            subjects, own, last = [], [], None
        elif last is not None:
            own.append(call)


def _scheduled(calls: Sequence[Call]) -> Iterable[Turn]:
    groups: list[list[Call]] = []
    for call in calls:
        if not groups or call["at"][0] - groups[-1][-1]["at"][1] > PAUSE_S:
            groups.append([])
        groups[-1].append(call)
    # The first may have begun before the window. What a turn does before its first call is after the last one's end.
    for before, group in pairwise(groups):
        cpu_ms = 1000 * (group[-1]["cpu"][1] - before[-1]["cpu"][1])
        yield Turn(str(function_of(group[0])), (), cpu_ms, group)


def line(points: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Least squares: base, and slope per unit of x."""
    mx, my = fmean(x for x, _ in points), fmean(y for _, y in points)
    spread = sum((x - mx) ** 2 for x, _ in points)
    slope = sum((x - mx) * (y - my) for x, y in points) / spread if spread else 0.0
    return {"base": round(my - slope * mx, 3), "slope": round(slope, 4)}


def sizes(windows: Sequence[Window], pick: Callable[[Call], int | None]) -> dict[str, float]:
    """Bytes over instances per DEA. pick: call -> bytes of what is meant, or None."""
    points = []
    for window in windows:
        found = [size for call in window.calls if (size := pick(call)) is not None]
        if found:
            points.append((window.per_dea, fmean(found)))
    return line(points)


def said(windows: Sequence[Window]) -> dict[str, dict[str, Any]]:
    """subject -> who says it, where to, how often in all windows, bytes over instances per DEA."""
    found: dict[tuple[str, str, str], list[tuple[float, int]]] = defaultdict(list)
    for window in windows:
        for call in window.calls:
            if call["call"] in ("SendMessage", "Publish"):
                for subject, size in call["messages"]:
                    by, to = call["who"].rpartition("-")[0] or call["who"], call["target"].removeprefix("zf-")
                    found[subject, by, to].append((window.per_dea, size))
    seconds = sum(window.seconds for window in windows)
    return {
        subject: {"by": by, "to": to, "each_s": round(seconds / len(points), 2), "bytes": line(points)}
        # Where a subject goes two ways, the usual one counts.
        for (subject, by, to), points in sorted(found.items(), key=lambda entry: (entry[0][0], len(entry[1])))
    }


def functions(windows: Sequence[Window]) -> dict[str, dict[str, Any]]:
    """What one turn of each takes."""
    by_name: dict[str, list[Turn]] = defaultdict(list)
    for window in windows:
        for turn in turns(window):
            by_name[turn.function].append(turn)
    return {name: _function(found) for name, found in sorted(by_name.items())}


def _function(found: Sequence[Turn]) -> dict[str, Any]:
    def mean(value: Any) -> float:
        return round(fmean(map(value, found)), 3)

    units: dict[str, dict[str, float]] = defaultdict(lambda: {"calls": 0, "read": 0, "write": 0})
    for turn in found:
        for call in turn.calls:
            if call["service"] == "dynamodb":
                entry = units[call["table"] or "transactions"]
                for key, amount in (("calls", 1), ("read", call["read"]), ("write", call["write"])):
                    entry[key] += amount / len(found)
    return {
        "turns": len(found),
        "messages": mean(lambda turn: len(turn.messages)),
        "cpu_ms": line([(len(turn.messages), turn.cpu_ms) for turn in found]),
        "calls": line([(len(turn.messages), len(turn.calls)) for turn in found]),
        "sent": mean(lambda turn: sum(call["call"] == "SendMessage" for call in turn.calls)),
        "tables": {name: {k: round(v, 3) for k, v in entry.items()} for name, entry in sorted(units.items())},
    }


def push(pushes: Sequence[Window], rest: Window) -> dict[str, float]:
    """What a push takes beyond what would have been called in that time anyway, schedules and resting beats apart."""

    def counts(window: Window) -> dict[str, float]:
        calls = [call for call in window.calls if function_of(call) not in SCHEDULES]
        return {
            "read": sum(call.get("read", 0) for call in calls),
            "write": sum(call.get("write", 0) for call in calls),
            "publishes": sum(call["call"] == "Publish" for call in calls),
            "sends": sum(call["call"] == "SendMessage" and call["target"] != "zf-beats" for call in calls),
            "blobs": sum(call["service"] == "s3" for call in calls),
            "turns": sum(turn.function not in SCHEDULES for turn in turns(window)),
        }

    resting = counts(rest)
    return {
        name: round(
            max(0.0, fmean(counts(one)[name] - resting[name] * one.seconds / rest.seconds for one in pushes)), 1
        )
        for name in resting
    }


def item(table: str, name: str) -> Callable[[Call], int | None]:
    """Picks the size of the item that a call leaves in the table, or of those that it finds on the average."""
    return lambda call: call["bytes"] if call.get("table") == table and call["call"] == name else None


def summary(resting: Sequence[Window], pushes: Sequence[Window], timers: Timers) -> dict[str, Any]:
    return {
        "windows": [{"seconds": round(w.seconds, 1), "deas": w.deas, "instances": w.instances} for w in resting],
        "timers": {name: getattr(timers, name) for name in ("heartbeat_s", "usage_interval_s", "register_s")}
        | {name: getattr(timers, name) for name in ("router_start_s", "quick_sweep_s", "full_sweep_s")},
        "said": said(resting),
        "functions": functions(resting),
        "items": {
            "deas": sizes(resting, item("deas", "Query")),
            "usage": sizes(resting, item("usage", "PutItem")),
        },
        "push": push(pushes, resting[0]),
    }
