"""/v3/organizations."""

from dataclasses import replace
from typing import Any

from chalicelib.api import isolation_segments, users
from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import Body
from chalicelib.api.render import accepted, common, listing, paginated, to_one
from chalicelib.core.roles import MANAGE
from chalicelib.services import access, organizations, quotas, roles
from chalicelib.services import isolation_segments as service
from chalicelib.services.listing import by_names, load, page, sliced
from chalicelib.tables.identity import Organization

endpoints = Endpoints(__name__)


def render(request: Request, org: Organization) -> dict[str, Any]:
    document = common(request, org, "domains")
    return document | {
        "name": org.name,
        "suspended": bool(org.suspended),
        "relationships": {"quota": to_one(org.quota_guid)},
    }


@endpoints("GET", "/v3/organizations")
def index(request: Request) -> Answer:
    """Names are compared without case, as where they are made."""
    return listed(request, ["organizations"])


def listed(request: Request, lists: list[str]) -> Answer:
    """Those of the lists that the caller may see."""
    actor, what = request.actor, listing(request, lists)
    if not actor.sees_all:
        what = what.within(actor.orgs)
    if what.names is None or lists != ["organizations"]:
        return paginated(request, page(Organization, what), render)
    guids = by_names(("orgs", name) for name in what.names)
    return paginated(request, sliced(load(Organization, guids), replace(what, names=None)), render)


@endpoints("POST", "/v3/organizations")
def create(request: Request) -> Answer:
    organizations.require_may_create(request.actor)
    body = Body(request.json())
    org = Organization(name=body.name(), suspended=body.boolean("suspended"))
    body.metadata(org)
    body.done()
    if org.suspended:
        access.require_admin(request.actor)
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


DEFAULT_SEGMENT = "/v3/organizations/{guid}/relationships/default_isolation_segment"


@endpoints("GET", DEFAULT_SEGMENT)
def default_isolation_segment(request: Request, guid: str) -> Answer:
    return Answer(_default_segment(request, access.org_for(request.actor, guid)))


@endpoints("PATCH", DEFAULT_SEGMENT)
def set_default_isolation_segment(request: Request, guid: str) -> Answer:
    org = access.org_for(request.actor, guid, MANAGE)
    segment = isolation_segments.to_one_of(request)
    service.set_default(request.world, request.actor, org, segment, request.trace)
    return Answer(_default_segment(request, org))


def _default_segment(request: Request, org: Organization) -> dict[str, Any]:
    own = f"organizations/{org.guid}/relationships/default_isolation_segment"
    return isolation_segments.relationship(request, own, org.isolation_segment_guid)


@endpoints("GET", "/v3/organizations/{guid}/usage_summary")
def usage_summary(request: Request, guid: str) -> Answer:
    access.org_for(request.actor, guid)
    own = f"{request.base}/v3/organizations/{guid}"
    links = {"self": {"href": f"{own}/usage_summary"}, "organization": {"href": own}}
    return Answer({"usage_summary": quotas.usage(quotas.org_scope(guid)), "links": links})


@endpoints("GET", "/v3/organizations/{guid}/users")
def users_of_organization(request: Request, guid: str) -> Answer:
    """Those with a role in it."""
    org = access.org_for(request.actor, guid)
    return users.listed(request, roles.users_of([f"org/{org.guid}"]))


@endpoints("GET", "/v3/isolation_segments/{guid}/organizations")
def of_isolation_segment(request: Request, guid: str) -> Answer:
    """The organizations entitled to it, of those that the caller may see."""
    segment = service.find_visible(request.actor, guid)
    return listed(request, [f"isolation_segment/{segment.guid}/organizations"])
