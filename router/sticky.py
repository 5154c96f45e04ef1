"""Sticky sessions as Cloud Foundry's router has them: an app that sets a session cookie gets ``__VCAP_ID__`` beside
it, and requests that bring both go to the instance that this names. Pure.

Its value is ``<instance guid>.<address in hex>``: Envoy can be told to prefer an address, and takes it only while a
healthy instance of the same route has it. Otherwise, and at every retry, it chooses as ever, and the answer renews the
cookie. Lua runs for such requests and answers alone: native matchers keep all others from it.
"""

from collections.abc import Sequence
from typing import Any

# Named in an Any.
from envoy.extensions.common.matching.v3 import extension_matcher_pb2  # noqa: F401
from envoy.extensions.filters.common.matcher.action.v3 import skip_action_pb2  # noqa: F401
from envoy.extensions.filters.http.header_mutation.v3 import header_mutation_pb2  # noqa: F401
from envoy.extensions.filters.http.lua.v3 import lua_pb2  # noqa: F401
from envoy.type.matcher.v3 import http_inputs_pb2  # noqa: F401

from chalicelib.contracts.routing import Endpoint

COOKIE = "__VCAP_ID__"

#: Key, in an endpoint's metadata, of what its cookie says.
STICKY_KEY = "sticky"

#: From the filter that knows the instance to the one that writes the cookie; clients never see it.
_HEADER = "x-zf-sticky"

_TYPE = "type.googleapis.com/"
_EXTENSIONS = f"{_TYPE}envoy.extensions."

#: asked: of the request's cookies the instance's, when there is a session's too.
_REQUEST = """
local SESSIONS = {%(names)s}

function envoy_on_request(handle)
  local session, asked = false, nil
  for name, value in (handle:headers():get("cookie") or ""):gmatch("([^=;%%s]+)=([^;]*)") do
    session = session or SESSIONS[name] ~= nil
    if name == "%(cookie)s" then asked = value end
  end
  if not (session and asked) then return end
  handle:streamInfo():dynamicMetadata():set("zf", "asked", asked)
  local digits = asked:match("^[%%w_-]+%%.(%%x+)$")
  if not digits or #digits > 128 then return end
  local address = digits:gsub("%%x%%x", function(pair) return string.char(tonumber(pair, 16)) end)
  if address:match("^%%d+%%.%%d+%%.%%d+%%.%%d+:%%d+$") or address:match("^%%[[%%x:.]+%%]:%%d+$") then
    pcall(handle.setUpstreamOverrideHost, handle, address)
  end
end
"""

#: The path is the route's own, so that a cookie that is renewed replaces the old one.
_RESPONSE = """
local SESSIONS = {%(names)s}
local KEPT = {secure = true, samesite = true, ["max-age"] = true, expires = true, partitioned = true}

local function attributes(headers)
  for i = 0, headers:getNumValues("set-cookie") - 1 do
    local value = headers:getAtIndex("set-cookie", i)
    if SESSIONS[value:match("^%%s*([^=;%%s]+)%%s*=")] then
      local kept = ""
      for attribute in value:gmatch(";%%s*([^;]+)") do
        if KEPT[attribute:match("^[^=%%s]*"):lower()] then kept = kept .. "; " .. attribute end
      end
      return kept
    end
  end
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local instance, route = (headers:get("%(header)s") or ""):match("^(%%S+%%.%%x+) (.*)$")
  headers:remove("%(header)s")
  if not instance then return end
  local kept = attributes(headers)
  local asked = (handle:streamInfo():dynamicMetadata():get("zf") or {})["asked"]
  if kept or (asked and asked ~= instance) then
    local path = route:match("/.*$") or "/"
    headers:add("set-cookie", "%(cookie)s=" .. instance .. "; Path=" .. path .. "; HttpOnly" .. (kept or ""))
  end
end
"""


def value_of(endpoint: Endpoint, port: int) -> str:
    """What the cookie of an instance says, reached at this port of its host."""
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    return f"{endpoint.instance_guid}.{f'{host}:{port}'.encode().hex()}"


def filters(sessions: Sequence[str]) -> list[dict[str, Any]]:
    """HTTP filters to stand before the router. sessions: names of session cookies; none: no sticky sessions."""
    if not sessions:
        return []
    words = {"names": ", ".join(f'["{name}"] = true' for name in sessions), "cookie": COOKIE, "header": _HEADER}
    asks = _contains(_request("cookie"), f"{COOKIE}=")
    set_sessions = [_contains(_response("set-cookie"), f"{name}=") for name in sessions]
    return [
        _unless_needed("request", _lua(_REQUEST % words), asks),
        # Answers come through in the opposite order.
        _unless_needed("response", _lua(_RESPONSE % words), _any([asks, *set_sessions])),
        _unless_needed("instance", _tell_instance(), _any([asks, *set_sessions])),
    ]


def _lua(code: str) -> dict[str, Any]:
    return {
        "name": "envoy.filters.http.lua",
        "typed_config": {
            "@type": f"{_EXTENSIONS}filters.http.lua.v3.Lua",
            "default_source_code": {"inline_string": code},
        },
    }


def _tell_instance() -> dict[str, Any]:
    """The instance's cookie and the route (its cluster's name) in a header; without an instance "-" or nothing."""
    value = f"%UPSTREAM_METADATA(zf:{STICKY_KEY})% %UPSTREAM_CLUSTER%"
    append = {"header": {"key": _HEADER, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
    return {
        "name": "envoy.filters.http.header_mutation",
        "typed_config": {
            "@type": f"{_EXTENSIONS}filters.http.header_mutation.v3.HeaderMutation",
            "mutations": {"response_mutations": [{"append": append}]},
        },
    }


Predicate = dict[str, Any]


def _unless_needed(name: str, extension: dict[str, Any], needed: Predicate) -> dict[str, Any]:
    """A filter that is passed over where ``needed`` does not hold."""
    skip = {"name": "skip", "typed_config": {"@type": f"{_EXTENSIONS}filters.common.matcher.action.v3.SkipFilter"}}
    matcher = {"predicate": {"not_matcher": needed}, "on_match": {"action": skip}}
    return {
        "name": f"zf.sticky.{name}",
        "typed_config": {
            "@type": f"{_EXTENSIONS}common.matching.v3.ExtensionWithMatcher",
            "extension_config": extension,
            "xds_matcher": {"matcher_list": {"matchers": [matcher]}},
        },
    }


def _contains(source: dict[str, Any], text: str) -> Predicate:
    return {"single_predicate": {"input": source, "value_match": {"contains": text}}}


def _any(predicates: list[Predicate]) -> Predicate:
    return {"or_matcher": {"predicate": predicates}}


def _request(header: str) -> dict[str, Any]:
    return {
        "name": f"request-{header}",
        "typed_config": {"@type": f"{_TYPE}envoy.type.matcher.v3.HttpRequestHeaderMatchInput", "header_name": header},
    }


def _response(header: str) -> dict[str, Any]:
    return {
        "name": f"response-{header}",
        "typed_config": {"@type": f"{_TYPE}envoy.type.matcher.v3.HttpResponseHeaderMatchInput", "header_name": header},
    }
