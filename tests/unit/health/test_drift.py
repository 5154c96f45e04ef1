"""Desired against actual state of one process. Cloud timers: stable after 60 s, a beat every 10 s."""

from dataclasses import replace

import pytest

from chalicelib.core.drift import (
    Actual,
    Desired,
    Drift,
    Expected,
    Seen,
    Start,
    StartReason,
    Stop,
    StopReason,
    analyze,
    analyze_unwanted,
    placed_until,
)
from chalicelib.core.freshness import Freshness
from chalicelib.core.timers import Timers

TIMERS = Timers()
NOW = 10_000.0
DESIRED = Desired(version=3, instances=2, changed_at=NOW - 1000, routes_version=4, routed_at=NOW - 1000)


def instance(guid: str, index: int = 0, state: str = "RUNNING", version: int = 3, age_s: float = 500) -> Actual:
    return Actual(guid, version, index, state, since=NOW - age_s, age_s=age_s, routes_version=4)


A, B = instance("a", 0), instance("b", 1)


def drift(*actual: Actual, expected: tuple[Expected, ...] = (), desired: Desired = DESIRED) -> Drift:
    return analyze(desired, Seen(actual, expected), NOW, TIMERS)


def only_start(found: Drift) -> Start:
    assert found.stops == ()
    (start,) = found.starts
    return start


def test_a_whole_process_does_not_drift() -> None:
    assert not drift(A, B)


def test_a_missing_index_is_started() -> None:
    found = drift(A)
    assert only_start(found) == Start(1, None, StartReason.MISSING)
    assert found.priority(2) == 0.5


def test_nothing_runs_and_all_is_missing() -> None:
    assert [start.index for start in drift().starts] == [0, 1]
    assert drift().priority(2) == 1


def test_a_complaint_names_the_instance_that_the_placement_names() -> None:
    placed = Expected(3, 1, until=NOW - 1, instance_guid="placed")
    assert only_start(drift(A, expected=(placed,))).instance_guid == "placed"


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        (instance("x", 1, state="CRASHED"), StartReason.CRASHED),
        (replace(instance("x", 1), freshness=Freshness.GONE), StartReason.HOST_LOST),
        (instance("x", 1, state="EVACUATING"), StartReason.EVACUATION),
        (replace(instance("x", 1), draining=True), StartReason.EVACUATION),
        (instance("x", 1, state="STOPPING"), StartReason.MISSING),
    ],
    ids=["crashed", "host lost", "evacuating", "draining host", "stopping"],
)
def test_what_is_left_of_an_index_gives_the_reason(last: Actual, reason: StartReason) -> None:
    assert only_start(drift(A, last)) == Start(1, "x", reason)


@pytest.mark.parametrize("state", ["STARTING", "RUNNING"])
def test_an_instance_on_a_silent_host_is_not_missing_yet(state: str) -> None:
    assert not drift(A, replace(B, state=state, freshness=Freshness.SUSPECT))


def test_a_process_that_has_just_changed_is_left_alone() -> None:
    assert not drift(A, desired=replace(DESIRED, changed_at=NOW - 59))
    assert drift(A, desired=replace(DESIRED, changed_at=NOW - 60))


@pytest.mark.parametrize("guid", ["placed", None], ids=["placement", "delayed restart"])
def test_an_index_for_which_something_is_under_way_is_not_missing(guid: str | None) -> None:
    assert not drift(A, expected=(Expected(3, 1, NOW + 1, guid),))
    assert drift(A, expected=(Expected(3, 1, NOW, guid),))
    assert drift(A, expected=(Expected(2, 1, NOW + 1, guid),)), "of an earlier version"


def test_extra_indices_and_other_versions_are_stopped() -> None:
    found = drift(A, B, instance("extra", 2), instance("old", 0, version=2))
    assert found.starts == ()
    assert set(found.stops) == {Stop("extra", StopReason.EXTRA), Stop("old", StopReason.OTHER_VERSION)}


def test_everything_is_extra_when_nothing_is_wanted() -> None:
    assert len(drift(A, B, desired=replace(DESIRED, instances=0)).stops) == 2


