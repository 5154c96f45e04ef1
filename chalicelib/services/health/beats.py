"""Heartbeats into actual state.

A host's row and the rows of its instances change in one transaction, conditional on the row as it was read: a beat
counts once, in its host's order, whatever the bus does to it and however many HMs read. What a new boot does not
list is gone, and is complained about before the row forgets it: said twice is harmless, not said is lost.
"""

import logging
from collections.abc import Sequence

from pynamodb.expressions.update import Action

from chalicelib.contracts.codec import to_json
from chalicelib.contracts.heartbeat import CRASHED, RUNNING, Heartbeat
from chalicelib.core.drift import StartReason
from chalicelib.core.errors import Conflict
from chalicelib.core.freshness import BeatMark, Hearing, Seen
from chalicelib.services.health import complaints, rows
from chalicelib.services.health.packed import Change, Packed, change, pack, unpack
from chalicelib.services.health.rows import Step
from chalicelib.services.health.world import HealthWorld
from chalicelib.tables import presence
from chalicelib.tables.actual import Dea, Instance, Usage

log = logging.getLogger(__name__)

ATTEMPTS = 5


class Ended(Conflict):
    """The beat says that an instance lives of which we know that it has crashed."""


def take_beat(
    world: HealthWorld,
    hosts: dict[str, Dea],
    hearing: Hearing,
    beat: Heartbeat,
    sent_at: float,
    now: float,
    trace: str = "",
) -> Seen | None:
    """What is to be noted of it; None when it is no news. The row is written when more than the time has changed.

    hosts: rows that are known, by id, renewed when they are written. sent_at: epoch s by the host's clock; now: by
    ours. Raises Conflict, to be delivered again, when others kept writing the same row.
    """
    seen, ended = Seen(BeatMark(beat.boot, beat.seq, sent_at), now), frozenset[str]()
    row = hosts.get(beat.dea) or rows.find(beat.dea)
    for _ in range(ATTEMPTS):
        if row is not None and not seen.mark.supersedes(presence.seen(row, hearing).mark):
            return None
        try:
            if row is None or _says_more(beat, row):
                _record(world, row, beat, ended, sent_at, now, trace)
                hosts.update({beat.dea: after} if (after := rows.find(beat.dea)) else {})
            break
        except rows.Overtaken:
            row = rows.find(beat.dea)
        except Ended:
            ended = _crashed_among(pack(beat.instances))
    else:
        raise Conflict
    if beat.usage:
        Usage(beat.dea, boot=beat.boot, samples=to_json(beat.usage)).save()
    return seen


def _says_more(beat: Heartbeat, row: Dea) -> bool:
    """Whether anything but the time has changed."""
    known = (
        row.boot,
        row.digest,
        row.lost,
        row.cordoned,
        row.runtime,
        row.problem,
        row.capacity,
        row.builds,
        row.tasks,
    )
    said = (beat.boot, beat.digest, False, beat.cordoned, beat.runtime, beat.problem, to_json(beat.capacity))
    return known != (*said, list(beat.builds), list(beat.tasks)) or (beat.draining and not row.draining)


def _record(
    world: HealthWorld, row: Dea | None, beat: Heartbeat, ended: frozenset[str], sent_at: float, now: float, trace: str
) -> None:
    is_same_boot = row is not None and row.boot == beat.boot
    # The rows of a host that was given up are gone: if it is back, all are written again.
    has_rows = row is not None and is_same_boot and not row.lost
    if row is not None and has_rows and row.digest == beat.digest:
        # The same instances: one plain write.
        if not rows.move_host(beat.dea, row, _presence(row, beat, sent_at, now)):
            raise rows.Overtaken
        return
    changed = change(unpack(row), beat, has_rows)
    if row is not None and not is_same_boot:
        builds, tasks = set(map(str, row.builds)) - set(beat.builds), set(map(str, row.tasks)) - set(beat.tasks)
        complaints.gone(
            world,
            str(row.id),
            str(row.boot),
            changed.vanished,
            builds,
            tasks,
            StartReason.HOST_LOST,
            trace,
            # The new boot tells of those that ended while no agent was there.
            tasks_after_s=world.timers.lost_after_s,
        )
    actions = [*_presence(row, beat, sent_at, now), *_identity(beat)]
    rows.move_host_with(
        world.bus, beat.dea, row, actions, _steps(beat, changed, ended, now, world.timers.crashed_kept_s)
    )
    _forget_crashes([entry for entry in changed.written if entry.state == RUNNING and entry.instance_guid not in ended])
    if not is_same_boot:
        log.info("%s beats from boot %s with %d instances", beat.dea, beat.boot, len(beat.instances))


