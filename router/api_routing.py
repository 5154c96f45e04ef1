"""The API in Envoy's words: its cluster, and what is said and heard on the way to it. Pure.

On one machine it is plain HTTP to an address. In AWS it is API Gateway, which is reached by name and TLS, keeps its
API below a stage, knows no HEAD and no doubled slash, and calls some headers of an answer by other names.
"""

from typing import Any

from envoy.config.cluster.v3 import cluster_pb2
from envoy.extensions.filters.http.lua.v3 import lua_pb2  # noqa: F401 (named in an Any)
from envoy.extensions.network.dns_resolver.cares.v3 import cares_dns_resolver_pb2  # noqa: F401 (named in an Any)
from envoy.extensions.transport_sockets.tls.v3 import tls_pb2  # noqa: F401 (named in an Any)

from router.api_upstream import Upstream
from router.envoy_config import CLUSTER_BASE, HTTP1, HTTP_OPTIONS, REQUEST_TIMEOUT, serialised

_EXTENSIONS = "type.googleapis.com/envoy.extensions."

#: No route may begin like this, so these names never meet a route's.
API = "@cc-api"

#: Connections to API Gateway are kept for so long without a request: a handshake costs two round trips, and load
#: balancers of AWS close after a minute or more.
IDLE = "20s"

#: Silence on the way to API Gateway: it gives a function 29 s, then answers itself.
SILENCE = "60s"

#: The control plane on this machine restarts in a few seconds; a request that met nobody waits for it.
_RESTARTING = {
    "retry_on": "connect-failure,refused-stream,reset-before-request",
    "num_retries": 20,
    "retry_back_off": {"base_interval": "0.1s", "max_interval": "0.5s"},
}

#: API Gateway is several addresses, of which one may be gone.
_ELSEWHERE = _RESTARTING | {"num_retries": 5}

#: A connection that is closed as the request comes: what only reads is asked again.
_READ_AGAIN = _ELSEWHERE | {"retry_on": f"{_ELSEWHERE['retry_on']},reset"}

#: Those of API Gateway that clients need not see; its documentation calls the remapped ones "remapped".
HIDDEN = (
    "x-amz-apigw-id",
    "x-amzn-errortype",
    "x-amzn-requestid",
    "x-amzn-trace-id",
    *(f"x-amzn-remapped-{name}" for name in ("connection", "content-length", "date", "server", "www-authenticate")),
)

#: Name of the filter that the script stands in.
FILTER = "zf.api"

#: As infra/local/gateway.py has it for one machine. A function that answers GET need not know of HEAD.
_SCRIPT = """
function envoy_on_request(handle)
  local headers = handle:headers()
  local path, query = headers:get(":path"):match("^([^?]*)(.*)$")
  local plain = path:gsub("//+", "/"):gsub("(.)/$", "%1")
  if plain ~= path then headers:replace(":path", plain .. query) end
  if headers:get(":method") == "HEAD" then
    headers:replace(":method", "GET")
    handle:streamInfo():dynamicMetadata():set("zf.api", "head", true)
  end
end

function envoy_on_response(handle)
  if (handle:streamInfo():dynamicMetadata():get("zf.api") or {})["head"] then
    local length = handle:headers():get("content-length")
    local body = handle:body()
    if body then body:setBytes("") end
    if length then handle:headers():replace("content-length", length) end
  end
end
"""


def cluster(upstream: Upstream) -> bytes:
    address = {"socket_address": {"address": upstream.host, "port_value": upstream.port}}
    found = {
        "name": API,
        "load_assignment": {"cluster_name": API, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}]},
    }
    how = _by_name_and_tls(upstream) if upstream.ca_file else {"type": "STATIC"}
    return serialised(cluster_pb2.Cluster, CLUSTER_BASE | found | how)


def _by_name_and_tls(upstream: Upstream) -> dict[str, Any]:
    return {
        "type": "STRICT_DNS",
        "dns_lookup_family": "V4_PREFERRED",
        "respect_dns_ttl": True,
        # Addresses that were found stay while no name server answers.
        "dns_failure_refresh_rate": {"base_interval": "1s", "max_interval": "5s"},
        "typed_dns_resolver_config": {
            "name": "envoy.network.dns_resolver.cares",
            "typed_config": {
                "@type": f"{_EXTENSIONS}network.dns_resolver.cares.v3.CaresDnsResolverConfig",
                # Envoy's first listener waits for the first answer, or for none: apps must not wait for long.
                "query_timeout_seconds": 2,
                "query_tries": 2,
            },
        },
        "typed_extension_protocol_options": {
            HTTP_OPTIONS: HTTP1 | {"common_http_protocol_options": {"idle_timeout": IDLE}}
        },
        "transport_socket": {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": f"{_EXTENSIONS}transport_sockets.tls.v3.UpstreamTlsContext",
                "sni": upstream.host,
                # Who comes back with a ticket is not shown the certificate again, good or bad as it may be by now.
                "max_session_keys": 0,
                "common_tls_context": {
                    "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
                    "alpn_protocols": ["http/1.1"],
                    "validation_context": {
                        "trusted_ca": {"filename": upstream.ca_file},
                        "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": upstream.host}}],
                    },
                },
            },
        },
    }


def routes(upstream: Upstream) -> list[dict[str, Any]]:
    """Of a host of the platform: all that no route before them takes goes to the API."""
    everything = {"prefix": "/"}
    if not upstream.ca_file:
        there = {"cluster": API, "timeout": REQUEST_TIMEOUT, "retry_policy": _RESTARTING}
        return [{"match": everything, "route": there}]
    there = {
        "cluster": API,
        "timeout": REQUEST_TIMEOUT,
        "idle_timeout": SILENCE,
        "prefix_rewrite": f"{upstream.path}/",
        "host_rewrite_literal": upstream.authority,
    }
    more = {
        "response_headers_to_add": [
            # Nothing is added where nothing was remapped.
            {
                "header": {"key": "www-authenticate", "value": "%RESP(x-amzn-remapped-www-authenticate)%"},
                "append_action": "ADD_IF_ABSENT",
            }
        ],
        "typed_per_filter_config": {FILTER: _lua_of_route()},
    }
    reads = {"headers": [{"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD"}}}]}
    return [
        {"match": everything | reads, "route": there | {"retry_policy": _READ_AGAIN}} | more,
        {"match": everything, "route": there | {"retry_policy": _ELSEWHERE}} | more,
    ]


def _lua_of_route() -> dict[str, Any]:
    return {
        "@type": f"{_EXTENSIONS}filters.http.lua.v3.LuaPerRoute",
        "source_code": {"inline_string": _SCRIPT},
    }


def filters(upstream: Upstream) -> list[dict[str, Any]]:
    """HTTP filters to stand before the router; requests of apps pass them by."""
    typed = {"@type": f"{_EXTENSIONS}filters.http.lua.v3.Lua"}
    return [{"name": FILTER, "typed_config": typed}] if upstream.ca_file else []
