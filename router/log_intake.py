"""What comes into the log cache and on to the drains: lines and gauges that DEAs post, and CC's lines from the bus."""

import asyncio
from collections.abc import Iterable

from chalicelib.contracts.grants import LOG
from chalicelib.contracts.logs import ERR, GAUGE, OUT, AppLines, LogBatch, LogEntry
from router.drains.log_drains import LogDrains
from router.grants import Grants
from router.log_cache import LogCache
from router.log_envelopes import metrics
from router.peers import Peers


class LogIntake:
    """Lives in the agent's loop. ``gauges``: a cache of their own, so that they push out no line.

    refused: batches without a good grant.
    """

    def __init__(self, cache: LogCache, gauges: LogCache, drains: LogDrains, grants: Grants, peers: Peers) -> None:
        self._cache, self._gauges, self._drains = cache, gauges, drains
        self._grants, self._peers = grants, peers
        self._loop = asyncio.get_running_loop()
        self.refused = 0

    def take(self, batch: LogBatch, grant: str) -> None:
        """One whose grant is good and whose entries are :func:`sound`."""
        if batch.entries and batch.entries[0].type == GAUGE:
            self._gauges.put(batch.source_id, batch.entries)
            return
        self._drains.take(batch.source_id, grant, self._cache.put(batch.source_id, batch.entries))

    def hear(self, lines: AppLines) -> None:
        """From the bus's thread. Blocks until taken, and for one fetch of CC's keys at most."""
        owned = [batch for batch in lines.batches if self._peers.owners(batch.source_id)[0]]
        if owned:
            good = [self._grants.log_source(batch.grant) == (LOG, batch.source_id) for batch in owned]
            asyncio.run_coroutine_threadsafe(self._take_all(owned, good), self._loop).result()

    async def _take_all(self, batches: Iterable[LogBatch], good: Iterable[bool]) -> None:
        for batch, is_good in zip(batches, good, strict=True):
            if is_good and sound(batch.entries):
                self.take(batch, batch.grant)
            else:
                self.refused += 1


def sound(entries: tuple[LogEntry, ...]) -> bool:
    """Whether all are lines, or all gauges, and readers could take each."""
    if not all(0 <= entry.timestamp < 2**63 for entry in entries):
        return False
    if entries and entries[0].type == GAUGE:
        return all(entry.type == GAUGE and metrics(entry.text) is not None for entry in entries)
    return all(entry.type in (OUT, ERR) for entry in entries)
