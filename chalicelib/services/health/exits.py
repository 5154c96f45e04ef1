"""The end of instances and of hosts, as their DEAs tell it: complaints at once, without waiting for a sweep.

An exit is recorded, counted and complained about, in this order; each step may be done again, so that a death in
between costs a redelivery. Dedupe key: instance_guid (Instance row, CrashCount.guids, CC's placement).
"""

import logging
from collections.abc import Sequence

from pynamodb.expressions.update import Action

from chalicelib.adapters.bus import MAX_DELAY_S
from chalicelib.contracts.heartbeat import (
    CRASHED,
    EVACUATING,
    REASON_CRASHED,
    REASON_STOPPED,
    RUNNING,
    DeaShutdown,
    DropletExited,
)
from chalicelib.core import flapping
from chalicelib.core.drift import StartReason
from chalicelib.core.errors import Conflict
from chalicelib.core.flapping import Crashes, Policy
from chalicelib.services.health import complaints, rows
from chalicelib.services.health.packed import Packed, pack
from chalicelib.services.health.world import HealthWorld
from chalicelib.tables.actual import CrashCount, Dea, Instance
from chalicelib.tables.base import moved

log = logging.getLogger(__name__)

ATTEMPTS = 5


def take_exit(world: HealthWorld, gone: DropletExited, now: float, trace: str = "") -> None:
    """``droplet.exited``. A restart that must wait longer than the bus can is left to the full sweep; a crash of
    a version that has been replaced concerns nobody."""
    entry = Packed(
        gone.process_guid, gone.version, gone.index, gone.instance_guid, gone.app_guid, CRASHED, gone.at, None, 0
    )
    if gone.reason != REASON_CRASHED:
        entry.row().delete()
        if gone.reason != REASON_STOPPED:
            complaints.start(world, entry, StartReason.EVACUATION, trace)
        return
    _record(gone, entry, now, world.timers.crashed_kept_s)
    policy = Policy.of(world.timers)
    crashes = _count(entry, now, policy)
    if crashes is None:
        entry.row().delete()
        return
    world.complain("droplet.exited", gone, trace)
    delay_s = flapping.restart_at(crashes, policy) - now
    log.info(
        "%s/%s crashed (%s), crash %s, restart in %.1f s",
        gone.process_guid,
        gone.index,
        gone.description,
        crashes.count,
        max(delay_s, 0),
        extra={"trace": trace},
    )
    if delay_s <= MAX_DELAY_S:
        complaints.start(world, entry, StartReason.CRASHED, trace, max(delay_s, 0))


def take_shutdown(world: HealthWorld, shutdown: DeaShutdown, trace: str = "") -> None:
    """``dea.shutdown``: replacements for what runs there, which goes on serving until CC stops it."""
    row = rows.find(shutdown.dea)
    if row is not None and row.boot != shutdown.boot:
        return
    evacuate(world, shutdown.dea, row, pack(shutdown.instances), trace)


def evacuate(world: HealthWorld, dea: str, row: Dea | None, instances: Sequence[Packed], trace: str = "") -> None:
    """Complain about what runs there, and remember that the host drains."""
    for entry in instances:
        if entry.state in (RUNNING, EVACUATING):
            complaints.start(world, entry, StartReason.EVACUATION, trace)
    if row is not None:
        moved(Dea(rows.POOL, dea), [Dea.draining.set(True)], Dea.boot == row.boot)


def _record(gone: DropletExited, entry: Packed, now: float, kept_s: float) -> None:
    """The row of the crash; a second telling changes nothing of it."""
    actions: list[Action] = [
        Instance.app_guid.set(gone.app_guid),
        Instance.version.set(gone.version),
        Instance.index.set(gone.index),
        Instance.instance_guid.set(gone.instance_guid),
        Instance.state.set(CRASHED),
        Instance.since.set(gone.at),
        Instance.heard_at.set(now),
        Instance.dea.set(gone.dea),
        Instance.boot.set(gone.boot),
        Instance.reason.set(gone.description or "crashed"),
        Instance.expires_at.set(int(now + kept_s)),
        Instance.exit_status.remove() if gone.exit_status is None else Instance.exit_status.set(gone.exit_status),
    ]
    moved(entry.row(), actions, Instance.reason.does_not_exist())


def _count(entry: Packed, now: float, policy: Policy) -> Crashes | None:
    """One more crash of this index, counted once whoever counts; None for a version that is history."""
    for _ in range(ATTEMPTS):
        row, known = _crashes_of(entry.process_guid, entry.index)
        crashes = flapping.crashed(known, entry.version, entry.instance_guid, now, policy)
        if crashes is None or crashes == known:
            return crashes
        unmoved = (
            CrashCount.index.does_not_exist()
            if row is None
            else (CrashCount.version == row.version)
            & (CrashCount.count == row.count)
            & (CrashCount.last_at == row.last_at)
        )
        actions: list[Action] = [
            CrashCount.version.set(crashes.version),
            CrashCount.count.set(crashes.count),
            CrashCount.last_at.set(crashes.last_at),
            CrashCount.guids.set(list(crashes.guids)),
            CrashCount.expires_at.set(int(flapping.restart_at(crashes, policy) + policy.window_s)),
        ]
        if moved(CrashCount(entry.process_guid, entry.index), actions, unmoved):
            return crashes
    raise Conflict


def _crashes_of(process_guid: str, index: int) -> tuple[CrashCount | None, Crashes | None]:
    try:
        row = CrashCount.get(process_guid, index, consistent_read=True)
    except CrashCount.DoesNotExist:
        return None, None
    return row, crashes_in(row)


def crashes_in(row: CrashCount) -> Crashes:
    return Crashes(int(row.version), int(row.count), float(row.last_at), tuple(row.guids))
