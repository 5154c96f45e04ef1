"""The route table in Envoy's words. Pure and byte-deterministic: the same routes give the same bytes.

One cluster and one load assignment per route, one virtual host per host, all virtual hosts in one route
configuration. What is the same for every route is serialised once at import: protobuf messages merge when their
bytes are concatenated, so a resource is its own few fields plus a template, and the route configuration is the
virtual hosts' bytes one after the other (Envoy takes 10,000 of them in 0.1 s; building that message would take
longer). The reasons of the settings stand beside them; architecture, section 7 has the measured ones.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.endpoint.v3 import endpoint_pb2
from envoy.config.route.v3 import route_components_pb2, route_pb2
from envoy.extensions.retry.host.previous_hosts.v3 import previous_hosts_pb2  # noqa: F401 (named in an Any)
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2  # noqa: F401 (named in an Any)
from google.protobuf.json_format import ParseDict

from chalicelib.contracts.routing import Endpoint, RouteRule
from chalicelib.core.routing import APP_PORT
from router import sticky

CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
ASSIGNMENT = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener"
ROUTES = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
SECRET = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"  # noqa: S105 (a type)

#: The one route configuration.
ROUTES_NAME = "routes"

#: A request may take this long, and may be silent this long (gorouter's request timeout).
REQUEST_TIMEOUT = "900s"

#: Bodies up to this can be sent to a second instance when the first refuses the connection.
RETRY_BUFFER_BYTES = 8 * 1024 * 1024

#: Endpoint metadata under this key name the instance in access lines.
METADATA = "zf"

#: Envoy's limits of 1,024 connections and 3 retries per cluster are for a mesh; a platform limits elsewhere.
UNLIMITED = 65536

HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


@dataclass(frozen=True, slots=True)
class Resource:
    """One xDS resource. version: hash of the bytes, so that it outlives a restart of the agent."""

    version: str
    value: bytes


def resource(value: bytes) -> Resource:
    return Resource(hashlib.blake2b(value, digest_size=12).hexdigest(), value)


def message(cls: type[Any], data: Mapping[str, Any]) -> Any:
    """A protobuf message from its JSON form."""
    return ParseDict(data, cls())


def serialised(cls: type[Any], data: Mapping[str, Any]) -> bytes:
    text: bytes = message(cls, data).SerializeToString(deterministic=True)
    return text


HTTP1: dict[str, Any] = {
    "@type": f"type.googleapis.com/{HTTP_OPTIONS}",
    "explicit_http_config": {"http_protocol_options": {}},
    # Servers close idle connections (gunicorn after 2 s, node after 5 s); a request that meets the closing is
    # lost, so we close first.
    "common_http_protocol_options": {"idle_timeout": "1s"},
}

#: Instances that speak HTTP/2 without TLS (h2c), as gRPC servers do.
HTTP2 = HTTP1 | {"explicit_http_config": {"http2_protocol_options": {}}}

#: All that clusters share, of routes and of the platform itself.
CLUSTER_BASE: dict[str, Any] = {
    # A host that is gone answers nothing at all; one lost SYN (1 s) must not look like that.
    "connect_timeout": "3s",
    "circuit_breakers": {
        "thresholds": [
            {
                "max_connections": UNLIMITED,
                "max_pending_requests": UNLIMITED,
                "max_requests": UNLIMITED,
                "max_retries": UNLIMITED,
            }
        ]
    },
    "typed_extension_protocol_options": {HTTP_OPTIONS: HTTP1},
}

#: Another instance is tried when one refuses, as long as nothing of the request has reached the first.
_RETRY = {
    "retry_on": "connect-failure,refused-stream,reset-before-request",
    "num_retries": 3,
    "retry_host_predicate": [
        {
            "name": "envoy.retry_host_predicates.previous_hosts",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
            },
        }
    ],
    "host_selection_retry_max_attempts": 5,
    "retry_back_off": {"base_interval": "0.005s", "max_interval": "0.05s"},
}

_ROUTE_CLUSTER_BASE: dict[str, Any] = CLUSTER_BASE | {
    "type": "EDS",
    "eds_cluster_config": {"eds_config": {"ads": {}, "resource_api_version": "V3"}},
    # Out for 5 s after the first refused connect, all of them if need be: the default panic threshold
    # still tries them when nobody else is left.
    "outlier_detection": {
        "split_external_local_origin_errors": True,
        "consecutive_local_origin_failure": 1,
        "enforcing_consecutive_local_origin_failure": 100,
        "base_ejection_time": "5s",
        "max_ejection_time": "5s",
        "max_ejection_percent": 100,
        "interval": "2s",
        "enforcing_consecutive_5xx": 0,
        "enforcing_success_rate": 0,
        "enforcing_local_origin_success_rate": 0,
    },
}

#: How an instance is chosen, by what a route asks for. Weights count with all but RANDOM.
_POLICIES: dict[str, dict[str, Any]] = {
    "": {"lb_policy": "RANDOM"},
    "round-robin": {"lb_policy": "ROUND_ROBIN"},
    # Of so many drawn at random (one may be drawn twice) the one with the fewest requests under way.
    "least-connection": {"lb_policy": "LEAST_REQUEST", "least_request_lb_config": {"choice_count": 32}},
}

_ROUTE_CLUSTERS = {
    (balance, protocol): serialised(
        cluster_pb2.Cluster,
        _ROUTE_CLUSTER_BASE
        | policy
        | {"typed_extension_protocol_options": {HTTP_OPTIONS: options | {"retry_policy": _RETRY}}},
    )
    for balance, policy in _POLICIES.items()
    for protocol, options in (("http1", HTTP1), ("http2", HTTP2))
}

#: Weight of a destination that has all requests, divided among its instances.
WEIGHT_UNIT = 1000

#: What is the same for all virtual hosts stands elsewhere if it can: each costs Envoy time at every new route.
_ROUTE_HOST = serialised(route_components_pb2.VirtualHost, {"request_body_buffer_limit": RETRY_BUFFER_BYTES})

_ROUTE_ACTION = message(route_components_pb2.RouteAction, {"timeout": REQUEST_TIMEOUT})


def rule_of(endpoint: Endpoint, route: str) -> RouteRule | None:
    return next((rule for rule in endpoint.rules if rule.route == route), None)


def cluster(route: str, endpoints: Iterable[Endpoint] = ()) -> bytes:
    """As the route's instances say. One cluster speaks one protocol: HTTP/2 only when all of them do."""
    rules = [rule_of(endpoint, route) for endpoint in endpoints]
    protocols = {rule.protocol if rule else "http1" for rule in rules}
    balance = next((rule.balance for rule in rules if rule and rule.balance in _POLICIES), "")
    if not balance and any(rule and rule.weight for rule in rules):
        balance = "round-robin"
    template = _ROUTE_CLUSTERS[balance, "http2" if protocols == {"http2"} else "http1"]
    return bytes(cluster_pb2.Cluster(name=route).SerializeToString()) + template


