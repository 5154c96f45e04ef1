from dataclasses import replace

from chalicelib.contracts.logs import LogEntry
from router.log_cache import MAX_SOURCE_BYTES, MAX_TEXT, LogCache, Meta, Window, merge

ALL = Window(limit=1000)


def line(offset: int, time: int | None = None, instance: str = "i1", text: str = "") -> LogEntry:
    return LogEntry(instance, offset, offset if time is None else time, "OUT", "APP", "0", text or f"line {offset}")


def texts(cache: LogCache, window: Window = ALL, source: str = "app") -> list[str]:
    return [entry.text for entry in cache.read(source, window)]


def test_lines_of_all_instances_come_in_the_order_of_time() -> None:
    cache = LogCache()
    cache.put("app", [line(1, 10), line(2, 30)])
    cache.put("app", [line(1, 20, "i2", "between")])
    assert texts(cache) == ["line 1", "between", "line 2"]


def test_start_is_inclusive_and_end_exclusive() -> None:
    cache = LogCache()
    cache.put("app", [line(n) for n in range(5)])
    assert texts(cache, Window(1, 3)) == ["line 1", "line 2"]
    assert texts(cache, Window(-(2**62), None, 2)) == ["line 0", "line 1"]
    assert texts(cache, Window(1, 4, 2, descending=True)) == ["line 3", "line 2"]


def test_an_offset_that_is_not_beyond_the_last_is_dropped() -> None:
    cache = LogCache()
    cache.put("app", [line(1), line(2)])
    cache.put("app", [line(2), line(3)])
    cache.put("app", [replace(line(1), source_type="STG", timestamp=9)])
    assert texts(cache) == ["line 1", "line 2", "line 3", "line 1"]
    assert cache.doubled == 1


def test_equal_times_are_moved_apart() -> None:
    cache = LogCache()
    cache.put("app", [line(n, 100) for n in range(3)])
    assert [entry.timestamp for entry in cache.read("app", ALL)] == [100, 101, 102]
    assert texts(cache, Window(101)) == ["line 1", "line 2"]


def test_a_ring_keeps_the_newest_and_counts_the_rest() -> None:
    cache = LogCache(ring=3)
    cache.put("app", [line(n) for n in range(5)])
    assert texts(cache) == ["line 2", "line 3", "line 4"]
    assert cache.meta("app") == Meta(count=3, expired=2, oldest=2, newest=4)


def test_the_source_that_was_silent_longest_goes_first() -> None:
    cache = LogCache(max_sources=2)
    for source in ("a", "b", "a", "c"):
        cache.put(source, [line(cache.taken)])
    assert cache.sources() == ["c", "a"]
    assert cache.evicted == 1


def test_bytes_are_bounded_and_add_up() -> None:
    cache = LogCache(max_bytes=100_000)
    for n in range(50):
        cache.put(f"app-{n}", [line(k, text="x" * 1000) for k in range(20)])
        assert cache.size <= 100_000
    for source in cache.sources():
        cache.put(source, [line(99, text="y" * 100_001)])
    assert cache.size <= 100_000


def test_the_long_lines_of_one_source_push_out_only_its_own() -> None:
    cache = LogCache()
    cache.put("quiet", [line(1, text="kept")])
    for app in range(40):
        cache.put(
            f"loud-{app % 3}", [line(number, text="x" * MAX_TEXT) for number in range(app * 100, app * 100 + 100)]
        )
    assert texts(cache, source="quiet") == ["kept"]
    assert cache.size < 4 * MAX_SOURCE_BYTES


def test_a_long_line_is_cut() -> None:
    cache = LogCache()
    cache.put("app", [line(1, text="x" * (MAX_TEXT + 1))])
    assert len(texts(cache)[0]) == MAX_TEXT


def test_what_is_not_there_is_empty() -> None:
    assert LogCache().read("nobody", ALL) == []
    assert LogCache().meta("nobody") is None


def test_owners_are_merged_without_doubles_within_the_limit() -> None:
    one, other = [line(1), line(2), line(4)], [line(1), line(3), line(4)]
    assert [entry.offset for entry in merge([one, other], Window(limit=3))] == [1, 2, 3]
    newest = Window(limit=2, descending=True)
    assert [entry.offset for entry in merge([one[::-1], other[::-1]], newest)] == [4, 3]


def test_lines_that_have_a_writer_each_are_kept_once_in_any_order() -> None:
    def api(number: int) -> LogEntry:
        return replace(line(number, instance=f"event-{number}"), source_type="API")

    cache = LogCache()
    for number in (3, 1, 3, 2, 1):
        cache.put("app", [api(number)])
    assert texts(cache) == ["line 1", "line 2", "line 3"]
    assert cache.doubled == 2
