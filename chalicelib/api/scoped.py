"""Lists of what belongs to spaces and apps: only what the caller may see, from the smallest lists that hold it."""

from collections.abc import Callable
from typing import TypeVar

from chalicelib.api.base import Request
from chalicelib.api.parsing import Body
from chalicelib.api.render import listing
from chalicelib.core.roles import WRITE
from chalicelib.services import access
from chalicelib.services.listing import Listing, members
from chalicelib.services.owned import owned
from chalicelib.tables.apps import AppPart
from chalicelib.tables.base import Resource

P = TypeVar("P", bound=AppPart)

#: What every such list can be narrowed by.
SPACE_FILTERS = ("space_guids", "organization_guids")


def scoped(
    request: Request, kind: str, *filters: str, app_guid: str | None = None, orders: tuple[str, ...] = ()
) -> Listing:
    """``kind``: the KIND of the resource. ``app_guid``: the app in the path, which the caller has been seen to see.

    ``app_guids`` counts as a filter when the endpoint names it.
    """
    by_app = request.values("app_guids") if "app_guids" in filters else None
    spaces = _spaces(request)
    if app_guid is not None:
        lists = [f"app/{app_guid}/{kind}"]
    elif by_app is not None:
        lists = [f"app/{guid}/{kind}" for guid in sorted(by_app)]
    elif spaces is not None:
        lists = [f"space/{guid}/{kind}" for guid in sorted(spaces)]
    else:
        lists = [kind]
    what = listing(request, lists, *SPACE_FILTERS, *filters, orders=orders)
    if spaces is None or not (by_app or app_guid):
        return what
    within = frozenset(spaces)
    return what.having(lambda resource: str(resource.space_guid) in within)


def _spaces(request: Request) -> set[str] | None:
    """Guids of the spaces that the query asks for and the caller may see; None: all there are."""
    visible = access.visible_spaces(request.actor)
    spaces = set(visible) if visible is not None else None
    asked = request.values("space_guids")
    if (orgs := request.values("organization_guids")) is not None:
        inside = {member.guid for member in members(f"org/{guid}/spaces" for guid in sorted(orgs))}
        asked = frozenset(inside) if asked is None else asked & inside
    if asked is None:
        return spaces
    return set(asked) if spaces is None else spaces & asked


def one_of(request: Request, parameter: str, attribute: str) -> Callable[[Resource], bool] | None:
    """The test that a filter such as ``states`` makes, if it is in the query."""
    values = request.values(parameter)
    return None if values is None else lambda resource: str(getattr(resource, attribute)) in values


def narrowed(request: Request, what: Listing, **attributes: str) -> Listing:
    """``narrowed(request, what, states="state")``: only what has one of the values that the query names."""
    for parameter, attribute in attributes.items():
        test = one_of(request, parameter, attribute)
        if test is not None:
            what = what.having(test)
    return what


def relabelled(request: Request, model: type[P], guid: str) -> P:
    """A PATCH that can change nothing but metadata."""
    part, _ = owned(request.actor, model, guid, WRITE)
    body = Body(request.json())
    body.metadata(part)
    body.done()
    unit = request.world.unit(request.trace)
    unit.put(part)
    unit.commit()
    return part
