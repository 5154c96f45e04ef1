"""The quick sweep: hosts that fell silent, and hosts of which the cloud itself says that they are gone.

It rides on HM's own ping and begins with the beats that wait: a sweep runs only when the bus has just answered, so one
that is cut off judges nobody. Giving a host up is three steps (mark, complain, forget), each done again by the next
sweep when one died in between.
"""

import logging
from collections.abc import Mapping

from pynamodb.exceptions import DeleteError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.contracts.health import HmResync
from chalicelib.contracts.heartbeat import CRASHED
from chalicelib.core import host_loss
from chalicelib.core.drift import StartReason
from chalicelib.core.freshness import Hearing
from chalicelib.core.host_loss import Verdict
from chalicelib.services.health import complaints, exits, listening, rows
from chalicelib.services.health.packed import unpack
from chalicelib.services.health.world import HealthWorld
from chalicelib.tables import presence
from chalicelib.tables.actual import Dea, HealthState, Usage
from chalicelib.tables.unit import Unit

log = logging.getLogger(__name__)

#: Before anybody is judged, all of SQS's servers are asked, which only a long poll does, seconds.
LAST_WAIT_S = 1


def send_pings(world: HealthWorld, now: float) -> int:
    """As many as quick sweeps are due until the schedule fires again; returns how many."""
    timers = world.timers
    count = max(1, round(timers.schedule_s / timers.quick_sweep_s))
    for turn in range(count):
        world.ping(now, turn * timers.quick_sweep_s)
    return count


def sweep(world: HealthWorld, now: float, wait_s: int = LAST_WAIT_S) -> None:
    """Take the beats that have come, and judge the silent. wait_s: how long a beat of theirs is waited for."""
    found = {str(row.id): row for row in rows.all_hosts()}
    hearing = listening.listen(world, found, now)
    if hearing and _judge(world, found, hearing, now) != Verdict():
        hearing = listening.listen(world, found, now, wait_s)
    if hearing is None:
        log.warning("more beats wait than a sweep takes: nobody is judged")
        return
    verdict = _judge(world, found, hearing, now)
    gone = world.hosts_gone(verdict.doubted) if verdict.doubted else set()
    if verdict.doubted:
        _doubt(world, verdict.doubted, len(found), len(gone), now)
    for row in [row for row in found.values() if row.lost]:
        _finish(world, row, hearing, now)
    for dea in (*verdict.lost, *sorted(gone)):
        give_up(world, found[dea], hearing, now, unheard=listening.as_heard(hearing))


def _judge(world: HealthWorld, found: Mapping[str, Dea], hearing: Hearing, now: float) -> Verdict:
    hosts = [rows.host_of(row, hearing) for row in found.values()]
    return host_loss.judge(hosts, hearing, now, world.timers.lost_after_s, world.timers.heartbeat_s)


def take_cloud_word(world: HealthWorld, dea: str, is_gone: bool, now: float, trace: str = "") -> None:
    """The cloud says of a host that it is gone, or that it soon will be. No doubts: it knows better than we do."""
    row = rows.find(dea)
    if row is None or row.lost:
        return
    if is_gone:
        give_up(world, row, presence.hearing(), now, trace)
    else:
        exits.evacuate(world, dea, row, unpack(row), trace)


def give_up(
    world: HealthWorld, row: Dea, hearing: Hearing, now: float, trace: str = "", unheard: Condition | None = None
) -> None:
    """The host is lost, unless it has beaten since its row was read; or, with ``unheard``, anybody was heard since:
    another sweep may have its beat in hand."""
    unit = Unit(world.bus)
    unit.update(Dea(rows.POOL, str(row.id)), [Dea.lost.set(True)], rows.as_read(row), refused=rows.Overtaken())
    if unheard is not None:
        unit.check(HealthState, presence.KEY, condition=unheard, refused=rows.Overtaken())
    try:
        unit.commit()
    except rows.Overtaken:
        return
    log.warning(
        "host %s is lost with %d instances, %d builds and %d tasks; last heard %.1f s ago",
        row.id,
        len(row.instances),
        len(row.builds),
        len(row.tasks),
        now - presence.seen(row, hearing).at,
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


def _finish(world: HealthWorld, row: Dea, hearing: Hearing, now: float) -> None:
    """Finish what a sweep before this one began; forget the host after a while."""
    if row.instances or row.builds or row.tasks:
        _settle(world, row)
    elif now - presence.seen(row, hearing).at > world.timers.crashed_kept_s:
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
