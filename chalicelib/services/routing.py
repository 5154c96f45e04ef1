"""From routes to what processes serve: a process's list of URLs, its version, and the news for its instances.

``refresh`` belongs in the transaction that changes a route, ``announce`` says the present list again.
"""

from collections.abc import Callable, Iterable, Iterator

from chalicelib.bootstrap import World
from chalicelib.contracts.auction import Update
from chalicelib.contracts.envelope import MAX_ENVELOPE_BYTES
from chalicelib.contracts.health import HmRoutes, RouteCheck
from chalicelib.core import routing as core
from chalicelib.core.errors import Unprocessable
from chalicelib.services import grants, listing
from chalicelib.tables.running import OPEN, Placement, Process, Route
from chalicelib.tables.unit import Unit

#: Grants in one ``dea.update``, as far as they fit.
GRANTS_PER_UPDATE = 60
#: Room for grants in an envelope, bytes: the rest is for the routes themselves and for JSON's quotes.
GRANT_BYTES = MAX_ENVELOPE_BYTES // 2
#: Of a larger process the news goes out by itself, a moment later: a transaction has no room for all its messages.
TOLD_AT_ONCE = GRANTS_PER_UPDATE
#: Of a grant beside its routes, bytes: signature, header, guids.
GRANT_OVERHEAD = 700
#: A grant names all routes of its process, and a start carries both; more would not fit on the bus.
ROUTES_PER_PROCESS = 200


def mapped_routes(app_guid: str) -> list[Route]:
    """Every route that has the app among its destinations."""
    return listing.all_of(Route, f"app/{app_guid}/routes")


def serve(process: Process, routes: Iterable[Route]) -> bool:
    """Give a process those of ``routes`` that lead to it, in order; whether that is news. The caller saves it."""
    app_guid, kind = str(process.app_guid), str(process.type)
    mine = {str(route.url): route for route in routes if _leads_to(route, app_guid, kind)}
    said = {url: core.rule(mine[url].destinations, mine[url].options or {}, app_guid, kind) for url in sorted(mine)}
    rules = {url: rule for url, rule in said.items() if rule}
    if (list(process.routes or ()), dict(process.route_rules or {})) == (list(said), rules):
        return False
    process.routes, process.route_rules = list(said), rules
    return True


def _leads_to(route: Route, app_guid: str, process_type: str) -> bool:
    return any(end["app"] == app_guid and end["process"] == process_type for end in route.destinations)


def processes_of(app_guid: str, process_type: str) -> list[Process]:
    """The processes of this type, the oldest first: two of them while a deployment goes from one to the other."""
    members = listing.members([f"app/{app_guid}/processes"])
    return listing.load(Process, [member.guid for member in members if member.name == process_type])


def process_of(app_guid: str, process_type: str) -> Process | None:
    """The process of this type; of two the newest."""
    return next(reversed(processes_of(app_guid, process_type)), None)


def refresh(
    world: World, unit: Unit, app_guid: str, process_type: str, changed: Callable[[list[Route]], list[Route]]
) -> None:
    """Give the processes of this type their new routes, and tell their instances. Nothing, while there is none.

    ``changed``: makes of the routes that the app has those that it is to have. Saving a process is conditional on its
    rev, which is read before the routes: of two changes at once one begins anew and sees the other.
    """
    found = processes_of(app_guid, process_type)
    routes = changed(mapped_routes(app_guid)) if found else []
    for process in found:
        if not serve(process, routes):
            continue
        if len(process.routes) > ROUTES_PER_PROCESS:
            raise Unprocessable(f"An app can have at most {ROUTES_PER_PROCESS} routes")
        if len(core.open_ports(process.routes, process.route_rules)) > core.MAX_PORTS:
            raise Unprocessable(f"Maximum of {core.MAX_PORTS} app ports allowed.")
        process.routes_version = int(process.routes_version) + 1
        unit.put(process)
        if process.state != "STARTED":
            continue
        if not _is_told_at_once(process):
            unit.send("queue:cc", "hm.routes", HmRoutes(str(process.guid)))
        else:
            announce(world, unit, process)


def _is_told_at_once(process: Process) -> bool:
    """Whether the news for its instances fits in a message."""
    grant_bytes = GRANT_OVERHEAD + 2 * sum(map(len, process.routes))
    return int(process.instances) <= min(TOLD_AT_ONCE, GRANT_BYTES // grant_bytes)


def refresh_all(
    world: World, unit: Unit, route: Route, affected: Iterable[tuple[str, str]], is_gone: bool = False
) -> None:
    """Refresh the processes (app guid, type) that ``route`` led to before, or leads to as it is now.

    Of more than a transaction takes, which only a route that stays can have, each hears a moment later.
    """
    affected = set(affected)
    if len(affected) > core.AT_ONCE:
        unit.send("queue:cc", "route.check", RouteCheck(str(route.guid)))
        return

    def changed(routes: list[Route]) -> list[Route]:
        return [*(other for other in routes if other.guid != route.guid), *(() if is_gone else (route,))]

    for app_guid, process_type in sorted(affected):
        refresh(world, unit, app_guid, process_type, changed)


def check(world: World, message: RouteCheck, trace: str) -> None:
    """Let all processes that a route leads to serve it as it is now."""
    route = listing.find(Route, message.route_guid)
    if route is None:
        return
    affected = sorted({(end["app"], end["process"]) for end in route.destinations})
    for start in range(0, len(affected), core.AT_ONCE):
        unit = world.unit(trace)
        refresh_all(world, unit, route, affected[start : start + core.AT_ONCE])
        unit.commit()


def announce(world: World, unit: Unit, process: Process) -> None:
    """Tell the instances of a process its routes, with a grant for each."""
    guids = [
        guid
        for row in Placement.query(str(process.guid), consistent_read=True)
        if int(row.version) == int(process.version) and row.state != OPEN
        for guid in (str(row.instance_guid), row.replaces)
        if guid
    ]
    routes, version = tuple(process.routes), int(process.routes_version)
    for share in _shares(guids, lambda guid: grants.route_grant(world, guid, process)):
        unit.send("topic:dea", "dea.update", Update(str(process.guid), int(process.version), routes, version, share))


def _shares(guids: list[str], grant: Callable[[str], str]) -> Iterator[dict[str, str]]:
    """Grants by instance guid, in portions that fit in a message."""
    share: dict[str, str] = {}
    size = 0
    for guid in guids:
        signed = grant(guid)
        if share and (len(share) == GRANTS_PER_UPDATE or size + len(signed) > GRANT_BYTES):
            yield share
            share, size = {}, 0
        share[guid], size = signed, size + len(signed)
    if share:
        yield share
