"""Desired state of what runs (CC writes): processes, placements, auctions, routes."""

from typing import ClassVar
from zlib import crc32

from pynamodb.attributes import BooleanAttribute, JSONAttribute, NumberAttribute, UnicodeAttribute

from chalicelib.tables.base import Resource
from chalicelib.tables.connection import Table, table_name

#: The full sweep goes through processes in so many shards (membership lists ``desired/<n>``).
DESIRED_SHARDS = 16


class Process(Resource):
    """What should run: ``instances`` of ``version`` while ``state`` is STARTED.

    The web process that an app is made with has the app's guid, those that deployments make have guids of their own:
    an app's web process is the newest one (services.routing.process_of).

    version: grows by one with every start; instances of two versions are never mixed up. changed_at (epoch s):
    when desired state last changed. droplet_guid: of this version. routes_version: grows with its routes.
    charged: what of the quotas it holds (core.quotas.Use). told: state, instances and memory of its last usage event.
    route_rules: of those routes that ask for more than any instance, by route (core.routing.rules).
    command: the user's own; detected: what the app's droplet says. health, readiness: contracts.auction.HealthCheck.
    revision_guid: of this version, if the app keeps revisions. isolation_segment: name of the hosts that may take this
    version, None for the shared ones.
    """

    class Meta:
        table_name = table_name("processes")

    LABEL: ClassVar[str] = "Process"
    KIND: ClassVar[str] = "processes"
    app_guid = UnicodeAttribute()
    space_guid = UnicodeAttribute()
    type = UnicodeAttribute(default="web")
    command = UnicodeAttribute(null=True)
    detected = UnicodeAttribute(null=True)
    instances = NumberAttribute(default=1)
    memory_mb = NumberAttribute(default=256)
    disk_mb = NumberAttribute(default=1024)
    log_rate_bytes = NumberAttribute(default=-1)
    health = JSONAttribute(default=dict)
    readiness = JSONAttribute(default=dict)
    state = UnicodeAttribute(default="STOPPED")
    version = NumberAttribute(default=0)
    changed_at = NumberAttribute(default=0)
    droplet_guid = UnicodeAttribute(null=True)
    charged = JSONAttribute(default=dict)
    told = JSONAttribute(default=dict)
    revision_guid = UnicodeAttribute(null=True)
    routes = JSONAttribute(default=list)
    routes_version = NumberAttribute(default=0)
    route_rules = JSONAttribute(default=dict)
    isolation_segment = UnicodeAttribute(null=True)

    @property
    def list_name(self) -> str:
        return str(self.type)

    def parents(self) -> list[str]:
        return [f"app/{self.app_guid}", f"space/{self.space_guid}"]

    @property
    def desired_list(self) -> str:
        """The list of started processes that the full sweep walks."""
        return desired_list(crc32(str(self.guid).encode()) % DESIRED_SHARDS)


def desired_list(shard: int) -> str:
    return f"desired/{shard}"


#: States of a placement. CRASHED: its instance has ended, and HM says when the place is looked for again.
OPEN, CLAIMED, STARTED, CRASHED = "OPEN", "CLAIMED", "STARTED", "CRASHED"


class Placement(Table):
    """Where one piece of work runs, or that it still looks for a place. Key: work_guid, index.

    work: instance or staging (contracts.auction). instance_guid: minted here, new for every attempt, so that
    nobody can mistake one attempt for another. opened_at, deadline: epoch s. attempt counts auctions since it
    last ran. queue_url: of the DEA that has it. problem: why there is no place yet, in words for ``stats``.
    started_at (epoch s): when this instance was said to be healthy. is_ready: what its readiness check said last,
    None where it has none; ready_at (epoch s): when.
    replaces: an evacuating instance that is stopped once this one runs. A row counts only while its process is
    STARTED, in the same version, and wants the index: so a stop or a scale-down need not delete any.
    """

    class Meta:
        table_name = table_name("placements")

    work_guid = UnicodeAttribute(hash_key=True)
    index = NumberAttribute(range_key=True)
    work = UnicodeAttribute()
    app_guid = UnicodeAttribute()
    version = NumberAttribute()
    instance_guid = UnicodeAttribute()
    state = UnicodeAttribute()
    attempt = NumberAttribute(default=0)
    opened_at = NumberAttribute()
    deadline = NumberAttribute()
    dea = UnicodeAttribute(null=True)
    boot = UnicodeAttribute(null=True)
    queue_url = UnicodeAttribute(null=True)
    host = UnicodeAttribute(null=True)
    port = NumberAttribute(null=True)
    problem = UnicodeAttribute(null=True)
    started_at = NumberAttribute(null=True)
    is_ready = BooleanAttribute(null=True)
    ready_at = NumberAttribute(null=True)
    replaces = UnicodeAttribute(null=True)


class Auction(Table):
    """An auction under way: the discover that was said. Expires by TTL.

    window_from: when the first bid came; closed: the window is over, a bid that comes now is decided at once.
    """

    class Meta:
        table_name = table_name("auctions")

    auction_guid = UnicodeAttribute(hash_key=True)
    discover = JSONAttribute()
    attempt = NumberAttribute(default=0)
    window_from = NumberAttribute(null=True)
    closed = BooleanAttribute(default=False)
    expires_at = NumberAttribute()


class BidRow(Table):
    """A DEA's bid (contracts.auction.Bid) in an auction: the last one counts."""

    class Meta:
        table_name = table_name("bids")

    auction_guid = UnicodeAttribute(hash_key=True)
    dea = UnicodeAttribute(range_key=True)
    bid = JSONAttribute()
    expires_at = NumberAttribute()


#: Lists of what a space has or shares; see Route.
SHARED_ROUTES = "shared-routes"


class Route(Resource):
    """host may be empty or ``*``; path is empty or begins with ``/``.

    destinations: [{guid, app, process, and if they were said: port, weight, protocol}]. options: loadbalancing.
    shared_space_guids: spaces besides its own whose apps it may lead to. Lists ``shared-routes/<space>`` hold all that
    apps of the space may be led to by: its own routes and those that are shared with it.
    """

    class Meta:
        table_name = table_name("routes")

    LABEL: ClassVar[str] = "Route"
    KIND: ClassVar[str] = "routes"
    host = UnicodeAttribute(default="")
    path = UnicodeAttribute(default="")
    port = NumberAttribute(null=True)
    protocol = UnicodeAttribute(default="http")
    domain_guid = UnicodeAttribute()
    domain_name = UnicodeAttribute()
    space_guid = UnicodeAttribute()
    destinations = JSONAttribute(default=list)
    options = JSONAttribute(default=dict)
    shared_space_guids = JSONAttribute(default=list)

    @property
    def url(self) -> str:
        """``host.domain/path``: what is shown, and what routers match."""
        return f"{self.host}.{self.domain_name}{self.path}" if self.host else f"{self.domain_name}{self.path}"

    @property
    def list_name(self) -> str:
        return self.url

    def parents(self) -> list[str]:
        return [f"space/{self.space_guid}", f"{SHARED_ROUTES}/{self.space_guid}", f"domain/{self.domain_guid}"]