@dataclass(frozen=True, slots=True)
class Target:
    """One port of an instance. weight: of its destination, which all targets of ``group`` share; 0: none."""

    endpoint: Endpoint
    port: int
    group: tuple[str, int] = ("", 0)
    weight: int = 0


def targets(route: str, endpoints: Iterable[Endpoint]) -> Iterator[Target]:
    """Where a route's requests may go. A port that was named after the start of an instance is not open there."""
    for endpoint in endpoints:
        rule = rule_of(endpoint, route)
        if rule is None or not rule.ports:
            yield (
                Target(endpoint, endpoint.port, (rule.group, 0), rule.weight)
                if rule
                else Target(endpoint, endpoint.port)
            )
            continue
        opened = {APP_PORT: endpoint.port} | {port.internal: port.external for port in endpoint.ports}
        weights = rule.weights if len(rule.weights) == len(rule.ports) else (0,) * len(rule.ports)
        for named, weight in zip(rule.ports, weights, strict=True):
            if named in opened:
                yield Target(endpoint, opened[named], (rule.group, named), weight)


def load_assignment(route: str, endpoints: Sequence[Endpoint]) -> bytes:
    """The instances behind a route, each with its weight, its sticky cookie and what an access line says of it."""
    assignment = endpoint_pb2.ClusterLoadAssignment(cluster_name=route)
    locality = assignment.endpoints.add()
    found = list(targets(route, endpoints))
    sizes = Counter(one.group for one in found)
    for one in found:
        endpoint, target = one.endpoint, locality.lb_endpoints.add()
        if one.weight > 0:
            target.load_balancing_weight.value = max(1, one.weight * WEIGHT_UNIT // sizes[one.group])
        address = target.endpoint.address.socket_address
        address.address, address.port_value = endpoint.host, one.port
        target.metadata.filter_metadata[METADATA].update(
            {
                "app": endpoint.app_guid,
                "instance": endpoint.instance_guid,
                "index": str(endpoint.index),
                sticky.STICKY_KEY: sticky.value_of(endpoint, one.port),
            }
        )
    return bytes(assignment.SerializeToString(deterministic=True))


@dataclass(frozen=True, slots=True)
class PathRoute:
    """One path ("" for all) of a host and where it leads. app: for access lines of requests that reached nobody."""

    path: str
    cluster: str
    app: str


def virtual_host(host: str, routes: Sequence[PathRoute]) -> bytes:
    """``routes`` in the order in which they are tried."""
    virtual = route_components_pb2.VirtualHost(name=host, domains=[host])
    for path_route in routes:
        route = virtual.routes.add(name=path_route.app)
        if path_route.path:
            route.match.path_separated_prefix = path_route.path
        else:
            route.match.prefix = "/"
        route.route.CopyFrom(_ROUTE_ACTION)
        route.route.cluster = path_route.cluster
    return bytes(virtual.SerializeToString(deterministic=True)) + _ROUTE_HOST


def route_configuration(hosts: Mapping[str, bytes], base: bytes) -> bytes:
    """``base``: the serialised configuration without hosts; ``hosts``: serialised virtual hosts by name."""
    parts = [base]
    for name in sorted(hosts):
        value = hosts[name]
        parts += (_VIRTUAL_HOSTS_TAG, _varint(len(value)), value)
    return b"".join(parts)


#: Field 2, length-delimited: RouteConfiguration.virtual_hosts.
_VIRTUAL_HOSTS_TAG = bytes([route_pb2.RouteConfiguration.VIRTUAL_HOSTS_FIELD_NUMBER << 3 | 2])


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
