"""What each instance uses, sampled in worker threads, and the end of those that use more than they may."""

import asyncio
import errno
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chalicelib.contracts.auction import Limits
from chalicelib.contracts.heartbeat import REASON_CRASHED, Usage
from dea_agent import trees
from dea_agent.lifecycle import Ending, Life
from dea_agent.runtimes.base import Sample

log = logging.getLogger(__name__)

MIB = 1024 * 1024

#: Measuring a disk may take at most this share of the time.
DISK_SHARE = 0.05


@dataclass(slots=True)
class Gauge:
    """What the sampler remembers of one instance between two samples."""

    at: float = 0.0
    cpu_s: float = 0.0
    log_bytes: int = 0
    disk_bytes: int = 0
    disk_due: float = 0.0


def disk_bytes(root: Path) -> int:
    """Bytes on disk below ``root``, each file once however many names it has. What vanishes meanwhile is nothing."""
    total = 0
    seen: set[int] = set()
    todo = [str(root)]
    while todo:
        try:
            with os.scandir(todo.pop()) as entries:
                for entry in entries:
                    stat = entry.stat(follow_symlinks=False)
                    if stat.st_nlink == 1 or stat.st_ino not in seen:
                        seen.add(stat.st_ino)
                        total += stat.st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        todo.append(entry.path)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:  # dug deeper than a path can say, perhaps in order to hide
                return trees.disk_bytes(root)
    return total


def over_quota(sample: Sample, disk: int, limits: Limits) -> str | None:
    """Why the instance must end, in words for its owner; None when it keeps to its limits."""
    if sample.out_of_memory or sample.memory_bytes > limits.memory_mb * MIB:
        used = _mib(sample.memory_bytes)
        return f"Memory limit of {limits.memory_mb}M exceeded (out of memory), actual usage was {used}"
    if disk > limits.disk_mb * MIB:
        return f"Disk quota of {limits.disk_mb}M exceeded, actual usage was {_mib(disk)}"
    return None


def _mib(size: int) -> str:
    return f"{-(-size // MIB)}M"


class Sampler:
    """lives: by instance guid. root: folder of an instance. written: bytes ever logged by it."""

    def __init__(
        self, lives: dict[str, Life], root: Callable[[str], Path], written: Callable[[str], int], sample_s: float
    ) -> None:
        self._lives, self._root, self._written, self._sample_s = lives, root, written, sample_s
        self._gauges: dict[str, Gauge] = {}
        self.latest: dict[str, Usage] = {}

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._sample_s)
            lives = {guid: life for guid, life in self._lives.items() if life.container}
            self._gauges = {guid: self._gauges.get(guid) or Gauge() for guid in lives}
            self.latest = {guid: usage for guid, usage in self.latest.items() if guid in lives}
            for guid, life in lives.items():
                await self._look_at(guid, life)

    async def _look_at(self, guid: str, life: Life) -> None:
        if not life.is_live:
            return
        measured = await asyncio.to_thread(self._measure, guid, life, life.instance.launched_at)
        if measured is None or not life.is_live:
            return
        usage, sample = measured
        self.latest[guid] = usage
        if problem := over_quota(sample, usage.disk_bytes, life.instance.limits):
            log.info("instance %s: %s", guid, problem)
            life.end(Ending(REASON_CRASHED, f"{life.instance.source_type}: {problem}"))

    def _measure(self, guid: str, life: Life, launched_at: float) -> tuple[Usage, Sample] | None:
        """In a worker thread."""
        assert life.container
        sample, now, gauge = life.container.sample(), time.time(), self._gauges[guid]
        if sample is None:
            return None
        if sample.disk_bytes is not None:
            gauge.disk_bytes = sample.disk_bytes
        elif now >= gauge.disk_due:
            gauge.disk_bytes = disk_bytes(self._root(guid))
            gauge.disk_due = now + (time.time() - now) / DISK_SHARE
        elapsed, written = now - gauge.at, self._written(guid)
        known = gauge.at > 0 and elapsed > 0
        usage = Usage(
            cpu=round(max(0.0, sample.cpu_s - gauge.cpu_s) / elapsed, 4) if known else 0.0,
            memory_bytes=sample.memory_bytes,
            disk_bytes=gauge.disk_bytes,
            fds=sample.fds,
            threads=sample.threads,
            io_read_bytes=sample.io_read_bytes,
            io_write_bytes=sample.io_write_bytes,
            log_rate=round((written - gauge.log_bytes) / elapsed) if known else 0,
            uptime_s=max(0, round(now - launched_at)),
            sampled_at=now,
        )
        gauge.at, gauge.cpu_s, gauge.log_bytes = now, sample.cpu_s, written
        return usage, sample
