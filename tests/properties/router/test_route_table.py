"""Whatever the bus does to messages, the table ends up with the truth."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.contracts.routing import Endpoint, Register, Unregister
from router.route_index import RouteIndex
from router.route_table import Changes, RouteTable, apply, prune

Message = tuple[Register | Unregister, float]

GUIDS = [f"g{n}" for n in range(6)]
ROUTES = ["a.x", "b.x", "a.x/p", "*.x"]


def endpoint(guid: str, routes: tuple[str, ...], version: int) -> Endpoint:
    return Endpoint(guid, "app", "process", 1, 0, "10.0.0.1", 1000 + GUIDS.index(guid), routes, version, "")


@st.composite
def histories(draw: st.DrawFn, dea: str = "dea-0") -> tuple[list[Message], dict[str, Endpoint]]:
    """What a DEA says in a few boots, message by message, and what it has in the end."""
    messages: list[Message] = []
    has: dict[str, Endpoint] = {}
    gone: set[str] = set()
    time, version = 1000.0, 0
    for boot in range(draw(st.integers(1, 3))):
        seq = 0
        for _ in range(draw(st.integers(0, 5))):
            seq, time, version = seq + 1, time + 1, version + 1
            candidates = [guid for guid in GUIDS if guid not in gone]
            action = draw(st.sampled_from(["register", "unregister", "full"]))
            if action == "unregister" and has:
                guid = draw(st.sampled_from(sorted(has)))
                del has[guid]
                gone.add(guid)
                messages.append((Unregister(dea, f"b{boot}", seq, (guid,)), time))
                continue
            if candidates and action == "register":
                guid = draw(st.sampled_from(candidates))
                routes = tuple(draw(st.sets(st.sampled_from(ROUTES), max_size=3)))
                has[guid] = endpoint(guid, tuple(sorted(routes)), version)
                messages.append((Register(dea, f"b{boot}", seq, False, (has[guid],)), time))
                continue
            messages += whole(draw, dea, f"b{boot}", seq, has, time)
        # An agent that restarts begins with all that it has adopted; some may have died meanwhile.
        time += 1
        for guid in draw(st.sets(st.sampled_from(sorted(has)), max_size=2)) if has else ():
            del has[guid]
            gone.add(guid)
        messages += whole(draw, dea, f"b{boot + 1}", 0, has, time)
    return messages, has


def whole(draw: st.DrawFn, dea: str, boot: str, seq: int, has: dict[str, Endpoint], time: float) -> list[Message]:
    """The full list, in one message or in several."""
    parts = draw(st.integers(1, 3))
    endpoints = list(has.values())
    return [
        (Register(dea, boot, seq, parts == 1, tuple(endpoints[part::parts]), part, parts), time + part / 10)
        for part in range(parts)
    ]


def told(messages: list[Message], index: RouteIndex | None = None) -> RouteTable:
    table = RouteTable()
    for message, sent_at in messages:
        table, changes = apply(table, message, sent_at, now=0.0)
        if index is not None:
            index.change(changes, now=0.0)
    return table


def content(table: RouteTable, dea: str = "dea-0") -> dict[str, Endpoint]:
    known = table.deas.get(dea)
    return {guid: entry.endpoint for guid, entry in known.entries.items()} if known else {}


@given(histories(), st.data())
def test_any_order_and_number_of_deliveries_ends_in_the_truth(
    history: tuple[list[Message], dict[str, Endpoint]], data: st.DataObject
) -> None:
    messages, truth = history
    doubled = messages + data.draw(st.lists(st.sampled_from(messages), max_size=5))
    assert content(told(data.draw(st.permutations(doubled)))) == truth


@given(histories(), st.data())
def test_the_index_is_the_table_seen_from_its_routes(
    history: tuple[list[Message], dict[str, Endpoint]], data: st.DataObject
) -> None:
    index = RouteIndex()
    table = told(data.draw(st.permutations(history[0])), index)
    index.expire(now=1e9)
    assert index.routes == RouteIndex(table.endpoints()).routes


@given(histories(), st.data())
def test_an_unregistered_guid_never_returns(
    history: tuple[list[Message], dict[str, Endpoint]], data: st.DataObject
) -> None:
    table, gone = RouteTable(), set()
    for message, sent_at in data.draw(st.permutations(history[0])):
        table, _ = apply(table, message, sent_at, now=0.0)
        if isinstance(message, Unregister):
            gone |= set(message.instance_guids)
        assert not gone & content(table).keys()


@given(histories(), histories(dea="dea-1"), st.data())
def test_deas_do_not_touch_each_other(
    one: tuple[list[Message], dict[str, Endpoint]],
    other: tuple[list[Message], dict[str, Endpoint]],
    data: st.DataObject,
) -> None:
    table = told(data.draw(st.permutations(one[0] + other[0])))
    assert content(table) == one[1]
    assert content(table, "dea-1") == other[1]


@given(histories(), st.lists(st.tuples(st.floats(0, 1000), st.booleans()), max_size=8))
def test_a_silent_bus_prunes_nothing(
    history: tuple[list[Message], dict[str, Endpoint]], looks: list[tuple[float, bool]]
) -> None:
    table = told(history[0])
    truth = content(table)
    for heard_at, healthy in looks:
        # Between two looks with a healthy bus less than the prune time passes.
        table, changes = prune(table, heard_at % 100, healthy, prune_s=120, tombstone_s=240)
        assert changes == Changes()
    assert content(table) == truth


@given(histories())
def test_a_repeated_full_registration_changes_nothing(history: tuple[list[Message], dict[str, Endpoint]]) -> None:
    messages, truth = history
    table = told(messages)
    last, sent_at = messages[-1]
    assert isinstance(last, Register)
    again = replace(last, seq=last.seq + 1, endpoints=tuple(truth.values()), full=True, part=0, parts=1)
    after, changes = apply(table, again, sent_at + 1, now=0.0)
    assert not changes
    assert content(after) == truth
