"""Routes: the addresses of apps. Made in a space on a domain, mapped to processes, each URL by one route only.

A host belongs to one space: whoever has ``shop.example`` need not fear that somebody else makes
``shop.example/login``. The item that says so counts its routes.
"""

from typing import Any

from chalicelib.adapters.clock import new_guid
from chalicelib.bootstrap import World
from chalicelib.core.errors import NameTaken, NotAuthorized, NotFound, Unprocessable
from chalicelib.core.hostnames import SYSTEM_HOSTS, WILDCARD
from chalicelib.core.roles import OPERATE, READ, Actor
from chalicelib.services import access, audit, domains, jobs, listing, routing
from chalicelib.tables.apps import App
from chalicelib.tables.base import Name
from chalicelib.tables.identity import Domain, Space
from chalicelib.tables.ledger import Job
from chalicelib.tables.running import Route
from chalicelib.tables.unit import Unit

SCOPE = "routes"

#: Each may change a process and owe messages, in one transaction.
MAX_DESTINATIONS = 20

WRONG_SPACE = "Invalid space. Ensure that the space exists and you have access to it."
WRONG_DOMAIN = "Invalid domain. Ensure that the domain exists and you have access to it."


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
        raise Unprocessable(f"Invalid domain. Domain '{domain.name}' is not available in the space's organization.")
    return domain


def create(world: World, actor: Actor, route: Route, trace: str = "") -> Route:
    """``route``: a draft with valid host and path. Raises Unprocessable, NameTaken, NotAuthorized."""
    space = space_for(actor, str(route.space_guid))
    domain = domain_for(actor, str(route.domain_guid), space)
    route.host, route.domain_name = str(route.host).lower(), str(domain.name)
    _check_host(world, actor, route, domain)
    route.guid = new_guid()
    unit = world.unit(trace)
    unit.require(Space, str(route.space_guid), Unprocessable(WRONG_SPACE))
    unit.create(route)
    unit.claim(SCOPE, str(route.url), str(route.guid), _taken(route))
    _hold_host(unit, route)
    audit.record(unit, actor, "audit.route.create", route, str(space.guid), str(space.org_guid))
    unit.commit()
    return route


def _check_host(world: World, actor: Actor, route: Route, domain: Domain) -> None:
    if not route.host and not domain.org_guid:
        raise Unprocessable("Missing host. Routes in shared domains must have a host defined.")
    if route.host == WILDCARD and not domain.org_guid and not actor.is_admin:
        raise NotAuthorized("Only administrators may have all hosts of a shared domain")
    if domain.name == world.config.domain and route.host in SYSTEM_HOSTS:
        raise Unprocessable("Route conflicts with a reserved system route.")
    if listing.by_name("domains", _full_host(route)) not in (None, str(domain.guid)):
        raise Unprocessable(f"Route conflicts with domain '{_full_host(route)}'.")


def _full_host(route: Route) -> str:
    return f"{route.host}.{route.domain_name}" if route.host else str(route.domain_name)


def _taken(route: Route) -> NameTaken:
    host = f" with host '{route.host}'" if route.host else ""
    path = f" and path '{route.path}'" if host and route.path else f" with path '{route.path}'" if route.path else ""
    return NameTaken(f"Route already exists{host}{path} for domain '{route.domain_name}'.")


def _hold_host(unit: Unit, route: Route) -> None:
    mine = Name.guid.does_not_exist() | (Name.guid == route.space_guid) | (Name.uses <= 0)
    unit.update(
        Name(domains.HOSTS, _full_host(route)),
        [Name.guid.set(route.space_guid), Name.uses.add(1)],
        mine,
        Unprocessable("Routes for this host and domain have been reserved for another space."),
    )


def find_visible(actor: Actor, guid: str, permission: str = READ) -> tuple[Route, Space]:
    """Raises NotFound("Route"), NotAuthorized."""
    route = listing.get(Route, guid)
    return route, access.space_for(actor, str(route.space_guid), permission, Route.LABEL)


def at(urls: list[str]) -> list[Route]:
    """The routes with these very URLs, by the items that make them unique."""
    return listing.load(Route, sorted(listing.by_names((SCOPE, url) for url in urls)))


def update(world: World, route: Route, trace: str = "") -> Route:
    """Save the metadata that the caller merged into ``route``."""
    unit = world.unit(trace)
    unit.put(route)
    unit.commit()
    return route


def set_destinations(
    world: World, actor: Actor, route: Route, space: Space, wanted: list[dict[str, Any]], trace: str = ""
) -> Route:
    """Make the route lead to just these. ``wanted``: as in Route.destinations; those that stay keep their guids.

    Raises Unprocessable for apps that are not in the route's space, and for too many.
    """
    before = {_end(destination): destination for destination in route.destinations}
    after = {_end(destination): before.get(_end(destination), destination) for destination in wanted}
    if len(after) > MAX_DESTINATIONS:
        raise Unprocessable(f"Routes can be mapped to at most {MAX_DESTINATIONS} destinations.")
    changed = before.keys() ^ after.keys()
    if not changed:
        return route
    names = _apps(space, {app for app, _ in changed & after.keys()})
    route.destinations = list(after.values())
    unit = world.unit(trace)
    unit.put(route)
    for app_guid in sorted({app for app, _ in after} - {app for app, _ in before}):
        unit.join(route, f"app/{app_guid}")
    for app_guid in sorted({app for app, _ in before} - {app for app, _ in after}):
        unit.leave(route, f"app/{app_guid}")
    routing.refresh_all(world, unit, route, changed)
    for end in sorted(changed):
        _record(unit, actor, route, space, after.get(end) or before[end], "map" if end in after else "unmap", names)
    unit.commit()
    return route


def _end(destination: dict[str, Any]) -> tuple[str, str]:
    return destination["app"], destination["process"]


def _apps(space: Space, guids: set[str]) -> dict[str, App]:
    """Raises Unprocessable when one of them is not in the space."""
    found = {str(app.guid): app for app in listing.load(App, sorted(guids)) if app.space_guid == space.guid}
    missing = sorted(guids - found.keys())
    if missing:
        quoted = ", ".join(f'"{guid}"' for guid in missing)
        raise Unprocessable(f"App(s) with guid(s) {quoted} do not exist or you do not have access.")
    return found


def _record(
    unit: Unit, actor: Actor, route: Route, space: Space, end: dict[str, Any], verb: str, apps: dict[str, App]
) -> None:
    app = apps.get(end["app"]) or App(end["app"], name="")
    data = {"route_guid": route.guid, "destination_guid": end["guid"], "process_type": end["process"]}
    audit.record(unit, actor, f"audit.app.{verb}-route", app, str(space.guid), str(space.org_guid), data)


def delete(world: World, actor: Actor, route: Route, space: Space, trace: str = "") -> Job:
    """At once; the job is for clients that expect one."""
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
    unit = world.unit()
    _remove(world, unit, route)
    unit.commit()


def _remove(world: World, unit: Unit, route: Route) -> None:
    affected = {_end(destination) for destination in route.destinations}
    unit.remove(route)
    unit.release(SCOPE, str(route.url))
    unit.update(Name(domains.HOSTS, _full_host(route)), [Name.uses.add(-1)])
    for app_guid in sorted({app for app, _ in affected}):
        unit.leave(route, f"app/{app_guid}")
    routing.refresh_all(world, unit, route, affected, is_gone=True)
