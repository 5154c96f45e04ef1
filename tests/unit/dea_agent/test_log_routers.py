"""Which routers take logs."""

from chalicelib.contracts.codec import to_json
from chalicelib.contracts.routing import RouterStart
from dea_agent.log_routers import RouterTable


def a_table(*names: str, at: float = 0) -> RouterTable:
    table = RouterTable(router_start_s=10)
    for name in names:
        table.heard(RouterStart(name, "b1", f"http://{name}"), at)
    return table


def keys(table: RouterTable) -> set[str]:
    return {router.key for router in table.known()}


def test_two_routers_own_a_source() -> None:
    table = a_table("r0", "r1", "r2")
    assert len(table.owners("app-1")) == 2
    assert a_table("r0").owners("app-1")[0].logs == "http://r0"
    assert RouterTable(10).owners("app-1") == []


def test_a_router_is_forgotten_after_three_silent_rounds() -> None:
    table = a_table("r0", "r1")
    table.heard(RouterStart("r1", "b1", "http://r1"), 20)
    table.prune(now=30)
    assert keys(table) == {"r0@b1", "r1@b1"}
    table.prune(now=31)
    assert keys(table) == {"r1@b1"}


def test_a_router_that_leaves_is_gone_at_once_but_not_its_next_boot() -> None:
    table = a_table("r0")
    table.heard(RouterStart("r0", "b2", "http://r0"), 1)
    table.heard(RouterStart("r0", "b1", "http://r0", leaving=True), 2)
    assert keys(table) == {"r0@b2"}
    table.heard(RouterStart("r0", "b2", "http://r0", leaving=True), 3)
    assert keys(table) == set()


def test_after_a_silence_of_the_bus_everybody_has_the_full_time_again() -> None:
    table = a_table("r0")
    table.stamp(now=100)
    table.prune(now=130)
    assert keys(table) == {"r0@b1"}


def test_the_table_survives_a_restart() -> None:
    table, next_one = a_table("r0", "r1", at=5), RouterTable(10)
    next_one.restore(to_json(table.known()))
    assert next_one.known() == table.known()
