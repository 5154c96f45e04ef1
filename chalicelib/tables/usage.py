"""What was used when, for bills: app and service usage events."""

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection

from chalicelib.tables.connection import Table, table_name

APP, SERVICE = "app", "service"


class MonthIndex(GlobalSecondaryIndex):
    class Meta:
        index_name = "by-month"
        projection = KeysOnlyProjection()

    month = UnicodeAttribute(hash_key=True)
    place = UnicodeAttribute(range_key=True)


class UsageEvent(Table):
    """An event. Read by an index: nobody needs it right after his own write. expires_at: TTL, 31 days.

    kind: app or service. month: ``app#2026-11``. place: ``<created_at>#<guid>``, its place in the order of all.
    about: what the document tells besides, by names that api.usage_events knows.
    """

    class Meta:
        table_name = table_name("usage-events")

    guid = UnicodeAttribute(hash_key=True)
    kind = UnicodeAttribute()
    month = UnicodeAttribute()
    place = UnicodeAttribute()
    created_at = UnicodeAttribute()
    state = UnicodeAttribute()
    about = JSONAttribute(default=dict)
    expires_at = NumberAttribute()
    by_month = MonthIndex()
