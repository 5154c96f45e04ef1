"""The table of instances (tasks among them) and builds: what this DEA has promised, and the memory that makes late
messages harmless.

State in, decision out: no clock, no files, no bus. What is reserved is the sum over the table, never a counter,
so nothing can be released twice. Every change goes through :meth:`Registry.put` or :meth:`Registry.drop`, which
tell ``on_change`` (the snapshot).
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from chalicelib.contracts.auction import ALWAYS_WELL, INSTANCE, TASK, HealthCheck, Limits, Start, Stop
from chalicelib.contracts.heartbeat import CRASHED, EVACUATING, RUNNING, STARTING, InstanceBeat
from chalicelib.contracts.routing import OpenPort

T = TypeVar("T")

#: Accepted, its processes not launched yet. On the wire it is STARTING.
BORN = "BORN"

#: How many guids and stops are remembered; far more than can be on their way at one time.
MEMORY = 2_000

#: Guids become folder names.
_GUID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance on this host. ``since``, ``launched_at``: seconds since the epoch.

    registered: routers have been told of it and must be told of its end. ready: whether it stands behind its routes,
    by its readiness check. ports: what destinations name and where it is reached; empty until its run specification
    is known, and where ``port`` is all. A task (``work``) has its guid for
    process_guid, its name for process_type, and port 0, which is none.
    """

    instance_guid: str
    process_guid: str
    process_type: str
    app_guid: str
    app_name: str
    version: int
    index: int
    limits: Limits
    health: HealthCheck
    state: str
    since: float
    port: int
    uid: int | None = None
    launched_at: float = 0
    registered: bool = False
    routes: tuple[str, ...] = ()
    routes_version: int = 0
    route_grant: str = ""
    log_grant: str = ""
    work: str = INSTANCE
    readiness: HealthCheck = ALWAYS_WELL
    ready: bool = True
    ports: tuple[OpenPort, ...] = ()

    @property
    def is_task(self) -> bool:
        return self.work == TASK

    @property
    def host_ports(self) -> set[int]:
        """All that the host lent it."""
        return {self.port, *(port.external for port in self.ports)} - {0}

    @property
    def source_type(self) -> str:
        return f"APP/TASK/{self.process_type}" if self.is_task else f"APP/PROC/{self.process_type.upper()}"


@dataclass(frozen=True, slots=True)
class Build:
    """A staging under way: what must be answered when the agent restarts."""

    build_guid: str
    instance_guid: str
    app_guid: str
    limits: Limits


