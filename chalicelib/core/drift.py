"""Drift of one process: desired against actual state, and what to complain about.

Starts come before stops: an index without an instance is missing and is complained about once nothing else is
under way for it; an instance too many is stopped only while the process is whole, on the word of hosts that are
heard. Whoever applies the result reads desired state again before he does, and CC checks it once more.
"""

from collections.abc import Collection, Sequence
from dataclasses import field
from enum import StrEnum

from chalicelib.contracts.frozen import frozen
from chalicelib.contracts.heartbeat import CRASHED, EVACUATING, RUNNING, STARTING
from chalicelib.core.freshness import Freshness
from chalicelib.core.timers import Timers


class StartReason(StrEnum):
    """Why an index needs an instance."""

    CRASHED = "crashed"
    HOST_LOST = "host lost"
    MISSING = "missing"
    EVACUATION = "evacuation"


class StopReason(StrEnum):
    """Why an instance is one too many."""

    EXTRA = "index is not wanted"
    OTHER_VERSION = "version is not wanted"
    DUPLICATE = "index runs elsewhere"
    STOPPED = "process is stopped"
    UNKNOWN = "process is unknown"


@frozen
class Desired:
    """What CC wants: indices 0 to ``instances``-1 of ``version``. changed_at, routed_at: epoch s, when desired state
    and when the routes last changed."""

    version: int
    instances: int
    changed_at: float
    routes_version: int = 0
    routed_at: float = 0.0

    @property
    def indices(self) -> range:
        return range(self.instances)


@frozen
class Actual:
    """One instance as its host last said. since: epoch s by the host's clock; age_s: how long it was in that state
    when the host last spoke. freshness: of the host's word. draining: the host is, and all on it with it."""

    instance_guid: str
    version: int
    index: int
    state: str
    since: float
    age_s: float
    freshness: Freshness = Freshness.FRESH
    draining: bool = False
    routes_version: int = 0

    @property
    def is_leaving(self) -> bool:
        return self.state == EVACUATING or self.draining

    @property
    def is_live(self) -> bool:
        """Starting or running, as far as we know, and here to stay."""
        return self.state in (STARTING, RUNNING) and self.freshness is not Freshness.GONE and not self.is_leaving

    @property
    def serves(self) -> bool:
        """Running without doubt."""
        return self.state == RUNNING and self.freshness is Freshness.FRESH and not self.is_leaving

    @property
    def may_be_stopped(self) -> bool:
        return self.state in (STARTING, RUNNING) and self.freshness is Freshness.FRESH and not self.is_leaving


@frozen
class Expected:
    """Something is under way for an index until ``until`` (epoch s): a placement (then with the guid that it names)
    or a delayed restart."""

    version: int
    index: int
    until: float
    instance_guid: str | None = None


def placed_until(is_open: bool, opened_at: float, deadline: float, timers: Timers) -> float:
    """Until when (epoch s) a placement is believed to lead somewhere without our help.

    CC looks at claims past their deadline and auctions open ones again by itself, so HM is only the net below: one
    that waits long for a place must not have its back-off begun anew by every sweep. A started instance may not
    have been heard of yet when its placement already says so.
    """
    if is_open:
        return opened_at + 10 * timers.bid_retry_cap_s
    return max(deadline + timers.heartbeat_s, opened_at + timers.stable_s)


@frozen
class Start:
    """instance_guid: of the instance that is gone, as CC's placement names it where there is one."""

    index: int
    instance_guid: str | None
    reason: StartReason


@frozen
class Stop:
    instance_guid: str
    reason: StopReason


@frozen
class Drift:
    """starts, stops: what to complain about. routes_lag: instances serve routes of the past."""

    starts: tuple[Start, ...] = ()
    stops: tuple[Stop, ...] = ()
    routes_lag: bool = False

    def __bool__(self) -> bool:
        return bool(self.starts or self.stops or self.routes_lag)

    def priority(self, instances: int) -> float:
        """The share of the process that is missing: the worst off is served first."""
        return len(self.starts) / instances if instances else 0.0


@frozen
class Seen:
    """What is known of one process beside desired state."""

    actual: Sequence[Actual] = ()
    expected: Collection[Expected] = field(default=())


