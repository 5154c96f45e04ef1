"""Roles: who is what in which organization or space."""

from functools import partial

from chalicelib.adapters.clock import new_guid
from chalicelib.bootstrap import World
from chalicelib.core.errors import NotAuthorized, NotFound, Unprocessable
from chalicelib.core.roles import MANAGE, READ, Actor
from chalicelib.services import access, audit, jobs, listing, steps
from chalicelib.tables.identity import Organization, Role, Space, User
from chalicelib.tables.ledger import Job
from chalicelib.tables.unit import Unit

#: A role is its row, three memberships and a name.
ROLE_OPERATIONS = 5


def target_of(role: Role) -> str:
    """``space/<guid>`` or ``org/<guid>``."""
    return f"space/{role.space_guid}" if role.space_guid else f"org/{role.org_guid}"


def give(world: World, actor: Actor, role: Role, user: User, trace: str = "") -> Role:
    """``role``: a draft with its type and org_guid or space_guid. Raises Unprocessable, NotAuthorized."""
    org_guid, where = check_target(actor, role)
    if role.space_guid and not listing.by_names(
        (f"roles/org/{org_guid}", f"{kind}/{user.guid}") for kind in ORG_MEMBERS
    ):
        raise Unprocessable(
            "Users cannot be assigned roles in a space if they do not have a role in that space's organization."
        )
    role.guid, role.user_guid = new_guid(), str(user.guid)
    unit = world.unit(trace)
    unit.create(role)
    taken = Unprocessable(f"User '{user.username or user.guid}' already has '{role.type}' role in {where}.")
    unit.claim(f"roles/{target_of(role)}", f"{role.type}/{user.guid}", str(role.guid), taken)
    event = f"audit.user.{role.type}_add"
    audit.record(unit, actor, event, user, str(role.space_guid) if role.space_guid else None, org_guid)
    unit.commit()
    return role


def check_target(actor: Actor, role: Role) -> tuple[str, str]:
    """The organization's guid, and the target in words. Raises Unprocessable, NotAuthorized.

    Before anything is said of the user: who may give no role need not learn who exists.
    """
    if role.space_guid:
        space = listing.find(Space, str(role.space_guid))
        if space is None or not actor.may_in_space(READ, str(space.guid), str(space.org_guid)):
            raise Unprocessable("Invalid space. Ensure that the space exists and you have access to it.")
        if not actor.may_in_space(MANAGE, str(space.guid), str(space.org_guid)):
            raise NotAuthorized
        return str(space.org_guid), f"space '{space.name}'"
    org = listing.find(Organization, str(role.org_guid))
    if org is None or not actor.may_in_org(READ, str(org.guid)):
        raise Unprocessable("Invalid organization. Ensure that the organization exists and you have access to it.")
    if not actor.may_in_org(MANAGE, str(org.guid)):
        raise NotAuthorized
    return str(org.guid), f"organization '{org.name}'"


#: Roles of which one is enough to be given a role in a space.
ORG_MEMBERS = ("organization_user", "organization_manager", "organization_auditor", "organization_billing_manager")


def find_visible(actor: Actor, guid: str) -> Role:
    """Raises NotFound("Role")."""
    role = listing.find(Role, guid)
    if role is None or not may_see(actor, role):
        raise NotFound("Role")
    return role


def may_see(actor: Actor, role: Role) -> bool:
    """His own, and those where he has a role."""
    return (
        actor.sees_all
        or role.user_guid == actor.guid
        or str(role.org_guid) in actor.orgs
        or str(role.space_guid) in actor.spaces
        or (bool(role.space_guid) and str(role.space_guid) in (access.visible_spaces(actor) or []))
    )


def take_away(world: World, actor: Actor, role: Role, trace: str = "") -> Job:
    """Raises NotAuthorized; Unprocessable for who would be left in spaces of an organization he is not in."""
    if role.space_guid:
        org_guid = str(access.space_for(actor, str(role.space_guid), MANAGE, "Role").org_guid)
    else:
        org_guid = str(access.org_for(actor, str(role.org_guid), MANAGE, "Role").guid)
        if role.type == "organization_user" and _has_roles_in_spaces(str(role.user_guid), org_guid):
            raise Unprocessable("Cannot delete organization_user role while user has roles in spaces of it.")
    user = listing.get(User, str(role.user_guid))
    unit = world.unit(trace)
    _remove(unit, role)
    event = f"audit.user.{role.type}_remove"
    audit.record(unit, actor, event, user, str(role.space_guid) if role.space_guid else None, org_guid)
    job = jobs.done(unit, "role.delete")
    unit.commit()
    return job


def _has_roles_in_spaces(user_guid: str, org_guid: str) -> bool:
    spaces = {str(role.space_guid) for role in listing.all_of(Role, f"user/{user_guid}/roles") if role.space_guid}
    return any(member.guid in spaces for member in listing.members([f"org/{org_guid}/spaces"]))


def remove_all(world: World, parent: str) -> None:
    """All roles of ``user/<guid>``, or in ``org/<guid>`` or ``space/<guid>``; may be repeated."""
    found = listing.all_of(Role, f"{parent}/roles")
    steps.commit(world, [(ROLE_OPERATIONS, partial(_remove, role=role)) for role in found])


def _remove(unit: Unit, role: Role) -> None:
    unit.remove(role)
    unit.release(f"roles/{target_of(role)}", f"{role.type}/{role.user_guid}")
