"""/v3/users: who can have roles. Logins and passwords are the UAA's (api.scim)."""

import re
from collections.abc import Iterable
from typing import Any

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import Body
from chalicelib.api.render import accepted, common, listing, paginated
from chalicelib.core.errors import BadQuery, Unprocessable
from chalicelib.services import access, users
from chalicelib.services.listing import page, sliced
from chalicelib.tables.identity import User

endpoints = Endpoints(__name__)

#: Cloud Foundry leaves the choice to the caller; ours ends up in keys of lists.
GUID = re.compile(r"[A-Za-z0-9_-]{1,200}\Z")
#: A name and an origin, as the UAA takes them.
USERNAME = re.compile(r"[^\s\x00-\x1f\"\x7f-\x9f][^\x00-\x1f\"\x7f-\x9f]{0,249}\Z")
ORIGIN = re.compile(r"[A-Za-z0-9_.-]{1,36}\Z")


def render(request: Request, user: User) -> dict[str, Any]:
    """Clients show presentation_name; who is only a guid has no name."""
    return common(request, user) | {
        "username": user.username or None,
        "presentation_name": user.username or user.guid,
        "origin": user.origin or None,
    }


@endpoints("GET", "/v3/users")
def index(request: Request) -> Answer:
    return listed(request, users.visible_to(request.actor))


def listed(request: Request, guids: Iterable[str] | None) -> Answer:
    """Those among ``guids``, or everybody."""
    what = listing(request, ["users"], "usernames", "partial_usernames", "origins")
    if guids is not None or what.guids is not None:
        what = what.having(lambda user: bool(user.in_cc))  # read by their guids, and not all are in the list
    if guids is not None:
        what = what.within(guids)
    names, parts, origins = (request.values(key) for key in ("usernames", "partial_usernames", "origins"))
    if names is not None and parts is not None:
        raise BadQuery("Usernames cannot be provided with both usernames and partial_usernames")
    if origins is not None:
        if names is None and parts is None:
            raise BadQuery("Origins filter cannot be provided without usernames or partial_usernames filter.")
        what = what.having(lambda user: str(user.origin) in origins)
    if names is not None:
        found = [user for user in users.named(name for name in names if name) if user.in_cc]
        return paginated(request, sliced(found, what), render)
    if parts is not None:
        what = what.having(lambda user: any(part.lower() in str(user.username).lower() for part in parts))
    return paginated(request, page(User, what), render)


@endpoints("POST", "/v3/users")
def create(request: Request) -> Answer:
    """By guid for who is the UAA's, or by name and origin for who logs in elsewhere."""
    access.require_admin(request.actor)
    body = Body(request.json())
    guid, username, origin = body.text("guid"), body.text("username"), body.text("origin")
    if guid is not None:
        _check(body, "Guid", guid, GUID, "must be letters, digits, dashes and underscores")
        for name, value in (("Username", username), ("Origin", origin)):
            if value is not None:
                body.wrong(f"{name} cannot be provided with 'guid'")
    elif username is None and origin is None:
        body.wrong("Guid or 'username' and 'origin' must be provided")
    elif username is None or origin is None:
        given, missing = ("Origin", "username") if username is None else ("Username", "origin")
        body.wrong(f"{given} can only be provided together with '{missing}'")
    else:
        _check(body, "Username", username, USERNAME, "must be printable, without quotation marks")
        _check(body, "Origin", origin, ORIGIN, "must be letters, digits, dots, dashes and underscores")
        if origin.lower() == users.ORIGIN:
            body.wrong("Origin cannot be 'uaa' when creating a user by username")
    draft = User()
    body.metadata(draft)
    body.done()
    if guid is not None:
        return Answer(render(request, users.register(request.world, guid, draft, request.trace)), 201)
    made = users.register_named(request.world, str(username), str(origin), draft, request.trace)
    return Answer(render(request, made), 201)


def _check(body: Body, title: str, value: str, pattern: re.Pattern[str], rule: str) -> None:
    if not pattern.match(value):
        body.wrong(f"{title} {rule}")


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
    return Answer(render(request, users.update(request.world, user)))


@endpoints("DELETE", "/v3/users/{guid}")
def delete(request: Request, guid: str) -> Answer:
    user = users.find_visible(request.actor, guid)
    access.require_admin(request.actor)
    if user.guid == request.actor.guid:
        raise Unprocessable("You cannot delete yourself.")
    return accepted(request, users.deregister(request.world, user, request.trace))
