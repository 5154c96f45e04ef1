"""/v3/organizations."""

from typing import Any

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import Body
from chalicelib.api.render import accepted, common, listing, paginated, to_one
from chalicelib.core.roles import MANAGE
from chalicelib.services import access, organizations
from chalicelib.services.listing import by_names, load, page, sliced
from chalicelib.tables.identity import Organization

endpoints = Endpoints(__name__)


def render(request: Request, org: Organization) -> dict[str, Any]:
    document = common(request, org, "domains")
    return document | {
        "name": org.name,
        "suspended": bool(org.suspended),
        "relationships": {"quota": to_one(str(org.quota_guid))},
    }


@endpoints("GET", "/v3/organizations")
def index(request: Request) -> Answer:
    actor = request.actor
    what = listing(request, ["organizations"])
    if not actor.sees_all:
        what = what.within(actor.orgs)
    if what.names is None:
        return paginated(request, page(Organization, what), render)
    guids = by_names(("orgs", name) for name in what.names)
    return paginated(request, sliced(load(Organization, guids), what), render)


@endpoints("POST", "/v3/organizations")
def create(request: Request) -> Answer:
    access.require_admin(request.actor)
    body = Body(request.json())
    org = Organization(name=body.name(), suspended=body.boolean("suspended"))
    body.metadata(org)
    body.done()
    organizations.create_org(request.world, request.actor, org, request.trace)
    return Answer(render(request, org), 201)


@endpoints("GET", "/v3/organizations/{guid}")
def show(request: Request, guid: str) -> Answer:
    return Answer(render(request, access.org_for(request.actor, guid)))


@endpoints("PATCH", "/v3/organizations/{guid}")
def update(request: Request, guid: str) -> Answer:
    org = access.org_for(request.actor, guid, MANAGE)
    body = Body(request.json())
    name = body.name() if body.has("name") else None
    if body.has("suspended"):
        access.require_admin(request.actor)
        org.suspended = body.boolean("suspended")
    body.metadata(org)
    body.done()
    return Answer(render(request, organizations.update_org(request.world, request.actor, org, name, request.trace)))


@endpoints("DELETE", "/v3/organizations/{guid}")
def delete(request: Request, guid: str) -> Answer:
    job = organizations.delete_org(request.world, request.actor, guid, request.trace)
    return accepted(request, job)


@endpoints("GET", "/v3/organizations/{guid}/relationships/default_isolation_segment")
def default_isolation_segment(request: Request, guid: str) -> Answer:
    """There are none; clients ask all the same."""
    org = access.org_for(request.actor, guid)
    own = f"{request.base}/v3/organizations/{org.guid}/relationships/default_isolation_segment"
    return Answer(to_one(None) | {"links": {"self": {"href": own}}})
