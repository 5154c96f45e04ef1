"""A process's instances as v3 shows them: ``stats`` and ``process_instances``."""

from collections.abc import Iterable
from typing import Any

from chalicelib.adapters.clock import now, stamp
from chalicelib.api.base import Request
from chalicelib.api.render import when
from chalicelib.core.stats import Line
from chalicelib.services import stats as services
from chalicelib.services.environment import FDS
from chalicelib.services.stats import Stats
from chalicelib.tables.running import Process

MB = 1024 * 1024
RUNNING = "RUNNING"


def stats(process: Process) -> dict[str, Any]:
    """Numbers are numbers even where nothing runs: clients decode them strictly."""
    return {"resources": [_stats(process, item) for item in services.of(process)]}


def _stats(process: Process, item: Stats) -> dict[str, Any]:
    line = item.line
    running = line.state == RUNNING
    return {
        "type": process.type,
        "index": line.index,
        "instance_guid": line.instance_guid or None,
        "state": line.state,
        "routable": running and line.is_ready,
        "host": line.host,
        "instance_internal_ip": line.host,
        "instance_ports": [_port(line.port)] if running and line.port else [],
        "uptime": _uptime(line),
        "usage": _usage(item),
        "mem_quota": int(process.memory_mb) * MB,
        "disk_quota": int(process.disk_mb) * MB,
        "log_rate_limit": int(process.log_rate_bytes),
        "fds_quota": FDS,
        "isolation_segment": process.isolation_segment,
        "details": line.details,
    }


def _uptime(line: Line) -> int:
    """Seconds since it began to run."""
    return max(0, int(now() - line.since)) if line.state == RUNNING and line.since else 0


def _port(port: int) -> dict[str, int | None]:
    return {"external": port, "internal": port, "external_tls_proxy_port": None, "internal_tls_proxy_port": None}


def _usage(item: Stats) -> dict[str, Any]:
    """cpu: cores in use. Zeros until the first sample of a running instance; nothing for others."""
    if item.line.state != RUNNING:
        return {}
    sample = item.sample
    return {
        "time": when(stamp(sample.sampled_at if sample else now())),
        "cpu": sample.cpu if sample else 0.0,
        "cpu_entitlement": None,
        "mem": sample.memory_bytes if sample else 0,
        "disk": sample.disk_bytes if sample else 0,
        "log_rate": sample.log_rate if sample else 0,
    }


def process_instances(request: Request, process: Process) -> dict[str, Any]:
    own = f"{request.base}/v3/processes/{process.guid}"
    return {
        "resources": shown(services.detailed(process)),
        "links": {"self": {"href": f"{own}/process_instances"}, "process": {"href": own}},
    }


def shown(found: Iterable[Line]) -> list[dict[str, Any]]:
    """As ``process_instances`` and ``embed`` have them. since: seconds in this state."""
    return [
        {"index": line.index, "state": line.state, "since": max(0, int(now() - line.since)) if line.since else 0}
        for line in found
    ]
