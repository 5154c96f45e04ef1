"""Lists of what belongs to spaces and apps: only what the caller may see, from the smallest lists that hold it."""

from collections.abc import Callable, Mapping, Sequence, Set
from functools import partial
from typing import Any, TypeVar

from chalicelib.api.base import Answer, Request
from chalicelib.api.parsing import Body
from chalicelib.api.render import Render, listing, paginated
from chalicelib.core.roles import READ, WRITE
from chalicelib.services import access
from chalicelib.services.listing import Join, Listing, Test, load, members, page
from chalicelib.services.owned import owned
from chalicelib.tables.apps import App, AppPart
from chalicelib.tables.base import Resource

P = TypeVar("P", bound=AppPart)
R = TypeVar("R", bound=Resource)

#: So many apps are asked one by one for what is theirs.
FEW_APPS = 5

#: What every such list can be narrowed by.
SPACE_FILTERS = ("space_guids", "organization_guids")


def scoped(
    request: Request,
    kind: str,
    *filters: str,
    app_guid: str | None = None,
    orders: tuple[str, ...] = (),
    seeing: str = READ,
) -> Listing:
    """``kind``: the KIND of the resource. ``app_guid``: the app in the path, which the caller has been seen to see.
    seeing: what he must have in a space to see its resources of this kind.

    ``app_guids`` counts as a filter when the endpoint names it. Of many apps the lists of their spaces are read.
    """
    by_app = request.values("app_guids") if "app_guids" in filters else None
    spaces = _spaces(request, seeing)
    if app_guid is not None:
        lists = [f"app/{app_guid}/{kind}"]
    elif by_app is not None and len(by_app) <= FEW_APPS:
        lists = [f"app/{guid}/{kind}" for guid in sorted(by_app)]
    elif by_app is not None and (spaces is None or len(spaces) > FEW_APPS):
        lists = sorted({f"space/{app.space_guid}/{kind}" for app in load(App, sorted(by_app))})
    elif spaces is not None:
        lists = [f"space/{guid}/{kind}" for guid in sorted(spaces)]
    else:
        lists = [kind]
    what = listing(request, lists, *SPACE_FILTERS, *filters, orders=orders)
    if by_app is not None and len(by_app) > FEW_APPS:
        what = what.having(partial(_is_of, by_app))
    if spaces is not None and (by_app or app_guid):
        what = what.having(partial(_is_in, frozenset(spaces)))
    return what


def _is_of(apps: Set[str], resource: Any) -> bool:
    """Whether it belongs to one of the apps; a route does when it leads there."""
    ends = getattr(resource, "destinations", None)
    return str(resource.app_guid) in apps if ends is None else any(end["app"] in apps for end in ends)


def _is_in(spaces: Set[str], resource: Any) -> bool:
    """Whether it is in one of the spaces; a route may be shared with it."""
    shared_with = getattr(resource, "shared_space_guids", None) or ()
    return str(resource.space_guid) in spaces or not spaces.isdisjoint(shared_with)


def _spaces(request: Request, seeing: str) -> set[str] | None:
    """Guids of the spaces that the query asks for and the caller may see; None: all there are."""
    visible = access.visible_spaces(request.actor, seeing)
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


def listed(
    request: Request, model: type[AppPart], render: Render, filters: Mapping[str, str], app_guid: str | None = None
) -> Answer:
    """A page of what belongs to apps, or to the one in the path. filters: parameter -> attribute of that value."""
    what = scoped(request, model.KIND, *filters, app_guid=app_guid)
    return paginated(request, page(model, narrowed(request, what, **filters)), render)


def belonging(request: Request, what: Listing, **ends: tuple[type[Resource], str]) -> Listing:
    """``belonging(request, what, app_names=(App, "app_guid"))``: only what belongs to one with a name of the query's.

    What the candidates belong to is read in batches: whoever else has something of that name costs nothing.
    """
    for parameter, (model, attribute) in ends.items():
        if (names := request.values(parameter)) is not None:
            what = what.joined(leading_to(model, attribute, partial(_is_named, names)))
    return what


def leading_to(model: type[Resource], attribute: str, test: Test) -> Join:
    """What passes a test that is made of the resource of which ``attribute`` is the guid."""

    def join(resources: Sequence[Any]) -> Test:
        guids = {str(guid) for item in resources if (guid := getattr(item, attribute))}
        right = {str(end.guid) for end in load(model, sorted(guids)) if test(end)}
        return lambda item: getattr(item, attribute) in right

    return join


def _is_named(names: Set[str], resource: Resource) -> bool:
    return resource.list_name in names


def relabelled(request: Request, model: type[P], guid: str) -> P:
    """A PATCH that can change nothing but metadata."""
    part, _ = owned(request.actor, model, guid, WRITE)
    return relabel(request, part)


def relabel(request: Request, resource: R) -> R:
    """The same of what the caller has been seen to be allowed to change."""
    body = Body(request.json())
    body.metadata(resource)
    body.done()
    unit = request.world.unit(request.trace)
    unit.put(resource)
    unit.commit()
    return resource
