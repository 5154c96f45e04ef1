"""When a start has ended, and how."""

import pytest

from zf.client.models import Instance
from zf.push.starting import NO_ROOM_S, Outcome, outcome


def instances(*states: str) -> list[Instance]:
    return [Instance(index, state, 0, 0.0, 0, 0, 0, 0, "", "", None) for index, state in enumerate(states)]


@pytest.mark.parametrize(
    ("states", "wanted", "waited_s", "ended"),
    [
        ([], 0, 0, Outcome.UP),
        ([], 1, 0, Outcome.WAITING),
        (["STARTING"], 1, 0, Outcome.WAITING),
        (["RUNNING"], 1, 0, Outcome.UP),
        (["RUNNING"], 2, 0, Outcome.WAITING),
        (["RUNNING", "STARTING"], 2, NO_ROOM_S, Outcome.WAITING),
        (["CRASHED"], 1, 0, Outcome.CRASHED),
        (["CRASHED", "CRASHED"], 2, 0, Outcome.CRASHED),
        (["CRASHED", "STARTING"], 2, 0, Outcome.WAITING),
        (["RUNNING", "CRASHED"], 2, 0, Outcome.WAITING),
        (["RUNNING", "CRASHED"], 2, NO_ROOM_S, Outcome.UP),
        (["DOWN"], 1, 0, Outcome.WAITING),
        (["DOWN"], 1, NO_ROOM_S, Outcome.NO_ROOM),
    ],
)
def test_a_start_ends_as_soon_as_it_is_clear_how(
    states: list[str], wanted: int, waited_s: float, ended: Outcome
) -> None:
    assert outcome(instances(*states), wanted, waited_s) is ended
