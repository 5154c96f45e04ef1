"""What instances use, to the routers that own their apps' logs: the last sample of each, at a slow pace, once."""

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping

import aiohttp

from chalicelib.contracts.codec import to_json
from chalicelib.contracts.heartbeat import Usage
from chalicelib.contracts.logs import GAUGE, LogBatch, LogEntry
from dea_agent.log_routers import LogRouter, RouterTable
from dea_agent.registry import Instance, Registry
from dea_agent.sampler import MIB

log = logging.getLogger(__name__)

POST_TIMEOUT = aiohttp.ClientTimeout(total=5)

#: Posts at one time.
POSTS = 4


class Gauges:
    """``usage``: the last samples, by instance guid. pause_s: between two rounds."""

    def __init__(
        self,
        registry: Registry,
        usage: Callable[[], Mapping[str, Usage]],
        routers: RouterTable,
        http: aiohttp.ClientSession,
        pause_s: float,
    ) -> None:
        self._registry, self._usage, self._routers = registry, usage, routers
        self._http, self._pause_s = http, pause_s
        self._slots = asyncio.Semaphore(POSTS)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._pause_s)
            await self.turn()

    async def turn(self) -> None:
        """One post per app and router; what cannot be posted is dropped."""
        found = batches(self._registry.instances, self._usage())
        await asyncio.gather(
            *(self._post(router, batch) for batch in found for router in self._routers.owners(batch.source_id))
        )

    async def _post(self, router: LogRouter, batch: LogBatch) -> None:
        async with self._slots:
            try:
                async with self._http.post(f"{router.logs}/logs", json=to_json(batch), timeout=POST_TIMEOUT) as answer:
                    log.debug("router %s says %d to gauges", router.router, answer.status)
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                log.debug("router %s takes no gauges: %s", router.router, error)


def batches(instances: Mapping[str, Instance], usage: Mapping[str, Usage]) -> list[LogBatch]:
    """One per app, of its instances that have a sample. Not of tasks: their index is another instance's."""
    apps: defaultdict[str, list[LogEntry]] = defaultdict(list)
    grants: dict[str, str] = {}
    for guid, sample in usage.items():
        instance = instances.get(guid)
        if instance is not None and not instance.is_task:
            apps[instance.app_guid].append(_entry(instance, sample))
            grants[instance.app_guid] = instance.log_grant
    return [LogBatch(app, tuple(entries), grants[app]) for app, entries in apps.items()]


def _entry(instance: Instance, sample: Usage) -> LogEntry:
    """In Cloud Foundry's units: 100 is one core. Of the sample's own time, so that it is one however often it comes."""
    metrics = {
        "cpu": round(sample.cpu * 100, 2),
        "memory": sample.memory_bytes,
        "disk": sample.disk_bytes,
        "memory_quota": instance.limits.memory_mb * MIB,
        "disk_quota": instance.limits.disk_mb * MIB,
        "log_rate": sample.log_rate,
    }
    at = int(sample.sampled_at * 1e9)
    text = json.dumps(metrics)
    return LogEntry(instance.instance_guid, at, at, GAUGE, instance.process_type, str(instance.index), text)
