"""Invariant 2 over whole histories: what the bus repeats, delays and reorders ends where the plain order ends."""

from collections.abc import Callable
from random import Random

import pytest

from chalicelib.contracts.heartbeat import DropletExited, Heartbeat
from chalicelib.services.health import exits
from chalicelib.tables.actual import CrashCount, Instance
from tests.functional.health.support import FakeDea, Stage

Told = tuple[float, Heartbeat | DropletExited]


def history(stage: Stage, dea: FakeDea, random: Random) -> list[Told]:
    """What a DEA says in a life of starts, crashes, disappearances and reboots, with the time of each message."""
    told: list[Told] = []
    for turn in range(12):
        stage.now += 1
        running = [guid for guid, one in dea.instances.items() if one.state == "RUNNING"]
        deed = random.choice(["start", "start", "crash", "vanish", "reboot", "nothing"])
        if deed == "start":
            dea.runs(f"i{turn}", random.randrange(3), random.choice(["STARTING", "RUNNING"]))
        elif deed == "crash" and running:
            guid = random.choice(running)
            told.append((stage.now, dea.exit_of(guid)))
            dea.runs(guid, dea.instances[guid].index, "CRASHED", port=None)
        elif deed == "vanish" and running:
            del dea.instances[random.choice(running)]
        elif deed == "reboot":
            kept = dict(list(dea.instances.items())[::2])
            dea.reboots(f"boot-{turn}").instances = kept
        told.append((stage.now, dea.message()))
    return told


def deliver(stage: Stage, dea: FakeDea, told: list[Told]) -> None:
    for sent_at, message in told:
        if isinstance(message, Heartbeat):
            dea.deliver(message, sent_s_ago=stage.now - sent_at)
        else:
            exits.take_exit(stage.hm, message, stage.now)


def state(stage: Stage) -> tuple[object, ...]:
    """What there is to know in the end, but for the rows of crashes, which last as long as they are of use."""
    row = stage.row("dea-0")
    living = {guid for guid, is_in in stage.actual().items() if is_in != "CRASHED"}
    counts = {int(count.index): int(count.count) for count in CrashCount.query("p")}
    return row.boot, stage.seen("dea-0").mark.seq, row.digest, row.instances, living, counts


@pytest.mark.parametrize("seed", range(4))
def test_invariant_2_disorder_ends_where_order_ends(
    stage: Stage, seed: int, cloud_restored: Callable[[], None]
) -> None:
    random = Random(seed)
    dea = stage.dea("dea-0")
    told = history(stage, dea, random)
    deliver(stage, dea, told)
    in_order = state(stage)
    cloud_restored()
    disorder = told + random.choices(told, k=len(told))
    random.shuffle(disorder)
    deliver(stage, dea, disorder)
    assert state(stage) == in_order
    listed = {entry[3] for entry in stage.row("dea-0").instances}
    assert all(str(one.instance_guid) in listed for one in Instance.query("p") if one.state != "CRASHED")
