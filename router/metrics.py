"""Numbers by name as Prometheus text, and the ready file: what every process of the router says of itself."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector


class _Snapshot(Collector):
    def __init__(self, prefix: str, values: Mapping[str, float]) -> None:
        self._prefix, self._values = prefix, values

    def collect(self) -> Any:
        for name, value in self._values.items():
            family = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
            metric = family(self._prefix + name.replace(".", "_"), name.replace("_", " "))
            metric.add_metric([], value)
            yield metric


def prometheus(values: Mapping[str, Mapping[str, float]]) -> web.Response:
    """``values`` by prefix; names that end in ``_total`` are counters, the others gauges."""
    registry = CollectorRegistry()
    for prefix, named in values.items():
        registry.register(_Snapshot(prefix, named))
    return web.Response(body=generate_latest(registry), headers={"Content-Type": "text/plain; version=0.0.4"})


def write_ready(path: Path | None, facts: Mapping[str, Any]) -> None:
    """Tell the supervisor that all is up, and where. Atomic: who reads it reads all of it."""
    if path is not None:
        scratch = path.with_suffix(".new")
        scratch.write_text(json.dumps(facts))
        scratch.replace(path)
