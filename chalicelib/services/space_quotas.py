"""Quotas of spaces. They belong to an organization, and a space has one of them or none."""

from collections.abc import Sequence
from typing import Any

from chalicelib.adapters.clock import new_guid
from chalicelib.bootstrap import World
from chalicelib.core.errors import NameTaken, NotFound, Unprocessable
from chalicelib.core.roles import MANAGE, READ, Actor
from chalicelib.services import access, audit, jobs, listing, quota_limits
from chalicelib.tables.identity import Organization, Space
from chalicelib.tables.ledger import Job
from chalicelib.tables.quotas import SpaceQuota
from chalicelib.tables.unit import Unit

IN_USE = "This quota is applied to one or more spaces. Remove this quota from all spaces before deleting."


def scope(org_guid: str) -> str:
    """Within which a space quota's name is unique."""
    return f"org/{org_guid}/space_quotas"


def taken(name: str) -> NameTaken:
    return NameTaken(f"Space Quota '{name}' already exists.")


def readable(actor: Actor) -> list[str] | None:
    """Guids of those that the actor may see: of organizations that he manages, and of his spaces. None: all."""
    if actor.sees_all:
        return None
    managed = [guid for guid in actor.orgs if actor.may_in_org(MANAGE, guid)]
    found = [member.guid for member in listing.members(scope(guid) for guid in managed)]
    spaces = listing.load(Space, access.visible_spaces(actor) or [])
    return list(dict.fromkeys([*found, *(str(space.quota_guid) for space in spaces if space.quota_guid)]))


def find(actor: Actor, guid: str, writes: bool = False) -> SpaceQuota:
    """Raises NotFound, also for what the actor may not see, and NotAuthorized."""
    quota = listing.get(SpaceQuota, guid)
    visible = readable(actor)
    if visible is not None and guid not in visible:
        raise NotFound(SpaceQuota.LABEL)
    if writes:
        access.org_for(actor, str(quota.org_guid), MANAGE, SpaceQuota.LABEL)
    return quota


def create(world: World, actor: Actor, quota: SpaceQuota, space_guids: Sequence[str], trace: str = "") -> SpaceQuota:
    """``quota``: a draft. Raises NotAuthorized, NameTaken, Unprocessable for an unknown organization or spaces."""
    org_guid = str(quota.org_guid)
    missing = Unprocessable(f"Organization with guid '{org_guid}' does not exist, or you do not have access to it.")
    try:
        access.org_for(actor, org_guid, MANAGE)
    except NotFound:
        raise missing from None
    spaces = listing.load(Space, space_guids)
    inside = {str(space.guid) for space in spaces if space.org_guid == org_guid}
    _require_all(space_guids, inside, "do not exist within the organization specified")
    quota.guid = new_guid()
    unit = world.unit(trace)
    unit.require(Organization, org_guid, missing)
    unit.create(quota)
    unit.claim(scope(org_guid), str(quota.name), str(quota.guid), taken(str(quota.name)))
    audit.record(unit, actor, "audit.space_quota.create", quota, None, org_guid, {"request": _told(quota)})
    for space in spaces[: quota_limits.GIVEN_AT_ONCE]:
        quota_limits.give(unit, quota, space)
    unit.commit()
    _give(world, actor, quota, spaces[quota_limits.GIVEN_AT_ONCE :], trace)
    return quota


def _require_all(asked: Sequence[str], found: set[str], missing: str) -> None:
    """``missing``: what they do not do when they are not among the ``found``."""
    if unknown := sorted(set(asked) - found):
        quoted = ", ".join(f'"{guid}"' for guid in unknown)
        raise Unprocessable(f"Spaces with guids [{quoted}] {missing}, or you do not have access to them.")


