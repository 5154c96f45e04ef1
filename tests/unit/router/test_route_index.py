from dataclasses import replace

from router.route_index import EMPTY_ROUTE_S, RouteIndex
from router.route_table import Changes
from tests.unit.router.builders import an_endpoint


def test_a_route_whose_last_instance_went_stays_a_while() -> None:
    endpoint = an_endpoint("g1", "a.x")
    index = RouteIndex([endpoint])
    assert index.change(Changes(removed=(endpoint,)), now=10) == {"a.x"}
    assert index.endpoints("a.x") == []
    assert index.expire(10 + EMPTY_ROUTE_S - 0.1) == set()
    assert index.expire(10 + EMPTY_ROUTE_S) == {"a.x"}
    assert index.routes == {}


def test_an_instance_that_comes_back_in_time_keeps_the_route() -> None:
    endpoint = an_endpoint("g1", "a.x")
    index = RouteIndex([endpoint])
    index.change(Changes(removed=(endpoint,)), now=10)
    index.change(Changes(added=(an_endpoint("g2", "a.x"),)), now=11)
    assert index.expire(99) == set()


def test_an_unmapped_route_is_gone_at_once() -> None:
    before = an_endpoint("g1", "a.x", "b.x")
    index = RouteIndex([before])
    after = replace(before, routes=("a.x",))
    assert index.change(Changes((before,), (after,)), now=10) == {"a.x", "b.x"}
    assert set(index.routes) == {"a.x"}


def test_the_order_of_endpoints_does_not_depend_on_their_coming() -> None:
    endpoints = [an_endpoint(f"g{n}", "a.x", port=1000 + n) for n in range(5)]
    assert RouteIndex(endpoints).endpoints("a.x") == RouteIndex(reversed(endpoints)).endpoints("a.x")
