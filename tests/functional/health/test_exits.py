"""Exits and shutdowns: complaints at once, flapping, and what stays of a crash."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest

from chalicelib.contracts.heartbeat import REASON_EVACUATION, REASON_SHUTDOWN, REASON_STOPPED
from chalicelib.services.health import exits
from chalicelib.tables.actual import CrashCount, Instance
from tests.functional.health.support import FakeDea, Stage

Interference = Callable[..., AbstractContextManager[None]]


@pytest.fixture
def dea(stage: Stage) -> FakeDea:
    """Runs ``i0`` at index 0 of a process that is wanted."""
    stage.want()
    dea = stage.dea("dea-0").runs("i0")
    dea.beat()
    return dea


def crash_again(stage: Stage, dea: FakeDea, number: int, after_s: float = 1) -> None:
    stage.now += after_s
    dea.runs(f"again-{number}")
    dea.crashes(f"again-{number}")


def test_a_crash_is_recorded_and_complained_about_at_once(stage: Stage, dea: FakeDea) -> None:
    dea.crashes("i0", status=0)
    assert stage.delays() == [0]
    assert stage.starts() == [(0, "i0", "crashed")]
    row = Instance.get("p", "0#i0")
    assert (row.state, row.exit_status, row.reason, row.since) == ("CRASHED", 0, "exited with status 0", stage.now)


def test_an_exit_of_which_no_beat_has_told_is_complained_about(stage: Stage) -> None:
    stage.dea("dea-0").runs("i0").crashes("i0")
    assert stage.starts() == [(0, "i0", "crashed")]
    assert stage.actual() == {"i0": "CRASHED"}


def test_the_first_crashes_restart_at_once_and_then_ever_later(stage: Stage, dea: FakeDea) -> None:
    for number in range(8):
        crash_again(stage, dea, number)
    assert stage.delays() == [0, 0, 0, 4, 8, 16, 30, 30]


def test_a_quiet_window_forgives(stage: Stage, dea: FakeDea) -> None:
    for number in range(4):
        crash_again(stage, dea, number)
    crash_again(stage, dea, 5, after_s=65)
    assert stage.delays()[-1] == 0


def test_indices_and_versions_are_counted_apart(stage: Stage, dea: FakeDea) -> None:
    for number in range(4):
        crash_again(stage, dea, number)
    dea.runs("other", index=1).crashes("other")
    dea.runs("new", version=2).crashes("new")
    assert stage.delays()[-2:] == [0, 0]


def test_invariant_2_an_exit_that_comes_twice_counts_once_and_changes_nothing(stage: Stage, dea: FakeDea) -> None:
    told = dea.crashes("i0")
    before = stage.everything_hm_owns()
    stage.now += 3
    exits.take_exit(stage.hm, told, stage.now)
    assert stage.everything_hm_owns() == before
    # Said twice: CC acts on the first only, because its placement then names another instance.
    assert stage.starts() == [(0, "i0", "crashed")] * 2
    assert CrashCount.get("p", 0).count == 1


def test_invariant_2_exits_in_any_order_count_once_each(stage: Stage, dea: FakeDea) -> None:
    told = [dea.runs(f"i{number}").exit_of(f"i{number}") for number in range(3)]
    for exit_message in [*reversed(told), *told]:
        exits.take_exit(stage.hm, exit_message, stage.now)
    assert CrashCount.get("p", 0).count == 3


def test_a_crash_of_a_replaced_version_concerns_nobody(stage: Stage, dea: FakeDea) -> None:
    dea.runs("new", version=2).crashes("new")
    stage.complaints()
    dea.crashes("i0")
    assert stage.complaints() == []
    assert stage.actual() == {"new": "CRASHED"}


@pytest.mark.parametrize("call", ["UpdateItem", "PutItem"])
def test_a_death_on_the_way_costs_a_redelivery(stage: Stage, dea: FakeDea, dying_at: Interference, call: str) -> None:
    told = dea.exit_of("i0")
    if call == "UpdateItem":
        with dying_at(call):
            exits.take_exit(stage.hm, told, stage.now)
        assert stage.complaints() == []
    exits.take_exit(stage.hm, told, stage.now)
    assert stage.starts() == [(0, "i0", "crashed")]
    assert CrashCount.get("p", 0).count == 1


def test_a_redelivered_crash_waits_only_for_what_is_left(stage: Stage, dea: FakeDea) -> None:
    for number in range(5):
        crash_again(stage, dea, number)
    told = dea.exit_of("again-4")
    stage.now += 3
    exits.take_exit(stage.hm, told, stage.now)
    assert stage.delays()[-2:] == [8, 5]


@pytest.mark.parametrize("reason", [REASON_SHUTDOWN, REASON_EVACUATION])
def test_an_evacuated_instance_is_replaced_at_once_and_not_counted(stage: Stage, dea: FakeDea, reason: str) -> None:
    exits.take_exit(stage.hm, dea.exit_of("i0", reason), stage.now)
    assert stage.starts() == [(0, "i0", "evacuation")]
    assert stage.actual() == {}
    assert stage.cloud.rows("crash-counts") == 0


def test_a_stopped_instance_is_forgotten_without_a_complaint(stage: Stage, dea: FakeDea) -> None:
    exits.take_exit(stage.hm, dea.exit_of("i0", REASON_STOPPED), stage.now)
    assert stage.complaints() == []
    assert stage.actual() == {}


def test_a_draining_host_has_all_that_runs_replaced_and_goes_on_serving(stage: Stage, dea: FakeDea) -> None:
    dea.runs("i1", 1).runs("i2", 2, "STARTING").runs("i3", 3, "CRASHED").beat()
    told = dea.shutdown()
    exits.take_shutdown(stage.hm, told)
    assert stage.starts() == [(0, "i0", "evacuation"), (1, "i1", "evacuation")]
    assert stage.row("dea-0").draining
    assert stage.actual()["i0"] == "RUNNING"


def test_a_late_shutdown_of_an_earlier_boot_concerns_nobody(stage: Stage, dea: FakeDea) -> None:
    told = dea.shutdown()
    stage.now += 1
    dea.reboots("boot-2").beat()
    stage.complaints()
    exits.take_shutdown(stage.hm, told)
    assert stage.complaints() == []
    assert not stage.row("dea-0").draining


def test_a_shutdown_of_a_host_that_never_beat_is_complained_about(stage: Stage) -> None:
    exits.take_shutdown(stage.hm, stage.dea("dea-9").runs("i0").shutdown())
    assert stage.starts() == [(0, "i0", "evacuation")]


def test_a_restart_later_than_the_bus_can_wait_is_left_to_the_full_sweep(stage: Stage, dea: FakeDea) -> None:
    timers = replace(stage.hm.timers, flapping_delay_s=2000, flapping_cap_s=2000, flapping_free_crashes=1)
    stage.hm = replace(stage.hm, config=replace(stage.hm.config, timers=timers))
    stage.place(guid="again-1", s_ago=10)
    del dea.instances["i0"]
    crash_again(stage, dea, 0)
    stage.complaints()
    crash_again(stage, dea, 1)
    for later_s, complaints in ((1999, []), (3, [(0, "again-1", "crashed")])):
        stage.now += later_s
        dea.beat()
        stage.listen_for(3600)
        stage.full_sweep()
        assert stage.starts() == complaints
