"""Heartbeats into actual state. Invariant 2: a duplicate, late or reordered message changes nothing."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest

from chalicelib.services.health import exits
from chalicelib.services.health.world import HealthWorld
from chalicelib.tables.actual import Instance, Usage
from tests.functional.health.support import Stage, as_usage

Interference = Callable[..., AbstractContextManager[None]]


def test_a_first_beat_makes_the_host_and_its_instances_known(stage: Stage) -> None:
    stage.dea("dea-0").runs("i0", 0).runs("i1", 1, "STARTING").beat()
    row = stage.row("dea-0")
    assert (row.boot, row.seq, row.seen_at, row.lost, row.draining) == ("boot-1", 1, stage.now, False, False)
    assert stage.actual() == {"i0": "RUNNING", "i1": "STARTING"}
    instance = Instance.get("p", "0#i0")
    assert (instance.dea, instance.boot, instance.port, instance.host) == ("dea-0", "boot-1", 20000, "127.0.0.1")
    assert instance.queue_url == "http://queue/dea-0-boot-1"
    assert stage.complaints() == []


def test_an_unchanged_beat_leaves_the_hosts_row_as_it_is(stage: Stage) -> None:
    dea = stage.dea("dea-0").runs("i0")
    dea.beat()
    first = stage.now
    stage.now += 2
    assert dea.beat()
    assert (stage.row("dea-0").seen_at, stage.seen("dea-0").at) == (first, stage.now)
    assert stage.seen("dea-0").mark.seq == 2


@pytest.mark.parametrize(
    ("field", "value"), [("draining", True), ("builds", ("b",)), ("tasks", ("t",)), ("reserved_memory_mb", 64)]
)
def test_what_a_beat_says_beside_its_instances_is_written_when_it_changes(
    stage: Stage, field: str, value: object
) -> None:
    dea = stage.dea("dea-0").runs("i0")
    dea.beat()
    setattr(dea, field, value)
    stage.now += 2
    dea.beat()
    assert stage.row("dea-0").seen_at == stage.now
    dea.beat()
    assert stage.row("dea-0").seq == 2


def test_only_what_changed_is_written(stage: Stage) -> None:
    dea = stage.dea("dea-0").runs("i0", 0).runs("i1", 1)
    dea.beat()
    heard_at = stage.now
    stage.now += 2
    dea.runs("i1", 1, routes_version=2).beat()
    assert Instance.get("p", "0#i0").heard_at == heard_at
    assert Instance.get("p", "1#i1").heard_at == stage.now
    assert Instance.get("p", "1#i1").routes_version == 2


def test_what_is_not_listed_any_more_is_forgotten_without_a_complaint(stage: Stage) -> None:
    dea = stage.dea("dea-0").runs("i0", 0).runs("i1", 1)
    dea.beat()
    del dea.instances["i0"]
    dea.beat()
    assert stage.actual() == {"i1": "RUNNING"}
    assert stage.complaints() == []


def test_invariant_2_a_beat_that_comes_twice_changes_nothing(stage: Stage) -> None:
    dea = stage.dea("dea-0").runs("i0")
    beat = dea.message()
    assert dea.deliver(beat)
    before = stage.everything_hm_owns()
    stage.now += 1
    assert not dea.deliver(beat, sent_s_ago=1)
    assert stage.everything_hm_owns() == before


def test_invariant_2_beats_in_reverse_order_leave_what_the_last_one_said(stage: Stage) -> None:
    dea = stage.dea("dea-0").runs("i0")
    first = dea.message()
    del dea.instances["i0"]
    second = dea.runs("i1", 1).message()
    assert dea.deliver(second)
    before = stage.everything_hm_owns()
    assert not dea.deliver(first, sent_s_ago=2)
    assert stage.everything_hm_owns() == before
    assert stage.actual() == {"i1": "RUNNING"}


def test_invariant_2_a_late_beat_of_an_earlier_boot_does_not_bring_it_back(stage: Stage) -> None:
    dea = stage.dea("dea-0").runs("i0")
    late = dea.message()
    stage.now += 2
    dea.reboots("boot-2").runs("i1").beat()
    before = stage.everything_hm_owns()
    assert not dea.deliver(late, sent_s_ago=2)
    assert stage.everything_hm_owns() == before


def test_invariant_2_a_late_beat_does_not_revive_a_crashed_instance(stage: Stage) -> None:
    dea = stage.dea("dea-0").runs("i0", state="STARTING")
    dea.beat()
    late = dea.runs("i0").message()
    dea.crashes("i0")
    assert dea.deliver(late)
    assert stage.actual() == {"i0": "CRASHED"}
    dea.beat()
    row = Instance.get("p", "0#i0")
    assert (row.state, row.exit_status, row.reason) == ("CRASHED", 137, "exited with status 137")


def test_what_a_new_boot_does_not_list_is_complained_about_at_once(stage: Stage) -> None:
    dea = stage.dea("dea-0").runs("i0", 0).runs("i1", 1).runs("gone", 2, state="CRASHED")
    dea.builds, dea.tasks = ("build-1", "build-2"), ("task-1", "task-2")
    dea.beat()
    stage.now += 2
    dea.reboots("boot-2").runs("i1", 1)
    dea.builds, dea.tasks = ("build-2",), ("task-2",)
    dea.beat()
    found = stage.complaints()
    assert [(subject, body.get("instance_guid")) for subject, body in found] == [
        ("hm.start", "i0"),
        ("hm.orphan", None),
        ("hm.orphan", None),
    ]
    assert found[1][1] == {"dea": "dea-0", "boot": "boot-1", "builds": ["build-1"], "tasks": []}
    assert found[2][1] == {"dea": "dea-0", "boot": "boot-1", "builds": [], "tasks": ["task-1"]}
    assert stage.actual() == {"i1": "RUNNING", "gone": "CRASHED"}
    assert Instance.get("p", "1#i1").boot == "boot-2"


def test_a_death_before_the_row_is_written_loses_nothing(stage: Stage, dying_at: Interference) -> None:
    dea = stage.dea("dea-0").runs("i0")
    dea.beat()
    stage.now += 2
    beat = dea.reboots("boot-2").message()
    with dying_at("TransactWriteItems"):
        dea.deliver(beat)
    assert stage.starts() == [(0, "i0", "host lost")]
    assert dea.deliver(beat)
    assert stage.starts() == [(0, "i0", "host lost")]
    assert stage.actual() == {}


def test_invariant_4_two_hms_with_the_same_and_with_different_beats(
    stage: Stage, another_hm: Callable[[], HealthWorld]
) -> None:
    dea, second = stage.dea("dea-0").runs("i0"), another_hm()
    beat = dea.message()
    assert [dea.deliver(beat), dea.deliver(beat, hm=second)] == [True, False]
    newer = dea.runs("i1", 1).message()
    newest = dea.runs("i2", 2).message()
    assert [dea.deliver(newest, hm=second), dea.deliver(newer)] == [True, False]
    assert set(stage.actual()) == {"i0", "i1", "i2"}


@pytest.mark.parametrize("call", ["TransactWriteItems", "UpdateItem"])
def test_invariant_4_a_write_between_read_and_write_costs_a_retry(
    stage: Stage, another_hm: Callable[[], HealthWorld], just_before: Interference, call: str
) -> None:
    dea, second = stage.dea("dea-0").runs("i0"), another_hm()
    dea.beat()
    older = (dea.runs("i1", 1) if call == "TransactWriteItems" else dea).message()
    newer = dea.runs("i2", 2).message()
    with just_before(call, lambda: dea.deliver(newer, hm=second)):
        # Where nothing but the time has changed both are noted, and the newer one stays.
        assert dea.deliver(older) is (call == "UpdateItem")
    assert set(stage.actual()) == set(dea.instances)
    assert stage.row("dea-0").seq == stage.seen("dea-0").mark.seq == newer.seq


def test_more_instances_than_one_transaction_holds(stage: Stage) -> None:
    dea = stage.dea("dea-0")
    for number in range(100):
        dea.runs(f"i{number}", number)
    assert dea.beat()
    assert len(stage.actual()) == 100
    stage.now += 2
    dea.reboots("boot-2").beat()
    assert stage.actual() == {}
    assert len(stage.starts()) == 100


def test_a_crash_is_kept_until_another_instance_runs_at_its_index(stage: Stage) -> None:
    dea = stage.dea("dea-0").runs("i0", 0).runs("other", 1)
    dea.beat()
    dea.crashes("i0")
    dea.crashes("other")
    dea.runs("i1", 0, "STARTING").beat()
    assert stage.actual() == {"i0": "CRASHED", "i1": "STARTING", "other": "CRASHED"}
    dea.runs("i1", 0).beat()
    assert stage.actual() == {"i1": "RUNNING", "other": "CRASHED"}


def test_a_crash_that_its_host_forgets_stays_its_hour(stage: Stage) -> None:
    dea = stage.dea("dea-0").runs("i0")
    dea.beat()
    dea.crashes("i0")
    dea.beat()
    told = dea.instances.pop("i0")
    stage.now += 10
    dea.beat()
    assert stage.actual() == {"i0": "CRASHED"}
    dea.instances["i0"] = told
    dea.beat()
    stage.now += 3600
    del dea.instances["i0"]
    dea.beat()
    assert stage.actual() == {}


def test_usage_is_kept_in_one_item_of_the_host(stage: Stage) -> None:
    dea = stage.dea("dea-0").runs("i0")
    dea.deliver(dea.message(usage={"i0": as_usage(1000)}))
    dea.beat()
    assert Usage.get("dea-0").samples["i0"]["memory_bytes"] == 1000


def test_draining_does_not_end_within_a_boot(stage: Stage) -> None:
    dea = stage.dea("dea-0").runs("i0")
    dea.beat()
    sent_before = dea.message()
    exits.take_shutdown(stage.hm, dea.shutdown(), "trace")
    dea.deliver(sent_before)
    assert stage.row("dea-0").draining
    dea.reboots("boot-2")
    stage.now += 1
    dea.beat()
    assert not stage.row("dea-0").draining


def test_an_instance_listed_twice_counts_once(stage: Stage) -> None:
    dea = stage.dea("dea-0").runs("i0")
    beat = dea.message()
    dea.deliver(replace(beat, instances=beat.instances * 2))
    assert stage.actual() == {"i0": "RUNNING"}
