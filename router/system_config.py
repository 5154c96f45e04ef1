"""What is in Envoy whatever the routes are: bootstrap and the platform's own hosts. Pure.

The bootstrap holds only what Envoy cannot be told later: how to reach the agent, the admin socket and its
limits. Everything else comes by ADS, so that an Envoy which a restarted agent re-adopts takes a new API address
without a restart of its own.
"""

import json
from typing import Any

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.route.v3 import route_components_pb2, route_pb2

from router import api_routing
from router.api_error import error
from router.api_routing import API
from router.config import Config
from router.envoy_config import CLUSTER_BASE, HTTP_OPTIONS, REQUEST_TIMEOUT, ROUTES_NAME, serialised
from router.routes import system_hosts

_EXTENSIONS = "type.googleapis.com/envoy.extensions."

#: Unix sockets in ZF_ROUTER_DIR. Their names stay, so that Envoy finds a restarted agent.
XDS_SOCKET, ADMIN_SOCKET, LOGS_SOCKET = "xds.sock", "admin.sock", "log-cache.sock"

#: No route may begin like this, so these names never meet a route's.
AGENT, UPLOADER, LOG_CACHE = "@agent", "@uploader", "@log-cache"

#: What /varz and /metrics need. Stats of 10,000 clusters would cost more memory than the clusters.
STATS = ("http.ingress.", "listener_manager.", "cluster_manager.", "server.", "access_logs.", f"cluster.{API}.")

#: Bodies for the API up to this (API Gateway's limit) survive a restart of the control plane.
API_BUFFER_BYTES = 10 * 1024 * 1024


