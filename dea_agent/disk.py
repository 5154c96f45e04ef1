"""The room on this host's disk: looked at from time to time, made when it gets scarce, and no work taken without it.

A full disk costs everybody on the host: logs, snapshots, the engine. So what can be had again is given up first, and
while that is not enough the host bids for nothing and says why.
"""

import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from dea_agent.registry import Registry

log = logging.getLogger(__name__)

#: Seconds between two looks.
LOOK_S = 2.0

#: A host that was full takes work again when it is so much below what makes it full, shares of the disk.
MARGIN = 0.05

#: What can be given up: what people call it, and the way to do it.
Step = tuple[str, Callable[[], Awaitable[None]]]


def is_full(used: float, was_full: bool, full_at: float) -> bool:
    """Whether no more work is taken. used, full_at: shares of the disk, 0 to 1."""
    return used >= (full_at - MARGIN if was_full else full_at)


def used_share(folder: Path) -> float:
    """Of the file system of ``folder``, as ``df`` counts it: what is kept for root is in use."""
    stat = os.statvfs(folder)
    used = stat.f_blocks - stat.f_bfree
    return used / max(1, used + stat.f_bavail)


class Disk:
    """steps: what goes when it gets scarce, the cheapest first. used: see :func:`used_share`. changed: tells others."""

    def __init__(
        self,
        registry: Registry,
        full_at: float,
        used: Callable[[], float],
        steps: Sequence[Step],
        changed: Callable[[], None],
    ) -> None:
        self._registry, self._full_at, self._used = registry, full_at, used
        self._steps, self._changed = steps, changed
        self.share = 0.0

    async def look(self) -> None:
        """Once: make room if need be, and say how it stands."""
        was_full = bool(self._registry.problem)
        self.share = self._used()
        for name, give_up in self._steps:
            if not is_full(self.share, True, self._full_at):  # as much room as a full host would need
                break
            if is_full(self.share, was_full, self._full_at):
                log.warning("the disk is %d %% full: giving up %s", round(self.share * 100), name)
                await give_up()
                self.share = self._used()
        full = is_full(self.share, was_full, self._full_at)
        self._registry.problem = f"its disk is {round(self.share * 100)} % full" if full else ""
        if full != was_full:
            log.warning("this host takes %s", "no more work: " + self._registry.problem if full else "work again")
            self._changed()
