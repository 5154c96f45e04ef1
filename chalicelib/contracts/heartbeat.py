"""What DEAs tell the HealthManager: heartbeats, exits, shutdowns."""

from dataclasses import field

from chalicelib.contracts.frozen import frozen

#: Wire states of an instance (Cloud Foundry's words). DOWN is never sent: it is the absence of the others.
STARTING, RUNNING, STOPPING, CRASHED, EVACUATING = "STARTING", "RUNNING", "STOPPING", "CRASHED", "EVACUATING"

#: Reasons of an exit.
REASON_CRASHED, REASON_STOPPED = "CRASHED", "STOPPED"
REASON_SHUTDOWN, REASON_EVACUATION = "DEA_SHUTDOWN", "DEA_EVACUATION"


@frozen
class InstanceBeat:
    """One instance in a heartbeat. ``since``: seconds since the epoch of the present state."""

    instance_guid: str
    process_guid: str
    app_guid: str
    version: int
    index: int
    state: str
    since: float
    port: int | None = None
    routes_version: int = 0


@frozen
class Usage:
    """A sample of one instance. cpu: cores in use (0.5 = half a core); the rest bytes, counts, bytes/s."""

    cpu: float
    memory_bytes: int
    disk_bytes: int
    fds: int = 0
    threads: int = 0
    io_read_bytes: int = 0
    io_write_bytes: int = 0
    log_rate: int = 0
    uptime_s: int = 0
    sampled_at: float = 0.0


@frozen
class Capacity:
    """What the DEA has and what of it is promised."""

    memory_mb: int
    disk_mb: int
    reserved_memory_mb: int
    reserved_disk_mb: int


@frozen
class Heartbeat:
    """``dea.heartbeat``, DEA to queue ``hm`` when it says anything new, else to ``beats``, where it waits for a sweep.

    Dedupe key: (dea, boot, seq); older seq is dropped.

    digest: hash of everything in ``instances``; HM writes instance rows only when it changed.
    usage: by instance guid; present at most every USAGE_INTERVAL. builds, tasks: guids of what is being staged and
    of what runs or begins to; HM looks at these in every beat, whatever the digest. runtime: process or docker.
    problem: why it takes no work for now, in words.
    """

    dea: str
    boot: str
    seq: int
    host: str
    http: str
    queue_url: str
    stack: str
    arch: str
    draining: bool
    capacity: Capacity
    digest: str
    instances: tuple[InstanceBeat, ...]
    usage: dict[str, Usage] = field(default_factory=dict)
    builds: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    cordoned: bool = False
    runtime: str = ""
    problem: str = ""


@frozen
class DropletExited:
    """``droplet.exited``, DEA to queue ``hm``. Sent once per instance; dedupe key: instance_guid.

    HM passes crashes on to queue ``cc``, which makes audit events of them.

    exit_status: the process's status, or 128 + signal; None when unknown. description: for people.
    """

    process_guid: str
    app_guid: str
    version: int
    index: int
    instance_guid: str
    dea: str
    boot: str
    reason: str
    exit_status: int | None
    description: str
    at: float


@frozen
class InstanceReady:
    """``instance.ready``, DEA to queue ``cc``: a healthy instance takes requests from now on, or does not.

    at: epoch s; of two words about one instance_guid the later one counts. Said only by those with a readiness check
    of their own, at their start and whenever it turns.
    """

    process_guid: str
    app_guid: str
    version: int
    index: int
    instance_guid: str
    is_ready: bool
    at: float


@frozen
class TaskFinished:
    """``task.finished``, DEA to queue ``cc``. Sent once per task; dedupe key: instance_guid, of the attempt that ran.

    reason: CRASHED when it ended by itself, whatever its status, or because of a limit; otherwise what ended it.
    exit_status, description: as in :class:`DropletExited`. at: epoch s.
    """

    task_guid: str
    instance_guid: str
    dea: str
    boot: str
    reason: str
    exit_status: int | None
    description: str
    at: float


@frozen
class DeaShutdown:
    """``dea.shutdown``, DEA to queue ``hm``: it drains; these instances need replacements. Key: (dea, boot)."""

    dea: str
    boot: str
    instances: tuple[InstanceBeat, ...]
