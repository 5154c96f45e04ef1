"""The full sweep: desired against actual state, process by process.

The first look costs two kinds of reads: all hosts' rows, which list what runs, and the started processes of a
shard. A process that seems to drift gets a second look, with everything that could explain it read between two
equal readings of desired state. Only that leads to complaints.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from zlib import crc32

from chalicelib.contracts.health import HmRoutes, HmStart, HmStop
from chalicelib.core import flapping
from chalicelib.core.drift import Actual, Desired, Drift, Expected, Seen, analyze, analyze_unwanted, placed_until
from chalicelib.core.flapping import Policy
from chalicelib.core.freshness import Hearing, freshness, gap_s
from chalicelib.core.timers import Timers
from chalicelib.services.health import rows
from chalicelib.services.health.exits import crashes_in
from chalicelib.services.health.packed import Packed, packed_row, unpack
from chalicelib.services.health.world import HealthWorld
from chalicelib.tables import presence
from chalicelib.tables.actual import CrashCount, Dea, Instance
from chalicelib.tables.base import Member
from chalicelib.tables.running import DESIRED_SHARDS, OPEN, Placement, Process, desired_list

log = logging.getLogger(__name__)

#: DynamoDB's limit for one batch get.
BATCH = 100


@dataclass(slots=True)
class Counts:
    """What a sweep saw and said."""

    processes: int = 0
    instances: int = 0
    drifting: int = 0
    starts: int = 0
    stops: int = 0
    routes: int = 0
    #: Of the memory of the hosts that take work; 100 when there are none.
    promised_percent: int = 0

    def __str__(self) -> str:
        return " ".join(f"{name}={count}" for name, count in asdict(self).items())


def sweep(world: HealthWorld, clock: Callable[[], float], shards: Iterable[int] = range(DESIRED_SHARDS)) -> Counts:
    """Complain about all drift in ``shards``. Says nothing while HM has not heard everybody for long enough."""
    counts, hearing = Counts(), presence.hearing()
    if not _may_judge(hearing, clock(), world.timers):
        log.info("full sweep waits: the bus has not been heard long enough")
        return counts
    drifting: list[tuple[float, str]] = []
    hosts = rows.all_hosts()
    counts.promised_percent = _promised_percent(hosts)
    by_shard = _what_runs(hosts, hearing, clock(), world.timers)
    for shard in shards:
        running = by_shard[shard]
        counts.instances += sum(len(instances) for instances in running.values())
        for process in _desired_in(shard):
            counts.processes += 1
            actual = running.pop(str(process.guid), [])
            if drift := analyze(_desired(process), Seen(actual), clock(), world.timers):
                drifting.append((drift.priority(int(process.instances)), str(process.guid)))
        drifting += [(0.0, guid) for guid in running]
    for _, guid in sorted(drifting, reverse=True):
        drift = check(world, guid, hearing, clock())
        counts.drifting += bool(drift)
        counts.starts, counts.stops = counts.starts + len(drift.starts), counts.stops + len(drift.stops)
        counts.routes += drift.routes_lag
    log.info("full sweep: %s", counts)
    return counts


def check(world: HealthWorld, process_guid: str, hearing: Hearing, now: float, trace: str = "") -> Drift:
    """The second look at one process. Complains about its drift, and returns it."""
    timers = world.timers
    if not _may_judge(hearing, now, timers):
        return Drift()
    process = _process(process_guid)
    instances = list(Instance.query(process_guid, consistent_read=True))
    hosts = _hosts_of(instances)
    actual = [
        _actual(packed_row(row), str(row.boot), hosts.get(str(row.dea)), hearing, now, timers) for row in instances
    ]
    expected = _expected(process_guid, timers)
    if _view(process) != _view(_process(process_guid)):
        return Drift()
    if process is not None and process.state == "STARTED":
        drift = analyze(_desired(process), Seen(actual, expected), now, timers)
    else:
        stopped_at = float(process.changed_at) if process is not None else None
        drift = analyze_unwanted(actual, stopped_at, hearing.since, now, timers)
    _complain(world, process_guid, int(process.version) if process else 0, drift, instances, trace)
    return drift


def _complain(
    world: HealthWorld, process_guid: str, version: int, drift: Drift, instances: list[Instance], trace: str
) -> None:
    named = {str(row.instance_guid): row for row in instances}
    for start in drift.starts:
        body = HmStart(process_guid, version, start.index, start.instance_guid, start.reason.value)
        world.complain("hm.start", body, trace)
    for stop in drift.stops:
        row = named[stop.instance_guid]
        world.complain(
            "hm.stop",
            HmStop(
                process_guid,
                str(row.app_guid),
                int(row.version),
                int(row.index),
                stop.instance_guid,
                str(row.dea),
                str(row.queue_url),
                stop.reason.value,
            ),
            trace,
        )
    if drift.routes_lag:
        world.complain("hm.routes", HmRoutes(process_guid), trace)
    if drift:
        log.info("process %s drifts: %s", process_guid, drift, extra={"trace": trace})


# -- reading ---------------------------------------------------------------------------------------------


def _may_judge(hearing: Hearing, now: float, timers: Timers) -> bool:
    return hearing.is_settled(now, timers.lost_after_s, gap_s(timers.lost_after_s, timers.heartbeat_s))


def _promised_percent(hosts: Iterable[Dea]) -> int:
    """How much of their memory the hosts that take work have promised to apps."""
    taking = [row.capacity for row in hosts if not (row.lost or row.draining or row.cordoned or row.problem)]
    memory = sum(capacity["memory_mb"] for capacity in taking)
    return round(100 * sum(capacity["reserved_memory_mb"] for capacity in taking) / memory) if memory else 100


def _what_runs(
    hosts: Iterable[Dea], hearing: Hearing, now: float, timers: Timers
) -> dict[int, dict[str, list[Actual]]]:
    """shard -> process guid -> instances, as the hosts' rows list them."""
    found: dict[int, dict[str, list[Actual]]] = defaultdict(lambda: defaultdict(list))
    for row in hosts:
        for entry in unpack(row):
            shard = crc32(entry.process_guid.encode()) % DESIRED_SHARDS
            found[shard][entry.process_guid].append(_actual(entry, str(row.boot), row, hearing, now, timers))
    return found


