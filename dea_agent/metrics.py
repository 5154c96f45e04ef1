"""Numbers for people and machines: Prometheus text and 2011's /varz, read from the table when they are asked for."""

import os
import resource
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from chalicelib.contracts.heartbeat import CRASHED, RUNNING, STARTING, STOPPING, Usage
from dea_agent.config import Config
from dea_agent.registry import BORN, Registry

MIB = 1024 * 1024


#: What a start is made of: its droplet and specification, its container, its first good look.
FETCH, LAUNCH, READY = "fetch", "launch", "ready"


@dataclass(slots=True)
class Counters:
    """Since this boot. phases: seconds of each that a start went through."""

    starts: int = 0
    crashes: int = 0
    refusals: int = 0
    stops: int = 0
    phases: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(lambda: [0, 0.0]))

    def took(self, phase: str, seconds: float) -> None:
        """How often, and how long in all."""
        self.phases[phase][0] += 1
        self.phases[phase][1] += seconds


#: Of each instance: name, text, and how its usage has it.
PER_INSTANCE: tuple[tuple[str, str, Callable[[Usage], float]], ...] = (
    ("cpu_cores", "CPU in use, cores.", lambda usage: usage.cpu),
    ("memory_bytes", "Memory in use.", lambda usage: usage.memory_bytes),
    ("disk_bytes", "Disk in use.", lambda usage: usage.disk_bytes),
    ("open_files", "Open file descriptors.", lambda usage: usage.fds),
    ("threads", "Threads.", lambda usage: usage.threads),
    ("log_bytes_per_second", "What it says, bytes a second.", lambda usage: usage.log_rate),
    ("uptime_seconds", "Since its start.", lambda usage: usage.uptime_s),
)


class Metrics(Collector):
    """usage: latest samples by instance guid. bids, waiting: bids made and messages in the outbox.

    main_pid: of an instance, None when nothing of it runs.
    """

    def __init__(
        self,
        config: Config,
        runtime: str,
        boot: str,
        registry: Registry,
        counters: Counters,
        usage: Callable[[], dict[str, Usage]],
        bids: Callable[[], int],
        waiting: Callable[[], int],
        main_pid: Callable[[str], int | None],
    ) -> None:
        self._config, self._runtime, self._boot, self._registry, self._counters = (
            config,
            runtime,
            boot,
            registry,
            counters,
        )
        self._usage, self._bids, self._waiting, self._main_pid = usage, bids, waiting, main_pid
        self.started_at = time.time()
        self._prometheus = CollectorRegistry()
        self._prometheus.register(self)

    def text(self) -> bytes:
        return generate_latest(self._prometheus)

    def collect(self) -> Iterator[Metric]:
        registry, counters = self._registry, self._counters
        states = GaugeMetricFamily("dea_instances", "Instances by state.", labels=["state"])
        for state in (BORN, STARTING, RUNNING, STOPPING, CRASHED):
            states.add_metric([state], len(registry.in_state(state)))
        yield states
        for name, text, value in (
            ("dea_memory_capacity_bytes", "Memory that can be promised.", registry.memory_mb * MIB),
            (
                "dea_memory_reserved_bytes",
                "Memory promised to instances and builds.",
                registry.reserved_memory_mb * MIB,
            ),
            ("dea_disk_capacity_bytes", "Disk that can be promised.", registry.disk_mb * MIB),
            ("dea_disk_reserved_bytes", "Disk promised to instances and builds.", registry.reserved_disk_mb * MIB),
            ("dea_builds", "Builds being staged.", len(registry.builds)),
            ("dea_outbox_messages", "Messages that wait for the bus.", self._waiting()),
            ("dea_draining", "1 while the host drains.", int(registry.draining)),
            ("dea_full", "1 while it takes no work for want of room on its disk.", int(bool(registry.problem))),
            ("dea_cordoned", "1 while an operator has it take no work.", int(registry.cordoned)),
        ):
            yield GaugeMetricFamily(name, text, value=value)
        for name, text, count in (
            ("dea_starts", "Instances that became healthy.", counters.starts),
            ("dea_crashes", "Instances that ended without being asked.", counters.crashes),
            ("dea_refusals", "Starts that were refused.", counters.refusals),
            ("dea_stops", "Instances asked to stop.", counters.stops),
            ("dea_bids", "Bids made.", self._bids()),
        ):
            yield CounterMetricFamily(name, text, value=count)
        phases = SummaryMetricFamily("dea_start_seconds", "Phases of starts.", labels=["phase"])
        for phase, (often, seconds) in counters.phases.items():
            phases.add_metric([phase], int(often), seconds)
        yield phases
        yield from self._per_instance()

    def _per_instance(self) -> Iterator[Metric]:
        labels = ["app_guid", "process_guid", "index", "instance_guid"]
        families = [
            (GaugeMetricFamily(f"dea_instance_{name}", text, labels=labels), value)
            for name, text, value in PER_INSTANCE
        ]
        for guid, usage in self._usage().items():
            if instance := self._registry.instances.get(guid):
                values = [instance.app_guid, instance.process_guid, str(instance.index), guid]
                for family, value in families:
                    family.add_metric(values, value(usage))
        yield from (family for family, _ in families)

    def varz(self) -> dict[str, Any]:
        """2011's fields, of this DEA. Names and numbers only, never an environment or a grant."""
        config, registry, usage = self._config, self._registry, self._usage()
        now = time.time()
        rusage = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "type": "DEA",
            "index": config.dea_id,
            "uuid": f"{config.dea_id}-{self._boot}",
            "host": config.host,
            "start": self.started_at,
            "uptime": round(now - self.started_at),
            "mem": rusage.ru_maxrss,
            "cpu": round((rusage.ru_utime + rusage.ru_stime) / max(now - self.started_at, 1) * 100, 1),
            "num_cores": os.cpu_count(),
            "stack": config.stack,
            "arch": config.arch,
            "runtime": self._runtime,
            "state": "DRAINING" if registry.draining else "RUNNING",
            "apps_max_memory": registry.memory_mb,
            "apps_reserved_memory": registry.reserved_memory_mb,
            "apps_used_memory": sum(sample.memory_bytes for sample in usage.values()) // MIB,
            "apps_max_disk": registry.disk_mb,
            "apps_reserved_disk": registry.reserved_disk_mb,
            "problem": registry.problem,
            "num_apps": len(list(registry.holding())),
            "builds": sorted(registry.builds),
            "outbox": self._waiting(),
            "running_apps": [
                {
                    "instance_guid": instance.instance_guid,
                    "app_guid": instance.app_guid,
                    "app_name": instance.app_name,
                    "process_guid": instance.process_guid,
                    "index": instance.index,
                    "version": instance.version,
                    "state": instance.state,
                    "since": instance.since,
                    "port": instance.port,
                    "pid": self._main_pid(instance.instance_guid),
                    "mem_quota": instance.limits.memory_mb,
                    "disk_quota": instance.limits.disk_mb,
                    "used_memory": sample.memory_bytes if sample else 0,
                    "used_disk": sample.disk_bytes if sample else 0,
                    "cpu": sample.cpu if sample else 0,
                }
                for instance in registry.instances.values()
                for sample in [usage.get(instance.instance_guid)]
            ],
        }
