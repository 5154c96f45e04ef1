"""/v3/routes, and the routes of an app."""

from itertools import product
from typing import Any

from chalicelib.api import domains as domains_api
from chalicelib.api import organizations as orgs_api
from chalicelib.api import spaces as spaces_api
from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.destinations import render_destination
from chalicelib.api.parsing import Body
from chalicelib.api.render import accepted, common, including, paginated, to_one
from chalicelib.api.scoped import narrowed, scoped
from chalicelib.core.hostnames import wrong_with_host, wrong_with_path
from chalicelib.core.roles import OPERATE
from chalicelib.services import listing, routes
from chalicelib.services.listing import Listing
from chalicelib.services.owned import owned
from chalicelib.tables.apps import App
from chalicelib.tables.identity import Domain, Organization, Space
from chalicelib.tables.running import Route

endpoints = Endpoints(__name__)

FILTERS = ("hosts", "paths", "ports", "domain_guids", "service_instance_guids", "include")

#: Combinations of domain, host and path that are looked up one by one instead of reading lists.
LOOKED_UP = 100


def render(request: Request, route: Route) -> dict[str, Any]:
    document = common(request, route, "destinations")
    document["links"] |= {
        "space": {"href": f"{request.base}/v3/spaces/{route.space_guid}"},
        "domain": {"href": f"{request.base}/v3/domains/{route.domain_guid}"},
    }
    return document | {
        "protocol": route.protocol,
        "host": route.host,
        "path": route.path,
        "port": None,
        "url": route.url,
        "options": {},
        "destinations": [render_destination(destination) for destination in route.destinations],
        "relationships": {"space": to_one(str(route.space_guid)), "domain": to_one(str(route.domain_guid))},
    }


@endpoints("GET", "/v3/routes")
def index(request: Request) -> Answer:
    what = _narrowed(request, scoped(request, "routes", "app_guids", *FILTERS))
    urls = _urls(request)
    if urls is None or request.query.keys() & {"app_guids"}:
        found = listing.page(Route, what)
    else:
        # No list was read for the spaces, so what is looked up must be seen to be in one that counts.
        lists = set(what.lists)
        visible = lambda route: not lists.isdisjoint({"routes", f"space/{route.space_guid}/routes"})  # noqa: E731
        found = listing.sliced(routes.at(urls), what.having(visible))
    return paginated(request, found, render, _included(request, found.items))


def _narrowed(request: Request, what: Listing) -> Listing:
    """``hosts=`` and ``paths=`` with nothing mean: those that have none."""
    what = narrowed(request, what, hosts="host", paths="path", domain_guids="domain_guid")
    if request.values("ports") is not None or request.values("service_instance_guids") is not None:
        what = what.within(())
    return what


def _urls(request: Request) -> list[str] | None:
    """The very URLs that the filters name, when they name domain, host and path."""
    guids, hosts, paths = (request.values(name) for name in ("domain_guids", "hosts", "paths"))
    if guids is None or hosts is None or paths is None or len(guids) * len(hosts) * len(paths) > LOOKED_UP:
        return None
    named = [str(domain.name) for domain in listing.load(Domain, sorted(guids))]
    return [f"{host}.{name}{path}" if host else f"{name}{path}" for name, host, path in product(named, hosts, paths)]


def _included(request: Request, found: list[Any]) -> dict[str, Any] | None:
    wanted = including(request, "domain", "space", "space.organization")
    if not wanted:
        return None
    included: dict[str, Any] = {}
    if "domain" in wanted:
        used = listing.load(Domain, _guids(found, "domain_guid"))
        included["domains"] = [domains_api.render(request, domain) for domain in used]
    if "space" in wanted or "space.organization" in wanted:
        spaces = listing.load(Space, _guids(found, "space_guid"))
        included["spaces"] = [spaces_api.render(request, space) for space in spaces]
        if "space.organization" in wanted:
            orgs = listing.load(Organization, _guids(spaces, "org_guid"))
            included["organizations"] = [orgs_api.render(request, org) for org in orgs]
    return included


def _guids(found: list[Any], attribute: str) -> list[str]:
    return list(dict.fromkeys(str(getattr(item, attribute)) for item in found))


@endpoints("POST", "/v3/routes")
def create(request: Request) -> Answer:
    actor, body = request.actor, Body(request.json())
    route = Route(host=body.text("host") or "", path=body.text("path") or "")
    for wrong in (wrong_with_host(str(route.host)), wrong_with_path(str(route.path))):
        if wrong:
            body.wrong(wrong)
    if body.take("port") is not None:
        body.wrong("Routes with protocol 'http' do not support ports.")
    if body.take("options"):
        body.wrong("Options are not supported by this platform")
    route.space_guid, route.domain_guid = body.relationship("space"), body.relationship("domain")
    body.metadata(route)
    body.done()
    return Answer(render(request, routes.create(request.world, actor, route, request.trace)), 201)


@endpoints("GET", "/v3/routes/{guid}")
def show(request: Request, guid: str) -> Answer:
    request.only("include")
    route, _ = routes.find_visible(request.actor, guid)
    included = _included(request, [route])
    document = render(request, route)
    return Answer(document if included is None else document | {"included": included})


@endpoints("PATCH", "/v3/routes/{guid}")
def update(request: Request, guid: str) -> Answer:
    route, _ = routes.find_visible(request.actor, guid, OPERATE)
    body = Body(request.json())
    if body.take("options"):
        body.wrong("Options are not supported by this platform")
    body.metadata(route)
    body.done()
    return Answer(render(request, routes.update(request.world, route, request.trace)))


@endpoints("DELETE", "/v3/routes/{guid}")
def delete(request: Request, guid: str) -> Answer:
    route, space = routes.find_visible(request.actor, guid, OPERATE)
    return accepted(request, routes.delete(request.world, request.actor, route, space, request.trace))


@endpoints("GET", "/v3/apps/{guid}/routes")
def of_app(request: Request, guid: str) -> Answer:
    app, _ = owned(request.actor, App, guid)
    what = _narrowed(request, scoped(request, "routes", *FILTERS, app_guid=str(app.guid)))
    found = listing.page(Route, what)
    return paginated(request, found, render, _included(request, found.items))
