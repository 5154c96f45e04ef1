"""/v3/domains, and the domains of an organization."""

from typing import Any

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import Body
from chalicelib.api.relationships import answered, body_guids, related, to_many
from chalicelib.api.render import accepted, common, listing, paginated, to_one
from chalicelib.api.scoped import narrowed
from chalicelib.core.errors import NotFound, Unprocessable
from chalicelib.core.hostnames import wrong_with_domain
from chalicelib.services import access, domain_sharing, domains
from chalicelib.services import listing as reading
from chalicelib.services import routes as routes_service
from chalicelib.tables.identity import Domain

endpoints = Endpoints(__name__)


def render(request: Request, domain: Domain) -> dict[str, Any]:
    document = common(request, domain, "route_reservations")
    own = document["links"]["self"]["href"]
    if domain.org_guid:
        document["links"] |= {
            "organization": {"href": f"{request.base}/v3/organizations/{domain.org_guid}"},
            "shared_organizations": {"href": f"{own}/relationships/shared_organizations"},
        }
    return document | {
        "name": domain.name,
        "internal": bool(domain.internal),
        "router_group": None,
        "supported_protocols": ["http"],
        "relationships": {
            "organization": to_one(str(domain.org_guid) if domain.org_guid else None),
            "shared_organizations": to_many(domain_sharing.visible(request.actor, domain)),
        },
    }


@endpoints("GET", "/v3/domains")
def index(request: Request) -> Answer:
    what = listing(request, domains.visible_lists(request.actor), "organization_guids")
    what = narrowed(request, what, organization_guids="org_guid")
    if what.names is None:
        return paginated(request, reading.page(Domain, what), render)
    named = reading.load(Domain, reading.by_names(("domains", name) for name in what.names))
    visible = [domain for domain in named if domains.may_see(request.actor, domain)]
    return paginated(request, reading.sliced(visible, what), render)


@endpoints("POST", "/v3/domains")
def create(request: Request) -> Answer:
    actor, body = request.actor, Body(request.json())
    name = (body.text("name", required=True) or "").lower()
    if name and (wrong := wrong_with_domain(name)):
        body.wrong(wrong)
    domain = Domain(name=name, internal=body.boolean("internal"))
    _refuse_router_group(body)
    shared = _relationships(body, domain)
    if domain.internal and domain.org_guid:
        body.wrong("Cannot associate an internal domain with an organization")
    body.metadata(domain)
    body.done()
    made = domains.create(request.world, actor, domain, shared, request.trace)
    return Answer(render(request, made), 201)


def _refuse_router_group(body: Body) -> None:
    group = body.take("router_group")
    if group is None:
        return
    if not isinstance(group, dict) or not isinstance(group.get("guid"), str) or len(group) > 1:
        body.wrong("Router group must be an object with a guid")
    elif body.data.get("relationships"):
        body.wrong("Domains scoped to an organization cannot be associated to a router group.")
    elif body.data.get("internal") is True:
        body.wrong("Internal domains cannot be associated to a router group.")
    else:
        body.wrong(f"Router group with guid '{group['guid'][:60]}' not found.")


def _relationships(body: Body, domain: Domain) -> list[str]:
    """Whose it is, into ``domain``; returns the organizations that it is to be shared with.

    Some clients always send both relationships, null for a domain that is everybody's.
    """
    part = body.part("relationships")
    shared = [] if part.take("shared_organizations") is None else related(part, "shared_organizations")
    if part.take("organization") is not None:
        domain.org_guid = body.relationship("organization")
    elif shared:
        body.wrong("Relationships cannot contain shared_organizations without an owning organization.")
    part.finish()
    return shared


@endpoints("GET", "/v3/domains/{guid}")
def show(request: Request, guid: str) -> Answer:
    return Answer(render(request, domains.find_visible(request.actor, guid)))


@endpoints("PATCH", "/v3/domains/{guid}")
def update(request: Request, guid: str) -> Answer:
    domain = domains.find_visible(request.actor, guid, manage=True)
    body = Body(request.json())
    body.metadata(domain)
    body.done()
    return Answer(render(request, domains.update(request.world, domain, request.trace)))


@endpoints("DELETE", "/v3/domains/{guid}")
def delete(request: Request, guid: str) -> Answer:
    domain = domains.find_visible(request.actor, guid, manage=True)
    if domain.name == request.world.config.domain:
        raise Unprocessable("The platform's own domain cannot be deleted.")
    return accepted(request, domains.delete(request.world, request.actor, domain, request.trace))


@endpoints("GET", "/v3/domains/{guid}/relationships/shared_organizations")
def shared_organizations(request: Request, guid: str) -> Answer:
    return _shared(request, domains.find_visible(request.actor, guid))


def _shared(request: Request, domain: Domain) -> Answer:
    path = f"domains/{domain.guid}/relationships/shared_organizations"
    return answered(request, path, domain_sharing.visible(request.actor, domain))


@endpoints("POST", "/v3/domains/{guid}/relationships/shared_organizations")
def share(request: Request, guid: str) -> Answer:
    domain = domains.find_visible(request.actor, guid, manage=True)
    asked = body_guids(request)
    return _shared(request, domain_sharing.share(request.world, request.actor, domain, asked, request.trace))


@endpoints("DELETE", "/v3/domains/{guid}/relationships/shared_organizations/{org_guid}")
def unshare(request: Request, guid: str, org_guid: str) -> Answer:
    domain = domains.find_visible(request.actor, guid)
    domain_sharing.unshare(request.world, request.actor, domain, org_guid, request.trace)
    return Answer(None, 204)


@endpoints("GET", "/v3/domains/{guid}/route_reservations")
def reservations(request: Request, guid: str) -> Answer:
    """Whether a route is taken, by whomever."""
    request.only("host", "path", "port")
    domain = domains.find_visible(request.actor, guid)
    if request.query.get("port", "0") not in ("", "0"):
        return Answer({"matching_route": False})
    host, path = request.query.get("host", "").lower(), request.query.get("path", "")
    url = f"{host}.{domain.name}{path}" if host else f"{domain.name}{path}"
    return Answer({"matching_route": bool(routes_service.at([url]))})


@endpoints("GET", "/v3/organizations/{guid}/domains")
def of_organization(request: Request, guid: str) -> Answer:
    """Those of everybody, its own, and those that others share with it."""
    org = access.org_for(request.actor, guid)
    what = listing(request, ["shared/domains", *domains.lists_of(str(org.guid))], "organization_guids")
    what = narrowed(request, what, organization_guids="org_guid")
    return paginated(request, reading.page(Domain, what), render)


@endpoints("GET", "/v3/organizations/{guid}/domains/default")
def default(request: Request, guid: str) -> Answer:
    domain = domains.default(str(access.org_for(request.actor, guid).guid))
    if domain is None:
        raise NotFound("Domain")
    return Answer(render(request, domain))
