"""Rendering, read back through protobuf."""

import random
from dataclasses import replace

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions

from chalicelib.contracts.routing import Endpoint, OpenPort
from router.envoy_config import ASSIGNMENT, CLUSTER, ROUTES, ROUTES_NAME
from router.rendering import Rendering
from router.route_index import RouteIndex
from router.route_table import Changes
from tests.unit.router.builders import an_endpoint, ruled

BASE = RouteConfiguration(name=ROUTES_NAME).SerializeToString()


def rendered(*endpoints: Endpoint) -> tuple[RouteIndex, Rendering]:
    index = RouteIndex(endpoints)
    return index, Rendering(index, {}, BASE, {})


def hosts(rendering: Rendering) -> dict[str, list[tuple[str, str, str]]]:
    """(path, cluster, app) of each host, in order."""
    configuration = RouteConfiguration.FromString(rendering.resources[ROUTES][ROUTES_NAME].value)
    return {
        virtual.name: [
            (route.match.path_separated_prefix or route.match.prefix, route.route.cluster, route.name)
            for route in virtual.routes
        ]
        for virtual in configuration.virtual_hosts
    }


def test_an_endpoint_is_a_cluster_an_assignment_and_a_host() -> None:
    _, rendering = rendered(an_endpoint("g1", "a.x", port=1001))
    cluster = Cluster.FromString(rendering.resources[CLUSTER]["a.x"].value)
    assert cluster.name == "a.x"
    assert cluster.outlier_detection.max_ejection_percent.value == 100
    assignment = ClusterLoadAssignment.FromString(rendering.resources[ASSIGNMENT]["a.x"].value)
    target = assignment.endpoints[0].lb_endpoints[0]
    assert target.endpoint.address.socket_address.port_value == 1001
    said = {"app": "app-1", "instance": "g1", "index": "0", "sticky": f"g1.{b'10.0.0.1:1001'.hex()}"}
    assert dict(target.metadata.filter_metadata["zf"]) == said
    assert hosts(rendering) == {"a.x": [("/", "a.x", "app-1")]}


def test_longer_paths_come_first_and_wildcards_last() -> None:
    _, rendering = rendered(
        an_endpoint("g1", "a.b.x/p", "a.b.x/p/q", "*.b.x", "*.x", "*.x/deep", "c.b.x", app="one"),
    )
    assert [path for path, _, _ in hosts(rendering)["a.b.x"]] == ["/p/q", "/p", "/"]
    assert [cluster for _, cluster, _ in hosts(rendering)["a.b.x"]][-1] == "*.b.x"
    assert [cluster for _, cluster, _ in hosts(rendering)["c.b.x"]] == ["c.b.x"]
    assert [cluster for _, cluster, _ in hosts(rendering)["*.x"]] == ["*.x/deep", "*.x"]


def test_a_wildcard_that_goes_leaves_the_hosts_below_it() -> None:
    wild, exact = an_endpoint("g1", "*.x"), an_endpoint("g2", "a.x/p")
    index, rendering = rendered(wild, exact)
    index.change(Changes(removed=(wild,)), now=0)
    rendering.update(index.expire(now=99))
    assert hosts(rendering) == {"a.x": [("/p", "a.x/p", "app-1")]}


def test_more_endpoints_touch_only_the_assignment() -> None:
    index, rendering = rendered(an_endpoint("g1", "a.x"), an_endpoint("g9", "b.x"))
    touched = rendering.update(index.change(Changes(added=(an_endpoint("g2", "a.x", port=1002),)), now=0))
    assert touched == {CLUSTER: set(), ASSIGNMENT: {"a.x"}, ROUTES: set()}


def test_a_route_that_is_empty_for_the_moment_touches_only_the_assignment() -> None:
    endpoint = an_endpoint("g1", "a.x")
    index, rendering = rendered(endpoint)
    assert rendering.update(index.change(Changes(removed=(endpoint,)), now=0))[ROUTES] == set()
    touched = rendering.update(index.expire(now=99))
    assert touched == {CLUSTER: {"a.x"}, ASSIGNMENT: {"a.x"}, ROUTES: {ROUTES_NAME}}
    assert rendering.resources[CLUSTER] == {}


