from chalicelib.core.stats import Heard, Line, Place, lines

OPEN, CLAIMED, STARTED = "OPEN", "CLAIMED", "STARTED"


def states(*found: Line) -> list[str]:
    return [line.state for line in found]


def test_what_is_not_wanted_or_has_no_place_is_down() -> None:
    assert states(*lines(2, (), ())) == ["DOWN", "DOWN"]
    assert lines(0, [Place(0, "a", STARTED)], [Heard(0, "a", "RUNNING", 1)]) == []


def test_an_open_or_claimed_place_is_starting() -> None:
    assert states(*lines(2, [Place(0, "a", OPEN), Place(1, "b", CLAIMED)], ())) == ["STARTING", "STARTING"]


def test_a_place_that_nobody_takes_says_why() -> None:
    (line,) = lines(1, [Place(0, "a", OPEN, problem="insufficient resources")], ())
    assert (line.state, line.details) == ("DOWN", "insufficient resources")


def test_an_instance_is_as_it_was_heard_of() -> None:
    place = Place(0, "a", STARTED, "10.0.0.1", 20000, "dea-0")
    (line,) = lines(1, [place], [Heard(0, "a", "RUNNING", 5.0, "10.0.0.1", 20000, "dea-0")])
    assert line == Line(0, "RUNNING", 5.0, "a", "10.0.0.1", 20000, "dea-0")
    (line,) = lines(1, [place], [Heard(0, "a", "CRASHED", 6.0, reason="exited with 1")])
    assert (line.state, line.details) == ("CRASHED", "exited with 1")


def test_a_started_place_runs_before_the_health_manager_has_heard_of_it() -> None:
    (line,) = lines(1, [Place(0, "a", STARTED, "10.0.0.1", 20000)], ())
    assert (line.state, line.host, line.port) == ("RUNNING", "10.0.0.1", 20000)


def test_a_started_place_runs_though_the_last_beat_told_of_its_start() -> None:
    (line,) = lines(1, [Place(0, "a", STARTED, "10.0.0.1", 20000)], [Heard(0, "a", "STARTING", 5.0)])
    assert (line.state, line.host) == ("RUNNING", "10.0.0.1")


def test_an_evacuating_instance_serves_until_its_successor_does() -> None:
    old = Heard(0, "old", "EVACUATING", 5.0)
    assert states(*lines(1, [Place(0, "new", OPEN)], [old])) == ["RUNNING"]
    (line,) = lines(1, [Place(0, "new", STARTED)], [old])
    assert line.instance_guid == "new"


def test_a_crashed_predecessor_does_not_hide_the_new_start() -> None:
    assert states(*lines(1, [Place(0, "new", CLAIMED)], [Heard(0, "old", "CRASHED", 5.0)])) == ["STARTING"]


def test_instances_beyond_what_is_wanted_are_not_told() -> None:
    assert [line.index for line in lines(1, [Place(0, "a", OPEN)], [Heard(3, "x", "RUNNING", 1.0)])] == [0]


def test_what_is_placed_tells_states_alone() -> None:
    places = [
        Place(0, "a", STARTED, since=60.0),
        Place(1, "b", "CRASHED", since=50.0),
        Place(2, "c", OPEN, since=70.0, is_succeeding=True),
        Place(3, "d", CLAIMED, since=80.0),
    ]
    found = lines(5, places, ())
    assert states(*found) == ["RUNNING", "CRASHED", "RUNNING", "STARTING", "DOWN"]
    assert [line.since for line in found] == [60.0, 0, 0, 80.0, 0]
