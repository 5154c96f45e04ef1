"""What offerings and plans have in common as lists: who asks, and what they are filtered by."""

from collections.abc import Callable
from typing import Any, TypeVar

from chalicelib.api.base import Request
from chalicelib.api.scoped import relabel
from chalicelib.core.errors import BadQuery
from chalicelib.core.roles import Actor
from chalicelib.services import listing
from chalicelib.services.brokering import visibility
from chalicelib.services.listing import Listing
from chalicelib.tables.identity import Space
from chalicelib.tables.services import ServiceOffering, ServicePlan

Offered = TypeVar("Offered", ServiceOffering, ServicePlan)


def caller(request: Request) -> Actor:
    """Whoever asks, also without a login. Raises NotAuthenticated where the marketplace is hidden from him."""
    return request.actor if request.headers.get("authorization") else visibility.anonymous()


def available(request: Request, what: Listing) -> Listing:
    """``available=true`` or ``false``. Raises BadQuery."""
    value = request.query.get("available")
    if value is None:
        return what
    if value not in ("true", "false"):
        raise BadQuery("Available only accepts values 'true' or 'false'")
    return what.having(lambda resource: bool(resource.available) == (value == "true"))


def usable(request: Request) -> Callable[[ServicePlan], bool] | None:
    """The test that ``space_guids`` and ``organization_guids`` make, if one is in the query."""
    spaces, orgs = request.values("space_guids"), request.values("organization_guids")
    if spaces is None and orgs is None:
        return None
    within = listing.load(Space, sorted(spaces)) if spaces is not None else _spaces_of(orgs or frozenset())
    if spaces is not None and orgs is not None:
        within = [space for space in within if space.org_guid in orgs]
    return visibility.usable_test(within)


def _spaces_of(orgs: frozenset[str]) -> list[Any]:
    """A space of each organization, or one that would be: what an organization sees needs none."""
    found = [member.guid for member in listing.members(f"org/{guid}/spaces" for guid in sorted(orgs))]
    return [*listing.load(Space, found), *(Space("none", org_guid=guid) for guid in sorted(orgs))]


def described(request: Request, resource: Offered) -> Offered:
    """A PATCH that can change nothing but metadata. Raises NotAuthorized, Unprocessable."""
    visibility.require_change(request.actor, resource)
    return relabel(request, resource)
