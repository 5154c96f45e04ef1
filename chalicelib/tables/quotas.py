"""Quotas of organizations and spaces, and the counters that enforce them."""

from typing import ClassVar

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute

from chalicelib.core.quotas import KINDS, UNLIMITED
from chalicelib.tables.base import Resource
from chalicelib.tables.connection import Table, table_name


class OrganizationQuota(Resource):
    """fields: by their names in documents (core.quotas); null or absent: unlimited."""

    class Meta:
        table_name = table_name("organization-quotas")

    LABEL: ClassVar[str] = "Organization quota"
    KIND: ClassVar[str] = "organization_quotas"
    name = UnicodeAttribute()
    fields = JSONAttribute(default=dict)


class SpaceQuota(Resource):
    """Belongs to an organization; for spaces in it alone."""

    class Meta:
        table_name = table_name("space-quotas")

    LABEL: ClassVar[str] = "Space quota"
    KIND: ClassVar[str] = "space_quotas"
    name = UnicodeAttribute()
    org_guid = UnicodeAttribute()
    fields = JSONAttribute(default=dict)

    def parents(self) -> list[str]:
        return [f"org/{self.org_guid}"]


class Counter(Table):
    """What an organization or a space uses. scope: ``org/<guid>`` or ``space/<guid>``.

    Of every kind of core.quotas.Use what is ``used`` and what is ``left``: their sum is the limit, of revision
    quota_rev of the quota quota_guid. A space without a quota has an empty quota_guid. largest_mb: limit of one
    instance's memory. org_guid: of a space's organization.
    """

    class Meta:
        table_name = table_name("counters")

    scope = UnicodeAttribute(hash_key=True)
    org_guid = UnicodeAttribute(null=True)
    quota_guid = UnicodeAttribute(default="")
    quota_rev = NumberAttribute(default=0)
    largest_mb = NumberAttribute(default=UNLIMITED)
    used_memory_mb = NumberAttribute(default=0)
    left_memory_mb = NumberAttribute(default=UNLIMITED)
    used_instances = NumberAttribute(default=0)
    left_instances = NumberAttribute(default=UNLIMITED)
    used_tasks = NumberAttribute(default=0)
    left_tasks = NumberAttribute(default=UNLIMITED)
    used_routes = NumberAttribute(default=0)
    left_routes = NumberAttribute(default=UNLIMITED)
    used_reserved_ports = NumberAttribute(default=0)
    left_reserved_ports = NumberAttribute(default=UNLIMITED)
    used_domains = NumberAttribute(default=0)
    left_domains = NumberAttribute(default=UNLIMITED)
    used_service_instances = NumberAttribute(default=0)
    left_service_instances = NumberAttribute(default=UNLIMITED)
    used_paid_service_instances = NumberAttribute(default=0)
    left_paid_service_instances = NumberAttribute(default=UNLIMITED)
    used_service_keys = NumberAttribute(default=0)
    left_service_keys = NumberAttribute(default=UNLIMITED)
    used_log_rate = NumberAttribute(default=0)
    left_log_rate = NumberAttribute(default=UNLIMITED)
    used_unlimited_logs = NumberAttribute(default=0)
    left_unlimited_logs = NumberAttribute(default=UNLIMITED)

    @property
    def used(self) -> dict[str, int]:
        """kind -> amount."""
        return {kind: int(getattr(self, f"used_{kind}")) for kind in KINDS}

    @property
    def left(self) -> dict[str, int]:
        """kind -> amount; negative where a limit was lowered below what is used. largest_mb: the limit itself."""
        left = {kind: int(getattr(self, f"left_{kind}")) for kind in KINDS}
        return left | {"largest_mb": int(self.largest_mb)}