def test_the_same_endpoints_give_the_same_bytes_whatever_the_way() -> None:
    endpoints = [an_endpoint(f"g{n}", f"h{n % 7}.x", f"h{n % 5}.x/p", "*.x", port=1000 + n) for n in range(40)]
    _, at_once = rendered(*endpoints)
    index, step_by_step = rendered()
    shuffled = endpoints[:]
    random.Random(1).shuffle(shuffled)
    for endpoint in [*shuffled, *shuffled[:5]]:
        step_by_step.update(index.change(Changes((endpoint,), (endpoint,)), now=0))
    assert step_by_step.resources == at_once.resources


def test_one_route_more_at_ten_thousand_takes_milliseconds() -> None:
    import time

    index, rendering = rendered(*(an_endpoint(f"g{n}", f"h{n}.example.com", port=1 + n) for n in range(10_000)))
    touched = index.change(Changes(added=(an_endpoint("new", "new.example.com"),)), now=0)
    began = time.process_time()
    rendering.update(touched)
    assert time.process_time() - began < 0.1
    assert "new.example.com" in hosts(rendering)


def cluster_of(rendering: Rendering, route: str) -> Cluster:
    return Cluster.FromString(rendering.resources[CLUSTER][route].value)


def test_a_destinations_weight_is_shared_by_its_instances() -> None:
    _, rendering = rendered(
        ruled(an_endpoint("g1", "a.x"), group="blue", weight=70),
        ruled(an_endpoint("g2", "a.x"), group="blue", weight=70),
        ruled(an_endpoint("g3", "a.x"), group="green", weight=30),
    )
    assignment = ClusterLoadAssignment.FromString(rendering.resources[ASSIGNMENT]["a.x"].value)
    weights = [one.load_balancing_weight.value for one in assignment.endpoints[0].lb_endpoints]
    assert weights == [35000, 35000, 30000]
    assert cluster_of(rendering, "a.x").lb_policy == Cluster.ROUND_ROBIN, "choosing at random knows no weights"


def test_a_destination_reaches_the_port_that_it_names_where_that_is_open() -> None:
    both = {"ports": (8080, 9000), "weights": (25, 75), "weight": 100, "group": "web"}
    opened = replace(an_endpoint("g1", "a.x", port=1001), ports=(OpenPort(8080, 1001), OpenPort(9000, 1002)))
    _, rendering = rendered(ruled(opened, **both), ruled(an_endpoint("g2", "a.x", port=2001), **both))
    assignment = ClusterLoadAssignment.FromString(rendering.resources[ASSIGNMENT]["a.x"].value)
    found = {
        one.endpoint.address.socket_address.port_value: one.load_balancing_weight.value
        for one in assignment.endpoints[0].lb_endpoints
    }
    assert found == {1001: 12500, 1002: 75000, 2001: 12500}


def test_a_port_that_is_open_nowhere_has_no_instance() -> None:
    _, rendering = rendered(ruled(an_endpoint("g1", "a.x"), ports=(9000,)))
    assignment = ClusterLoadAssignment.FromString(rendering.resources[ASSIGNMENT]["a.x"].value)
    assert not assignment.endpoints[0].lb_endpoints


def test_a_cluster_is_as_its_route_asks_and_follows_it() -> None:
    plain = an_endpoint("g1", "a.x")
    index, rendering = rendered(plain)
    assert cluster_of(rendering, "a.x").lb_policy == Cluster.RANDOM
    changed = ruled(plain, balance="least-connection", protocol="http2")
    touched = rendering.update(index.change(Changes((plain,), (changed,)), now=0.0))
    assert touched[CLUSTER] == {"a.x"}
    cluster = cluster_of(rendering, "a.x")
    assert cluster.lb_policy == Cluster.LEAST_REQUEST
    options = cluster.typed_extension_protocol_options["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"]
    spoken = HttpProtocolOptions.FromString(options.value).explicit_http_config
    assert spoken.HasField("http2_protocol_options")
    assert rendering.update(index.change(Changes((changed,), ()), now=0.0))[CLUSTER] == set(), "empty: as it was"


def test_one_instance_that_speaks_http1_keeps_the_route_at_http1() -> None:
    _, rendering = rendered(ruled(an_endpoint("g1", "a.x"), protocol="http2"), an_endpoint("g2", "a.x"))
    options = cluster_of(rendering, "a.x").typed_extension_protocol_options
    (value,) = (one.value for one in options.values())
    assert HttpProtocolOptions.FromString(value).explicit_http_config.HasField("http_protocol_options")
