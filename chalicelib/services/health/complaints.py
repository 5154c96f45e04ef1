"""Complaints in the shape in which CC reads them. All may be said twice: CC knows what it has done."""

from collections.abc import Collection, Iterable

from chalicelib.contracts.health import HmOrphan, HmStart
from chalicelib.contracts.heartbeat import CRASHED, STOPPING
from chalicelib.core.drift import StartReason
from chalicelib.services.health.packed import Packed
from chalicelib.services.health.world import HealthWorld

#: Builds named in one message, which must stay far below what the bus carries.
BUILDS_AT_ONCE = 500


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
    reason: StartReason,
    trace: str = "",
) -> None:
    """All of this is gone with its host, or with the boot of it. What had ended before is not missed."""
    for entry in instances:
        if entry.state not in (CRASHED, STOPPING):
            start(world, entry, reason, trace)
    named = sorted(builds)
    for first in range(0, len(named), BUILDS_AT_ONCE):
        world.complain("hm.orphan", HmOrphan(dea, boot, tuple(named[first : first + BUILDS_AT_ONCE])), trace)
