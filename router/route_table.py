"""Which instances stand behind which routes, decided from what DEAs say. Pure: state in, decision out.

A DEA speaks only for itself, so the table is kept per DEA. The order of its messages is (boot, seq); boots of
one DEA are ordered by the time of sending, which comes from one clock. A full registration is the truth about
the DEA up to its seq, a delta about its instances, an unregistration for ever (instance guids are never used
again). Each rule below compares orders only, never arrivals, so any order and any number of deliveries of the
same messages ends in the same table.
"""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from chalicelib.contracts.routing import Endpoint, Register, Unregister
from router.routes import allowed


@dataclass(frozen=True, slots=True)
class Order:
    """Place of a message among its DEA's. sent_at: seconds since the epoch by the DEA's clock."""

    boot: str
    seq: int
    sent_at: float

    def is_same(self, other: "Order") -> bool:
        """Parts of one list have been sent one after the other."""
        return (self.boot, self.seq) == (other.boot, other.seq)

    def is_after(self, other: "Order") -> bool:
        return self.seq > other.seq if self.boot == other.boot else self.sent_at > other.sent_at


@dataclass(frozen=True, slots=True)
class Entry:
    endpoint: Endpoint
    order: Order


#: Full registrations of one DEA whose parts are awaited at a time; older ones come too late to matter.
MAX_PARTIAL = 3


@dataclass(frozen=True, slots=True)
class Partial:
    """A full registration of which parts are missing: those that have been heard, by number."""

    order: Order
    heard: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DeaRoutes:
    """What one DEA said. heard: when it last spoke; gone: unregistered guids and when (both in the table's time)."""

    heard: float = 0.0
    full: Order | None = None
    partial: tuple[Partial, ...] = ()
    entries: dict[str, Entry] = field(default_factory=dict)
    gone: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RouteTable:
    """All DEAs by name. The dictionaries are never changed in place.

    silent: the bus was silent when last looked at (so it is at boot); see :func:`prune`.
    """

    deas: dict[str, DeaRoutes] = field(default_factory=dict)
    silent: bool = True

    def endpoints(self) -> list[Endpoint]:
        return [entry.endpoint for dea in self.deas.values() for entry in dea.entries.values()]

    def knows(self, dea: str, boot: str) -> bool:
        """Whether a full registration of that boot has been heard."""
        known = self.deas.get(dea)
        return known is not None and known.full is not None and known.full.boot == boot


@dataclass(frozen=True, slots=True)
class Changes:
    """Endpoints to take away first, then to add. A changed endpoint is in both."""

    removed: tuple[Endpoint, ...] = ()
    added: tuple[Endpoint, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.removed or self.added)


def admit(
    table: RouteTable, message: Register, is_granted: Callable[[Endpoint], bool], system: frozenset[str]
) -> tuple[Register, int]:
    """``message`` with only what may be routed, and how many endpoints were refused.

    An endpoint without a good grant says nothing new: what is known of the instance stays (the key that signed
    the grant may be out of reach for the moment), what is not known does not come in.
    """
    known = table.deas.get(message.dea, DeaRoutes()).entries
    admitted, refused = [], 0
    for endpoint in message.endpoints:
        if _has_address(endpoint) and is_granted(endpoint):
            admitted.append(replace(endpoint, routes=allowed(endpoint.routes, system)))
            continue
        refused += 1
        if endpoint.instance_guid in known:
            admitted.append(known[endpoint.instance_guid].endpoint)
    return replace(message, endpoints=tuple(admitted)), refused


def _has_address(endpoint: Endpoint) -> bool:
    try:
        ipaddress.ip_address(endpoint.host)
    except ValueError:
        return False
    return all(0 < port < 65536 for port in (endpoint.port, *(one.external for one in endpoint.ports)))


