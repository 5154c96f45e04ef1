"""/v3/roles."""

from typing import Any

from chalicelib.api import organizations as orgs_api
from chalicelib.api import spaces as spaces_api
from chalicelib.api import users as users_api
from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import Body
from chalicelib.api.render import accepted, common, including, listing, paginated, to_one
from chalicelib.api.scoped import narrowed
from chalicelib.core.errors import Unprocessable
from chalicelib.core.roles import ROLE_TYPES
from chalicelib.services import access, roles, users
from chalicelib.services import listing as reading
from chalicelib.tables.identity import Organization, Role, Space, User

endpoints = Endpoints(__name__)


def render(request: Request, role: Role) -> dict[str, Any]:
    document = common(request, role)
    ends = {"user": ("users", role.user_guid), "organization": ("organizations", role.org_guid)}
    ends["space"] = ("spaces", role.space_guid)
    document["links"] |= {
        name: {"href": f"{request.base}/v3/{kind}/{guid}"} for name, (kind, guid) in ends.items() if guid
    }
    del document["metadata"]
    return document | {
        "type": role.type,
        "relationships": {name: to_one(str(guid) if guid else None) for name, (_, guid) in ends.items()},
    }


@endpoints("GET", "/v3/roles")
def index(request: Request) -> Answer:
    filters = {"user_guids": "user_guid", "organization_guids": "org_guid", "space_guids": "space_guid"}
    what = listing(request, _lists(request), *filters, "types", "include")
    if not request.actor.sees_all:
        managed = frozenset(access.visible_spaces(request.actor) or ())
        what = what.having(lambda role: str(role.space_guid) in managed or roles.may_see(request.actor, role))
    found = reading.page(Role, narrowed(request, what, types="type", **filters))
    return paginated(request, found, render, _included(request, found.items))


def _lists(request: Request) -> list[str]:
    """The smallest lists that hold what is asked for: of users, of spaces, of organizations."""
    for parameter, parent in (("user_guids", "user"), ("space_guids", "space"), ("organization_guids", "org")):
        guids = request.values(parameter)
        if guids is not None:
            return [f"{parent}/{guid}/roles" for guid in sorted(guids)]
    actor = request.actor
    if actor.sees_all:
        return ["roles"]
    return [f"user/{actor.guid}/roles"] + [
        f"{parent}/{guid}/roles"
        for parent, guids in (("org", actor.orgs), ("space", access.visible_spaces(actor) or ()))
        for guid in sorted(guids)
    ]


def _included(request: Request, found: list[Any]) -> dict[str, Any] | None:
    wanted = including(request, "user", "organization", "space")
    if not wanted:
        return None
    included: dict[str, Any] = {}
    if "user" in wanted:
        people = reading.load(User, _guids(found, "user_guid"))
        included["users"] = [users_api.render(request, user) for user in people]
    if "organization" in wanted:
        orgs = reading.load(Organization, _guids(found, "org_guid"))
        included["organizations"] = [orgs_api.render(request, org) for org in orgs]
    if "space" in wanted:
        spaces = reading.load(Space, _guids(found, "space_guid"))
        included["spaces"] = [spaces_api.render(request, space) for space in spaces]
    return included


def _guids(found: list[Any], attribute: str) -> list[str]:
    return list(dict.fromkeys(str(getattr(role, attribute)) for role in found if getattr(role, attribute)))


@endpoints("POST", "/v3/roles")
def create(request: Request) -> Answer:
    """The user by guid, or by name and perhaps origin."""
    actor, body = request.actor, Body(request.json())
    role = Role(type=body.choice("type", tuple(sorted(ROLE_TYPES))))
    if role.type is None and not body.errors:
        body.wrong(f"Type must be one of the allowed types {sorted(ROLE_TYPES)}")
    if str(role.type).startswith("space_"):
        role.space_guid = body.relationship("space")
    else:
        role.org_guid = body.relationship("organization")
    relationships = body.take("relationships")
    who = _who(relationships.get("user") if isinstance(relationships, dict) else None)
    if who is None:
        body.wrong('Relationships User must be structured like this: "user: {"data": {"guid": "valid-guid"}}"')
    body.done()
    assert who is not None
    roles.check_target(actor, role)
    return Answer(render(request, roles.give(request.world, actor, role, _user(who), request.trace)), 201)


def _who(relationship: Any) -> dict[str, str] | None:
    data = relationship.get("data") if isinstance(relationship, dict) else None
    if not isinstance(data, dict) or not (data.get("guid") or data.get("username")):
        return None
    return data if all(isinstance(value, str) for value in data.values()) else None


def _user(who: dict[str, str]) -> User:
    """Raises Unprocessable."""
    if "guid" in who:
        user = reading.find(User, who["guid"])
        if user is None or not user.in_cc:
            raise Unprocessable("Invalid user. Ensure that the user exists and you have access to it.")
        return user
    origin = who.get("origin", "")
    user = users.by_username(who["username"])
    if user is None or origin not in ("", user.origin):
        suffix = f" and origin '{origin}'" if origin else ""
        raise Unprocessable(f"No user exists with the username '{who['username']}'{suffix}.")
    return user


@endpoints("GET", "/v3/roles/{guid}")
def show(request: Request, guid: str) -> Answer:
    request.only("include")
    role = roles.find_visible(request.actor, guid)
    included = _included(request, [role])
    document = render(request, role)
    return Answer(document if included is None else document | {"included": included})


@endpoints("DELETE", "/v3/roles/{guid}")
def delete(request: Request, guid: str) -> Answer:
    role = roles.find_visible(request.actor, guid)
    return accepted(request, roles.take_away(request.world, request.actor, role, request.trace))
