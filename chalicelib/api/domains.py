"""/v3/domains, and the domains of an organization."""

from typing import Any

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import Body
from chalicelib.api.render import accepted, common, listing, paginated, to_one
from chalicelib.api.scoped import narrowed
from chalicelib.core.errors import NotFound, Unprocessable
from chalicelib.core.hostnames import wrong_with_domain
from chalicelib.services import access, domains
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
            "shared_organizations": {"data": []},
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
    if body.boolean("internal"):
        body.wrong("Internal domains are not supported by this platform")
    if body.take("router_group") is not None:
        body.wrong("Router groups are not supported by this platform: it has no TCP domains")
    domain = Domain(name=name)
    relationships = body.take("relationships")
    if relationships is not None and not isinstance(relationships, dict):
        body.wrong("Relationships must be an object")
    elif relationships and relationships.get("organization") is not None:
        domain.org_guid = body.relationship("organization")
    elif relationships and relationships.get("shared_organizations"):
        body.wrong("Sharing domains with single organizations is not supported by this platform")
    body.metadata(domain)
    body.done()
    return Answer(render(request, domains.create(request.world, actor, domain, request.trace)), 201)


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


@endpoints("GET", "/v3/domains/{guid}/route_reservations")
def reservations(request: Request, guid: str) -> Answer:
    """Whether a route is taken, by whomever."""
    request.only("host", "path", "port")
    domain = domains.find_visible(request.actor, guid)
    host, path = request.query.get("host", ""), request.query.get("path", "")
    url = f"{host}.{domain.name}{path}" if host else f"{domain.name}{path}"
    return Answer({"matching_route": bool(routes_service.at([url]))})


@endpoints("GET", "/v3/organizations/{guid}/domains")
def of_organization(request: Request, guid: str) -> Answer:
    """The shared ones and its own."""
    org = access.org_for(request.actor, guid)
    what = listing(request, ["shared/domains", f"org/{org.guid}/domains"], "organization_guids")
    return paginated(request, reading.page(Domain, what), render)


@endpoints("GET", "/v3/organizations/{guid}/domains/default")
def default(request: Request, guid: str) -> Answer:
    access.org_for(request.actor, guid)
    domain = domains.default()
    if domain is None:
        raise NotFound("Domain")
    return Answer(render(request, domain))
