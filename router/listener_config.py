"""Envoy's listeners: what they do to every request, their access log and what they answer themselves. Pure.

The one for TLS stands in router.tls_config.
"""

from collections.abc import Sequence
from typing import Any

from envoy.config.accesslog.v3 import accesslog_pb2  # noqa: F401 (part of the listener)
from envoy.config.listener.v3 import listener_pb2
from envoy.extensions.access_loggers.grpc.v3 import als_pb2  # noqa: F401 (named in an Any)
from envoy.extensions.filters.http.router.v3 import router_pb2  # noqa: F401 (named in an Any)
from envoy.extensions.filters.listener.proxy_protocol.v3 import proxy_protocol_pb2  # noqa: F401 (named in an Any)
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2,  # noqa: F401 (named in an Any)
)
from envoy.extensions.http.early_header_mutation.header_mutation.v3 import (
    header_mutation_pb2,  # noqa: F401 (named in an Any)
)

from router import api_routing, sticky
from router.api_error import error
from router.config import Address, Config
from router.envoy_config import METADATA, REQUEST_TIMEOUT, ROUTES_NAME, serialised
from router.routes import system_hosts
from router.system_config import AGENT

_EXTENSIONS = "type.googleapis.com/envoy.extensions."

#: No client has this address: Envoy believes some headers of "internal" clients, and an empty list means private
#: networks and this host.
NOBODY = {"address_prefix": "255.255.255.255", "prefix_len": 32}

NOT_FOUND_BODY = "404 Not Found: Requested route does not exist.\n"

#: Envoy's response flags: which say that an instance failed, and which that there was none.
_FAILED, _NOBODY = ["UF", "UC", "UR", "UPE", "URX"], ["UH", "NC", "UO"]


#: What clients use without TLS, where they use TLS else.
HTTP_PORT = 80

_REDIRECTS = {301: "MOVED_PERMANENTLY", 308: "PERMANENT_REDIRECT"}

#: One client on one connection: requests at once, and bytes under way that no instance has taken yet.
_HTTP2 = {
    "max_concurrent_streams": 100,
    "initial_stream_window_size": 1024 * 1024,
    "initial_connection_window_size": 4 * 1024 * 1024,
}


def plain_listener(config: Config) -> bytes:
    """HTTP without TLS: the apps, or nothing but the way to where TLS is."""
    if config.tls is None:
        chain = filter_chain(routed(config, config.external_port))
    elif config.tls.redirect:
        chain = filter_chain(_redirecting(config.tls.redirect, config.external_port))
    else:
        chain = filter_chain(routed(config, HTTP_PORT))
    return listener("ingress", config.listen, [chain], config.proxy_protocol)


def listener(
    name: str,
    address: Address,
    chains: Sequence[dict[str, Any]],
    proxy_protocol: bool,
    inspectors: Sequence[dict[str, Any]] = (),
) -> bytes:
    """``inspectors``: listener filters that look at a connection's first bytes, behind a load balancer's header."""
    balancer = {
        "name": "envoy.filters.listener.proxy_protocol",
        "typed_config": {
            "@type": f"{_EXTENSIONS}filters.listener.proxy_protocol.v3.ProxyProtocol",
            # Text that anybody can type; load balancers speak the second version.
            "disallowed_versions": ["V1"],
        },
    }
    return serialised(
        listener_pb2.Listener,
        {
            "name": name,
            "address": {"socket_address": {"address": address.host, "port_value": address.port}},
            # With it a second Envoy on the same port would start silently beside the first.
            "enable_reuse_port": False,
            "listener_filters": [*([balancer] if proxy_protocol else []), *inspectors],
            "filter_chains": list(chains),
        },
    )


def filter_chain(manager: dict[str, Any]) -> dict[str, Any]:
    return {"filters": [{"name": "http", "typed_config": _MANAGER | manager}]}


_MANAGER: dict[str, Any] = {
    "@type": f"{_EXTENSIONS}filters.network.http_connection_manager.v3.HttpConnectionManager",
    "stat_prefix": "ingress",
    # This is the edge: what only a proxy may say is replaced, request ids among it.
    "use_remote_address": True,
    "skip_xff_append": True,
    "internal_address_config": {"cidr_ranges": [NOBODY]},
    "normalize_path": True,
    "max_request_headers_kb": 64,
    "common_http_protocol_options": {"max_headers_count": 500, "idle_timeout": "90s"},
    "http_protocol_options": {"accept_http_10": True},
    "http2_protocol_options": _HTTP2,
    "server_header_transformation": "PASS_THROUGH",
    "stream_idle_timeout": REQUEST_TIMEOUT,
    "request_headers_timeout": "60s",
}


