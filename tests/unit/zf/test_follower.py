"""Whatever order lines come in, following a log shows each one once."""

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from zf.client.logs import LIMIT, OVERLAP_NS, Follower, Line

BASE = 1_000 * OVERLAP_NS


def line(timestamp: int, text: str) -> Line:
    return Line(timestamp, "APP/PROC/WEB", "0", "OUT", text)


class Cache:
    """What the log cache does, in memory."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def read(self, source_guid: str, **params: Any) -> list[Line]:
        fitting = [one for one in self.lines if one.timestamp >= params["start_time"]]
        return sorted(fitting, key=lambda one: one.timestamp)[:LIMIT]

    def newest(self, source_guid: str) -> int:
        return max((one.timestamp for one in self.lines), default=0)


#: Batches of (lateness, text): a line may be up to the overlap older than the newest before it.
BATCHES = st.lists(st.lists(st.tuples(st.integers(0, OVERLAP_NS), st.sampled_from("abc")), max_size=8), max_size=12)


@given(before=BATCHES, after=BATCHES, step=st.integers(0, OVERLAP_NS))
def test_each_line_is_shown_once_however_late_it_comes(before: list[Any], after: list[Any], step: int) -> None:
    cache, clock = Cache(), BASE
    for batch in before:
        cache.lines += [line(clock - late, text) for late, text in batch]
        clock += step
    old = Counter(cache.lines)
    clock = max(clock, cache.newest("app"))
    follower, shown = Follower.from_now(cache, "app"), Counter[Line]()
    for batch in after:
        newest = max(cache.newest("app"), BASE)
        cache.lines += [line(max(newest + step - late, newest - OVERLAP_NS), text) for late, text in batch]
        shown.update(follower.new())
        assert follower.new() == []
    assert shown == Counter(cache.lines) - old


@settings(deadline=None)  # thousands of lines; how long they take is the machine's business
@given(st.lists(st.integers(1, LIMIT - 1), min_size=3, max_size=6))
def test_more_than_one_answer_holds_is_read_in_order(lines_per_instant: list[int]) -> None:
    cache = Cache()
    for instant, count in enumerate(lines_per_instant):
        cache.lines += [line(BASE + instant, str(number)) for number in range(count)]
    found = Follower(cache, "app", 0).new()
    assert Counter(found) == Counter(cache.lines)
    assert [one.timestamp for one in found] == sorted(one.timestamp for one in found)
