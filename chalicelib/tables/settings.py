"""Single rows for the whole platform: feature flags, environment variable groups, where a sweep is to go on."""

from pynamodb.attributes import JSONAttribute, UnicodeAttribute, VersionAttribute

from chalicelib.tables.connection import Table, table_name


class Setting(Table):
    """One row for all feature flags, so that a request reads all of them at once: ``feature_flags``, value
    {name: {"enabled", "error_message", "updated_at"}}. One row for each environment variable group: ``running``
    and ``staging``, value {name: text}. ``deployments_swept``: {"after": member}, the last one that was looked at.
    """

    class Meta:
        table_name = table_name("settings")

    name = UnicodeAttribute(hash_key=True)
    value = JSONAttribute(default=dict)
    updated_at = UnicodeAttribute(null=True)
    rev = VersionAttribute()
