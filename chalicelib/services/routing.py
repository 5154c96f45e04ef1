"""From routes to what processes serve: a process's list of URLs, its version, and the news for its instances.

``refresh`` belongs in the transaction that changes a route, ``announce`` says the present list again.
"""

from collections.abc import Callable, Iterable, Iterator

from chalicelib.bootstrap import World
from chalicelib.contracts.auction import Update
from chalicelib.contracts.envelope import MAX_ENVELOPE_BYTES
from chalicelib.core.errors import Unprocessable
from chalicelib.services import grants, listing
from chalicelib.tables.running import OPEN, Placement, Process, Route
from chalicelib.tables.unit import Unit

#: Grants in one ``dea.update``, as far as they fit.
GRANTS_PER_UPDATE = 60
#: Room for grants in an envelope, bytes: the rest is for the routes themselves and for JSON's quotes.
GRANT_BYTES = MAX_ENVELOPE_BYTES // 2
#: A grant names all routes of its process, and a start carries both; more would not fit on the bus.
ROUTES_PER_PROCESS = 200


def mapped_routes(app_guid: str) -> list[Route]:
    """Every route that has the app among its destinations."""
    return listing.all_of(Route, f"app/{app_guid}/routes")


def urls(routes: Iterable[Route], app_guid: str, process_type: str) -> list[str]:
    """``host.domain/path`` of those routes that lead to the process, sorted."""
    found = {
        str(route.url)
        for route in routes
        for destination in route.destinations
        if destination["app"] == app_guid and destination["process"] == process_type
    }
    return sorted(found)


def routes_of(app_guid: str, process_type: str) -> list[str]:
    """What a process that is just being made has to serve."""
    return urls(mapped_routes(app_guid), app_guid, process_type)


def process_of(app_guid: str, process_type: str) -> Process | None:
    """The process of this type, of several (while a deployment runs) the newest."""
    return next(reversed(processes_of(app_guid, process_type)), None)


def processes_of(app_guid: str, process_type: str) -> list[Process]:
    """All of this type, in order of creation: the old and the new web process while a deployment runs."""
    found = listing.members([f"app/{app_guid}/{Process.KIND}"])
    return listing.load(Process, [member.guid for member in found if member.name == process_type])


def refresh(world: World, unit: Unit, app_guid: str, process_type: str, routes_after: list[str]) -> None:
    """Give the processes of this type their new routes, and tell their instances. There may be none yet.

    Saving a process is conditional on its rev: of two changes at once one begins anew and sees the other.
    """
    changed = [process for process in processes_of(app_guid, process_type) if list(process.routes) != routes_after]
    if changed and len(routes_after) > ROUTES_PER_PROCESS:
        raise Unprocessable(f"An app can have at most {ROUTES_PER_PROCESS} routes")
    for process in changed:
        process.routes, process.routes_version = routes_after, int(process.routes_version) + 1
        unit.put(process)
        if process.state == "STARTED":
            announce(world, unit, process)


def refresh_all(
    world: World, unit: Unit, route: Route, affected: Iterable[tuple[str, str]], is_gone: bool = False
) -> None:
    """Refresh the processes (app guid, type) that ``route`` led to before, or leads to as it is now."""
    for app_guid, process_type in sorted(affected):
        others = [other for other in mapped_routes(app_guid) if other.guid != route.guid]
        after = others if is_gone else [*others, route]
        refresh(world, unit, app_guid, process_type, urls(after, app_guid, process_type))


def forget_app(world: World, app_guid: str, trace: str = "") -> None:
    """Take an app that is going out of its routes, which stay; may be repeated. Its processes are gone already."""
    for route in mapped_routes(app_guid):
        route.destinations = [destination for destination in route.destinations if destination["app"] != app_guid]
        unit = world.unit(trace)
        unit.put(route)
        unit.leave(route, f"app/{app_guid}")
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

    def grant(instance_guid: str) -> str:
        return grants.route_grant(world, instance_guid, str(process.app_guid), routes, version)

    for share in _shares(guids, grant):
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
