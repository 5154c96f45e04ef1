"""DEAs and other components as operators see them, and the orders that a host takes."""

import logging

from chalicelib.adapters.clock import now
from chalicelib.bootstrap import World
from chalicelib.contracts.components import DiscoverComponents, HostOrder
from chalicelib.contracts.frozen import frozen
from chalicelib.core import hosts
from chalicelib.core.errors import NotFound, Unprocessable
from chalicelib.core.freshness import Hearing
from chalicelib.core.roles import Actor
from chalicelib.tables import presence
from chalicelib.tables.actual import Component, Dea

log = logging.getLogger(__name__)

#: What makes itself known on the bus.
TYPES = ("dea", "hm", "router")


@frozen
class HostSeen:
    """A host, when it was last heard (epoch s), and what is said of it in one word (core.hosts)."""

    row: Dea
    seen_at: float
    state: str


def everyone(world: World) -> list[HostSeen]:
    """All hosts, by name."""
    heard = presence.hearing()
    return [_seen(world, row, heard) for row in Dea.query("all", consistent_read=True)]


def order(world: World, actor: Actor, name: str, what: str, trace: str) -> HostSeen:
    """Send the order, which is obeyed within moments. Raises NotFound; Unprocessable for who cannot hear it."""
    try:
        seen = _seen(world, Dea.get("all", name, consistent_read=True), presence.hearing())
    except Dea.DoesNotExist:
        raise NotFound("Host") from None
    if seen.state in hosts.DEAF:
        raise Unprocessable(f"Host {name} is {seen.state.lower()}: nobody there can hear an order")
    log.info("host %s: %s, says %s", name, what, actor.name, extra={"trace": trace})
    world.bus.say(f"url:{seen.row.queue_url}", "dea.order", HostOrder(str(seen.row.boot), what), trace)
    return seen


def components() -> list[Component]:
    """Who announced themselves, in the last week."""
    return [row for kind in TYPES for row in Component.query(kind, consistent_read=True)]


def discover(world: World, trace: str) -> None:
    """Have everybody announce themselves, and say all that they know."""
    world.bus.say("topic:components", "component.discover", DiscoverComponents("an operator asks"), trace)


def _seen(world: World, row: Dea, heard: Hearing) -> HostSeen:
    seen_at = presence.seen(row, heard).at
    state = hosts.state(
        bool(row.lost),
        bool(row.draining),
        bool(row.cordoned),
        bool(row.problem),
        now() - seen_at,
        world.config.timers.lost_after_s,
    )
    return HostSeen(row, seen_at, state)
