"""/v3/users: who can have roles. Logins and passwords are the UAA's (api.scim)."""

import re
from typing import Any

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import Body
from chalicelib.api.render import accepted, common, listing, paginated
from chalicelib.api.scoped import narrowed
from chalicelib.core.errors import Unprocessable
from chalicelib.services import access, users
from chalicelib.services.listing import page, sliced
from chalicelib.tables.identity import User

endpoints = Endpoints(__name__)

#: Cloud Foundry leaves the choice to the caller; ours ends up in keys of lists.
GUID = re.compile(r"[A-Za-z0-9_-]{1,200}\Z")


def render(request: Request, user: User) -> dict[str, Any]:
    """Clients show presentation_name; who is only a guid has no name."""
    return common(request, user) | {
        "username": user.username or None,
        "presentation_name": user.username or user.guid,
        "origin": user.origin or None,
    }


@endpoints("GET", "/v3/users")
def index(request: Request) -> Answer:
    what = listing(request, ["users"], "usernames", "partial_usernames", "origins")
    what = narrowed(request, what, origins="origin")
    visible = users.visible_to(request.actor)
    if visible is not None:
        what = what.within(visible)
    names, parts = request.values("usernames"), request.values("partial_usernames")
    if names is not None:
        named = [users.by_username(name) for name in sorted(names) if name]
        found = {str(user.guid): user for user in named if user is not None and user.in_cc}
        return paginated(request, sliced(found.values(), what), render)
    if parts is not None:
        what = what.having(lambda user: any(part.lower() in str(user.username).lower() for part in parts))
    return paginated(request, page(User, what), render)


@endpoints("POST", "/v3/users")
def create(request: Request) -> Answer:
    access.require_admin(request.actor)
    body = Body(request.json())
    guid = body.text("guid", required=True)
    if guid and not GUID.match(guid):
        body.wrong("Guid must be letters, digits, dashes and underscores")
    draft = User()
    body.metadata(draft)
    body.done()
    assert guid is not None
    return Answer(render(request, users.register(request.world, guid, draft, request.trace)), 201)


@endpoints("GET", "/v3/users/{guid}")
def show(request: Request, guid: str) -> Answer:
    return Answer(render(request, users.find_visible(request.actor, guid)))


@endpoints("PATCH", "/v3/users/{guid}")
def update(request: Request, guid: str) -> Answer:
    user = users.find_visible(request.actor, guid)
    access.require_admin(request.actor)
    body = Body(request.json())
    body.metadata(user)
    body.done()
    return Answer(render(request, users.update(request.world, user, request.trace)))


@endpoints("DELETE", "/v3/users/{guid}")
def delete(request: Request, guid: str) -> Answer:
    user = users.find_visible(request.actor, guid)
    access.require_admin(request.actor)
    if user.guid == request.actor.guid:
        raise Unprocessable("You cannot delete yourself.")
    return accepted(request, users.deregister(request.world, user, request.trace))
