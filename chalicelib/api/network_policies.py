"""/networking/v1/external/policies: which app may connect to which. Not a v3 resource: no guids, no pages."""

import re
from typing import Any

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import Body
from chalicelib.api.render import warned
from chalicelib.core.errors import BadRequest
from chalicelib.services import network_policies, networks
from chalicelib.services.network_policies import MAX_POLICIES, Policy

endpoints = Endpoints(__name__)

GUID = re.compile(r"[\w.-]{1,200}", re.ASCII)


def _document(policy: Policy) -> dict[str, Any]:
    return {
        "source": {"id": policy.source},
        "destination": {
            "id": policy.destination,
            "protocol": policy.protocol,
            "ports": {"start": policy.start, "end": policy.end},
        },
    }


@endpoints("GET", "/networking/v1/external/policies")
def index(request: Request) -> Answer:
    network_policies.require_scope(request.actor, writes=False)
    asked = request.values("id") if request.query.get("id") else None
    found = network_policies.search(request.actor, asked)
    return Answer({"total_policies": len(found), "policies": [_document(policy) for policy in found]})


@endpoints("POST", "/networking/v1/external/policies")
def create(request: Request) -> Answer:
    network_policies.require_scope(request.actor, writes=True)
    network_policies.add(request.world, request.actor, _policies(request), request.trace)
    return warned(Answer({}), *networks.warnings(request.world))


@endpoints("POST", "/networking/v1/external/policies/delete")
def delete(request: Request) -> Answer:
    network_policies.require_scope(request.actor, writes=True)
    network_policies.remove(request.world, request.actor, _policies(request), request.trace)
    return warned(Answer({}), *networks.warnings(request.world))


def _policies(request: Request) -> list[Policy]:
    """Of the body, each once. Raises BadRequest."""
    given = request.json().get("policies")
    if not isinstance(given, list) or not given:
        raise BadRequest("missing policies")
    if len(given) > MAX_POLICIES:
        raise BadRequest(f"at most {MAX_POLICIES} policies at once")
    return list(dict.fromkeys(_policy(item) for item in given))


def _policy(item: Any) -> Policy:
    body = Body(item if isinstance(item, dict) else {"policy": item})
    source, destination = body.part("source", required=True), body.part("destination", required=True)
    ports = destination.part("ports", required=True)
    policy = Policy(
        source.text("id", required=True, default="") or "",
        destination.text("id", required=True, default="") or "",
        destination.choice("protocol", ("tcp", "udp")) or "",
        ports.integer("start", minimum=1, maximum=65535, required=True) or 0,
        ports.integer("end", minimum=1, maximum=65535, required=True) or 0,
    )
    for part, guid in ((source, policy.source), (destination, policy.destination)):
        if not GUID.fullmatch(guid):
            part.wrong(f"{part.prefix}id must be an app's guid")
    if not policy.protocol:
        body.wrong("invalid destination protocol, specify either udp or tcp")
    if policy.end < policy.start:
        body.wrong(f"invalid port range {policy.start}-{policy.end}, start must be less than or equal to end")
    if body.errors:
        raise BadRequest("; ".join(dict.fromkeys(body.errors)))
    return policy
