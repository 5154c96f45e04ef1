"""The HealthManager's complaints to CC (queue ``cc``), and what CC tells it. HM asks, CC acts."""

from chalicelib.contracts.frozen import frozen


@frozen
class HmStart:
    """``hm.start``: this index needs an instance. CC acts only if its placement still names ``instance_guid``.

    instance_guid: the instance that is gone, None when HM never saw one. Dedupe: the placement's own guid.
    reason: crashed, host lost, missing, evacuation.
    """

    process_guid: str
    version: int
    index: int
    instance_guid: str | None
    reason: str


@frozen
class HmStop:
    """``hm.stop``: this instance is one too many. CC re-checks desired state before it says ``dea.stop``."""

    process_guid: str
    app_guid: str
    version: int
    index: int
    instance_guid: str
    dea: str
    queue_url: str
    reason: str


@frozen
class HmRoutes:
    """``hm.routes``: instances of the process lag behind its routes_version; CC says ``dea.update`` again."""

    process_guid: str


@frozen
class RouteCheck:
    """``route.check``, CC to itself: a route with many destinations changed; the processes behind it are to hear."""

    route_guid: str


@frozen
class HmResync:
    """``hm.resync``: too many hosts are silent at once; CC asks all DEAs to beat (``component.discover``)."""

    reason: str


@frozen
class HmOrphan:
    """``hm.orphan``: work owned by a host that is gone. CC fails the builds and tasks with a reason."""

    dea: str
    boot: str
    builds: tuple[str, ...]
    tasks: tuple[str, ...] = ()


@frozen
class DropletUpdated:
    """``droplet.updated``, CC to queue ``hm``: desired state changed. HM re-reads; nothing else is in here."""

    process_guid: str


@frozen
class PlacementCheck:
    """``placement.check``, to queue ``cc``: look at this placement again. A no-op unless it still names the guid."""

    work: str
    work_guid: str
    index: int
    instance_guid: str


@frozen
class AuctionCheck:
    """``auction.check``, CC to itself, delayed: hold the auction again for what is still without a place."""

    auction_guid: str


@frozen
class DeploymentCheck:
    """``deployment.check``, CC to itself, now or delayed: see what the deployment has to do next. Needs no dedupe."""

    deployment_guid: str


@frozen
class PlacementOpen:
    """``placement.open``, CC to itself: open the placements of a version from an index on (large processes).

    since: when they were wanted, epoch s. Dedupe: places opened since then are not opened again.
    """

    process_guid: str
    version: int
    from_index: int
    since: float = 0


@frozen
class HmPing:
    """``hm.ping``, HM to queue ``hm``: a quick sweep is due."""

    sent_at: float


#: What the cloud says of a host: it is about to go, or it is gone.
HOST_LEAVING, HOST_GONE = ("stopping", "shutting-down", "interruption"), ("stopped", "terminated")


@frozen
class CloudHost:
    """``cloud.host``, to queue ``hm``: an EC2 event, which EventBridge puts into our envelope (input transformer).

    host: the instance id, which is the DEA's id. state: EC2's word, or ``interruption`` for a spot warning.
    """

    host: str
    state: str
