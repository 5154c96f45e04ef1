"""What a deployment does next."""

from dataclasses import replace

import pytest

from chalicelib.core.deployment import (
    CANARY,
    CANCELING,
    DEPLOYING,
    ENOUGH_CRASHES,
    PAUSED,
    PREPAUSED,
    ROLLING,
    Scene,
    Stage,
    Web,
    crash_limit,
    next_step,
    stages,
)

NOW = 1000.0
SERVES, NEW, NOT = NOW - 10, NOW - 1, None
SCENE = Scene(
    state=DEPLOYING,
    rising=Web("new", (NOT,)),
    falling=(Web("old", (SERVES, SERVES, SERVES)),),
    wanted=3,
    max_in_flight=1,
    stage=Stage(3),
    healthy=0,
    crashes=0,
    deadline=NOW + 60,
    settle_s=3,
    now=NOW,
)


def scene(**changes: object) -> Scene:
    return replace(SCENE, **changes)  # type: ignore[arg-type]


def rising(*places: float | None) -> Web:
    return Web("new", places)


def falling(*places: float | None) -> tuple[Web, ...]:
    return (Web("old", places),)


def test_nothing_happens_until_the_new_place_serves_and_all_routers_know_of_it() -> None:
    assert not next_step(SCENE).changes(SCENE)
    fresh = scene(rising=rising(NEW))
    step = next_step(fresh)
    assert not step.changes(fresh)
    assert step.wake_at == NEW + fresh.settle_s


def test_for_each_new_place_that_serves_one_old_goes_and_one_more_new_is_wanted() -> None:
    step = next_step(scene(rising=rising(SERVES)))
    assert step.scale == {"old": 2, "new": 2}
    assert step.healthy == 1
    step = next_step(scene(rising=rising(SERVES, SERVES), falling=falling(SERVES, SERVES), healthy=1))
    assert step.scale == {"old": 1, "new": 3}


def test_so_many_places_are_on_their_way_at_once() -> None:
    step = next_step(scene(rising=rising(SERVES, NEW), max_in_flight=2))
    assert step.scale["new"] == 3
    assert next_step(scene(rising=rising(NOT, NOT), max_in_flight=2)).scale == {}


def test_it_is_done_when_all_that_are_wanted_serve() -> None:
    step = next_step(scene(rising=rising(SERVES, SERVES, SERVES), falling=falling(SERVES)))
    assert step.is_done
    assert step.scale == {"old": 0}
    nothing = scene(rising=rising(), falling=falling(), wanted=0, stage=Stage(0))
    assert next_step(nothing).is_done


def test_an_old_place_that_serves_nobody_goes_before_one_that_serves() -> None:
    two = (Web("first", (SERVES, SERVES)), Web("second", (SERVES, NOT)))
    step = next_step(scene(rising=rising(SERVES), falling=two, healthy=1, max_in_flight=1))
    assert step.scale["second"] == 1
    assert step.scale.get("first", 2) + step.scale["second"] == 2


def test_an_old_place_that_serves_stays_while_it_is_needed() -> None:
    # The first two do not serve, the third does: index by index the third would have to go first.
    assert "old" not in next_step(scene(rising=rising(SERVES), falling=falling(NOT, NOT, SERVES))).scale


def test_more_instances_than_before_are_reached_without_giving_up_an_old_one_too_early() -> None:
    step = next_step(scene(rising=rising(SERVES, SERVES), wanted=5, stage=Stage(5), healthy=1))
    assert step.scale == {"new": 3}


def test_fewer_instances_than_before_are_wanted_at_once() -> None:
    assert next_step(scene(wanted=1, stage=Stage(1))).scale == {"old": 1}


@pytest.mark.parametrize("state", [DEPLOYING, PREPAUSED])
def test_a_version_that_crashes_again_and_again_is_taken_back(state: str) -> None:
    step = next_step(scene(state=state, crashes=3))
    assert (step.state, step.crashed, step.scale) == (CANCELING, True, {})
    assert next_step(scene(state=state, crashes=2)).state == state
    assert next_step(scene(state=state, crashes=3, max_in_flight=2)).state == state


def test_crashes_that_are_enough_depend_on_how_many_start_at_once() -> None:
    assert crash_limit(max_in_flight=5, target=2) == 6
    assert crash_limit(max_in_flight=5, target=0) == 3
    assert crash_limit(max_in_flight=1000, target=1000) == ENOUGH_CRASHES


def test_a_version_without_progress_at_its_deadline_is_taken_back() -> None:
    step = next_step(scene(deadline=NOW))
    assert (step.state, step.late, step.is_done) == (CANCELING, True, False)
    assert next_step(scene(deadline=NOW, rising=rising(SERVES))).state == DEPLOYING, "there was progress just now"


def test_what_is_taken_back_rolls_the_other_way() -> None:
    back = scene(
        state=CANCELING, rising=Web("old", (SERVES,)), falling=(Web("new", (SERVES, NOT)),), wanted=2, stage=Stage(2)
    )
    assert next_step(back).scale == {"new": 1, "old": 2}
    whole = replace(back, rising=Web("old", (SERVES, SERVES)))
    assert next_step(whole).is_done


def test_what_cannot_be_taken_back_in_time_ends_all_the_same() -> None:
    stuck = scene(state=CANCELING, rising=Web("old", (NOT,)), falling=(), stage=Stage(1), deadline=NOW)
    step = next_step(stuck)
    assert (step.is_done, step.state) == (True, CANCELING)


def test_a_canary_pauses_when_its_share_serves() -> None:
    canary = scene(state=PREPAUSED, stage=Stage(1, 3))
    assert next_step(canary).state == PREPAUSED
    step = next_step(replace(canary, rising=rising(SERVES)))
    assert (step.state, step.scale, step.is_done) == (PAUSED, {}, False)


def test_a_pause_lasts_until_somebody_ends_it() -> None:
    paused = scene(state=PAUSED, crashes=99, deadline=0, rising=rising(NOT))
    assert not next_step(paused).changes(paused)


def test_stages_of_a_canary() -> None:
    assert stages(ROLLING, None, 4, 4) == []
    assert stages(CANARY, None, 4, 4) == [Stage(1, 4)]
    assert stages(CANARY, [1, 25, 60, 100], 10, 10) == [Stage(1, 10), Stage(3, 8), Stage(6, 5), Stage(10, 0)]
    assert stages(CANARY, [50], 10, 4) == [Stage(2, 3)], "of what will be wanted, if that is less"
    assert stages(CANARY, [50], 4, 10) == [Stage(2, 3)], "else of what there is"
    assert stages(CANARY, [50], 0, 0) == [Stage(1, 0)]
