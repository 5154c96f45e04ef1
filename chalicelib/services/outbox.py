"""What was owed and not sent, because the bus or the function failed between a commit and its sends: sent again."""

import logging
import random
import time
from collections.abc import Iterator

from chalicelib.adapters.clock import now, stamp
from chalicelib.bootstrap import World
from chalicelib.tables.base import OUTBOX_SHARDS, Outgoing
from chalicelib.tables.unit import deliver

log = logging.getLogger(__name__)

#: One sweep begins no send after so many seconds.
BUSY_S = 10
#: Messages may be large: so many are read at a time.
READ_AT_ONCE = 50


def sweep(world: World, busy_s: float = BUSY_S) -> None:
    """The oldest of each shard first; what is too much for one sweep is the next one's.

    Every shard has its share of the time and none is always the last, so that one whose messages take long keeps the
    others waiting for a sweep or two and not for ever.
    """
    old = stamp(now() - world.config.timers.outbox_resend_s)
    began = time.monotonic()
    for number, shard in enumerate(random.sample(range(OUTBOX_SHARDS), OUTBOX_SHARDS), 1):
        until = began + busy_s * number / OUTBOX_SHARDS
        deliver(world.bus, _owed(shard, old, until))


def _owed(shard: int, old: str, until: float) -> Iterator[Outgoing]:
    """until: of the monotonic clock."""
    for item in Outgoing.query(shard, Outgoing.id < old, consistent_read=True, page_size=READ_AT_ONCE):
        if time.monotonic() >= until:
            log.warning("more is owed than one sweep can send")
            return
        yield item
