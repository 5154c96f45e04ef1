"""Complaints in the shape in which CC reads them. All may be said twice: CC knows what it has done."""

from collections.abc import Collection, Iterable

from chalicelib.contracts.health import HmOrphan, HmStart
from chalicelib.contracts.heartbeat import CRASHED, STOPPING
from chalicelib.core.drift import StartReason
from chalicelib.services.health.packed import Packed
from chalicelib.services.health.world import HealthWorld

#: Builds or tasks named in one message, which must stay far below what the bus carries.
NAMED_AT_ONCE = 500


def start(world: HealthWorld, entry: Packed, reason: StartReason, trace: str = "", delay_s: float = 0) -> None:
    """The index of this instance needs another one."""
    body = HmStart(entry.process_guid, entry.version, entry.index, entry.instance_guid, reason.value)
    world.complain("hm.start", body, trace, delay_s)


def gone(
    world: HealthWorld,
    dea: str,
    boot: str,
    instances: Iterable[Packed],
    builds: Collection[str],
    tasks: Collection[str],
    reason: StartReason,
    trace: str = "",
    tasks_after_s: float = 0,
) -> None:
    """All of this is gone with its host, or with the boot of it. What had ended before is not missed.

    tasks_after_s: how long the last words of tasks may still be on the way, seconds.
    """
    for entry in instances:
        if entry.state not in (CRASHED, STOPPING):
            start(world, entry, reason, trace)
    for part in _parts(builds):
        world.complain("hm.orphan", HmOrphan(dea, boot, part), trace)
    for part in _parts(tasks):
        world.complain("hm.orphan", HmOrphan(dea, boot, (), part), trace, tasks_after_s)


def _parts(guids: Collection[str]) -> list[tuple[str, ...]]:
    named = sorted(guids)
    return [tuple(named[first : first + NAMED_AT_ONCE]) for first in range(0, len(named), NAMED_AT_ONCE)]
