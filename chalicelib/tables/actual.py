"""Actual state (HM writes, CC reads): DEAs, instances, usage, crash counts, who announced themselves."""

from pynamodb.attributes import BooleanAttribute, JSONAttribute, NumberAttribute, UnicodeAttribute

from chalicelib.tables.connection import Table, table_name
from chalicelib.tables.packed import PackedAttribute


class Dea(Table):
    """One row per host: its present boot, and the last list of what it runs.

    All rows have the one hash key ``all``: the quick sweep reads them with one query. instances: list of
    [process_guid, version, index, instance_guid, app_guid, state, since, port, routes_version], sorted.
    runtime: process or docker. problem: why it takes no work for now, empty when it does.
    boot, seq, sent_at (epoch s by the host's own clock), seen_at (when HM handled it): of the last beat that changed
    anything; tables.presence knows of later ones. lost: HM has given the host up; its lists are emptied once everything
    in them has been complained about.
    """

    class Meta:
        table_name = table_name("deas")

    pool = UnicodeAttribute(hash_key=True, default="all")
    id = UnicodeAttribute(range_key=True)
    boot = UnicodeAttribute()
    seq = NumberAttribute()
    seen_at = NumberAttribute()
    sent_at = NumberAttribute(default=0)
    host = UnicodeAttribute()
    http = UnicodeAttribute()
    queue_url = UnicodeAttribute()
    stack = UnicodeAttribute()
    arch = UnicodeAttribute()
    draining = BooleanAttribute(default=False)
    cordoned = BooleanAttribute(default=False)
    lost = BooleanAttribute(default=False)
    capacity = JSONAttribute(default=dict)
    runtime = UnicodeAttribute(default="")
    problem = UnicodeAttribute(default="")
    digest = UnicodeAttribute(default="")
    instances = PackedAttribute(default=list)
    builds = JSONAttribute(default=list)
    tasks = JSONAttribute(default=list)


class Component(Table):
    """A component as it last announced itself. started_at, seen_at: epoch s. expires_at: TTL."""

    class Meta:
        table_name = table_name("components")

    type = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)
    boot = UnicodeAttribute()
    http = UnicodeAttribute()
    version = UnicodeAttribute()
    started_at = NumberAttribute()
    seen_at = NumberAttribute()
    expires_at = NumberAttribute(null=True)


class Instance(Table):
    """One instance as last reported. Key: process_guid, ``<index>#<instance_guid>``.

    state: STARTING, RUNNING, CRASHED, EVACUATING. since, heard_at: epoch s. reason: in words, of a crash.
    expires_at: TTL, of crashed ones.
    """

    class Meta:
        table_name = table_name("instances")

    process_guid = UnicodeAttribute(hash_key=True)
    key = UnicodeAttribute(range_key=True)
    app_guid = UnicodeAttribute()
    version = NumberAttribute()
    index = NumberAttribute()
    instance_guid = UnicodeAttribute()
    state = UnicodeAttribute()
    since = NumberAttribute()
    heard_at = NumberAttribute()
    dea = UnicodeAttribute()
    boot = UnicodeAttribute()
    queue_url = UnicodeAttribute(default="")
    host = UnicodeAttribute(default="")
    port = NumberAttribute(null=True)
    routes_version = NumberAttribute(default=0)
    exit_status = NumberAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    expires_at = NumberAttribute(null=True)


class Usage(Table):
    """The last usage samples of a DEA's instances, in one item. samples: instance guid -> contracts Usage."""

    class Meta:
        table_name = table_name("usage")

    dea = UnicodeAttribute(hash_key=True)
    boot = UnicodeAttribute()
    samples = PackedAttribute(default=dict)


class CrashCount(Table):
    """Crashes of an index in the flapping window (core.flapping). version: a new start begins anew.

    guids: the last instances that were counted, so that none is counted twice. last_at: epoch s. expires_at: TTL.
    """

    class Meta:
        table_name = table_name("crash-counts")

    process_guid = UnicodeAttribute(hash_key=True)
    index = NumberAttribute(range_key=True)
    version = NumberAttribute()
    count = NumberAttribute()
    last_at = NumberAttribute()
    guids = JSONAttribute(default=list)
    expires_at = NumberAttribute()


class HealthState(Table):
    """What HM remembers about itself, by key. at, since: epoch s.

    ``hearing``: when it last looked for beats, since when it has done so without a gap, and by host the last beat
    (seen: [boot, seq, sent_at, when it was handled], core.freshness.Seen). rev: one more with every change.
    ``resync``: when it last asked for a resync.
    """

    class Meta:
        table_name = table_name("health-state")

    key = UnicodeAttribute(hash_key=True)
    at = NumberAttribute(default=0)
    since = NumberAttribute(default=0)
    rev = NumberAttribute(default=0)
    seen = PackedAttribute(default=dict)