def _presence(row: Dea | None, beat: Heartbeat, sent_at: float, now: float) -> list[Action]:
    # Within a boot draining does not end: a beat sent before dea.shutdown may come after it.
    draining = beat.draining or (row is not None and row.boot == beat.boot and bool(row.draining))
    return [
        Dea.seq.set(beat.seq),
        Dea.seen_at.set(now),
        Dea.sent_at.set(sent_at),
        Dea.draining.set(draining),
        Dea.cordoned.set(beat.cordoned),
        Dea.runtime.set(beat.runtime),
        Dea.problem.set(beat.problem),
        Dea.capacity.set(to_json(beat.capacity)),
        Dea.builds.set(list(beat.builds)),
        Dea.tasks.set(list(beat.tasks)),
    ]


def _identity(beat: Heartbeat) -> list[Action]:
    return [
        Dea.boot.set(beat.boot),
        Dea.lost.set(False),
        Dea.host.set(beat.host),
        Dea.http.set(beat.http),
        Dea.queue_url.set(beat.queue_url),
        Dea.stack.set(beat.stack),
        Dea.arch.set(beat.arch),
        Dea.digest.set(beat.digest),
        Dea.instances.set([entry.as_list() for entry in pack(beat.instances)]),
    ]


def _steps(beat: Heartbeat, changed: Change, ended: frozenset[str], now: float, kept_s: float) -> list[Step]:
    """What happens to the rows of instances. A crashed one that its host does not list any more stays its time."""
    return [
        *(_upsert(entry, beat, now, kept_s) for entry in changed.written if _is_news(entry, ended)),
        *(
            rows.deletion(entry.row())
            for entry in changed.vanished
            if entry.state != CRASHED or now - entry.since >= kept_s
        ),
    ]


def _is_news(entry: Packed, ended: frozenset[str]) -> bool:
    return entry.state == CRASHED or entry.instance_guid not in ended


def _upsert(entry: Packed, beat: Heartbeat, now: float, kept_s: float) -> Step:
    """What an exit has recorded of the instance (status, reason) is left alone; nothing comes back from a crash."""
    crashed = entry.state == CRASHED
    actions: list[Action] = [
        Instance.app_guid.set(entry.app_guid),
        Instance.version.set(entry.version),
        Instance.index.set(entry.index),
        Instance.instance_guid.set(entry.instance_guid),
        Instance.state.set(entry.state),
        Instance.since.set(entry.since),
        Instance.heard_at.set(now),
        Instance.dea.set(beat.dea),
        Instance.boot.set(beat.boot),
        Instance.queue_url.set(beat.queue_url),
        Instance.host.set(beat.host),
        Instance.port.remove() if entry.port is None else Instance.port.set(entry.port),
        Instance.routes_version.set(entry.routes_version),
    ]
    if crashed:
        actions.append(Instance.expires_at.set(int(now + kept_s)))
    condition = None if crashed else Instance.state.does_not_exist() | (Instance.state != CRASHED)
    item = entry.row()
    return lambda unit: unit.update(item, actions, condition, refused=Ended())


def _crashed_among(entries: Sequence[Packed]) -> frozenset[str]:
    keys = [(entry.process_guid, entry.row_key) for entry in entries]
    found = Instance.batch_get(keys, consistent_read=True)
    return frozenset(str(row.instance_guid) for row in found if row.state == CRASHED)


def _forget_crashes(running: Sequence[Packed]) -> None:
    """Crashed instances are kept until another one runs at their index."""
    taken: dict[str, dict[int, str]] = {}
    for entry in running:
        taken.setdefault(entry.process_guid, {})[entry.index] = entry.instance_guid
    for process_guid, guids in taken.items():
        crashed = Instance.query(process_guid, filter_condition=Instance.state == CRASHED, consistent_read=True)
        for row in crashed:
            # It may be the running one itself, which has crashed since.
            if guids.get(int(row.index), row.instance_guid) != row.instance_guid:
                row.delete()