def apply(table: RouteTable, message: Register | Unregister, sent_at: float, now: float) -> tuple[RouteTable, Changes]:
    """The table after an admitted message. sent_at: from its envelope; now: seconds, the table's own clock."""
    dea = table.deas.get(message.dea, DeaRoutes())
    order = Order(message.boot, message.seq, sent_at)
    if isinstance(message, Unregister):
        after = _without(dea, message.instance_guids, now)
    else:
        after = _with(dea, message, order)
    after = replace(after, heard=now)
    return replace(table, deas=table.deas | {message.dea: after}), _changes(dea, after)


def _without(dea: DeaRoutes, guids: tuple[str, ...], now: float) -> DeaRoutes:
    entries = {guid: entry for guid, entry in dea.entries.items() if guid not in guids}
    return replace(dea, entries=entries, gone=dea.gone | dict.fromkeys(guids, now))


def _with(dea: DeaRoutes, message: Register, order: Order) -> DeaRoutes:
    if dea.full is not None and not order.is_after(dea.full):
        return dea
    entries = dict(dea.entries)
    for endpoint in message.endpoints:
        known = entries.get(endpoint.instance_guid)
        if endpoint.instance_guid not in dea.gone and (known is None or order.is_after(known.order)):
            entries[endpoint.instance_guid] = Entry(endpoint, order)
    partial = _heard(dea.partial, message, order) if message.parts > 1 else dea.partial
    if not message.full and not any(len(one.heard) == message.parts for one in partial if one.order.is_same(order)):
        return replace(dea, entries=entries, partial=partial)
    # The list is whole. What a later delta has said already is newer than it; what is older and not in it is no more.
    kept = {guid: entry for guid, entry in entries.items() if entry.order.is_same(order) or entry.order.is_after(order)}
    return replace(dea, entries=kept, full=order, partial=tuple(one for one in partial if one.order.is_after(order)))


def _heard(partial: tuple[Partial, ...], message: Register, order: Order) -> tuple[Partial, ...]:
    """With this part; the newest lists only."""
    known = next((one for one in partial if one.order.is_same(order)), Partial(order, ()))
    heard = replace(known, heard=tuple(sorted({*known.heard, message.part})))
    others = [one for one in partial if not one.order.is_same(order)]
    return tuple(sorted([*others, heard], key=lambda one: (one.order.sent_at, one.order.seq)))[-MAX_PARTIAL:]


def prune(
    table: RouteTable, heard_at: float, bus_healthy: bool, prune_s: float, tombstone_s: float
) -> tuple[RouteTable, Changes]:
    """Forget DEAs that have not spoken for ``prune_s`` and guids gone for ``tombstone_s``.

    heard_at: when anything last came through the bus. Only time up to then counts, for a silent bus says nothing
    about DEAs. And when it has been unhealthy (so it is at boot), every DEA has the full time again at its end.
    """
    if not bus_healthy:
        return replace(table, silent=True), Changes()
    if table.silent:
        deas = {name: replace(dea, heard=heard_at) for name, dea in table.deas.items()}
        return RouteTable(deas, silent=False), Changes()
    kept, removed = {}, []
    for name, dea in table.deas.items():
        stale = heard_at - dea.heard > prune_s
        gone = {guid: at for guid, at in dea.gone.items() if heard_at - at <= tombstone_s}
        after = replace(dea, entries={} if stale else dea.entries, gone=gone)
        if stale:
            removed += [entry.endpoint for entry in dea.entries.values()]
        if after.entries or gone or not stale:
            kept[name] = after
    return RouteTable(kept, silent=False), Changes(removed=tuple(removed))


def _changes(before: DeaRoutes, after: DeaRoutes) -> Changes:
    removed, added = [], []
    for guid, entry in before.entries.items():
        kept = after.entries.get(guid)
        if kept is None or kept.endpoint != entry.endpoint:
            removed.append(entry.endpoint)
    for guid, entry in after.entries.items():
        old = before.entries.get(guid)
        if old is None or old.endpoint != entry.endpoint:
            added.append(entry.endpoint)
    return Changes(tuple(removed), tuple(added))
