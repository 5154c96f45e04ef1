"""Roles: who is what in which organization or space."""

from collections.abc import Callable, Iterable
from functools import partial

from chalicelib.adapters.clock import new_guid
from chalicelib.bootstrap import World
from chalicelib.core.errors import Conflict, NotAuthorized, NotFound, Unprocessable
from chalicelib.core.roles import MANAGE, READ, Actor
from chalicelib.services import access, audit, jobs, listing, steps
from chalicelib.tables.base import Name
from chalicelib.tables.identity import Organization, Role, Space, User
from chalicelib.tables.ledger import Job
from chalicelib.tables.unit import Unit

#: A role is its row, three memberships, a name, and its part in the count of its user's roles in spaces.
ROLE_OPERATIONS = 6

#: Roles of which one is enough to be given a role in a space.
ORG_MEMBERS = ("organization_user", "organization_manager", "organization_auditor", "organization_billing_manager")

NO_MEMBER = "Users cannot be assigned roles in a space if they do not have a role in that space's organization."
STILL_IN_SPACES = "Cannot delete organization_user role while user has roles in spaces in that organization."


def target_of(role: Role) -> str:
    """``space/<guid>`` or ``org/<guid>``."""
    return f"space/{role.space_guid}" if role.space_guid else f"org/{role.org_guid}"


def give(world: World, actor: Actor, role: Role, user: User, trace: str = "") -> Role:
    """``role``: a draft with its type and org_guid or space_guid. Raises Unprocessable, NotAuthorized."""
    org_guid, where = check_target(actor, role)
    unit = world.unit(trace)
    if role.space_guid:
        role.space_org_guid = org_guid
        _require_member(unit, org_guid, str(user.guid))
        unit.require(Space, str(role.space_guid), Conflict())
    else:
        unit.require(Organization, org_guid, Conflict())
    add(unit, actor, role, user, org_guid, where)
    unit.commit()
    return role


def add(unit: Unit, actor: Actor, role: Role, user: User, org_guid: str, where: str) -> None:
    """The draft ``role`` becomes the user's. ``where``: its target in words, for who has it already."""
    role.guid, role.user_guid = new_guid(), str(user.guid)
    unit.create(role)
    taken = Unprocessable(f"User '{user.username or user.guid}' already has '{role.type}' role in {where}.")
    unit.claim(f"roles/{target_of(role)}", f"{role.type}/{user.guid}", str(role.guid), taken)
    _count(unit, role, 1)
    space_guid = str(role.space_guid) if role.space_guid else None
    audit.record(unit, actor, f"audit.user.{role.type}_add", user, space_guid, org_guid)


def _require_member(unit: Unit, org_guid: str, user_guid: str) -> None:
    """Let the unit stand only while the user has a role in the organization. Raises Unprocessable."""
    scope = f"roles/org/{org_guid}"
    held = Name.batch_get([(scope, f"{kind}/{user_guid}") for kind in ORG_MEMBERS], consistent_read=True)
    present = {str(item.name) for item in held}
    name = next((f"{kind}/{user_guid}" for kind in ORG_MEMBERS if f"{kind}/{user_guid}" in present), None)
    if name is None:
        raise Unprocessable(NO_MEMBER)
    unit.check(Name, scope, name, condition=Name.guid.exists(), refused=Conflict())


def check_target(actor: Actor, role: Role) -> tuple[str, str]:
    """The organization's guid, and the target in words. Raises Unprocessable, NotAuthorized, OrgSuspended.

    Before anything is said of the user: who may give no role need not learn who exists.
    """
    if role.space_guid:
        space = listing.find(Space, str(role.space_guid))
        if space is None or not actor.may_in_space(READ, str(space.guid), str(space.org_guid)):
            raise Unprocessable("Invalid space. Ensure that the space exists and you have access to it.")
        if not actor.may_in_space(MANAGE, str(space.guid), str(space.org_guid)):
            raise NotAuthorized
        access.require_active(actor, str(space.org_guid))
        return str(space.org_guid), f"space '{space.name}'"
    org = listing.find(Organization, str(role.org_guid))
    if org is None or not actor.may_in_org(READ, str(org.guid)):
        raise Unprocessable("Invalid organization. Ensure that the organization exists and you have access to it.")
    access.org_for(actor, str(org.guid), MANAGE)
    return str(org.guid), f"organization '{org.name}'"


