"""Envoy's one listener: what it does to every request, its access log and what it answers itself. Pure."""

from typing import Any

from envoy.config.accesslog.v3 import accesslog_pb2  # noqa: F401 (part of the listener)
from envoy.config.listener.v3 import listener_pb2
from envoy.extensions.access_loggers.grpc.v3 import als_pb2  # noqa: F401 (named in an Any)
from envoy.extensions.filters.http.router.v3 import router_pb2  # noqa: F401 (named in an Any)
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2,  # noqa: F401 (named in an Any)
)

from router import sticky
from router.api_error import error
from router.config import Config
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


def listener(config: Config) -> bytes:
    manager = {
        "@type": f"{_EXTENSIONS}filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "ingress",
        "rds": {
            "route_config_name": ROUTES_NAME,
            "config_source": {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"},
        },
        "http_filters": [
            *sticky.filters(config.sticky_cookies),
            {
                "name": "envoy.filters.http.router",
                "typed_config": {
                    "@type": f"{_EXTENSIONS}filters.http.router.v3.Router",
                    "suppress_envoy_headers": True,
                },
            },
        ],
        # This is the edge: what only a proxy may say is replaced, request ids among it.
        "use_remote_address": True,
        "skip_xff_append": True,
        "internal_address_config": {"cidr_ranges": [NOBODY]},
        "normalize_path": True,
        "max_request_headers_kb": 64,
        "common_http_protocol_options": {"max_headers_count": 500, "idle_timeout": "90s"},
        "http_protocol_options": {"accept_http_10": True},
        "server_header_transformation": "PASS_THROUGH",
        "stream_idle_timeout": REQUEST_TIMEOUT,
        "request_headers_timeout": "60s",
        # The upload's "100 Continue" is said by the uploader, once the control plane has agreed.
        "proxy_100_continue": True,
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "local_reply_config": {"mappers": _local_replies(config)},
        "access_log": [_access_log()],
    }
    return serialised(
        listener_pb2.Listener,
        {
            "name": "ingress",
            "address": {"socket_address": {"address": config.listen.host, "port_value": config.listen.port}},
            # With it a second Envoy on the same port would start silently beside the first.
            "enable_reuse_port": False,
            "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
        },
    )


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
    names = "|".join(name.replace(".", r"\.") for name in sorted(system_hosts(config.domain)))
    on_system_host = {
        "header_filter": {
            "header": {"name": ":authority", "string_match": {"safe_regex": {"regex": f"({names})(:[0-9]+)?"}}}
        }
    }

    def flags(names: list[str]) -> dict[str, Any]:
        return {"response_flag_filter": {"flags": names}}

    def router_error(name: str) -> list[dict[str, Any]]:
        return [{"header": {"key": "x-cf-routererror", "value": name}}]

    away = error(10015, "CF-ServiceUnavailable", "The platform is restarting; try again in a moment")
    return [
        {
            "filter": {"and_filter": {"filters": [on_system_host, flags(_FAILED + _NOBODY)]}},
            "status_code": 503,
            "body": {"inline_string": away},
            "body_format_override": {
                "text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"},
                "content_type": "application/json",
            },
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