def routed(config: Config, port: int) -> dict[str, Any]:
    """Requests go where the routes lead. port: the one that clients use."""
    forwarded_port = {
        "append": {
            "header": {"key": "x-forwarded-port", "value": str(port)},
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        }
    }
    return {
        "rds": {
            "route_config_name": ROUTES_NAME,
            "config_source": {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"},
        },
        "http_filters": [*sticky.filters(config.sticky_cookies), *api_routing.filters(config.api), _ROUTER],
        "early_header_mutation_extensions": [
            {
                "name": "envoy.http.early_header_mutation.header_mutation",
                "typed_config": {
                    "@type": f"{_EXTENSIONS}http.early_header_mutation.header_mutation.v3.HeaderMutation",
                    "mutations": [forwarded_port],
                },
            }
        ],
        # The upload's "100 Continue" is said by the uploader, once the control plane has agreed.
        "proxy_100_continue": True,
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "local_reply_config": {"mappers": _local_replies(config)},
        "access_log": [_access_log()],
    }


_ROUTER = {
    "name": "envoy.filters.http.router",
    "typed_config": {
        "@type": f"{_EXTENSIONS}filters.http.router.v3.Router",
        "suppress_envoy_headers": True,
    },
}


def _redirecting(status: int, port: int) -> dict[str, Any]:
    """Every request is sent to https, at the same host, path and query. port: of https."""
    other_port = {"port_redirect": port} if port != 443 else {}
    route = {
        "match": {"prefix": "/"},
        "redirect": {"https_redirect": True, "response_code": _REDIRECTS[status]} | other_port,
    }
    hosts = [{"name": "all", "domains": ["*"], "routes": [route]}]
    return {"route_config": {"name": "redirect", "virtual_hosts": hosts}, "http_filters": [_ROUTER]}


def _access_log() -> dict[str, Any]:
    def of_instance(key: str) -> dict[str, Any]:
        path = [{"key": key}]
        return {"tag": key, "metadata": {"kind": {"host": {}}, "metadata_key": {"key": METADATA, "path": path}}}

    return {
        "name": "envoy.access_loggers.http_grpc",
        "typed_config": {
            "@type": f"{_EXTENSIONS}access_loggers.grpc.v3.HttpGrpcAccessLogConfig",
            "common_config": {
                "log_name": "access",
                "transport_api_version": "V3",
                "grpc_service": {"envoy_grpc": {"cluster_name": AGENT}},
                "buffer_flush_interval": "0.2s",
                "custom_tags": [of_instance(key) for key in ("app", "instance", "index")],
            },
            "additional_request_headers_to_log": ["x-forwarded-proto"],
        },
    }


def _local_replies(config: Config) -> list[dict[str, Any]]:
    """What Envoy says itself, in the words of Cloud Foundry's router; on the platform's hosts in the API's shape."""

    def is_host(how: dict[str, str]) -> dict[str, Any]:
        return {"header_filter": {"header": {"name": ":authority", "string_match": how}}}

    # With a port or without. As one regular expression it would be too long for Envoy where the domain is.
    names = sorted(system_hosts(config.domain))
    on_system_host = {
        "or_filter": {"filters": [is_host(how) for name in names for how in ({"exact": name}, {"prefix": f"{name}:"})]}
    }

    def flags(names: list[str]) -> dict[str, Any]:
        return {"response_flag_filter": {"flags": names}}

    def router_error(name: str) -> list[dict[str, Any]]:
        return [{"header": {"key": "x-cf-routererror", "value": name}}]

    away = error(10015, "CF-ServiceUnavailable", "The platform is restarting; try again in a moment")
    late = error(10015, "CF-ServiceUnavailable", "The API took too long; what was asked for may still be done.")
    as_json = {"text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"}, "content_type": "application/json"}
    return [
        {
            "filter": {"and_filter": {"filters": [on_system_host, flags(_FAILED + _NOBODY)]}},
            "status_code": 503,
            "body": {"inline_string": away},
            "body_format_override": as_json,
        },
        {
            # It keeps its status, 504 or 408, by who was silent.
            "filter": {"and_filter": {"filters": [on_system_host, flags(["UT", "SI"])]}},
            "body": {"inline_string": late},
            "body_format_override": as_json,
        },
        {
            "filter": flags(["NR"]),
            "status_code": 404,
            "body": {"inline_string": NOT_FOUND_BODY},
            "headers_to_add": router_error("unknown_route"),
        },
        {
            "filter": flags(_NOBODY),
            "status_code": 503,
            "body": {"inline_string": "503 Service Unavailable: Requested route has no available endpoints.\n"},
            "headers_to_add": router_error("no_endpoints"),
        },
        {
            "filter": flags(_FAILED),
            "status_code": 502,
            "body": {"inline_string": "502 Bad Gateway: Registered endpoint failed to handle the request.\n"},
            "headers_to_add": router_error("endpoint_failure"),
        },
        {
            # A body too large to be kept for the second instance, when the first refused.
            "filter": {
                "status_code_filter": {
                    "comparison": {"op": "EQ", "value": {"default_value": 507, "runtime_key": "zf.retry_too_large"}}
                }
            },
            "status_code": 502,
            "body": {"inline_string": "502 Bad Gateway: Registered endpoint failed to handle the request.\n"},
            "headers_to_add": router_error("endpoint_failure"),
        },
    ]
