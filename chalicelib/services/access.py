"""From a token to an actor, and the two questions every use case asks: may he see it (404), may he do it (403)."""

from chalicelib.bootstrap import World
from chalicelib.core.errors import InvalidToken, NotAuthenticated, NotAuthorized, NotFound, OrgSuspended
from chalicelib.core.roles import CHANGES, ORG_ROLES_IN_SPACES, READ, READ_SECRETS, SPACE_ROLES, Actor
from chalicelib.services import listing, revocation
from chalicelib.tables.base import Member
from chalicelib.tables.identity import Organization, Space


def authenticate(world: World, authorization: str | None) -> Actor:
    """Raises NotAuthenticated without a header and InvalidToken for a bad one (scheme compared without case)."""
    if not authorization:
        raise NotAuthenticated
    scheme, _, token = authorization.strip().partition(" ")
    claims = world.keys.verify(token.strip()) if scheme.lower() == "bearer" else None
    if claims is None or claims.get("typ") != "access" or revocation.is_void(claims):
        raise InvalidToken
    guid, scopes = str(claims["sub"]), frozenset(claims.get("scope", ()))
    name = str(claims.get("user_name") or claims.get("client_id"))
    orgs: dict[str, frozenset[str]] = {}
    spaces: dict[str, frozenset[str]] = {}
    if "cloud_controller.admin" not in scopes:
        for member in Member.query(f"user/{guid}/roles", consistent_read=True):
            role, _, target = str(member.name).partition("/")
            where = spaces if role.startswith("space_") else orgs
            where[target] = where.get(target, frozenset()) | {role}
    return Actor(guid, name, scopes, orgs, spaces)


def space_for(actor: Actor, space_guid: str, permission: str = READ, what: str = "Space", seeing: str = READ) -> Space:
    """The space, if the actor has ``permission`` in it. Raises NotFound(what), NotAuthorized or OrgSuspended.

    seeing: what he must have there to see ``what`` at all.
    """
    space = listing.find(Space, space_guid)
    if space is None or not actor.may_in_space(seeing, space_guid, str(space.org_guid)):
        raise NotFound(what)
    if not actor.may_in_space(permission, space_guid, str(space.org_guid)):
        raise NotAuthorized
    if permission in CHANGES:
        require_active(actor, str(space.org_guid))
    return space


def org_for(actor: Actor, org_guid: str, permission: str = READ, what: str = "Organization") -> Organization:
    """The organization, if the actor has ``permission`` on it; having a role in one of its spaces does not count.

    Raises NotFound(what), NotAuthorized or OrgSuspended.
    """
    org = listing.find(Organization, org_guid)
    if org is None or not actor.may_in_org(READ, org_guid):
        raise NotFound(what)
    if not actor.may_in_org(permission, org_guid):
        raise NotAuthorized
    if permission in CHANGES and org.suspended and not actor.is_admin:
        raise OrgSuspended
    return org


def require_active(actor: Actor, org_guid: str) -> None:
    """Raises OrgSuspended for who may not change anything while the organization is suspended: costs him a read."""
    if not actor.is_admin:
        org = listing.find(Organization, org_guid)
        if org is not None and org.suspended:
            raise OrgSuspended


def may_read_secrets(actor: Actor, space: Space) -> bool:
    """Whether what may hold secrets (variables, commands) is for the actor's eyes."""
    return actor.may_in_space(READ_SECRETS, str(space.guid), str(space.org_guid))


def require_api_scope(actor: Actor, writes: bool) -> None:
    """A token that was narrowed to other scopes carries none of its user's roles. Raises NotAuthorized."""
    sufficient = actor.is_admin if writes else actor.sees_all
    if not sufficient and f"cloud_controller.{'write' if writes else 'read'}" not in actor.scopes:
        raise NotAuthorized


def require_admin(actor: Actor) -> None:
    if not actor.is_admin:
        raise NotAuthorized


def visible_spaces(actor: Actor, permission: str = READ) -> list[str] | None:
    """Guids of the spaces in which the actor has ``permission``; None: all of them."""
    if actor.sees_all:
        return None
    own = [space for space, roles in actor.spaces.items() if any(permission in SPACE_ROLES[role] for role in roles)]
    orgs = [org for org, roles in actor.orgs.items() if any(permission in _in_spaces(role) for role in roles)]
    inherited = [member.guid for org in orgs for member in listing.members([f"org/{org}/spaces"])]
    return list(dict.fromkeys([*own, *inherited]))


def _in_spaces(role: str) -> frozenset[str]:
    return ORG_ROLES_IN_SPACES.get(role, frozenset())
