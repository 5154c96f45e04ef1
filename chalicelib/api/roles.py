"""/v3/roles."""

from typing import Any

from chalicelib.api import organizations as orgs_api
from chalicelib.api import spaces as spaces_api
from chalicelib.api import users as users_api
from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.included import Way, included
from chalicelib.api.parsing import Body
from chalicelib.api.render import accepted, common, listing, paginated, to_one
from chalicelib.api.scoped import narrowed
from chalicelib.core.errors import Unprocessable
from chalicelib.core.roles import ROLE_TYPES, Actor
from chalicelib.services import access, flags, roles, users
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
        what = what.having(roles.seen_by(request.actor))
    found = reading.page(Role, narrowed(request, what, types="type", **filters))
    return paginated(request, found, render, included(request, found.items, WAYS))


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


#: What ``include`` leads to.
WAYS: dict[str, Way] = {
    "user": (User, lambda role: role.user_guid, users_api.render),
    "organization": (Organization, lambda role: role.org_guid, orgs_api.render),
    "space": (Space, lambda role: role.space_guid, spaces_api.render),
}


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
    relationships = relationships if isinstance(relationships, dict) else {}
    if unknown := [repr(name) for name in relationships if name not in ("user", "space", "organization")]:
        body.wrong(f"Relationships Unknown field(s): {', '.join(unknown)}")
    if relationships.get("space") and relationships.get("organization"):
        body.wrong("Relationships cannot specify both an organization and a space.")
    who = _who(body, relationships.get("user"))
    body.done()
    roles.check_target(actor, role)
    user = _user(actor, who, bool(role.space_guid))
    return Answer(render(request, roles.give(request.world, actor, role, user, request.trace)), 201)


def _who(body: Body, relationship: Any) -> dict[str, str]:
    """``{"guid": ...}`` or ``{"username": ..., "origin": ...}``."""
    data = relationship.get("data") if isinstance(relationship, dict) else None
    if not isinstance(data, dict) or not all(isinstance(value, str) for value in data.values()):
        body.wrong('Relationships User must be structured like this: "user: {"data": {"guid": "valid-guid"}}"')
        return {}
    if unknown := [repr(name) for name in data if name not in ("guid", "username", "origin")]:
        body.wrong(f"Relationships User Unknown field(s): {', '.join(unknown)}")
    if "guid" in data:
        for name, title in (("username", "Username"), ("origin", "User origin")):
            if name in data:
                body.wrong(f"Relationships {title} cannot be specified when identifying user by guid")
    elif "username" not in data:
        body.wrong("Relationships User must have a username or guid specified")
    return data


def _user(actor: Actor, who: dict[str, str], for_space: bool) -> User:
    """Raises Unprocessable, FeatureDisabled.

    Who is given a role in a space by somebody who cannot see him is told of as one who is not in the organization.
    """
    if "guid" in who:
        user = reading.find(User, who["guid"])
        if user is None or not user.in_cc:
            raise Unprocessable(
                roles.NO_MEMBER if for_space else "Invalid user. Ensure that the user exists and you have access to it."
            )
        return user
    flags.require(actor, "set_roles_by_username")
    name, origin = who["username"], who.get("origin") or None
    found = users.named([name], None if origin is None else [origin])
    if len(found) > 1:
        origins = ", ".join(sorted(str(user.origin) for user in found))
        raise Unprocessable(
            f"Ambiguous user. User with username '{name}' exists in the following origins: {origins}. "
            "Specify an origin to disambiguate."
        )
    if not found:
        suffix = f" and origin '{origin}'" if origin else ""
        raise Unprocessable(f"No user exists with the username '{name}'{suffix}.")
    return found[0]


@endpoints("GET", "/v3/roles/{guid}")
def show(request: Request, guid: str) -> Answer:
    request.only("include")
    role = roles.find_visible(request.actor, guid)
    related = included(request, [role], WAYS)
    document = render(request, role)
    return Answer(document if related is None else document | {"included": related})


@endpoints("DELETE", "/v3/roles/{guid}")
def delete(request: Request, guid: str) -> Answer:
    role = roles.find_visible(request.actor, guid)
    return accepted(request, roles.take_away(request.world, request.actor, role, request.trace))
