"""Organizations and the spaces in them."""

from chalicelib.adapters.clock import new_guid
from chalicelib.bootstrap import World
from chalicelib.core.errors import NameTaken, NotAuthorized, NotFound, Unprocessable
from chalicelib.core.roles import MANAGE, Actor
from chalicelib.services import access, audit, flags, jobs, quotas, roles, users
from chalicelib.tables.identity import Organization, Role, Space
from chalicelib.tables.ledger import Job

WRONG_ORG = "Invalid organization. Ensure the organization exists and you have access to it."


def require_may_create(actor: Actor) -> None:
    """Raises NotAuthorized: administrators may, and everybody while the flag is on."""
    if not actor.is_admin and not flags.is_on("user_org_creation"):
        raise NotAuthorized


def create_org(world: World, actor: Actor, org: Organization, trace: str = "") -> Organization:
    """``org``: a draft with name and metadata; who is no administrator becomes its manager. Raises NameTaken."""
    require_may_create(actor)
    name = str(org.name)
    org.guid = new_guid()
    unit = world.unit(trace)
    unit.create(org)
    quotas.open_org(unit, str(org.guid))
    unit.claim("orgs", name, str(org.guid), NameTaken(f"Organization '{name}' already exists."))
    audit.record(unit, actor, "audit.organization.create", org, org_guid=str(org.guid))
    if not actor.is_admin:
        creator = users.known(world, actor)
        for kind in ("organization_user", "organization_manager"):
            role = Role(type=kind, org_guid=str(org.guid))
            roles.add(unit, actor, role, creator, str(org.guid), f"organization '{name}'")
    unit.commit()
    return org


def update_org(world: World, actor: Actor, org: Organization, name: str | None, trace: str = "") -> Organization:
    """Rename, or save the metadata that the caller merged into ``org``."""
    access.org_for(actor, str(org.guid), MANAGE)
    unit = world.unit(trace)
    if name is not None and name != org.name:
        old, org.name = str(org.name), name
        unit.rename(org, "orgs", old, name, NameTaken(f"Organization name '{name}' is already taken."))
    unit.put(org)
    audit.record(unit, actor, "audit.organization.update", org, org_guid=str(org.guid))
    unit.commit()
    return org


def delete_org(world: World, actor: Actor, org_guid: str, trace: str = "") -> Job:
    """Everything in it goes too, as a job."""
    org = access.org_for(actor, org_guid)
    access.require_admin(actor)
    unit = world.unit(trace)
    job = jobs.start(unit, "organization.delete", "delete-org", org, guid=org_guid)
    audit.record(unit, actor, "audit.organization.delete-request", org, org_guid=org_guid)
    unit.commit()
    return job


def create_space(world: World, actor: Actor, space: Space, trace: str = "") -> Space:
    """``space``: a draft. Raises NameTaken; Unprocessable for an organization that the actor cannot see."""
    org_guid, name = str(space.org_guid), str(space.name)
    try:
        access.org_for(actor, org_guid, MANAGE)
    except NotFound:
        raise Unprocessable(WRONG_ORG) from None
    space.guid = new_guid()
    unit = world.unit(trace)
    unit.require(Organization, org_guid, Unprocessable(WRONG_ORG))
    unit.create(space)
    quotas.open_space(unit, str(space.guid), org_guid)
    unit.claim(f"org/{org_guid}/spaces", name, str(space.guid), NameTaken("Name must be unique per organization"))
    audit.record(unit, actor, "audit.space.create", space, str(space.guid), org_guid)
    unit.commit()
    return space


def update_space(world: World, actor: Actor, space: Space, name: str | None, trace: str = "") -> Space:
    access.space_for(actor, str(space.guid), MANAGE)
    unit = world.unit(trace)
    if name is not None and name != space.name:
        old, space.name = str(space.name), name
        scope = f"org/{space.org_guid}/spaces"
        unit.rename(space, scope, old, name, NameTaken("Name must be unique per organization"))
    unit.put(space)
    audit.record(unit, actor, "audit.space.update", space, str(space.guid), str(space.org_guid))
    unit.commit()
    return space


def set_ssh(world: World, actor: Actor, space: Space, enabled: bool, trace: str = "") -> Space:
    """Whether apps of the space may be entered by ssh."""
    access.space_for(actor, str(space.guid), MANAGE)
    space.allows_ssh = enabled
    unit = world.unit(trace)
    unit.put(space)
    audit.record(unit, actor, "audit.space.update", space, str(space.guid), str(space.org_guid))
    unit.commit()
    return space


def delete_space(world: World, actor: Actor, space_guid: str, trace: str = "") -> Job:
    """Its apps and routes go too, as a job."""
    space = access.space_for(actor, space_guid)
    access.org_for(actor, str(space.org_guid), MANAGE, Space.LABEL)
    unit = world.unit(trace)
    job = jobs.start(unit, "space.delete", "delete-space", space, guid=space_guid)
    audit.record(unit, actor, "audit.space.delete-request", space, space_guid, str(space.org_guid))
    unit.commit()
    return job
