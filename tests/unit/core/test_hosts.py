import pytest

from chalicelib.core.hosts import state


@pytest.mark.parametrize(
    ("lost", "draining", "cordoned", "full", "silence_s", "word"),
    [
        (False, False, False, False, 1, "UP"),
        (False, False, False, True, 1, "FULL"),
        (False, False, True, True, 1, "CORDONED"),
        (False, True, True, True, 1, "DRAINING"),
        (False, True, True, True, 31, "SILENT"),
        (True, True, True, True, 31, "LOST"),
    ],
)
def test_a_host_is_told_by_the_worst_that_is_true(
    lost: bool, draining: bool, cordoned: bool, full: bool, silence_s: float, word: str
) -> None:
    assert state(lost, draining, cordoned, full, silence_s, 30) == word
