"""Quotas of organizations. An organization has exactly one: ``default`` until an administrator gives it another."""

from collections.abc import Sequence
from typing import Any

from chalicelib.adapters.clock import new_guid
from chalicelib.bootstrap import World
from chalicelib.core.errors import NameTaken, Unprocessable
from chalicelib.core.roles import Actor
from chalicelib.services import access, audit, jobs, listing, quota_limits
from chalicelib.tables.identity import DEFAULT_QUOTA, Organization
from chalicelib.tables.ledger import Job
from chalicelib.tables.quotas import OrganizationQuota

SCOPE = "organization_quotas"

#: Of quota ``default``: generous, as Cloud Foundry's own is.
DEFAULT_FIELDS = {
    "total_memory_in_mb": 100 * 1024,
    "total_routes": 1000,
    "total_service_instances": 100,
    "paid_services_allowed": True,
}

IN_USE = (
    "This quota is applied to one or more organizations. Apply different quotas to those organizations before deleting."
)


def taken(name: str) -> NameTaken:
    return NameTaken(f"Organization Quota '{name}' already exists.")


def make_default(world: World) -> None:
    """Quota ``default``, if it is not there."""
    if listing.find(OrganizationQuota, DEFAULT_QUOTA) is None:
        unit = world.unit()
        unit.create(OrganizationQuota(DEFAULT_QUOTA, name="default", fields=DEFAULT_FIELDS))
        unit.claim(SCOPE, "default", DEFAULT_QUOTA)
        unit.commit()


def create(
    world: World, actor: Actor, quota: OrganizationQuota, org_guids: Sequence[str], trace: str = ""
) -> OrganizationQuota:
    """``quota``: a draft. Raises NotAuthorized, NameTaken, Unprocessable for unknown organizations."""
    access.require_admin(actor)
    orgs = _orgs(org_guids, ", or you do not have access to them.")
    quota.guid = new_guid()
    unit = world.unit(trace)
    unit.create(quota)
    unit.claim(SCOPE, str(quota.name), str(quota.guid), taken(str(quota.name)))
    audit.record(unit, actor, "audit.organization_quota.create", quota, data={"request": _told(quota)})
    for org in orgs[: quota_limits.GIVEN_AT_ONCE]:
        quota_limits.give(unit, quota, org)
    unit.commit()
    _give(world, actor, quota, orgs[quota_limits.GIVEN_AT_ONCE :], trace)
    return quota


def _orgs(guids: Sequence[str], ending: str) -> list[Organization]:
    found = listing.load(Organization, guids)
    missing = sorted(set(guids) - {str(org.guid) for org in found})
    if missing:
        quoted = ", ".join(f'"{guid}"' for guid in missing)
        raise Unprocessable(f"Organizations with guids [{quoted}] do not exist{ending}")
    return found


def update(
    world: World,
    actor: Actor,
    quota: OrganizationQuota,
    name: str | None,
    changes: dict[str, Any],
    trace: str = "",
) -> OrganizationQuota:
    """Rename, and set the fields in ``changes``, also below what is used. Raises NotAuthorized, NameTaken."""
    access.require_admin(actor)
    fields = {**quota.fields, **changes}
    quota_limits.check_logs(quota, fields)
    unit = world.unit(trace)
    if name is not None and name != quota.name:
        old, quota.name = str(quota.name), name
        unit.rename(quota, SCOPE, old, name, taken(name))
    quota.fields = fields
    unit.put(quota)
    job = quota_limits.spread_later(unit, quota)
    audit.record(unit, actor, "audit.organization_quota.update", quota, data={"request": _told(quota)})
    unit.commit()
    quota_limits.spread(world, quota, job)
    return quota


def assign(world: World, actor: Actor, quota: OrganizationQuota, org_guids: Sequence[str], trace: str = "") -> None:
    """Give the quota to organizations instead of those that they have. Raises NotAuthorized, Unprocessable."""
    access.require_admin(actor)
    _give(world, actor, quota, _orgs(org_guids, ""), trace)


def _give(world: World, actor: Actor, quota: OrganizationQuota, orgs: list[Organization], trace: str) -> None:
    for start in range(0, len(orgs), quota_limits.GIVEN_AT_ONCE):
        unit = world.unit(trace)
        for org in orgs[start : start + quota_limits.GIVEN_AT_ONCE]:
            if quota_limits.give(unit, quota, org):
                audit.record(unit, actor, "audit.organization_quota.apply", quota, org_guid=str(org.guid))
        unit.put(quota)
        unit.commit()


def delete(world: World, actor: Actor, quota: OrganizationQuota, trace: str = "") -> Job:
    """At once; the job is for clients that expect one. Raises NotAuthorized; Unprocessable while it is in use."""
    access.require_admin(actor)
    if quota_limits.holders(quota):
        raise Unprocessable(IN_USE)
    if quota.guid == DEFAULT_QUOTA:
        raise Unprocessable("This quota is that of new organizations. It cannot be deleted.")
    unit = world.unit(trace)
    unit.remove(quota)
    unit.release(SCOPE, str(quota.name))
    audit.record(unit, actor, "audit.organization_quota.delete", quota)
    job = jobs.done(unit, "organization_quota.delete")
    unit.commit()
    return job


def holders_seen(actor: Actor, quotas: Sequence[OrganizationQuota]) -> dict[str, list[str]]:
    """Guids of the organizations that have each quota, of those that the actor may see."""
    if actor.sees_all:
        return quota_limits.all_holders(quotas)
    seen: dict[str, list[str]] = {str(quota.guid): [] for quota in quotas}
    for org in listing.load(Organization, sorted(actor.orgs)):
        seen.setdefault(str(org.quota_guid), []).append(str(org.guid))
    return seen


def _told(quota: OrganizationQuota) -> dict[str, Any]:
    return {"name": str(quota.name), **quota.fields}
