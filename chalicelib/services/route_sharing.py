"""Routes in several spaces: shared, so that apps there can be led to, and moved from one space to another."""

from collections.abc import Iterable

from chalicelib.bootstrap import World
from chalicelib.core.errors import Unprocessable
from chalicelib.core.quotas import Use
from chalicelib.core.roles import OPERATE, READ, WRITE, Actor
from chalicelib.services import audit, domains, flags, listing, quotas, routes
from chalicelib.services.routes import SHARED
from chalicelib.tables.base import Name
from chalicelib.tables.identity import Domain, Space
from chalicelib.tables.running import Route

FLAG = "route_sharing"

#: Of one route: each takes part in the transactions that remove it.
MAX_SHARED = 20


def share(world: World, actor: Actor, route: Route, space: Space, guids: Iterable[str], trace: str = "") -> Route:
    """Raises Unprocessable for spaces that the actor cannot see or change, and for the route's own."""
    asked = list(dict.fromkeys(guids))
    _check_spaces(actor, route, asked)
    if str(route.space_guid) in asked:
        raise Unprocessable(
            f"Unable to share route '{route.url}' with space '{route.space_guid}'. Routes cannot be shared into the "
            "space where they were created."
        )
    shared = list(route.shared_space_guids or ())
    new = [guid for guid in asked if guid not in shared]
    if len(shared) + len(new) > MAX_SHARED:
        raise Unprocessable(f"A route can be shared with at most {MAX_SHARED} spaces.")
    if new:
        route.shared_space_guids = [*shared, *new]
        unit = world.unit(trace)
        unit.put(route)
        for guid in new:
            unit.require(Space, guid, Unprocessable(_unreadable(route, [guid])))
            unit.join(route, f"{SHARED}/{guid}")
        data = {"target_space_guids": new}
        audit.record(unit, actor, "audit.route.share", route, str(space.guid), str(space.org_guid), data)
        unit.commit()
    return route


def _check_spaces(actor: Actor, route: Route, guids: list[str]) -> None:
    found = {str(space.guid): space for space in listing.load(Space, guids)}

    def may(permission: str, guid: str) -> bool:
        return guid in found and actor.may_in_space(permission, guid, str(found[guid].org_guid))

    unseen = [guid for guid in guids if not may(READ, guid)]
    fixed = [guid for guid in guids if guid not in unseen and not may(WRITE, guid)]
    sentences = []
    if unseen:
        sentences.append(_unreadable(route, unseen))
    if fixed:
        sentences.append(
            f"Unable to share route {route.url} with spaces [{_quoted(fixed)}]. Write permission is required in order "
            "to share a route with a space and the containing organization must not be suspended."
        )
    if sentences:
        raise Unprocessable("\n".join(sentences))


def _unreadable(route: Route, guids: list[str]) -> str:
    return (
        f"Unable to share route {route.url} with spaces [{_quoted(guids)}]. Ensure the spaces exist and that you have "
        "access to them."
    )


def _quoted(guids: list[str]) -> str:
    return ", ".join(f"'{guid}'" for guid in guids)


def unshare(world: World, actor: Actor, route: Route, space: Space, guid: str, trace: str = "") -> None:
    """Destinations in that space stay. Raises Unprocessable."""
    if problem := _problem(actor, listing.find(Space, guid)):
        raise Unprocessable(f"Unable to unshare route '{route.url}' from space '{guid}'. {problem}")
    if guid == route.space_guid:
        raise Unprocessable(
            f"Unable to unshare route '{route.url}' from space '{guid}'. Routes cannot be removed from the space that "
            "owns them."
        )
    if guid in (route.shared_space_guids or ()):
        forget(world, actor, route, space, guid, trace)


def forget(world: World, actor: Actor, route: Route, space: Space, guid: str, trace: str = "") -> None:
    """Without asking anybody: also for a space that goes."""
    route.shared_space_guids = [shared for shared in route.shared_space_guids if shared != guid]
    unit = world.unit(trace)
    unit.put(route)
    unit.leave(route, f"{SHARED}/{guid}")
    data = {"target_space_guid": guid}
    audit.record(unit, actor, "audit.route.unshare", route, str(space.guid), str(space.org_guid), data)
    unit.commit()


def _problem(actor: Actor, space: Space | None) -> str | None:
    """Why nothing can be done to what is in this space."""
    if space is None or not actor.may_in_space(READ, str(space.guid), str(space.org_guid)):
        return "Ensure the space exists and that you have access to it."
    if not actor.may_in_space(OPERATE, str(space.guid), str(space.org_guid)):
        return "You don't have write permission for the target space."
    return None


def transfer(world: World, actor: Actor, route: Route, space: Space, guid: str, trace: str = "") -> None:
    """The route becomes the other space's own, and stays shared with the one that it comes from.

    Raises Unprocessable.
    """
    refused = f"Unable to transfer owner of route '{route.url}' to space '{guid}'. "
    target = listing.find(Space, guid)
    problem = _problem(actor, target)
    if target is None or problem:
        raise Unprocessable(f"{refused}{problem}")
    domain = listing.find(Domain, str(route.domain_guid))
    if domain is None or not domains.usable_in(domain, str(target.org_guid)):
        raise Unprocessable(f"{refused}Target space does not have access to route's domain")
    if guid == space.guid:
        return
    unit = world.unit(trace)
    unit.require(Space, guid, Unprocessable(f"{refused}Ensure the space exists and that you have access to it."))
    unit.leave(route, f"space/{space.guid}")
    shared = [one for one in route.shared_space_guids or () if one != guid]
    route.space_guid, route.shared_space_guids = guid, [*shared, str(space.guid)]
    unit.put(route)
    unit.join(route, f"space/{guid}")
    unit.join(route, f"{SHARED}/{guid}")
    # Other paths of the same host stay where they are, and a host belongs to one space.
    unit.update(
        Name(domains.HOSTS, routes.full_host(route)),
        [Name.guid.set(guid)],
        Name.uses == 1,
        Unprocessable(f"{refused}Routes for this host and domain have been reserved for another space."),
    )
    quotas.charge(unit, str(space.org_guid), str(space.guid), Use(routes=-1))
    quotas.charge(unit, str(target.org_guid), guid, Use(routes=1))
    data = {"original_space_guid": str(space.guid), "target_space_guid": guid}
    audit.record(unit, actor, "audit.route.transfer-owner", route, guid, str(target.org_guid), data)
    unit.commit()


def require_flag(actor: Actor) -> None:
    """Raises FeatureDisabled."""
    flags.require(actor, FLAG)
