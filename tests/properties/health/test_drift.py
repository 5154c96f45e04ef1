"""Safety first: what drift analysis never does, whatever it is shown."""

from dataclasses import replace
from random import Random

from hypothesis import event, given
from hypothesis import strategies as st

from chalicelib.core.drift import Actual, Desired, Expected, Seen, Stop, analyze, analyze_unwanted
from chalicelib.core.freshness import Freshness
from chalicelib.core.timers import Timers

TIMERS = Timers()
NOW = 100_000.0
STATES = ["STARTING", "RUNNING", "STOPPING", "CRASHED", "EVACUATING", "unheard of"]

ages = st.sampled_from([0.0, 19.0, 20.0, 59.0, 60.0, 120.0, 5000.0])
versions = st.sampled_from([0, 1, 2])
indices = st.integers(-1, 4)


guids = st.sampled_from([f"guid-{number}" for number in range(9)])

#: Instances in all conditions, most of them ordinary.
instances = st.builds(
    Actual,
    instance_guid=guids,
    version=versions,
    index=indices,
    state=st.sampled_from(STATES + ["RUNNING"] * 6),
    since=ages.map(lambda age: NOW - age),
    age_s=ages,
    freshness=st.sampled_from([*Freshness] + [Freshness.FRESH] * 6),
    draining=st.sampled_from([True] + [False] * 6),
    routes_version=st.integers(0, 2),
)


def actuals() -> st.SearchStrategy[list[Actual]]:
    return st.lists(instances, max_size=5, unique_by=lambda instance: instance.instance_guid)


expectations = st.lists(
    st.builds(
        Expected,
        version=versions,
        index=indices,
        until=ages.map(lambda age: NOW + 100 - age),
        instance_guid=st.none() | guids,
    ),
    max_size=2,
    unique_by=lambda entry: (entry.index, entry.instance_guid is None),
)


@st.composite
def scenes_of(draw: st.DrawFn) -> Seen:
    """Indices 0 to 3 of version 1 mostly serve, so that drift of every kind is near."""
    missing = draw(st.sets(st.integers(0, 3), max_size=1))
    serving = [
        Actual(f"served-{index}", 1, index, "RUNNING", NOW - 1000, 1000, routes_version=2)
        for index in range(4)
        if index not in missing
    ]
    return Seen(draw(st.permutations(serving + draw(actuals()))), draw(st.just([]) | expectations))


wants = st.builds(
    Desired,
    version=st.just(1),
    instances=st.integers(0, 4),
    changed_at=ages.map(lambda age: NOW - age),
    routes_version=st.integers(0, 2),
    routed_at=ages.map(lambda age: NOW - age),
)
scenes = scenes_of()


def by_guid(seen: Seen) -> dict[str, Actual]:
    return {instance.instance_guid: instance for instance in seen.actual}


@given(wants, scenes)
def test_no_stop_on_stale_data_or_of_what_leaves_or_is_young(desired: Desired, seen: Seen) -> None:
    for stop in analyze(desired, seen, NOW, TIMERS).stops:
        instance = by_guid(seen)[stop.instance_guid]
        assert instance.freshness is Freshness.FRESH
        assert instance.state in ("STARTING", "RUNNING")
        assert not instance.draining
        assert instance.age_s >= 2 * TIMERS.heartbeat_s


@given(wants, scenes)
def test_no_stop_while_a_start_is_due(desired: Desired, seen: Seen) -> None:
    found = analyze(desired, seen, NOW, TIMERS)
    event(f"stops: {bool(found.stops)}, starts: {bool(found.starts)}")
    if not found.stops:
        return
    assert found.starts == ()
    serving = {i.instance_guid for i in seen.actual if i.serves and i.version == desired.version}
    assert {i.index for i in seen.actual if i.instance_guid in serving} >= set(desired.indices)
    for entry in seen.expected:
        if entry.version == desired.version and entry.index in desired.indices and entry.until > NOW:
            assert entry.instance_guid is None or entry.instance_guid in serving


