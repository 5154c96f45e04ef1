"""Placing work on a DEA: discover, bid, start, refuse, stop, update.

One vocabulary for the three kinds of work (``instance`` of a process, ``staging`` of a build, ``task``), because they
are auctioned alike. ``work_guid`` is the guid of the process, build or task; the last two have the one index 0,
version 0.
"""

from chalicelib.contracts.frozen import frozen

INSTANCE, STAGING, TASK = "instance", "staging", "task"

#: The stack of what brings its own files: Docker images.
IMAGES = "docker"


@frozen
class Limits:
    """What a container may use. ``log_rate_bytes`` per second, -1 for no limit."""

    memory_mb: int
    disk_mb: int
    fds: int = 16384
    log_rate_bytes: int = -1


@frozen
class HealthCheck:
    """``type`` is port, http or process. ``timeout_s``: how long a start may take (60 by default)."""

    type: str = "port"
    endpoint: str = "/"
    timeout_s: int = 60
    invocation_timeout_s: int = 1
    interval_s: int = 30


#: The check that nothing fails that runs.
ALWAYS_WELL = HealthCheck("process")


@frozen
class Wanted:
    """An index that needs an instance, and the guid that CC minted for that instance."""

    index: int
    instance_guid: str


@frozen
class Discover:
    """``dea.discover``, CC to all DEAs (topic ``dea``): who can take these? Dedupe key: auction_guid."""

    auction_guid: str
    work: str
    work_guid: str
    app_guid: str
    version: int
    stack: str
    limits: Limits
    wants: tuple[Wanted, ...]
    arch: str | None = None
    isolation_segment: str | None = None


@frozen
class Offer:
    """The DEA's taint in milliseconds for one index, siblings won in this same auction not counted."""

    index: int
    taint_ms: float


@frozen
class Bid:
    """``dea.bid``, DEA to CC (queue ``cc``): a YES. ``room``: how many of the offers it can take together."""

    auction_guid: str
    work: str
    work_guid: str
    version: int
    dea: str
    boot: str
    queue_url: str
    room: int
    offers: tuple[Offer, ...]


@frozen
class Start:
    """``dea.start``, CC to the winner's queue. Dedupe key: instance_guid.

    readiness: while it fails, a healthy instance gets no requests; ``process`` never fails.
    work: instance or task. A task has its own guid for process_guid, its name for process_type, no routes and no
    port, and it ends with ``task.finished``.
    spec_url: presigned GET of the :class:`~chalicelib.contracts.runspec.RunSpec` (JSON; holds the secrets).
    droplet_url: presigned GET of the droplet (tar.gz); droplet_digest: ``sha256:<hex>`` of it. Both are empty for a
    Docker image, which the specification names.
    route_grant, log_grant: JWTs signed by CC (see contracts.grants).
    """

    app_guid: str
    app_name: str
    process_guid: str
    process_type: str
    version: int
    index: int
    instance_guid: str
    limits: Limits
    health: HealthCheck
    spec_url: str
    droplet_url: str
    droplet_digest: str
    routes: tuple[str, ...] = ()
    routes_version: int = 0
    route_grant: str = ""
    log_grant: str = ""
    stack: str = "cflinuxfs4"
    work: str = INSTANCE
    readiness: HealthCheck = ALWAYS_WELL


@frozen
class Started:
    """``dea.started``, DEA to CC: the instance is healthy and registered, or the task runs. Dedupe key:
    instance_guid."""

    process_guid: str
    version: int
    index: int
    instance_guid: str
    dea: str
    boot: str
    host: str
    port: int | None


@frozen
class Refused:
    """``dea.refused``, DEA to CC: it no longer fits, or could not be prepared. Dedupe key: instance_guid."""

    work: str
    work_guid: str
    version: int
    index: int
    instance_guid: str
    dea: str
    boot: str
    reason: str


@frozen
class Stop:
    """``dea.stop``, CC to all DEAs or to one.

    Stops every instance of the process whose version is at most ``up_to_version`` (None: no such rule) and
    every instance named in ``instance_guids``. A DEA remembers both, so that a start that arrives later
    than the stop that was meant for it is refused.
    """

    process_guid: str
    up_to_version: int | None = None
    instance_guids: tuple[str, ...] = ()
    reason: str = "stopped"


@frozen
class Update:
    """``dea.update``, CC to all DEAs: the routes of a process changed. Dedupe key: routes_version.

    grants: instance guid -> new route grant.
    """

    process_guid: str
    version: int
    routes: tuple[str, ...]
    routes_version: int
    grants: dict[str, str]
