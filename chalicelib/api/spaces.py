"""/v3/spaces."""

from typing import Any

from chalicelib.api import organizations as orgs_api
from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import Body
from chalicelib.api.render import accepted, common, including, listing, paginated, to_one
from chalicelib.core.errors import Unprocessable
from chalicelib.core.roles import MANAGE, OPERATE
from chalicelib.services import access, organizations, routes
from chalicelib.services.listing import load, page
from chalicelib.tables.identity import Organization, Space

endpoints = Endpoints(__name__)


def render(request: Request, space: Space) -> dict[str, Any]:
    document = common(request, space)
    org = {"href": f"{request.base}/v3/organizations/{space.org_guid}"}
    manifest = {"href": f"{request.base}/v3/spaces/{space.guid}/actions/apply_manifest", "method": "POST"}
    document["links"] |= {"organization": org, "apply_manifest": manifest}
    return document | {
        "name": space.name,
        "relationships": {"organization": to_one(str(space.org_guid)), "quota": to_one(None)},
    }


@endpoints("GET", "/v3/spaces")
def index(request: Request) -> Answer:
    orgs = request.values("organization_guids")
    lists = ["spaces"] if orgs is None else [f"org/{guid}/spaces" for guid in sorted(orgs)]
    what = listing(request, lists, "organization_guids", "include")
    visible = access.visible_spaces(request.actor)
    if visible is not None:
        what = what.within(visible)
    found = page(Space, what)
    return paginated(request, found, render, _included(request, found.items))


def _included(request: Request, spaces: list[Any]) -> dict[str, Any] | None:
    if not including(request, "organization", "org"):
        return None
    guids = list(dict.fromkeys(str(space.org_guid) for space in spaces))
    return {"organizations": [orgs_api.render(request, org) for org in load(Organization, guids)]}


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
    included = _included(request, [space])
    document = render(request, space)
    return Answer(document if included is None else document | {"included": included})


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
            "Mass delete not supported for routes. Use 'unmapped=true' parameter to delete all unmapped routes."
        )
    return accepted(request, routes.delete_unmapped(request.world, request.actor, space, request.trace))


@endpoints("GET", "/v3/spaces/{guid}/relationships/isolation_segment")
def isolation_segment(request: Request, guid: str) -> Answer:
    space = access.space_for(request.actor, guid)
    own = f"{request.base}/v3/spaces/{space.guid}/relationships/isolation_segment"
    return Answer(to_one(None) | {"links": {"self": {"href": own}}})