@given(wants, scenes)
def test_every_wanted_index_that_serves_goes_on_serving_whatever_is_stopped(desired: Desired, seen: Seen) -> None:
    stopped = {stop.instance_guid for stop in analyze(desired, seen, NOW, TIMERS).stops}
    ours = [i for i in seen.actual if i.serves and i.version == desired.version and i.index in desired.indices]
    assert {i.index for i in ours} == {i.index for i in ours if i.instance_guid not in stopped}


@given(wants, scenes)
def test_what_the_placement_names_is_not_stopped_while_it_serves(desired: Desired, seen: Seen) -> None:
    stopped = {stop.instance_guid for stop in analyze(desired, seen, NOW, TIMERS).stops}
    for entry in seen.expected:
        named = by_guid(seen).get(entry.instance_guid or "")
        if named and named.version == entry.version == desired.version and named.index == entry.index:
            assert named.index not in desired.indices or not named.serves or entry.instance_guid not in stopped


@given(wants, scenes)
def test_a_start_is_for_a_wanted_index_that_nothing_lives_or_is_awaited_at(desired: Desired, seen: Seen) -> None:
    found = analyze(desired, seen, NOW, TIMERS).starts
    assert len({start.index for start in found}) == len(found)
    for start in found:
        assert start.index in desired.indices
        assert NOW - desired.changed_at >= TIMERS.stable_s
        assert not [i for i in seen.actual if i.is_live and (i.version, i.index) == (desired.version, start.index)]
        assert not [
            e for e in seen.expected if (e.version, e.index) == (desired.version, start.index) and e.until > NOW
        ]


@given(wants, scenes, st.randoms(use_true_random=False))
def test_same_input_same_answer_in_any_order(desired: Desired, seen: Seen, random: Random) -> None:
    shuffled = Seen(random.sample(list(seen.actual), len(seen.actual)), seen.expected)
    first, second = analyze(desired, seen, NOW, TIMERS), analyze(desired, shuffled, NOW, TIMERS)
    assert (first.starts, set(first.stops), first.routes_lag) == (
        second.starts,
        set(second.stops),
        second.routes_lag,
    )
    assert first == analyze(desired, seen, NOW, TIMERS)


@given(wants, scenes)
def test_when_complaints_are_acted_upon_nothing_is_left_to_say(desired: Desired, seen: Seen) -> None:
    """Liveness: starts bring serving instances, stops take away; a calm cloud converges in two rounds."""
    calm = replace(desired, changed_at=0, routes_version=0)
    actual = [replace(i, freshness=Freshness.FRESH, draining=False, age_s=500) for i in seen.actual]
    actual = [i for i in actual if i.version <= desired.version and i.state in ("RUNNING", "CRASHED")]
    for turn in range(2):
        found = analyze(calm, Seen(actual), NOW, TIMERS)
        stopped = {stop.instance_guid for stop in found.stops}
        started = [Actual(f"new-{turn}-{s.index}", 1, s.index, "RUNNING", NOW, 500) for s in found.starts]
        actual = [i for i in actual if i.instance_guid not in stopped] + started
    assert not analyze(calm, Seen(actual), NOW, TIMERS)
    running = [(i.version, i.index) for i in actual if i.state == "RUNNING"]
    assert sorted(running) == [(1, index) for index in calm.indices]


@given(actuals(), st.none() | ages.map(lambda age: NOW - age), ages)
def test_nothing_unwanted_is_stopped_by_one_who_may_not_know_better(
    actual: list[Actual], stopped_at: float | None, heard_s: float
) -> None:
    found = analyze_unwanted(actual, stopped_at, NOW - heard_s, NOW, TIMERS)
    assert found.starts == ()
    known = {instance.instance_guid: instance for instance in actual}
    for stop in found.stops:
        assert isinstance(stop, Stop)
        assert heard_s >= TIMERS.unknown_grace_s
        assert stopped_at is None or NOW - stopped_at >= TIMERS.stable_s
        assert known[stop.instance_guid].age_s >= TIMERS.unknown_grace_s
        assert known[stop.instance_guid].freshness is Freshness.FRESH
