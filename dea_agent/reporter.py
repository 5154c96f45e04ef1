"""Heartbeats: at their interval, and at once when an instance changed its state."""

import asyncio
import hashlib
import json
import time
from dataclasses import replace

from chalicelib.contracts.codec import to_json
from chalicelib.contracts.heartbeat import Capacity, Heartbeat, InstanceBeat, Usage
from dea_agent.config import Config
from dea_agent.messenger import BEATS, HM, Messenger
from dea_agent.registry import Registry
from dea_agent.sampler import Sampler

#: Changes within this time, seconds, go into one beat.
COALESCE_S = 0.02

#: Usage of more instances than this would not fit into a message with their states; the others wait a beat.
MOST_USAGE = 300


def digest(instances: tuple[InstanceBeat, ...]) -> str:
    """Of everything a beat says of instances: equal for equal lists, and only for these."""
    text = json.dumps(to_json(instances), separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Reporter:
    """runtime: its name. ``http``: base address of /healthz and /varz; ``queue_url``: set once the inbox is open."""

    def __init__(
        self, config: Config, runtime: str, messenger: Messenger, registry: Registry, sampler: Sampler
    ) -> None:
        self._config, self._runtime, self._messenger = config, runtime, messenger
        self._registry, self._sampler = registry, sampler
        self.http, self.queue_url = "", ""
        self._seq = 0
        self._told: Heartbeat | None = None
        self._asked = asyncio.Event()
        self._usage_due = 0.0

    def ask(self) -> None:
        """A beat as soon as possible."""
        self._asked.set()

    async def run(self) -> None:
        while True:
            self._asked.clear()
            await self._tell(self.beat(time.time()))
            try:
                await asyncio.wait_for(self._asked.wait(), self._config.timers.heartbeat_s)
                await asyncio.sleep(COALESCE_S)
            except TimeoutError:
                continue

    async def _tell(self, beat: Heartbeat) -> None:
        """What is new goes where somebody is called by it, the rest where it waits for the next sweep."""
        content = replace(beat, seq=0, usage={})
        address = BEATS if content == self._told else HM
        if await self._messenger.attempt(address, "dea.heartbeat", beat):
            self._told = content

    def beat(self, now: float) -> Heartbeat:
        self._seq += 1
        config, registry, instances = self._config, self._registry, self._registry.beats()
        return Heartbeat(
            dea=config.dea_id,
            boot=self._messenger.boot,
            seq=self._seq,
            host=config.host,
            http=self.http,
            queue_url=self.queue_url,
            stack=config.stack,
            arch=config.arch,
            draining=registry.draining,
            cordoned=registry.cordoned,
            capacity=Capacity(
                registry.memory_mb, registry.disk_mb, registry.reserved_memory_mb, registry.reserved_disk_mb
            ),
            digest=digest(instances),
            instances=instances,
            usage=self._usage(now),
            builds=tuple(sorted(registry.builds)),
            tasks=registry.tasks(),
            runtime=self._runtime,
            problem=registry.problem,
        )

    def _usage(self, now: float) -> dict[str, Usage]:
        """The latest samples, when they are due."""
        if now < self._usage_due:
            return {}
        self._usage_due = now + self._config.timers.usage_interval_s
        newest = sorted(self._sampler.latest.items(), key=lambda item: item[1].sampled_at, reverse=True)
        return dict(newest[:MOST_USAGE])
