"""Quotas of organizations. An organization has exactly one: ``default`` until an administrator gives it another.

A changed or newly given quota reaches the counters of its organizations as new limits. The quota's row is written
first; whoever gives it to an organization afterwards does so under that revision, and whoever had it before is in
the quota's list that is read then: no counter keeps an old limit, whatever comes at the same moment.
"""

from chalicelib.bootstrap import World
from chalicelib.services import listing
from chalicelib.tables.identity import DEFAULT_QUOTA
from chalicelib.tables.quotas import OrganizationQuota

SCOPE = "organization_quotas"

#: Of quota ``default``: generous, as Cloud Foundry's own is.
DEFAULT_FIELDS = {
    "total_memory_in_mb": 100 * 1024,
    "total_routes": 1000,
    "total_service_instances": 100,
    "paid_services_allowed": True,
}


def make_default(world: World) -> None:
    """Quota ``default``, if it is not there."""
    if listing.find(OrganizationQuota, DEFAULT_QUOTA) is None:
        unit = world.unit()
        unit.create(OrganizationQuota(DEFAULT_QUOTA, name="default", fields=DEFAULT_FIELDS))
        unit.claim(SCOPE, "default", DEFAULT_QUOTA)
        unit.commit()