def analyze(desired: Desired, seen: Seen, now: float, timers: Timers) -> Drift:
    """The drift of a process that is STARTED. ``now``: epoch s."""
    by_index: dict[int, list[Actual]] = {index: [] for index in desired.indices}
    for instance in seen.actual:
        if instance.version == desired.version and instance.index in by_index:
            by_index[instance.index].append(instance)
    ours = [entry for entry in seen.expected if entry.version == desired.version and entry.index in by_index]
    named = {entry.index: entry.instance_guid for entry in ours if entry.instance_guid}
    pending = [entry for entry in ours if now < entry.until]

    starts: tuple[Start, ...] = ()
    if now - desired.changed_at >= timers.stable_s:
        awaited = {entry.index for entry in pending}
        starts = tuple(
            _start(index, instances, named.get(index))
            for index, instances in by_index.items()
            if index not in awaited and not any(instance.is_live for instance in instances)
        )
    stops = _stops(desired, seen.actual, by_index, named, timers) if _is_whole(by_index, pending) else ()
    return Drift(starts, stops, _routes_lag(desired, seen.actual, now, timers))


def _start(index: int, instances: Sequence[Actual], named: str | None) -> Start:
    last = max(instances, key=lambda instance: (instance.since, instance.instance_guid), default=None)
    if last is None:
        return Start(index, named, StartReason.MISSING)
    if last.state == CRASHED:
        reason = StartReason.CRASHED
    elif last.freshness is Freshness.GONE:
        reason = StartReason.HOST_LOST
    else:
        reason = StartReason.EVACUATION if last.is_leaving else StartReason.MISSING
    return Start(index, named or last.instance_guid, reason)


def _is_whole(by_index: dict[int, list[Actual]], pending: Sequence[Expected]) -> bool:
    """Whether every index serves and every placement has become what it was opened for: no start is due."""
    serving = {instance.instance_guid for instances in by_index.values() for instance in instances if instance.serves}
    return all(any(instance.serves for instance in instances) for instances in by_index.values()) and all(
        entry.instance_guid is None or entry.instance_guid in serving for entry in pending
    )


def _stops(
    desired: Desired,
    actual: Sequence[Actual],
    by_index: dict[int, list[Actual]],
    named: dict[int, str],
    timers: Timers,
) -> tuple[Stop, ...]:
    """Of a whole process. An instance of a version yet to come says that our desired state is stale."""
    if any(instance.version > desired.version for instance in actual):
        return ()
    kept = {_keeper(instances, named.get(index)) for index, instances in by_index.items()}
    stops = []
    for instance in actual:
        # Two beats have said so by then: what was overtaken by a stop on its way is gone.
        if not instance.may_be_stopped or instance.age_s < 2 * timers.heartbeat_s:
            continue
        if instance.version != desired.version:
            stops.append(Stop(instance.instance_guid, StopReason.OTHER_VERSION))
        elif instance.index not in by_index:
            stops.append(Stop(instance.instance_guid, StopReason.EXTRA))
        elif instance.instance_guid not in kept:
            stops.append(Stop(instance.instance_guid, StopReason.DUPLICATE))
    return tuple(stops)


def _keeper(instances: Sequence[Actual], named: str | None) -> str:
    """Of several that serve one index: the one that CC's placement names, else the first that ran."""
    serving = [instance for instance in instances if instance.serves]
    best = min(serving, key=lambda one: (one.instance_guid != named, one.since, one.instance_guid))
    return best.instance_guid


def _routes_lag(desired: Desired, actual: Sequence[Actual], now: float, timers: Timers) -> bool:
    """Whether a serving instance has not said within two beats that it knows the routes."""
    return now - desired.routed_at > 2 * timers.heartbeat_s and any(
        instance.serves and instance.version == desired.version and instance.routes_version < desired.routes_version
        for instance in actual
    )


def analyze_unwanted(
    actual: Sequence[Actual], stopped_at: float | None, heard_since: float, now: float, timers: Timers
) -> Drift:
    """The drift of a process of which nothing is wanted. stopped_at: epoch s of the last change, None when no such
    process is known. heard_since: since when HM has heard without a gap. Both instance and HM must be old enough
    to know better: a process that is new to us is not unknown."""
    if now - heard_since < timers.unknown_grace_s:
        return Drift()
    if stopped_at is not None and now - stopped_at < timers.stable_s:
        return Drift()
    reason = StopReason.UNKNOWN if stopped_at is None else StopReason.STOPPED
    return Drift(
        stops=tuple(
            Stop(instance.instance_guid, reason)
            for instance in actual
            if instance.may_be_stopped and instance.age_s >= timers.unknown_grace_s
        )
    )
