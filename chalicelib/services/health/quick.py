"""The quick sweep: hosts that fell silent, and hosts of which the cloud itself says that they are gone.

It rides on HM's own ping: a sweep runs only when a message has just come through the bus into HM's hands, so one
that is cut off judges nobody. Giving a host up is three steps (mark, complain, forget), each done again by the next
sweep when one died in between.
"""

import logging

from pynamodb.exceptions import DeleteError
from pynamodb.expressions.update import Action

from chalicelib.contracts.health import HmResync
from chalicelib.contracts.heartbeat import CRASHED
from chalicelib.core import host_loss
from chalicelib.core.drift import StartReason
from chalicelib.core.freshness import Hearing
from chalicelib.services.health import complaints, exits, rows
from chalicelib.services.health.packed import unpack
from chalicelib.services.health.world import HealthWorld
from chalicelib.tables.actual import Dea, Usage

log = logging.getLogger(__name__)


def send_pings(world: HealthWorld, now: float) -> int:
    """As many as quick sweeps are due until the schedule fires again; returns how many."""
    timers = world.timers
    count = max(1, round(timers.schedule_s / timers.quick_sweep_s))
    for turn in range(count):
        world.ping(now, turn * timers.quick_sweep_s)
    return count


def sweep(world: HealthWorld, hearing: Hearing, now: float) -> None:
    """Judge the silent. ``hearing``: as it is after the ping that this sweep rides on."""
    timers = world.timers
    found = {str(row.id): row for row in rows.all_hosts()}
    hosts = [rows.host_of(row) for row in found.values()]
    verdict = host_loss.judge(hosts, hearing, now, timers.lost_after_s, timers.heartbeat_s)
    gone = world.hosts_gone(verdict.doubted) if verdict.doubted else set()
    if verdict.doubted:
        _doubt(world, verdict.doubted, len(hosts), len(gone), now)
    for row in [row for row in found.values() if row.lost]:
        _finish(world, row, now)
    for dea in (*verdict.lost, *sorted(gone)):
        give_up(world, found[dea], now)


def take_cloud_word(world: HealthWorld, dea: str, is_gone: bool, now: float, trace: str = "") -> None:
    """The cloud says of a host that it is gone, or that it soon will be. No doubts: it knows better than we do."""
    row = rows.find(dea)
    if row is None or row.lost:
        return
    if is_gone:
        give_up(world, row, now, trace)
    else:
        exits.evacuate(world, dea, row, unpack(row), trace)


def give_up(world: HealthWorld, row: Dea, now: float, trace: str = "") -> None:
    """The host is lost, unless it has beaten since its row was read."""
    if not rows.move_host(str(row.id), row, [Dea.lost.set(True)]):
        return
    log.warning(
        "host %s is lost with %d instances, %d builds and %d tasks; last heard %.1f s ago",
        row.id,
        len(row.instances),
        len(row.builds),
        len(row.tasks),
        now - float(row.seen_at),
        extra={"trace": trace},
    )
    _settle(world, row, trace)


def _settle(world: HealthWorld, row: Dea, trace: str = "") -> None:
    """Complain about everything that was there, then forget it; what has crashed there stays its time."""
    entries, builds, tasks = unpack(row), list(map(str, row.builds)), list(map(str, row.tasks))
    complaints.gone(world, str(row.id), str(row.boot), entries, builds, tasks, StartReason.HOST_LOST, trace)
    steps = [rows.deletion(entry.row()) for entry in entries if entry.state != CRASHED]
    emptied: list[Action] = [Dea.instances.set([]), Dea.builds.set([]), Dea.tasks.set([]), Dea.digest.set("")]
    try:
        rows.move_host_with(world.bus, str(row.id), row, emptied, steps)
    except rows.Overtaken:
        log.info("host %s is back", row.id)


def _finish(world: HealthWorld, row: Dea, now: float) -> None:
    """Finish what a sweep before this one began; forget the host after a while."""
    if row.instances or row.builds or row.tasks:
        _settle(world, row)
    elif now - float(row.seen_at) > world.timers.crashed_kept_s:
        try:
            row.delete(rows.as_read(row))
        except DeleteError:
            return
        Usage(str(row.id)).delete()


def _doubt(world: HealthWorld, doubted: tuple[str, ...], known: int, gone: int, now: float) -> None:
    """Many are silent at once: ask all to speak, and call people."""
    if rows.claim_resync(now, world.timers.lost_after_s):
        reason = f"{len(doubted)} of {known} hosts are silent"
        # The alarm of the public cloud counts these words in the log.
        log.error("ALARM %s, of which the cloud says that %d are gone: %s", reason, gone, ", ".join(doubted[:20]))
        world.complain("hm.resync", HmResync(reason))
