"""Where routes lead: destinations added, replaced, taken away; processes and their instances hear of it.

A large change takes several transactions, each complete in itself: what is new comes before what is old goes. One that
breaks off leaves destinations that work, and the same request again finishes it.
"""

from collections.abc import Callable, Iterable
from typing import Any

from chalicelib.bootstrap import World
from chalicelib.core.errors import Unprocessable
from chalicelib.core.roles import READ, Actor
from chalicelib.core.routing import AT_ONCE, MAX_DESTINATIONS, End, end_of, protocol_of, steps, wrong_protocol
from chalicelib.services import audit, listing, routing
from chalicelib.tables.apps import App
from chalicelib.tables.identity import Space
from chalicelib.tables.running import Route
from chalicelib.tables.unit import Unit

Destinations = list[dict[str, Any]]
Ends = dict[End, dict[str, Any]]

NO_SUCH = "Unable to unmap route from destination. Ensure the route has a destination with this guid."


def add(world: World, actor: Actor, route: Route, space: Space, new: Destinations, trace: str = "") -> Route:
    """``new``: as in Route.destinations, none with a weight. What is there already stays as it is.

    Raises Unprocessable.
    """
    if any(destination.get("weight") for destination in route.destinations):
        raise Unprocessable("Destinations cannot be inserted when there are weighted destinations already configured.")
    there = {end_of(destination): destination for destination in route.destinations}
    for destination in new:
        known = there.get(end_of(destination))
        if known is not None and protocol_of(known) != protocol_of(destination):
            raise Unprocessable(
                f"Cannot add destination with protocol: {protocol_of(destination)}. Destination already exists for "
                f"route: {route.url}, app: {destination['app']}, process: {destination['process']}, and protocol: "
                f"{protocol_of(known)}."
            )
    return replace(world, actor, route, space, [*route.destinations, *new], trace)


def remove(world: World, actor: Actor, route: Route, space: Space, guid: str, trace: str = "") -> Route:
    """Raises Unprocessable for a guid that there is not, and for a weighted destination."""
    if _find(route, guid).get("weight"):
        raise Unprocessable("Weighted destinations cannot be deleted individually.")
    rest = [destination for destination in route.destinations if destination["guid"] != guid]
    return replace(world, actor, route, space, rest, trace)


def set_protocol(
    world: World, actor: Actor, route: Route, space: Space, guid: str, protocol: str, trace: str = ""
) -> dict[str, Any]:
    """Returns the destination as it is then. Raises Unprocessable."""
    _find(route, guid)
    changed = [{**one, "protocol": protocol} if one["guid"] == guid else one for one in route.destinations]
    return _find(replace(world, actor, route, space, changed, trace), guid)


def _find(route: Route, guid: str) -> dict[str, Any]:
    for destination in route.destinations:
        if destination["guid"] == guid:
            return dict(destination)
    raise Unprocessable(NO_SUCH)


def replace(world: World, actor: Actor, route: Route, space: Space, wanted: Destinations, trace: str = "") -> Route:
    """Make the route lead to just these; those that stay keep their guids, and of two alike the first counts.

    Raises Unprocessable for apps that may not be led to, for too many, and for a protocol that routes do not have.
    """
    before = {end_of(destination): destination for destination in route.destinations}
    after: Ends = {}
    for destination in wanted:
        end = end_of(destination)
        guid = before[end]["guid"] if end in before else destination["guid"]
        after.setdefault(end, {**destination, "guid": guid})
    if len(after) > MAX_DESTINATIONS:
        raise Unprocessable(f"Routes can be mapped to at most {MAX_DESTINATIONS} destinations.")
    if wrong := wrong_protocol(after.values()):
        raise Unprocessable(wrong)
    apps = _apps(actor, route, {app for app, _, _ in after.keys() - before.keys()})

    def record(unit: Unit, old: Ends, new: Ends) -> None:
        for end in sorted(old.keys() ^ new.keys()):
            _record(unit, actor, route, space, new.get(end) or old[end], "map" if end in new else "unmap", apps)

    _change(world, route, before, after, record, trace)
    return route


def thin_out(world: World, route: Route, trace: str = "") -> None:
    """Leave of a route that is to go no more destinations than one transaction can take."""
    before = {end_of(destination): destination for destination in route.destinations}
    _change(world, route, before, dict(list(before.items())[:AT_ONCE]), lambda unit, old, new: None, trace)


def _change(
    world: World, route: Route, before: Ends, after: Ends, record: Callable[[Unit, Ends, Ends], None], trace: str
) -> None:
    for ends in steps(before, after):
        old, before = before, {end: dict(destination) for end, destination in ends.items()}
        route.destinations = list(before.values())
        unit = world.unit(trace)
        unit.put(route)
        _move(unit, route, old, before)
        changed = {end for end in old.keys() | before.keys() if old.get(end) != before.get(end)}
        routing.refresh_all(world, unit, route, {(app, process) for app, process, _ in changed})
        record(unit, old, before)
        unit.commit()


def _move(unit: Unit, route: Route, before: Iterable[End], after: Iterable[End]) -> None:
    """Into the lists of the apps that it leads to, and out of those of the others."""
    old, new = {app for app, _, _ in before}, {app for app, _, _ in after}
    for app_guid in sorted(new - old):
        unit.join(route, f"app/{app_guid}")
    for app_guid in sorted(old - new):
        unit.leave(route, f"app/{app_guid}")


def _apps(actor: Actor, route: Route, guids: set[str]) -> dict[str, App]:
    """Raises Unprocessable unless all are in the route's space, or in one that it is shared with."""
    found = {str(app.guid): app for app in listing.load(App, sorted(guids))}
    spaces = {
        str(space.guid): space for space in listing.load(Space, sorted({str(a.space_guid) for a in found.values()}))
    }
    hidden = [
        guid
        for guid, app in found.items()
        if (space := spaces.get(str(app.space_guid))) is None
        or not actor.may_in_space(READ, str(space.guid), str(space.org_guid))
    ]
    for these, end in ((sorted(guids - found.keys()), "do not exist."), (hidden, "you do not have access.")):
        if these:
            quoted = ", ".join(f'"{guid}"' for guid in these)
            raise Unprocessable(f"App(s) with guid(s) {quoted} {end}")
    allowed = {str(route.space_guid), *(route.shared_space_guids or ())}
    if any(str(app.space_guid) not in allowed for app in found.values()):
        raise Unprocessable("Routes destinations must be in either the route's space or the route's shared spaces")
    return found


def _record(
    unit: Unit, actor: Actor, route: Route, space: Space, end: dict[str, Any], verb: str, apps: dict[str, App]
) -> None:
    app = apps.get(end["app"]) or App(end["app"], name="")
    data = {
        "route_guid": route.guid,
        "destination_guid": end["guid"],
        "process_type": end["process"],
        "app_port": end_of(end)[2],
        "weight": end.get("weight"),
        "protocol": protocol_of(end),
    }
    audit.record(unit, actor, f"audit.app.{verb}-route", app, str(space.guid), str(space.org_guid), data)
