"""What was done and what is under way: jobs and audit events."""

from typing import ClassVar

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from chalicelib.tables.base import Resource
from chalicelib.tables.connection import Table, table_name


class Job(Resource):
    """A v3 job. operation: ``app.delete``; state: PROCESSING, POLLING, COMPLETE, FAILED; errors: v3 errors.

    work: what the jobs queue needs to go on ({"do": name, ...}); deadline: epoch s, then the sweep fails it.
    expires_at: epoch s, TTL: a day after its end; until then none.
    """

    class Meta:
        table_name = table_name("jobs")

    LABEL: ClassVar[str] = "Job"
    KIND: ClassVar[str] = "jobs"
    operation = UnicodeAttribute()
    state = UnicodeAttribute(default="PROCESSING")
    errors = JSONAttribute(default=list)
    warnings = JSONAttribute(default=list)
    work = JSONAttribute(default=dict)
    resource = JSONAttribute(default=dict)  # {"kind": "apps", "guid": ...}: for its link
    deadline = NumberAttribute(default=0)
    expires_at = NumberAttribute(null=True)


class TargetIndex(GlobalSecondaryIndex):
    class Meta:
        index_name = "by-target"
        projection = AllProjection()

    target_guid = UnicodeAttribute(hash_key=True)
    created_at = UnicodeAttribute(range_key=True)


class SpaceIndex(GlobalSecondaryIndex):
    class Meta:
        index_name = "by-space"
        projection = AllProjection()

    space_guid = UnicodeAttribute(hash_key=True)
    created_at = UnicodeAttribute(range_key=True)


class OrgIndex(GlobalSecondaryIndex):
    class Meta:
        index_name = "by-org"
        projection = AllProjection()

    org_guid = UnicodeAttribute(hash_key=True)
    created_at = UnicodeAttribute(range_key=True)


class DayIndex(GlobalSecondaryIndex):
    class Meta:
        index_name = "by-day"
        projection = AllProjection()

    day = UnicodeAttribute(hash_key=True)
    created_at = UnicodeAttribute(range_key=True)


class AuditEvent(Table):
    """An audit event. Read by indexes: nobody needs it right after his own write. expires_at: TTL, 31 days.

    day: ``2026-11-23``, so that everything can be read without a scan.
    """

    class Meta:
        table_name = table_name("audit-events")

    guid = UnicodeAttribute(hash_key=True)
    created_at = UnicodeAttribute()
    type = UnicodeAttribute()
    actor = JSONAttribute(default=dict)
    target = JSONAttribute(default=dict)
    target_guid = UnicodeAttribute()
    data = JSONAttribute(default=dict)
    space_guid = UnicodeAttribute(default="none")
    org_guid = UnicodeAttribute(default="none")
    day = UnicodeAttribute()
    expires_at = NumberAttribute()
    by_target = TargetIndex()
    by_space = SpaceIndex()
    by_org = OrgIndex()
    by_day = DayIndex()