def update(
    world: World, actor: Actor, quota: SpaceQuota, name: str | None, changes: dict[str, Any], trace: str = ""
) -> SpaceQuota:
    """Rename, and set the fields in ``changes``; lower than what is used is allowed. Raises NameTaken."""
    fields = {**quota.fields, **changes}
    quota_limits.check_logs(quota, fields)
    org_guid = str(quota.org_guid)
    unit = world.unit(trace)
    if name is not None and name != quota.name:
        old, quota.name = str(quota.name), name
        unit.rename(quota, scope(org_guid), old, name, taken(name))
    quota.fields = fields
    unit.put(quota)
    job = quota_limits.spread_later(unit, quota)
    audit.record(unit, actor, "audit.space_quota.update", quota, None, org_guid, {"request": _told(quota)})
    unit.commit()
    quota_limits.spread(world, quota, job)
    return quota


def assign(world: World, actor: Actor, quota: SpaceQuota, space_guids: Sequence[str], trace: str = "") -> None:
    """Give the quota to spaces of its organization. Raises Unprocessable."""
    spaces = listing.load(Space, space_guids)
    seen = {str(space.guid) for space in spaces if actor.may_in_space(READ, str(space.guid), str(space.org_guid))}
    _require_all(space_guids, seen, "do not exist")
    if any(space.org_guid != quota.org_guid for space in spaces):
        raise Unprocessable("Space quotas cannot be applied outside of their owning organization.")
    _give(world, actor, quota, spaces, trace)


def _give(world: World, actor: Actor, quota: SpaceQuota, spaces: list[Space], trace: str) -> None:
    for start in range(0, len(spaces), quota_limits.GIVEN_AT_ONCE):
        unit = world.unit(trace)
        for space in spaces[start : start + quota_limits.GIVEN_AT_ONCE]:
            if quota_limits.give(unit, quota, space):
                audit.record(unit, actor, "audit.space_quota.apply", quota, str(space.guid), str(space.org_guid))
        unit.put(quota)
        unit.commit()


def unassign(world: World, actor: Actor, quota: SpaceQuota, space_guid: str, trace: str = "") -> None:
    """Raises Unprocessable unless the space has this quota."""
    space = listing.find(Space, space_guid)
    if space is None or space.quota_guid != quota.guid:
        raise Unprocessable(
            f"Unable to remove quota from space with guid '{space_guid}'. Ensure the space quota is applied to this "
            "space."
        )
    unit = world.unit(trace)
    quota_limits.take_away(unit, space)
    audit.record(unit, actor, "audit.space_quota.remove", quota, space_guid, str(space.org_guid))
    unit.commit()


def delete(world: World, actor: Actor, quota: SpaceQuota, trace: str = "") -> Job:
    """At once; the job is for clients that expect one. Raises Unprocessable while it is in use."""
    if quota_limits.holders(quota):
        raise Unprocessable(IN_USE)
    unit = world.unit(trace)
    _remove(unit, quota)
    audit.record(unit, actor, "audit.space_quota.delete", quota, None, str(quota.org_guid))
    job = jobs.done(unit, "space_quota.delete")
    unit.commit()
    return job


def _remove(unit: Unit, quota: SpaceQuota) -> None:
    unit.remove(quota)
    unit.release(scope(str(quota.org_guid)), str(quota.name))


def remove_all(world: World, org_guid: str) -> None:
    """Those of an organization that goes, whose spaces have gone."""
    for quota in listing.all_of(SpaceQuota, scope(org_guid)):
        unit = world.unit()
        _remove(unit, quota)
        unit.commit()


def holders_seen(actor: Actor, quotas: Sequence[SpaceQuota]) -> dict[str, list[str]]:
    """Guids of the spaces that have each quota, of those that the actor may see."""
    found = quota_limits.all_holders(quotas)
    visible = access.visible_spaces(actor)
    if visible is None:
        return found
    return {guid: [space for space in spaces if space in visible] for guid, spaces in found.items()}


def _told(quota: SpaceQuota) -> dict[str, Any]:
    return {"name": str(quota.name), **quota.fields}
