"""Routes: the addresses of apps. Made in a space on a domain, mapped to processes, each URL by one route only.

A host belongs to one space: whoever has ``shop.example`` need not fear that somebody else makes
``shop.example/login``. The item that says so counts its routes.
"""

from typing import Any

from chalicelib.adapters.clock import new_guid
from chalicelib.bootstrap import World
from chalicelib.core.errors import Conflict, NameTaken, NotAuthorized, NotFound, Unprocessable
from chalicelib.core.hostnames import MAX_DOMAIN, SYSTEM_HOSTS, WILDCARD
from chalicelib.core.quotas import Use
from chalicelib.core.roles import OPERATE, READ, READ_ROUTES, Actor
from chalicelib.services import access, audit, destinations, domains, flags, jobs, listing, quotas, routing
from chalicelib.services.brokering import route_bindings
from chalicelib.tables.base import Name
from chalicelib.tables.identity import Domain, Organization, Space
from chalicelib.tables.ledger import Job
from chalicelib.tables.running import SHARED_ROUTES, Route
from chalicelib.tables.unit import Unit

SCOPE = "routes"

#: Lists of the routes that other spaces share with this one.
SHARED = SHARED_ROUTES

WRONG_SPACE = "Invalid space. Ensure that the space exists and you have access to it."
WRONG_DOMAIN = "Invalid domain. Ensure that the domain exists and you have access to it."
WRONG_WILDCARD = (
    "You do not have sufficient permissions to create a route with a wildcard host on a domain not scoped to an "
    "organization."
)


def space_for(actor: Actor, space_guid: str) -> Space:
    """Where a route is to be made. Raises Unprocessable for a space that the actor cannot see, or NotAuthorized."""
    try:
        return access.space_for(actor, space_guid, OPERATE)
    except NotFound:
        raise Unprocessable(WRONG_SPACE) from None


def domain_for(actor: Actor, domain_guid: str, space: Space) -> Domain:
    """Raises Unprocessable."""
    domain = listing.find(Domain, domain_guid)
    if domain is None or not domains.may_see(actor, domain):
        raise Unprocessable(WRONG_DOMAIN)
    if not domains.usable_in(domain, str(space.org_guid)):
        org = listing.get(Organization, str(space.org_guid))
        raise Unprocessable(f"Invalid domain. Domain '{domain.name}' is not available in organization '{org.name}'.")
    return domain


def create(world: World, actor: Actor, route: Route, trace: str = "") -> Route:
    """``route``: a draft with valid host and path. Raises Unprocessable, NameTaken, NotAuthorized, FeatureDisabled."""
    flags.require(actor, "route_creation")
    space = space_for(actor, str(route.space_guid))
    domain = domain_for(actor, str(route.domain_guid), space)
    route.host, route.domain_name = str(route.host).lower(), str(domain.name)
    _check_host(world, actor, route, domain)
    route.guid = new_guid()
    unit = world.unit(trace)
    unit.require(Space, str(route.space_guid), Unprocessable(WRONG_SPACE))
    # A domain that is just going, or is just shared no more, gets no route.
    unit.check(Domain, str(domain.guid), condition=Domain.rev == domain.rev, refused=Conflict())
    unit.create(route)
    unit.claim(SCOPE, str(route.url), str(route.guid), _taken(route))
    _hold_host(unit, route)
    quotas.charge(unit, str(space.org_guid), str(space.guid), Use(routes=1))
    audit.record(unit, actor, "audit.route.create", route, str(space.guid), str(space.org_guid))
    unit.commit()
    return route


def _check_host(world: World, actor: Actor, route: Route, domain: Domain) -> None:
    if not route.host and not domain.org_guid:
        raise Unprocessable("Missing host. Routes in shared domains must have a host defined.")
    if route.host == WILDCARD and domain.internal:
        raise Unprocessable("Wildcard hosts are not supported for internal domains.")
    if route.path and domain.internal:
        raise Unprocessable("Paths are not supported for internal domains.")
    if route.host == WILDCARD and not domain.org_guid and not actor.is_admin:
        raise Unprocessable(WRONG_WILDCARD)
    if len(full_host(route)) > MAX_DOMAIN:
        raise Unprocessable("Host combined with domain name must be no more than 253 characters.")
    if domain.name == world.config.domain and route.host in SYSTEM_HOSTS:
        raise Unprocessable("Route conflicts with a reserved system route.")
    if listing.by_name("domains", full_host(route)) not in (None, str(domain.guid)):
        raise Unprocessable(f"Route conflicts with domain '{full_host(route)}'.")