def _desired_in(shard: int) -> Iterable[Process]:
    guids = [member.guid for member in Member.query(desired_list(shard), consistent_read=True)]
    for first in range(0, len(guids), BATCH):
        yield from Process.batch_get(guids[first : first + BATCH], consistent_read=True)


def _process(guid: str) -> Process | None:
    try:
        return Process.get(guid, consistent_read=True)
    except Process.DoesNotExist:
        return None


def _view(process: Process | None) -> tuple[object, ...]:
    """What must not have moved while we looked elsewhere."""
    if process is None:
        return ()
    return (process.state, process.version, process.instances, process.changed_at, process.routes_version)


def _desired(process: Process) -> Desired:
    return Desired(
        version=int(process.version),
        instances=int(process.instances),
        changed_at=float(process.changed_at),
        routes_version=int(process.routes_version),
        # Every change of a process is a new stamp, that of its routes among them.
        routed_at=datetime.fromisoformat(str(process.updated_at)).timestamp(),
    )


def _hosts_of(instances: Iterable[Instance]) -> dict[str, Dea]:
    keys = sorted({(rows.POOL, str(row.dea)) for row in instances})
    return {str(row.id): row for row in Dea.batch_get(keys, consistent_read=True)} if keys else {}


def _actual(entry: Packed, boot: str, host: Dea | None, hearing: Hearing, now: float, timers: Timers) -> Actual:
    known = rows.host_of(host, hearing) if host is not None else None
    return Actual(
        instance_guid=entry.instance_guid,
        version=entry.version,
        index=entry.index,
        state=entry.state,
        since=entry.since,
        age_s=presence.seen(host, hearing).mark.sent_at - entry.since if host is not None else 0.0,
        freshness=freshness(known, boot, now, timers.lost_after_s),
        draining=bool(host is not None and host.draining),
        routes_version=entry.routes_version,
    )


def _expected(process_guid: str, timers: Timers) -> list[Expected]:
    """Placements, and crashes whose restart is not due yet; a heartbeat is left for the delayed complaint."""
    policy = Policy.of(timers)
    placed = [
        Expected(
            int(row.version),
            int(row.index),
            placed_until(row.state == OPEN, float(row.opened_at), float(row.deadline), timers),
            str(row.instance_guid),
        )
        for row in Placement.query(process_guid, consistent_read=True)
    ]
    delayed = [
        Expected(int(row.version), int(row.index), flapping.restart_at(crashes_in(row), policy) + timers.heartbeat_s)
        for row in CrashCount.query(process_guid, consistent_read=True)
    ]
    return placed + delayed
