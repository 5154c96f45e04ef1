"""/v3/spaces."""

from dataclasses import replace
from typing import Any

from chalicelib.api import isolation_segments, users
from chalicelib.api import organizations as orgs_api
from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.included import Way, included
from chalicelib.api.parsing import Body
from chalicelib.api.render import accepted, common, listing, paginated, to_one
from chalicelib.core.errors import NotFound, Unprocessable
from chalicelib.core.roles import MANAGE, OPERATE
from chalicelib.services import access, organizations, quotas, roles, routes
from chalicelib.services import isolation_segments as segments
from chalicelib.services.listing import load, members, page, sliced
from chalicelib.tables.identity import Organization, Space

endpoints = Endpoints(__name__)


def render(request: Request, space: Space) -> dict[str, Any]:
    document = common(request, space)
    org = {"href": f"{request.base}/v3/organizations/{space.org_guid}"}
    manifest = {"href": f"{request.base}/v3/spaces/{space.guid}/actions/apply_manifest", "method": "POST"}
    document["links"] |= {"organization": org, "apply_manifest": manifest}
    return document | {
        "name": space.name,
        "relationships": {"organization": to_one(str(space.org_guid)), "quota": to_one(space.quota_guid)},
    }


#: What ``include`` leads to; "org" is what old clients say.
WAYS: dict[str, Way] = {
    "organization": (Organization, lambda space: space.org_guid, orgs_api.render),
    "org": (Organization, lambda space: space.org_guid, orgs_api.render),
}


@endpoints("GET", "/v3/spaces")
def index(request: Request) -> Answer:
    """Names are compared without case, as where they are made."""
    orgs = request.values("organization_guids")
    lists = ["spaces"] if orgs is None else [f"org/{guid}/spaces" for guid in sorted(orgs)]
    what = listing(request, lists, "organization_guids", "include")
    visible = access.visible_spaces(request.actor)
    if visible is not None:
        what = what.within(visible)
    if what.names is None:
        found = page(Space, what)
    elif visible is not None:
        names = {name.lower() for name in what.names}
        found = page(Space, replace(what, names=None).having(lambda space: str(space.name).lower() in names))
    else:
        names = {name.lower() for name in what.names}
        guids = [member.guid for member in members(lists) if str(member.name).lower() in names]
        found = sliced(load(Space, guids), replace(what, names=None))
    return paginated(request, found, render, included(request, found.items, WAYS))


@endpoints("POST", "/v3/spaces")
def create(request: Request) -> Answer:
    actor, body = request.actor, Body(request.json())
    space = Space(name=body.name(), org_guid=body.relationship("organization"))
    body.metadata(space)
    body.done()
    organizations.create_space(request.world, actor, space, request.trace)
    return Answer(render(request, space), 201)


@endpoints("GET", "/v3/spaces/{guid}")
def show(request: Request, guid: str) -> Answer:
    request.only("include")
    space = access.space_for(request.actor, guid)
    related = included(request, [space], WAYS)
    document = render(request, space)
    return Answer(document if related is None else document | {"included": related})


@endpoints("PATCH", "/v3/spaces/{guid}")
def update(request: Request, guid: str) -> Answer:
    space = access.space_for(request.actor, guid, MANAGE)
    body = Body(request.json())
    name = body.name() if body.has("name") else None
    body.metadata(space)
    body.done()
    return Answer(render(request, organizations.update_space(request.world, request.actor, space, name, request.trace)))


@endpoints("DELETE", "/v3/spaces/{guid}")
def delete(request: Request, guid: str) -> Answer:
    return accepted(request, organizations.delete_space(request.world, request.actor, guid, request.trace))


@endpoints("DELETE", "/v3/spaces/{guid}/routes")
def delete_routes(request: Request, guid: str) -> Answer:
    """Only those that lead nowhere, and only when it says so."""
    space = access.space_for(request.actor, guid, OPERATE)
    if request.query.get("unmapped") != "true":
        raise Unprocessable(
            "Mass delete not supported for mapped routes. Use 'unmapped=true' parameter to delete all unmapped routes."
        )
    return accepted(request, routes.delete_unmapped(request.world, request.actor, space, request.trace))


@endpoints("GET", "/v3/spaces/{guid}/relationships/isolation_segment")
def isolation_segment(request: Request, guid: str) -> Answer:
    return Answer(_segment(request, access.space_for(request.actor, guid)))


@endpoints("PATCH", "/v3/spaces/{guid}/relationships/isolation_segment")
def assign_isolation_segment(request: Request, guid: str) -> Answer:
    space = access.space_for(request.actor, guid)
    access.org_for(request.actor, str(space.org_guid), MANAGE, Space.LABEL)
    segment = isolation_segments.to_one_of(request)
    segments.assign(request.world, request.actor, space, segment, request.trace)
    return Answer(_segment(request, space))


def _segment(request: Request, space: Space) -> dict[str, Any]:
    own = f"spaces/{space.guid}/relationships/isolation_segment"
    return isolation_segments.relationship(request, own, space.isolation_segment_guid)


@endpoints("GET", "/v3/spaces/{guid}/users")
def users_of_space(request: Request, guid: str) -> Answer:
    """Those with a role in it."""
    space = access.space_for(request.actor, guid)
    return users.listed(request, roles.users_of([f"space/{space.guid}"]))


@endpoints("GET", "/v3/spaces/{guid}/usage_summary")
def usage_summary(request: Request, guid: str) -> Answer:
    access.space_for(request.actor, guid)
    own = f"{request.base}/v3/spaces/{guid}"
    links = {"self": {"href": f"{own}/usage_summary"}, "space": {"href": own}}
    return Answer({"usage_summary": quotas.usage(quotas.space_scope(guid)), "links": links})


@endpoints("GET", "/v3/spaces/{guid}/features")
def features(request: Request, guid: str) -> Answer:
    return Answer({"resources": [_ssh(access.space_for(request.actor, guid))]})


@endpoints("GET", "/v3/spaces/{guid}/features/{name}")
def feature(request: Request, guid: str, name: str) -> Answer:
    space = access.space_for(request.actor, guid)
    _require_feature(name)
    return Answer(_ssh(space))


@endpoints("PATCH", "/v3/spaces/{guid}/features/{name}")
def update_feature(request: Request, guid: str, name: str) -> Answer:
    space = access.space_for(request.actor, guid, MANAGE)
    _require_feature(name)
    body = Body(request.json())
    body.take("enabled", required=True)
    enabled = body.boolean("enabled")
    body.done()
    return Answer(_ssh(organizations.set_ssh(request.world, request.actor, space, enabled, request.trace)))


def _require_feature(name: str) -> None:
    """Raises NotFound("Feature")."""
    if name != "ssh":
        raise NotFound("Feature")


def _ssh(space: Space) -> dict[str, Any]:
    return {"name": "ssh", "description": "Enable SSHing into apps in the space.", "enabled": bool(space.allows_ssh)}
