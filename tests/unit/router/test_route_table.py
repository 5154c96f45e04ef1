from dataclasses import replace

from chalicelib.contracts.routing import Endpoint, Register, Unregister
from router.route_table import Changes, RouteTable, admit, apply, prune
from tests.unit.router.builders import an_endpoint

NOBODY: frozenset[str] = frozenset()


def register(*endpoints: Endpoint, seq: int = 1, full: bool = False, boot: str = "b1", dea: str = "dea-0") -> Register:
    return Register(dea, boot, seq, full, endpoints)


def told(*messages: Register | Unregister) -> RouteTable:
    """The table after messages that were sent, and came, one second after the other."""
    table = RouteTable()
    for time, message in enumerate(messages):
        table, _ = apply(table, message, sent_at=float(time), now=float(time))
    return table


def guids(table: RouteTable) -> set[str]:
    return {endpoint.instance_guid for endpoint in table.endpoints()}


def test_a_full_registration_replaces_all_that_is_older() -> None:
    table = told(register(an_endpoint("g1"), seq=1), register(an_endpoint("g2"), seq=2, full=True))
    assert guids(table) == {"g2"}


def test_a_full_registration_replaces_what_an_older_boot_had() -> None:
    table = told(register(an_endpoint("g1"), seq=90), register(an_endpoint("g2"), seq=1, full=True, boot="b2"))
    assert guids(table) == {"g2"}


def test_a_late_message_of_an_older_boot_is_dropped() -> None:
    table = told(register(seq=1, full=True, boot="b2"))
    table, changes = apply(table, register(an_endpoint("g1"), seq=99), sent_at=-1.0, now=9.0)
    assert not changes
    assert guids(table) == set()


def test_a_delta_that_is_older_than_the_full_registration_is_dropped() -> None:
    assert guids(told(register(seq=5, full=True), register(an_endpoint("g1"), seq=4))) == set()


def test_a_delta_that_came_before_an_older_full_registration_stays() -> None:
    assert guids(told(register(an_endpoint("g1"), seq=5), register(seq=4, full=True))) == {"g1"}


def test_the_later_word_about_an_instance_stays() -> None:
    later, earlier = an_endpoint("g1", "new.example.com"), an_endpoint("g1", "old.example.com")
    assert told(register(later, seq=3), register(earlier, seq=2)).endpoints() == [later]


def test_a_late_register_of_an_unregistered_guid_is_dropped() -> None:
    table = told(Unregister("dea-0", "b1", 2, ("g1",)), register(an_endpoint("g1"), seq=3, full=True))
    assert guids(table) == set()


def test_a_dea_speaks_only_for_itself() -> None:
    table = told(register(an_endpoint("g1")), Unregister("dea-1", "b1", 1, ("g1",)))
    assert guids(table) == {"g1"}


def test_a_changed_endpoint_is_taken_away_and_added() -> None:
    before, after = an_endpoint("g1", "a.x"), an_endpoint("g1", "b.x")
    table = told(register(before, seq=1))
    _, changes = apply(table, register(after, seq=2), 1.0, 1.0)
    assert changes == Changes((before,), (after,))


def test_an_endpoint_without_a_good_grant_is_refused() -> None:
    message, refused = admit(RouteTable(), register(an_endpoint("g1")), lambda endpoint: False, NOBODY)
    assert (message.endpoints, refused) == ((), 1)


def test_what_is_known_of_an_instance_outlives_a_grant_that_cannot_be_checked() -> None:
    known = an_endpoint("g1", "a.x")
    table = told(register(known))
    claimed = register(replace(known, routes=("b.x",)), seq=2, full=True)
    message, refused = admit(table, claimed, lambda endpoint: False, NOBODY)
    assert (message.endpoints, refused) == ((known,), 1)


def test_an_endpoint_without_an_address_is_refused() -> None:
    bad = [an_endpoint("g1", host="name.example.com"), an_endpoint("g2", port=0), an_endpoint("g3", port=65536)]
    message, refused = admit(RouteTable(), register(*bad), lambda endpoint: True, NOBODY)
    assert (message.endpoints, refused) == ((), 3)


def test_routes_are_admitted_in_one_spelling_and_none_of_the_platforms() -> None:
    claimed = an_endpoint("g1", "B.x/", "a.x", "api.x", "no route")
    message, _ = admit(RouteTable(), register(claimed), lambda endpoint: True, frozenset({"api.x"}))
    assert message.endpoints[0].routes == ("a.x", "b.x")


def look(table: RouteTable, heard_at: float, healthy: bool = True) -> tuple[RouteTable, Changes]:
    return prune(table, heard_at, healthy, prune_s=120, tombstone_s=240)


def test_a_dea_that_is_silent_for_too_long_is_pruned() -> None:
    table, _ = look(told(register(an_endpoint("g1"))), heard_at=10)
    table, changes = look(table, heard_at=130)
    assert not changes
    table, changes = look(table, heard_at=131)
    assert changes.removed == (an_endpoint("g1"),)
    assert guids(table) == set()


def test_one_dea_that_speaks_does_not_keep_another() -> None:
    table, _ = look(told(register(an_endpoint("g1")), register(an_endpoint("g2"), dea="dea-1")), heard_at=10)
    table, _ = apply(table, register(an_endpoint("g2"), dea="dea-1", seq=2, full=True), 100.0, 100.0)
    table, _ = look(table, heard_at=140)
    assert guids(table) == {"g2"}


def test_nothing_is_pruned_while_the_bus_is_silent_and_all_have_the_full_time_after_it() -> None:
    table, _ = look(told(register(an_endpoint("g1"))), heard_at=10)
    table, _ = look(table, heard_at=10, healthy=False)
    table, changes = look(table, heard_at=1000)
    assert not changes
    table, changes = look(table, heard_at=1120)
    assert not changes
    _, changes = look(table, heard_at=1121)
    assert changes


def test_nothing_is_pruned_before_the_bus_has_answered_once_after_boot() -> None:
    _, changes = look(told(register(an_endpoint("g1"))), heard_at=10_000)
    assert not changes


def test_an_unregistered_guid_is_remembered_for_its_time_and_no_longer() -> None:
    table, _ = look(told(Unregister("dea-0", "b1", 1, ("g1",))), heard_at=1)
    assert look(table, heard_at=240)[0].deas["dea-0"].gone == {"g1": 0.0}
    table, _ = look(table, heard_at=241)
    assert table.deas == {}
