"""What a broker may hold and nobody has: asked for its removal until the broker says that it is gone.

The row is written in the transaction that makes it an orphan. A job asks at once, the sweep again with back-off.
"""

import logging
from collections.abc import Mapping
from typing import Any

from chalicelib.adapters import osb as wire
from chalicelib.adapters.clock import new_guid, now
from chalicelib.bootstrap import World
from chalicelib.core.osb import Call
from chalicelib.services import jobs, listing
from chalicelib.services.brokering import reach
from chalicelib.tables.services import Orphan, ServiceBroker
from chalicelib.tables.unit import Unit

log = logging.getLogger(__name__)

#: Longest time between two questions, and how long they go on, seconds.
MAX_RETRY_S = 3600
GIVEN_UP_AFTER = 200


def add(world: World, unit: Unit, broker_guid: str, path: str, query: Mapping[str, str], after_s: float = 0) -> None:
    """after_s: when it is asked for first; for what may be in the making at this moment."""
    orphan = Orphan(new_guid(), broker_guid=broker_guid, path=path, query=dict(query), due_at=_next(world, 0, after_s))
    unit.create(orphan)
    unit.due(orphan, float(orphan.due_at))
    if not after_s:
        _ask(unit, orphan)


def _next(world: World, attempt: int, after_s: float = 0) -> float:
    wait: float = min(world.config.timers.orphan_retry_s * 2 ** min(attempt, 20), MAX_RETRY_S)
    return now() + max(after_s, wait)


def _ask(unit: Unit, orphan: Orphan) -> None:
    jobs.start(unit, "service_orphan.delete", "remove-orphan", guid=str(orphan.guid))


def due(world: World, guid: str) -> None:
    """The sweep: ask once more, and set the next time."""
    orphan = listing.find(Orphan, guid)
    if orphan is None or float(orphan.due_at) > now():
        return
    unit = world.unit()
    if orphan.attempt >= GIVEN_UP_AFTER or listing.find(ServiceBroker, str(orphan.broker_guid)) is None:
        log.error("nobody can be asked for %s of broker %s any more", orphan.path, orphan.broker_guid)
        unit.remove(orphan)
        unit.commit()
        return
    orphan.attempt = int(orphan.attempt) + 1
    orphan.due_at = _next(world, int(orphan.attempt))
    unit.put(orphan)
    unit.due(orphan, float(orphan.due_at))
    _ask(unit, orphan)
    unit.commit()


@jobs.worker("remove-orphan")
def _remove(world: World, work: dict[str, Any]) -> None:
    orphan = listing.find(Orphan, work["guid"])
    if orphan is None:
        return
    query = {**orphan.query, "accepts_incomplete": "true"}
    reply = wire.send(reach.endpoint(world, str(orphan.broker_guid)), Call("DELETE", str(orphan.path), query))
    # 202: the broker is at it. It is asked again later, and answers 410 once it is done.
    if reply.status in (200, 410):
        unit = world.unit()
        unit.remove(orphan)
        unit.settled(orphan, float(orphan.due_at))
        unit.commit()
    else:
        log.warning("%s is still at its broker: %s %s", orphan.path, reply.status, reply.problem)
