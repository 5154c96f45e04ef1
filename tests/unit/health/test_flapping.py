"""How soon a crashed index is started again."""

from dataclasses import replace

import pytest

from chalicelib.core.flapping import Crashes, Policy, crashed, restart_at
from chalicelib.core.timers import LOCAL, Timers

POLICY = Policy(free=3, delay_s=30, cap_s=480, window_s=180)


def crash_times(times: list[float], policy: Policy = POLICY) -> Crashes:
    known = None
    for number, at in enumerate(times):
        known = crashed(known, 1, f"guid-{number}", at, policy)
    assert known is not None
    return known


@pytest.mark.parametrize(
    ("count", "delay_s"),
    [(0, 0), (1, 0), (3, 0), (4, 30), (5, 60), (6, 120), (7, 240), (8, 480), (9, 480), (10**9, 480)],
)
def test_the_first_crashes_are_free_then_the_delay_doubles_up_to_the_cap(count: int, delay_s: float) -> None:
    assert POLICY.delay_after(count) == delay_s


def test_each_crash_renews_the_window() -> None:
    assert crash_times([0, 179, 358, 537]).count == 4


def test_a_quiet_window_forgives() -> None:
    assert crash_times([0, 1, 2, 2 + 180]).count == 4
    assert crash_times([0, 1, 2, 2 + 180.1]).count == 1


def test_the_window_begins_when_the_restart_is_due_so_that_a_long_delay_forgets_nothing() -> None:
    eight = Crashes(1, 8, 1000.0, ("g",))
    assert restart_at(eight, POLICY) == 1480
    assert crashed(eight, 1, "next", 1480 + 180, POLICY) == Crashes(1, 9, 1660, ("g", "next"))
    assert crashed(eight, 1, "next", 1480 + 180.1, POLICY) == Crashes(1, 1, 1660.1, ("g", "next"))


def test_a_crash_is_counted_once_also_when_it_is_told_again_after_another() -> None:
    known = crash_times([0, 1])
    assert crashed(known, 1, "guid-0", 50, POLICY) is known


def test_a_new_version_begins_anew_and_an_old_one_concerns_nobody() -> None:
    known = replace(crash_times([0, 1, 2, 3]), version=7)
    assert crashed(known, 8, "new", 4, POLICY) == Crashes(8, 1, 4, ("new",))
    assert crashed(known, 6, "old", 4, POLICY) is None


def test_only_so_many_guids_are_remembered() -> None:
    assert len(crash_times(list(range(100))).guids) == 20


@pytest.mark.parametrize("broken", [{"free": -1}, {"delay_s": 0}, {"cap_s": -1}, {"window_s": 0}])
def test_a_policy_that_makes_no_sense_is_refused(broken: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="not a flapping policy"):
        replace(POLICY, **broken)


def test_both_profiles_have_a_policy() -> None:
    assert Policy.of(Timers()) == Policy(3, 30, 480, 180)
    assert Policy.of(LOCAL) == Policy(3, 4, 30, 60)