def find_visible(actor: Actor, guid: str) -> Role:
    """Raises NotFound("Role")."""
    role = listing.find(Role, guid)
    if role is None or not seen_by(actor)(role):
        raise NotFound("Role")
    return role


def seen_by(actor: Actor) -> Callable[[Role], bool]:
    """Whether he may see a role: his own, and those in organizations and spaces that he sees. Reads now, not later."""
    spaces = access.visible_spaces(actor)
    if spaces is None:
        return lambda role: True
    targets = {actor.guid, *actor.orgs, *spaces}
    return lambda role: not targets.isdisjoint({role.user_guid, role.org_guid, role.space_guid})


def take_away(world: World, actor: Actor, role: Role, trace: str = "") -> Job:
    """Raises NotAuthorized; Unprocessable for who would be left in spaces of an organization he is not in."""
    unit = world.unit(trace)
    if role.space_guid:
        org_guid = str(access.space_for(actor, str(role.space_guid), MANAGE, "Role").org_guid)
    else:
        org_guid = str(access.org_for(actor, str(role.org_guid), MANAGE, "Role").guid)
        if role.type == "organization_user":
            none = Name.uses.does_not_exist() | (Name.uses <= 0)
            guard = (_guards(org_guid), str(role.user_guid))
            unit.check(Name, *guard, condition=none, refused=Unprocessable(STILL_IN_SPACES))
    user = listing.get(User, str(role.user_guid))
    _remove(unit, role)
    event = f"audit.user.{role.type}_remove"
    audit.record(unit, actor, event, user, str(role.space_guid) if role.space_guid else None, org_guid)
    job = jobs.done(unit, "role.delete")
    unit.commit()
    return job


def remove_all(world: World, parent: str) -> None:
    """All roles of ``user/<guid>``, or in ``org/<guid>`` or ``space/<guid>``; may be repeated."""
    found = listing.all_of(Role, f"{parent}/roles")
    steps.commit(world, [(ROLE_OPERATIONS, partial(_remove, role=role)) for role in found])


def forget_counts(world: World, org_guid: str) -> None:
    """Of an organization that is going: how many roles its users had in its spaces."""
    items = list(Name.query(_guards(org_guid), consistent_read=True))
    steps.commit(world, [(1, partial(Unit.delete, item=item)) for item in items])


def users_of(lists: Iterable[str]) -> list[str]:
    """Guids of those who have a role in ``org/<guid>`` or ``space/<guid>``, each once."""
    guids = [member.guid for member in listing.members(f"{parent}/roles" for parent in lists)]
    return list(dict.fromkeys(str(role.user_guid) for role in listing.load(Role, guids)))


def _remove(unit: Unit, role: Role) -> None:
    unit.remove(role)
    unit.release(f"roles/{target_of(role)}", f"{role.type}/{role.user_guid}")
    _count(unit, role, -1)


def _guards(org_guid: str) -> str:
    """Scope of the items that count a user's roles in an organization's spaces: while there are any, he stays in it."""
    return f"space-roles/{org_guid}"


def _count(unit: Unit, role: Role, change: int) -> None:
    if role.space_guid:
        guard = _guards(str(role.space_org_guid)), str(role.user_guid)
        unit.tally(guard, change, partial(_settle, *guard))


def _settle(scope: str, user_guid: str, unit: Unit, change: int) -> None:
    unit.update(Name(scope, user_guid), [Name.guid.set(user_guid), Name.uses.add(change)])