@dataclass(slots=True)
class Registry:
    """memory_mb, disk_mb: what there is to promise, on these stacks. problem: why it takes no work for
    now, in words; empty when it does. The rest is the table, kept in the snapshot."""

    memory_mb: int
    disk_mb: int
    stacks: tuple[str, ...]
    instances: dict[str, Instance] = field(default_factory=dict)
    builds: dict[str, Build] = field(default_factory=dict)
    seen: dict[str, None] = field(default_factory=dict)
    stopped_guids: dict[str, None] = field(default_factory=dict)
    stopped_versions: dict[str, int] = field(default_factory=dict)
    draining: bool = False
    cordoned: bool = False
    problem: str = ""
    on_change: Callable[[], None] = lambda: None

    def put(self, instance: Instance) -> None:
        self.instances[instance.instance_guid] = instance
        self.on_change()

    def drop(self, guid: str) -> None:
        if self.instances.pop(guid, None):
            self.on_change()

    def holding(self) -> Iterator[Instance]:
        """Those that hold memory, disk, a port and a user: all but the crashed."""
        return (instance for instance in self.instances.values() if instance.state != CRASHED)

    def host_ports(self) -> set[int]:
        """All that are lent."""
        return {port for instance in self.holding() for port in instance.host_ports}

    def in_state(self, *states: str) -> list[Instance]:
        return [instance for instance in self.instances.values() if instance.state in states]

    def _promises(self) -> Iterator[Limits]:
        yield from (instance.limits for instance in self.holding())
        yield from (build.limits for build in self.builds.values())

    @property
    def reserved_memory_mb(self) -> int:
        return sum(limits.memory_mb for limits in self._promises())

    @property
    def reserved_disk_mb(self) -> int:
        return sum(limits.disk_mb for limits in self._promises())

    @property
    def is_closed(self) -> bool:
        """Takes no more work."""
        return self.draining or self.cordoned or bool(self.problem)

    def siblings(self, app_guid: str) -> int:
        """Instances of the app here, crashed ones too: a host where it crashes is not the first to ask."""
        return sum(instance.app_guid == app_guid and not instance.is_task for instance in self.instances.values())

    def is_new(self, guid: str) -> bool:
        """True the first time in this agent's memory."""
        if guid in self.seen:
            return False
        _remember(self.seen, guid, None)
        self.on_change()
        return True

    def why_not(self, start: Start) -> str | None:
        """Why the start must be refused now, in words; None when it fits."""
        if start.instance_guid in self.stopped_guids or start.version <= self.stopped_versions.get(
            start.process_guid, -1
        ):
            return "it was stopped before it started"
        return self.why_no_room(start.instance_guid, start.limits, start.stack)

    def why_no_room(self, guid: str, limits: Limits, stack: str) -> str | None:
        """The same for any work, by what it asks of this host."""
        if not _GUID.fullmatch(guid):
            return "its guid is not one"
        if stack not in self.stacks:
            return f"this DEA has the stack {' and '.join(self.stacks)}, not {stack}"
        if self.is_closed:
            why = "draining" if self.draining else "cordoned" if self.cordoned else f"full: {self.problem}"
            return f"this DEA is {why}"
        if limits.memory_mb <= 0 or limits.disk_mb <= 0 or limits.fds <= 0:
            return "its limits are not above zero"
        short = []
        if self.reserved_memory_mb + limits.memory_mb > self.memory_mb:
            short.append("memory")
        if self.reserved_disk_mb + limits.disk_mb > self.disk_mb:
            short.append("disk")
        return f"insufficient resources: {', '.join(short)}" if short else None

    def note_stop(self, stop: Stop) -> list[Instance]:
        """Remember the stop for starts that come later; returns the instances that it means now."""
        if stop.up_to_version is not None:
            known = self.stopped_versions.pop(stop.process_guid, -1)
            _remember(self.stopped_versions, stop.process_guid, max(known, stop.up_to_version))
        for guid in stop.instance_guids:
            _remember(self.stopped_guids, guid, None)
        self.on_change()
        return [
            instance
            for instance in self.instances.values()
            if instance.instance_guid in stop.instance_guids
            or (
                instance.process_guid == stop.process_guid
                and stop.up_to_version is not None
                and instance.version <= stop.up_to_version
            )
        ]

    def beats(self) -> tuple[InstanceBeat, ...]:
        """The instances as heartbeats tell them, in a stable order."""
        known = (self.instances[guid] for guid in sorted(self.instances))
        return tuple(self._beat(instance) for instance in known if not instance.is_task)

    def tasks(self) -> tuple[str, ...]:
        """Guids of the tasks here, from the accepted start to the end that was promised to be told."""
        return tuple(sorted(instance.process_guid for instance in self.instances.values() if instance.is_task))

    def _beat(self, instance: Instance) -> InstanceBeat:
        state = {BORN: STARTING}.get(instance.state, instance.state)
        return InstanceBeat(
            instance_guid=instance.instance_guid,
            process_guid=instance.process_guid,
            app_guid=instance.app_guid,
            version=instance.version,
            index=instance.index,
            state=EVACUATING if self.draining and state == RUNNING else state,
            since=instance.since,
            port=instance.port,
            routes_version=instance.routes_version,
        )


def born(start: Start, port: int, uid: int | None, now: float) -> Instance:
    """The instance that an accepted start makes."""
    return Instance(
        instance_guid=start.instance_guid,
        process_guid=start.process_guid,
        process_type=start.process_type,
        app_guid=start.app_guid,
        app_name=start.app_name,
        version=start.version,
        index=start.index,
        limits=start.limits,
        health=start.health,
        state=BORN,
        since=now,
        port=port,
        uid=uid,
        routes=start.routes,
        routes_version=start.routes_version,
        route_grant=start.route_grant,
        log_grant=start.log_grant,
        work=start.work,
        readiness=start.readiness,
    )


def surplus_crashed(instances: Iterable[Instance], now: float, kept_s: float, per_process: int = 3) -> list[str]:
    """Guids of crashed instances to purge: older than ``kept_s``, or not among the newest of their process.

    A flapping app would otherwise fill the disk within the hour that its folders are kept.
    """
    crashed = sorted((i for i in instances if i.state == CRASHED), key=lambda i: i.since, reverse=True)
    kept: dict[str, int] = {}
    surplus = []
    for instance in crashed:
        kept[instance.process_guid] = kept.get(instance.process_guid, 0) + 1
        if now - instance.since > kept_s or kept[instance.process_guid] > per_process:
            surplus.append(instance.instance_guid)
    return surplus


def _remember(memory: dict[str, T], key: str, value: T) -> None:
    memory[key] = value
    while len(memory) > MEMORY:
        del memory[next(iter(memory))]