def bootstrap(config: Config) -> str:
    """Envoy's start configuration, JSON."""
    ads = {
        "api_type": "DELTA_GRPC",
        "transport_api_version": "V3",
        "grpc_services": [
            {
                "envoy_grpc": {
                    "cluster_name": AGENT,
                    # By default a restarted agent is noticed only after up to 5 s.
                    "retry_policy": {"retry_back_off": {"base_interval": "0.05s", "max_interval": "0.5s"}},
                }
            }
        ],
    }
    by_ads = {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"}
    return json.dumps(
        {
            "node": {"id": config.id, "cluster": "router"},
            "admin": {"address": {"pipe": {"path": str(config.dir / ADMIN_SOCKET), "mode": 0o600}}},
            "dynamic_resources": {"ads_config": ads, "cds_config": by_ads, "lds_config": by_ads},
            "static_resources": {
                "clusters": [
                    CLUSTER_BASE
                    | _static_cluster(AGENT, {"pipe": {"path": str(config.dir / XDS_SOCKET)}})
                    | {"typed_extension_protocol_options": _HTTP2}
                ]
            },
            "stats_config": {
                "stats_matcher": {"inclusion_list": {"patterns": [{"prefix": prefix} for prefix in STATS]}}
            },
            "overload_manager": _overload(config.heap_mb * 1024 * 1024),
        },
        indent=1,
        sort_keys=True,
    )


_HTTP2 = {
    HTTP_OPTIONS: {
        "@type": f"type.googleapis.com/{HTTP_OPTIONS}",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
}


def _overload(heap_bytes: int) -> dict[str, Any]:
    """Give memory back at 90 % of the heap limit, shed new requests at 95 %."""

    def above(share: float) -> dict[str, Any]:
        return {"name": "envoy.resource_monitors.fixed_heap", "threshold": {"value": share}}

    return {
        "refresh_interval": "0.25s",
        "resource_monitors": [
            {
                "name": "envoy.resource_monitors.fixed_heap",
                "typed_config": {
                    "@type": f"{_EXTENSIONS}resource_monitors.fixed_heap.v3.FixedHeapConfig",
                    "max_heap_size_bytes": heap_bytes,
                },
            },
            {
                "name": "envoy.resource_monitors.global_downstream_max_connections",
                "typed_config": {
                    "@type": f"{_EXTENSIONS}resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                    "max_active_downstream_connections": 50_000,
                },
            },
        ],
        "actions": [
            {"name": "envoy.overload_actions.shrink_heap", "triggers": [above(0.9)]},
            {"name": "envoy.overload_actions.stop_accepting_requests", "triggers": [above(0.95)]},
        ],
    }


def _static_cluster(name: str, address: dict[str, Any]) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": address}}
    return {
        "name": name,
        "type": "STATIC",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def clusters(config: Config) -> dict[str, bytes]:
    """The platform's own upstreams, serialised, by name."""
    addresses: dict[str, dict[str, Any]] = {
        UPLOADER: {"pipe": {"path": str(config.uploader_socket)}},
        LOG_CACHE: {"pipe": {"path": str(config.dir / LOGS_SOCKET)}},
    }
    static = {
        name: serialised(cluster_pb2.Cluster, CLUSTER_BASE | _static_cluster(name, address))
        for name, address in addresses.items()
    }
    return static | {API: api_routing.cluster(config.api)}


def routes_base(config: Config) -> bytes:
    """The route configuration without its hosts: what is said to every instance about the request."""

    return serialised(
        route_pb2.RouteConfiguration,
        {
            "name": ROUTES_NAME,
            # Hosts are compared without the port, but instances see the Host header as it was sent.
            "ignore_port_in_host_matching": True,
            "request_headers_to_add": [
                # Envoy's own way writes its host's address where the client is on the same host.
                _header("x-forwarded-for", f"%{_CLIENT}%", "APPEND_IF_EXISTS_OR_ADD"),
                _header("x-forwarded-host", "%REQ(:AUTHORITY)%"),
                _header("x-request-start", "%START_TIME(%s%3f)%", "ADD_IF_ABSENT"),
                _header("x-vcap-request-id", "%REQ(X-REQUEST-ID)%"),
            ],
            "request_headers_to_remove": ["x-envoy-internal", "x-envoy-external-address"],
            "response_headers_to_add": [_header("x-vcap-request-id", "%REQ(X-REQUEST-ID)%")],
        },
    )


#: Who opened the connection or, where a load balancer is to say that, whom it names; never what a header says.
_CLIENT = "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT"


def _header(name: str, value: str, action: str = "OVERWRITE_IF_EXISTS_OR_ADD") -> dict[str, Any]:
    return {"header": {"key": name, "value": value}, "append_action": action}


def hosts(config: Config) -> dict[str, bytes]:
    """The platform's hosts as one serialised virtual host, by its name."""

    def to(cluster: str) -> dict[str, Any]:
        return {"cluster": cluster, "timeout": REQUEST_TIMEOUT}

    upload = {
        "safe_regex": {"regex": "/v3/(packages|droplets|buildpacks)/[^/]+/upload"},
        "headers": [{"name": ":method", "string_match": {"exact": "POST"}}],
    }
    routes: list[dict[str, Any]] = [
        {
            "match": {"safe_regex": {"regex": "/+internal(/.*)?"}},
            "direct_response": {
                "status": 404,
                "body": {"inline_string": error(10000, "CF-NotFound", "Unknown request")},
            },
            "response_headers_to_add": [_header("content-type", "application/json")],
        },
        {"match": upload, "route": to(UPLOADER)},
        *(
            {"match": {"path_separated_prefix": path}, "route": to(LOG_CACHE)}
            for path in ("/api/v1", "/v1/read", "/v1/info", "/v1/meta")
        ),
        *api_routing.routes(config.api),
    ]
    virtual = {
        "name": "@system",
        "domains": sorted(system_hosts(config.domain)),
        "request_body_buffer_limit": API_BUFFER_BYTES,
        "routes": routes,
        "response_headers_to_remove": list(api_routing.HIDDEN) if config.api.ca_file else [],
    }
    return {"@system": serialised(route_components_pb2.VirtualHost, virtual)}
