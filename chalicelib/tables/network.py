"""Who may connect where: security groups and network policies."""

from typing import ClassVar

from pynamodb.attributes import BooleanAttribute, JSONAttribute, NumberAttribute, UnicodeAttribute

from chalicelib.tables.base import Resource
from chalicelib.tables.connection import Table, table_name


class SecurityGroup(Resource):
    """rules: core.security_rules. is_running, is_staging: for all spaces. running_spaces, staging_spaces: guids."""

    class Meta:
        table_name = table_name("security-groups")

    LABEL: ClassVar[str] = "Security group"
    KIND: ClassVar[str] = "security_groups"
    name = UnicodeAttribute()
    rules = JSONAttribute(default=list)
    is_running = BooleanAttribute(default=False)
    is_staging = BooleanAttribute(default=False)
    running_spaces = JSONAttribute(default=list)
    staging_spaces = JSONAttribute(default=list)


class NetworkPolicy(Table):
    """That source, an app, may connect to destination, another one. Kept under both guids and under ``all``, so that
    each question is one query. policy: ``<source>#<destination>#<protocol>#<first port>#<last port>``.
    """

    class Meta:
        table_name = table_name("network-policies")

    key = UnicodeAttribute(hash_key=True)
    policy = UnicodeAttribute(range_key=True)
    source = UnicodeAttribute()
    destination = UnicodeAttribute()
    protocol = UnicodeAttribute()
    start = NumberAttribute()
    end = NumberAttribute()
