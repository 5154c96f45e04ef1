"""/v3/routes, and the routes of an app."""

import re
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

from chalicelib.api import domains as domains_api
from chalicelib.api import organizations as orgs_api
from chalicelib.api import spaces as spaces_api
from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.destinations import render_destination
from chalicelib.api.included import Way, included
from chalicelib.api.parsing import Body
from chalicelib.api.render import accepted, common, paginated, to_one
from chalicelib.api.render import listing as query
from chalicelib.api.scoped import SPACE_FILTERS, narrowed, scoped
from chalicelib.core.hostnames import wrong_with_host, wrong_with_path
from chalicelib.core.roles import OPERATE, READ_ROUTES
from chalicelib.core.routing import wrong_options
from chalicelib.services import flags, listing, routes
from chalicelib.services.listing import Listing
from chalicelib.services.owned import owned
from chalicelib.tables.apps import App
from chalicelib.tables.identity import Domain, Organization, Space
from chalicelib.tables.running import Route
from chalicelib.tables.services import RouteBinding

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
        "options": route.options or {},
        "destinations": [render_destination(destination) for destination in route.destinations],
        "relationships": {"space": to_one(str(route.space_guid)), "domain": to_one(str(route.domain_guid))},
    }


WAYS: dict[str, Way] = {
    "domain": (Domain, lambda route: route.domain_guid, domains_api.render),
    "space": (Space, lambda route: route.space_guid, spaces_api.render),
    "space.organization": (Organization, lambda space: space.org_guid, orgs_api.render),
}


@endpoints("GET", "/v3/routes")
def index(request: Request) -> Answer:
    what = _narrowed(request, _listed(request))
    urls = _urls(request)
    if urls is None or request.query.keys() & {"app_guids"}:
        found = listing.page(Route, what)
    else:
        # No list was read for the spaces, so what is looked up must be seen to be in one that counts.
        found = listing.sliced(routes.at(urls), what.having(partial(_is_in, frozenset(what.lists))))
    return paginated(request, found, render, included(request, found.items, WAYS))


def _listed(request: Request) -> Listing:
    """With what other spaces share with the caller's own, unless the query names spaces."""
    what = scoped(request, "routes", "app_guids", *FILTERS, seeing=READ_ROUTES)
    if request.query.keys() & {"space_guids", "organization_guids"}:
        return what
    usable = [re.sub("^space/", f"{routes.SHARED}/", name) for name in what.lists]
    return replace(what, lists=usable)


def _is_in(lists: frozenset[str], route: Route) -> bool:
    usable_in = [str(route.space_guid), *(route.shared_space_guids or ())]
    mine = {"routes", f"space/{route.space_guid}/routes", *(f"{routes.SHARED}/{guid}/routes" for guid in usable_in)}
    return not lists.isdisjoint(mine)


def _narrowed(request: Request, what: Listing) -> Listing:
    """``hosts=`` and ``paths=`` with nothing mean: those that have none."""
    what = narrowed(request, what, hosts="host", paths="path", domain_guids="domain_guid")
    ports = request.values("ports")
    if ports is not None and not ports & {"", "0"}:  # no route of this platform has a port
        what = what.within(())
    if (instances := request.values("service_instance_guids")) is not None:
        lists = [f"instance/{guid}/{RouteBinding.KIND}" for guid in sorted(instances)]
        bound = listing.load(RouteBinding, [member.guid for member in listing.members(lists)])
        what = what.within(str(binding.route_guid) for binding in bound)
    return what


def _urls(request: Request) -> list[str] | None:
    """The very URLs that the filters name, when they name domain, host and path."""
    guids, hosts, paths = (request.values(name) for name in ("domain_guids", "hosts", "paths"))
    if guids is None or hosts is None or paths is None or len(guids) * len(hosts) * len(paths) > LOOKED_UP:
        return None
    named = [str(domain.name) for domain in listing.load(Domain, sorted(guids))]
    return [f"{host}.{name}{path}" if host else f"{name}{path}" for name, host, path in product(named, hosts, paths)]


@endpoints("POST", "/v3/routes")
def create(request: Request) -> Answer:
    actor, body = request.actor, Body(request.json())
    route = Route(host=body.text("host") or "", path=body.text("path") or "")
    for wrong in (wrong_with_host(str(route.host)), wrong_with_path(str(route.path))):
        if wrong:
            body.wrong(wrong)
    if body.integer("port", maximum=65535) is not None:
        body.wrong("Routes with protocol 'http' do not support ports.")
    _options(body, route)
    route.space_guid, route.domain_guid = body.relationship("space"), body.relationship("domain")
    body.metadata(route)
    body.done()
    return Answer(render(request, routes.create(request.world, actor, route, request.trace)), 201)


@endpoints("GET", "/v3/routes/{guid}")
def show(request: Request, guid: str) -> Answer:
    request.only("include")
    route, _ = routes.find_visible(request.actor, guid)
    document = render(request, route)
    related = included(request, [route], WAYS)
    return Answer(document if related is None else document | {"included": related})


@endpoints("PATCH", "/v3/routes/{guid}")
def update(request: Request, guid: str) -> Answer:
    route, space = routes.find_visible(request.actor, guid, OPERATE)
    body = Body(request.json())
    _options(body, route)
    body.metadata(route)
    body.done()
    return Answer(render(request, routes.update(request.world, request.actor, route, space, request.trace)))


def _options(body: Body, route: Route) -> None:
    """Merge ``options`` into the route's; null removes one."""
    if body.data.get("options") is None:
        body.take("options")
        return
    given = body.part("options").data
    body.errors += wrong_options(given, flags.is_on("hash_based_routing"))
    merged = {**(route.options or {}), **given}
    route.options = {key: value for key, value in merged.items() if value is not None}


@endpoints("DELETE", "/v3/routes/{guid}")
def delete(request: Request, guid: str) -> Answer:
    route, space = routes.find_visible(request.actor, guid, OPERATE)
    return accepted(request, routes.delete(request.world, request.actor, route, space, request.trace))


@endpoints("GET", "/v3/apps/{guid}/routes")
def of_app(request: Request, guid: str) -> Answer:
    """Of whichever space: who sees an app sees where its requests come from."""
    app, _ = owned(request.actor, App, guid)
    what = query(request, [f"app/{app.guid}/routes"], *SPACE_FILTERS, *FILTERS)
    what = narrowed(request, _narrowed(request, what), space_guids="space_guid")
    if (orgs := request.values("organization_guids")) is not None:
        spaces = {member.guid for member in listing.members(f"org/{org}/spaces" for org in sorted(orgs))}
        what = what.having(lambda route: str(route.space_guid) in spaces)
    found = listing.page(Route, what)
    return paginated(request, found, render, included(request, found.items, WAYS))
