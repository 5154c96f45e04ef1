"""/Groups: who is in which of the UAA's groups. The groups themselves are fixed (services.groups)."""

from typing import Any

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.uaa import body_of, in_uaa_words, page_of, require_scope, scim_list
from chalicelib.core import scim
from chalicelib.core.errors import UaaError
from chalicelib.services import groups, users
from chalicelib.tables.identity import User

endpoints = Endpoints(__name__)

ATTRIBUTES = frozenset({"displayname", "id"})


def render(name: str, members: list[str] | None = None) -> dict[str, Any]:
    listed = {} if members is None else {"members": [_member(guid) for guid in members]}
    return {
        "id": name,
        "displayName": name,
        "description": groups.GROUPS[name],
        "zoneId": "uaa",
        "schemas": ["urn:scim:schemas:core:1.0"],
        **listed,
    }


def _member(guid: str) -> dict[str, str]:
    return {"value": guid, "type": "USER", "origin": users.ORIGIN}


@endpoints("GET", "/Groups")
@in_uaa_words
def index(request: Request) -> Answer:
    """Members are shown when one group is asked for."""
    require_scope(request, "scim.read")
    start, count = page_of(request)
    names, text = sorted(groups.GROUPS), request.query.get("filter")
    if text:
        try:
            wanted = scim.parse(text, ATTRIBUTES)
        except scim.FilterError as error:
            raise UaaError(400, "scim", str(error)) from None
        names = [name for name in names if wanted.passes({"displayname": name, "id": name})]
    page = names[start - 1 : start - 1 + count]
    shown = [render(name, groups.members(name) if len(names) == 1 else None) for name in page]
    return scim_list(shown, start, len(names))


@endpoints("GET", "/Groups/{guid}")
@in_uaa_words
def show(request: Request, guid: str) -> Answer:
    require_scope(request, "scim.read")
    return Answer(render(groups.get(guid), groups.members(guid)))


@endpoints("GET", "/Groups/{guid}/members")
@in_uaa_words
def members(request: Request, guid: str) -> Answer:
    require_scope(request, "scim.read")
    return Answer([_member(one) for one in groups.members(groups.get(guid))])


@endpoints("POST", "/Groups/{guid}/members")
@in_uaa_words
def add(request: Request, guid: str) -> Answer:
    require_scope(request, "scim.write")
    name, value = groups.get(guid), body_of(request).get("value")
    if not isinstance(value, str):
        raise UaaError(400, "invalid_scim_resource", "value must be the id of a user")
    groups.change(request.world, name, _user(value), is_in=True)
    return Answer(_member(value), 201)


@endpoints("DELETE", "/Groups/{guid}/members/{user_guid}")
@in_uaa_words
def remove(request: Request, guid: str, user_guid: str) -> Answer:
    require_scope(request, "scim.write")
    groups.change(request.world, groups.get(guid), _user(user_guid), is_in=False)
    return Answer(_member(user_guid))


def _user(guid: str) -> User:
    user = users.with_login(guid)
    if user is None:
        raise UaaError(404, "scim_resource_not_found", f"User {guid[:100]} does not exist")
    return user