def full_host(route: Route) -> str:
    return f"{route.host}.{route.domain_name}" if route.host else str(route.domain_name)


def _taken(route: Route) -> NameTaken:
    host = f" with host '{route.host}'" if route.host else ""
    path = f" and path '{route.path}'" if host and route.path else f" with path '{route.path}'" if route.path else ""
    return NameTaken(f"Route already exists{host}{path} for domain '{route.domain_name}'.")


def _hold_host(unit: Unit, route: Route) -> None:
    mine = Name.guid.does_not_exist() | (Name.guid == route.space_guid) | (Name.uses <= 0)
    unit.update(
        Name(domains.HOSTS, full_host(route)),
        [Name.guid.set(route.space_guid), Name.uses.add(1)],
        mine,
        Unprocessable("Routes for this host and domain have been reserved for another space."),
    )


def find_visible(actor: Actor, guid: str, permission: str = READ) -> tuple[Route, Space]:
    """The route and its own space; it is seen from the spaces it is shared with, too, and changed from its own.

    Raises NotFound("Route"), NotAuthorized.
    """
    route = listing.get(Route, guid)
    try:
        wanted = READ_ROUTES if permission == READ else permission
        return route, access.space_for(actor, str(route.space_guid), wanted, Route.LABEL, READ_ROUTES)
    except NotFound:
        if not any(_may_see(actor, shared) for shared in route.shared_space_guids or ()):
            raise
    if permission != READ:
        raise NotAuthorized
    return route, listing.get(Space, str(route.space_guid))


def _may_see(actor: Actor, space_guid: str) -> bool:
    space = listing.find(Space, space_guid)
    return space is not None and actor.may_in_space(READ_ROUTES, space_guid, str(space.org_guid))


def at(urls: list[str]) -> list[Route]:
    """The routes with these very URLs, by the items that make them unique."""
    return listing.load(Route, sorted(listing.by_names((SCOPE, url) for url in urls)))


def update(world: World, actor: Actor, route: Route, space: Space, trace: str = "") -> Route:
    """Save the metadata and options that the caller merged into ``route``; routers hear of the options."""
    unit = world.unit(trace)
    unit.put(route)
    routing.refresh_all(world, unit, route, {(end["app"], end["process"]) for end in route.destinations})
    audit.record(unit, actor, "audit.route.update", route, str(space.guid), str(space.org_guid))
    unit.commit()
    return route


def delete(world: World, actor: Actor, route: Route, space: Space, trace: str = "") -> Job:
    """At once; the job is for clients that expect one."""
    destinations.thin_out(world, route, trace)
    unit = world.unit(trace)
    _remove(world, unit, route)
    audit.record(unit, actor, "audit.route.delete-request", route, str(space.guid), str(space.org_guid))
    job = jobs.done(unit, "route.delete")
    unit.commit()
    return job


def delete_unmapped(world: World, actor: Actor, space: Space, trace: str = "") -> Job:
    """All routes of a space that lead nowhere, as a job."""
    unit = world.unit(trace)
    job = jobs.start(unit, "space.delete_unmapped_routes", "delete-unmapped-routes", guid=str(space.guid))
    audit.record(unit, actor, "audit.space.delete-unmapped-routes", space, str(space.guid), str(space.org_guid))
    unit.commit()
    return job


@jobs.worker("delete-unmapped-routes")
def _delete_unmapped(world: World, work: dict[str, Any]) -> None:
    for route in listing.all_of(Route, f"space/{work['guid']}/routes"):
        if not route.destinations:
            remove(world, route)


def remove(world: World, route: Route) -> None:
    """Without asking anybody: for what goes with its space or domain."""
    destinations.thin_out(world, route)
    unit = world.unit()
    _remove(world, unit, route)
    unit.commit()


def _remove(world: World, unit: Unit, route: Route) -> None:
    route_bindings.unbind_route(world, str(route.guid), unit.trace)
    affected = {(end["app"], end["process"]) for end in route.destinations}
    unit.remove(route)
    for space_guid in route.shared_space_guids or ():
        unit.leave(route, f"{SHARED}/{space_guid}")
    unit.release(SCOPE, str(route.url))
    unit.update(Name(domains.HOSTS, full_host(route)), [Name.uses.add(-1)])
    space_guid = str(route.space_guid)
    quotas.charge(unit, quotas.org_of(space_guid), space_guid, Use(routes=-1))
    for app_guid in sorted({app for app, _ in affected}):
        unit.leave(route, f"app/{app_guid}")
    routing.refresh_all(world, unit, route, affected, is_gone=True)
