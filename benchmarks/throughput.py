"""How much one core of Envoy carries as shipped (request id, access lines, retries), against the app directly.

Load comes from wrk. It, the app, Envoy and the agent share the machine, so each run through the router is followed by
one to the app, and how much of a core Envoy and the agent took is noted beside.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.report import ROUNDS, Figure
from benchmarks.stand_ins import Dea, a_backend, world_of
from tests.support.platform import Platform, a_platform, eventually

CONNECTIONS, RUN_S, WARM_UP_S = 64, 3, 1

HOST = "throughput.example.com"

#: wrk's own output rounds; this prints microseconds and counts as JSON.
REPORT = """
done = function(summary, latency)
    local errors, wrong = summary.errors, summary.errors.status
    io.write(string.format(
        '{"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "failed": %d}\\n',
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
        errors.connect + errors.read + errors.write + errors.timeout + wrong))
end
"""


@dataclass(frozen=True, slots=True)
class Run:
    """rate: requests per second; p50, p99: ms; cores: processor time of the watched processes per second."""

    rate: float
    p50: float
    p99: float
    cores: tuple[float, ...] = ()


def run() -> list[Figure]:
    wrk = shutil.which("wrk")
    if wrk is None:
        print("throughput is not measured: it needs wrk (apt install wrk, and nginx-light)", file=sys.stderr)
        return []
    routed, direct = [], []
    with a_platform(deas=1) as platform, a_backend() as backend, tempfile.NamedTemporaryFile("w", suffix=".lua") as lua:
        lua.write(REPORT)
        lua.flush()
        dea = Dea(world_of(platform), "bench")
        dea.say([dea.granted(HOST, backend.port)], full=True)
        eventually(lambda: platform.http.get(platform.router, headers={"Host": HOST}).status_code == 200)
        command = [wrk, "-t1", f"-c{CONNECTIONS}", "-s", lua.name, "-H", f"Host: {HOST}"]
        app, watched = f"http://127.0.0.1:{backend.port}", _router_processes(platform)
        for url in (platform.router, app):
            _load([*command, f"-d{WARM_UP_S}s", url])
        for _ in range(ROUNDS):
            routed.append(_load([*command, f"-d{RUN_S}s", platform.router], watched))
            direct.append(_load([*command, f"-d{RUN_S}s", app]))
    return [
        *_figures("through the router, one core", routed),
        *_figures(f"the app directly: {backend.kind}", direct),
        Figure(
            "through the router : directly",
            "",
            [through.rate / alone.rate for through, alone in zip(routed, direct, strict=True)],
            note=f"wrk, {CONNECTIONS} connections kept alive, {RUN_S} s each",
        ),
    ]


def _router_processes(platform: Platform) -> list[int]:
    """Envoy and the agent, which turns access lines into log lines."""
    router = platform.component("router-0")
    return [router["envoy_pid"], router["pid"]]


def _load(command: list[str], watched: list[int] | None = None) -> Run:
    """One run of wrk. Raises AssertionError when a request failed."""
    before = [_processor_s(pid) for pid in watched or ()]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    after = [_processor_s(pid) for pid in watched or ()]
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["failed"] == 0, done.stdout
    seconds = said["microseconds"] / 1e6
    cores = tuple((now - then) / seconds for then, now in zip(before, after, strict=True))
    return Run(said["requests"] / seconds, said["p50"] / 1000, said["p99"] / 1000, cores)


def _processor_s(pid: int) -> float:
    """User and system time of a process, fields 14 and 15 of its stat."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _figures(what: str, runs: list[Run]) -> list[Figure]:
    rate = Figure(f"requests/s {what}", "/s", [run.rate for run in runs])
    if runs[0].cores:
        envoy, agent = (sorted(run.cores[i] for run in runs)[len(runs) // 2] for i in (0, 1))
        rate.note = f"Envoy took {envoy:.2f} of a core, the agent {agent:.2f}"
    return [
        rate,
        Figure(f"p50 {what}", "ms", [run.p50 for run in runs]),
        Figure(f"p99 {what}", "ms", [run.p99 for run in runs]),
    ]
