"""Safety and liveness of deployments, in any weather: places that start late, crash, come back."""

from dataclasses import replace

from hypothesis import event, given
from hypothesis import strategies as st

from chalicelib.core.deployment import (
    CANARY,
    CANCELING,
    DEPLOYING,
    PAUSED,
    PREPAUSED,
    ROLLING,
    Scene,
    Stage,
    Web,
    next_step,
    stages,
)

SETTLE_S = 3.0
NOW = 1000.0

places = st.sampled_from([NOW - 60, NOW - 60, NOW - 60, NOW - 1, None])
webs = st.lists(places, max_size=5).map(tuple)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    wanted = draw(st.integers(0, 5))
    state = draw(st.sampled_from([DEPLOYING, DEPLOYING, PREPAUSED, PAUSED, CANCELING]))
    target = wanted if state in (DEPLOYING, CANCELING) else draw(st.integers(1, max(1, wanted)))
    kept = draw(st.integers(0, wanted)) if state == PREPAUSED else 0
    return Scene(
        state=state,
        rising=Web("rising", draw(webs)[:target]),
        falling=tuple(Web(f"falling-{i}", draw(webs)) for i in range(draw(st.integers(0, 3)))),
        wanted=wanted,
        max_in_flight=draw(st.integers(1, 4)),
        stage=Stage(target, kept),
        healthy=draw(st.integers(0, 3)),
        crashes=draw(st.sampled_from([0, 0, 0, 1, 3, 40])),
        deadline=draw(st.sampled_from([NOW + 60, NOW + 60, NOW - 1])),
        settle_s=SETTLE_S,
        now=NOW,
    )


def settled(web: Web) -> int:
    return sum(1 for since in web.places if since is not None and since + SETTLE_S <= NOW)


def after(scene: Scene, scale: dict[str, int]) -> Scene:
    """The scene once the step has been done: higher indices are gone, new ones do not serve yet."""

    def scaled(web: Web) -> Web:
        count = scale.get(web.guid, len(web.places))
        return Web(web.guid, (web.places + (None,) * count)[:count])

    return replace(scene, rising=scaled(scene.rising), falling=tuple(map(scaled, scene.falling)))


def serving(scene: Scene) -> int:
    return sum(map(settled, (scene.rising, *scene.falling)))


@given(scenes())
def test_no_step_takes_a_place_that_is_needed(scene: Scene) -> None:
    step = next_step(scene)
    event(f"{scene.state} to {step.state}, scales {bool(step.scale)}")
    assert serving(after(scene, step.scale)) >= min(scene.wanted, serving(scene))


@given(scenes())
def test_the_rising_process_only_rises_and_the_others_only_fall(scene: Scene) -> None:
    for guid, count in next_step(scene).scale.items():
        if guid == "rising":
            assert len(scene.rising.places) < count <= scene.stage.target
        else:
            assert count < len(next(web for web in scene.falling if web.guid == guid).places)


@given(scenes())
def test_only_so_many_places_are_on_their_way_and_too_many(scene: Scene) -> None:
    step = next_step(scene)
    then = after(scene, step.scale)
    if "rising" in step.scale:
        assert len(then.rising.places) - settled(then.rising) <= scene.max_in_flight
        kept = scene.stage.kept
        needed = max(scene.wanted, settled(then.rising) + kept)
        idle = sum(len(web.places) - settled(web) for web in then.falling)
        assert len(then.rising.places) + sum(map(settled, then.falling)) <= needed + scene.max_in_flight + idle


@given(scenes())
def test_done_twice_it_is_done_once(scene: Scene) -> None:
    step = next_step(scene)
    then = replace(after(scene, step.scale), healthy=step.healthy)
    if step.healthy > scene.healthy:
        then = replace(then, deadline=NOW + 60)  # progress buys time
    if step.state == scene.state:
        again = next_step(then)
        assert again.scale == {}
        assert again.is_done == step.is_done


@given(scenes())
def test_the_same_scene_has_the_same_step_whoever_looks(scene: Scene) -> None:
    assert next_step(scene) == next_step(scene)
    assert next_step(replace(scene, falling=tuple(reversed(scene.falling)))).state == next_step(scene).state


@given(
    st.sampled_from([ROLLING, CANARY]),
    st.lists(st.integers(1, 100), max_size=4).map(sorted),
    st.integers(0, 6),
    st.integers(0, 6),
    st.integers(1, 3),
    st.lists(st.sampled_from(["serve", "serve", "crash", "wait"]), max_size=60),
    st.none() | st.integers(0, 20),
)
def test_every_deployment_ends_and_somebody_answers_all_the_time(
    strategy: str,
    weights: list[int],
    original: int,
    wanted: int,
    max_in_flight: int,
    weather: list[str],
    canceled_at: int | None,
) -> None:
    plan = stages(strategy, weights, original, wanted)
    old = Web("old", (0.0,) * original)
    first = plan[0] if plan else Stage(wanted)
    scene = Scene(
        state=PREPAUSED if plan else DEPLOYING,
        rising=Web("new", (None,) * min(max_in_flight, first.target)),
        falling=(old,),
        wanted=min(original, wanted) if plan else wanted,
        max_in_flight=max_in_flight,
        stage=first,
        healthy=0,
        crashes=0,
        deadline=60.0,
        settle_s=SETTLE_S,
        now=10.0,
    )
    least = min(original, wanted)
    stage = 0
    for turn in range(400):
        if turn == canceled_at and scene.state != CANCELING:
            scene = _taken_back(scene, original)
        step = next_step(scene)
        scene = after(scene, step.scale)
        routable = sum(1 for web in (scene.rising, *scene.falling) for since in web.places if since is not None)
        assert routable >= least or "crash" in weather, "somebody answers"
        if step.is_done:
            event("taken back" if scene.state == CANCELING else "deployed")
            return
        if step.state == CANCELING and scene.state != CANCELING:
            scene = _taken_back(scene, original)
        elif step.state == PAUSED:
            stage += 1
            following = plan[stage] if stage < len(plan) else None
            scene = replace(
                scene,
                state=PREPAUSED if following else DEPLOYING,
                stage=following or Stage(wanted),
                wanted=scene.wanted if following else wanted,
                deadline=scene.now + 60,
                crashes=0,
            )
        elif step.healthy > scene.healthy:
            scene = replace(scene, healthy=step.healthy, deadline=scene.now + 60, crashes=0)
        scene = _weather(scene, weather.pop() if weather else "serve")
    raise AssertionError(f"it does not end: {scene}")


def _taken_back(scene: Scene, original: int) -> Scene:
    (old,) = scene.falling
    return replace(
        scene,
        state=CANCELING,
        rising=old,
        falling=(scene.rising,),
        wanted=original,
        stage=Stage(original),
        healthy=0,
        deadline=scene.now + 60,
    )


def _weather(scene: Scene, kind: str) -> Scene:
    """Five seconds pass, in which the first place of the rising process that does not serve may begin to, or crash."""
    waiting = [index for index, since in enumerate(scene.rising.places) if since is None]
    later = replace(scene, now=scene.now + 5)
    if kind == "serve" and waiting:
        now_serving = list(scene.rising.places)
        now_serving[waiting[0]] = scene.now
        return replace(later, rising=Web(scene.rising.guid, tuple(now_serving)))
    return replace(later, crashes=scene.crashes + 1) if kind == "crash" and waiting else later
