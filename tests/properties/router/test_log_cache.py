"""The ring against the plainest model of it: a sorted list."""

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.contracts.logs import LogEntry
from router.log_cache import LogCache, Window

RING = 8

entries = st.builds(
    lambda instance, offset, time: LogEntry(f"i{instance}", offset, time, "OUT", "APP", "0", "x"),
    st.integers(0, 2),
    st.integers(0, 20),
    st.integers(0, 30).map(lambda n: n * 100),
)
windows = st.builds(Window, st.integers(-10, 3000), st.none() | st.integers(0, 3200), st.integers(1, 10), st.booleans())


@given(st.lists(st.lists(entries, max_size=5), max_size=10), windows)
def test_a_read_is_a_slice_of_the_newest_lines(batches: list[list[LogEntry]], window: Window) -> None:
    cache, model, seen = LogCache(ring=RING), [], {}
    for batch in batches:
        cache.put("app", batch)
        for entry in batch:
            if entry.offset > seen.get(entry.instance_guid, -1):
                seen[entry.instance_guid] = entry.offset
                model.append(entry)
        # Stable: of equal times the later line comes later.
        model = sorted(model, key=lambda entry: entry.timestamp)[-RING:]
    whole = cache.read("app", Window(-1, None, 1000))
    assert [(e.instance_guid, e.offset) for e in whole] == [(e.instance_guid, e.offset) for e in model]
    times = [entry.timestamp for entry in whole]
    assert times == sorted(set(times))
    wanted = [e for e in whole if window.start <= e.timestamp and (window.end is None or e.timestamp < window.end)]
    wanted = wanted[::-1] if window.descending else wanted
    assert cache.read("app", window) == wanted[: window.limit]
    assert cache.size == sum(len(entry.text) + 400 for entry in whole)