@pytest.mark.parametrize(
    "late",
    [
        replace(instance("extra", 2), freshness=Freshness.SUSPECT),
        replace(instance("extra", 2), freshness=Freshness.GONE),
        replace(instance("extra", 2), draining=True),
        instance("extra", 2, state="EVACUATING"),
        instance("extra", 2, state="STOPPING"),
        instance("extra", 2, state="CRASHED"),
        instance("extra", 2, age_s=19.9),
    ],
    ids=["silent host", "lost host", "draining host", "evacuating", "stopping", "crashed", "said by one beat only"],
)
def test_what_is_not_stopped(late: Actual) -> None:
    assert not drift(A, B, late)


@pytest.mark.parametrize(
    "second",
    [
        None,
        instance("b", 1, state="STARTING"),
        instance("b", 1, state="EVACUATING"),
        replace(B, freshness=Freshness.SUSPECT),
    ],
    ids=["missing", "starting", "evacuating", "on a silent host"],
)
def test_nothing_is_stopped_while_the_process_is_not_whole(second: Actual | None) -> None:
    actual = [A, instance("extra", 2), instance("a2", 0), instance("old", 0, version=2)]
    assert drift(*actual, *([second] if second else [])).stops == ()


def test_nothing_is_stopped_while_a_placement_has_not_become_what_it_was_opened_for() -> None:
    extra = instance("extra", 2)
    assert drift(A, B, extra, expected=(Expected(3, 1, NOW + 1, "another"),)).stops == ()
    assert drift(A, B, extra, expected=(Expected(3, 1, NOW + 1, "b"),)).stops != ()
    assert drift(A, B, extra, expected=(Expected(3, 1, NOW, "another"),)).stops != ()


def test_an_instance_of_a_version_yet_to_come_shows_that_desired_state_is_stale() -> None:
    assert drift(A, B, instance("extra", 2), instance("new", 0, version=4)).stops == ()


def test_of_two_at_an_index_the_first_that_ran_stays() -> None:
    assert drift(A, B, instance("a2", 0, age_s=100)).stops == (Stop("a2", StopReason.DUPLICATE),)


def test_of_two_at_an_index_the_one_that_the_placement_names_stays() -> None:
    """A host comes back after its instances were replaced: CC has moved on."""
    placed = Expected(3, 0, NOW - 100, "a2")
    assert drift(A, B, instance("a2", 0, age_s=100), expected=(placed,)).stops == (Stop("a", StopReason.DUPLICATE),)


def test_routes_lag_when_an_instance_does_not_know_them_after_two_beats() -> None:
    late = replace(B, routes_version=3)
    assert drift(A, late) == Drift(routes_lag=True)
    assert not drift(A, late, desired=replace(DESIRED, routed_at=NOW - 20))
    assert not drift(A, B, replace(late, version=2, age_s=1))


def test_what_is_not_known_is_stopped_when_both_it_and_we_are_old_enough() -> None:
    stop = (Stop("a", StopReason.UNKNOWN),)
    assert analyze_unwanted([A], None, heard_since=NOW - 120, now=NOW, timers=TIMERS).stops == stop
    assert not analyze_unwanted([A], None, heard_since=NOW - 119, now=NOW, timers=TIMERS)
    assert not analyze_unwanted([instance("a", age_s=119)], None, heard_since=0, now=NOW, timers=TIMERS)


def test_what_was_stopped_is_stopped_again_once_that_has_settled() -> None:
    stop = (Stop("a", StopReason.STOPPED),)
    assert analyze_unwanted([A], NOW - 60, heard_since=0, now=NOW, timers=TIMERS).stops == stop
    assert not analyze_unwanted([A], NOW - 59, heard_since=0, now=NOW, timers=TIMERS)
    suspect = replace(A, freshness=Freshness.SUSPECT)
    assert not analyze_unwanted([suspect], NOW - 60, heard_since=0, now=NOW, timers=TIMERS)


def test_how_long_placements_are_believed() -> None:
    assert placed_until(True, 1000, 1000, TIMERS) == 1300
    assert placed_until(False, 1000, 1090, TIMERS) == 1100
    assert placed_until(False, 1000, 1010, TIMERS) == 1060
