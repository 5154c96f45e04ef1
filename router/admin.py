"""The router's own HTTP address: /healthz, /varz (the field's names of 2011), /metrics and POST /stop."""

import json
import logging
import math
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from aiohttp import web

from chalicelib.adapters import sockets
from router.metrics import prometheus

log = logging.getLogger(__name__)

#: Envoy's counters that we repeat, by our name, and its gauges.
COUNTERS = {
    "requests": "http.ingress.downstream_rq_total",
    "responses_1xx": "http.ingress.downstream_rq_1xx",
    "responses_2xx": "http.ingress.downstream_rq_2xx",
    "responses_3xx": "http.ingress.downstream_rq_3xx",
    "responses_4xx": "http.ingress.downstream_rq_4xx",
    "responses_5xx": "http.ingress.downstream_rq_5xx",
    "no_route": "http.ingress.no_route",
    "shed_requests": "http.ingress.downstream_rq_overload_close",
    "access_lines_written": "access_logs.grpc_access_log.logs_written",
    "access_lines_dropped": "access_logs.grpc_access_log.logs_dropped",
}
GAUGES = {
    "active_requests": "http.ingress.downstream_rq_active",
    "connections": "http.ingress.downstream_cx_active",
    "memory_bytes": "server.memory_allocated",
    "uptime_s": "server.uptime",
    "clusters": "cluster_manager.active_clusters",
}

_LATENCY = "http.ingress.downstream_rq_time"


class Numbers:
    """What the agent counts, by name; read when asked for. Names that end in ``_total`` only grow."""

    def __init__(self, read: Callable[[], dict[str, float]], ask_envoy: Callable[[str, str], Awaitable[str]]) -> None:
        self.own, self._ask_envoy = read, ask_envoy

    async def envoy(self) -> dict[str, float]:
        """Envoy's counters and gauges, and latency quantiles (ms); empty when it does not answer."""
        try:
            text = await self._ask_envoy("GET", "/stats?format=json&filter=^(http\\.ingress|server|cluster_m|access_l)")
        except (aiohttp.ClientError, TimeoutError):
            return {}
        values: dict[str, float] = {}
        for stat in json.loads(text)["stats"]:
            if "value" in stat:
                values[stat["name"]] = stat["value"]
            elif "histograms" in stat:
                values |= _quantiles(stat["histograms"])
        named = {name: values[source] for name, source in (COUNTERS | GAUGES).items() if source in values}
        return named | {name: value for name, value in values.items() if name.startswith("latency_")}


def _quantiles(histograms: dict[str, Any]) -> dict[str, float]:
    """Latency of the last interval as latency_p50, latency_p99 ... in ms."""
    found = {}
    for one in histograms.get("computed_quantiles", ()):
        if one["name"] == _LATENCY:
            for quantile, value in zip(histograms["supported_quantiles"], one["values"], strict=True):
                if value["cumulative"] is not None:
                    found[f"latency_p{quantile:g}"] = value["cumulative"]
    return found


class Admin:
    """``identity``: the constant part of /varz. problem: what is wrong now, in a few words, or nothing."""

    def __init__(
        self,
        identity: dict[str, Any],
        numbers: Numbers,
        problem: Callable[[], str],
        stop: Callable[[], Awaitable[None]],
    ) -> None:
        self._identity, self._numbers, self._problem, self._stop = identity, numbers, problem, stop
        self._started = time.time()

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/varz", self._varz)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_post("/stop", self._on_stop)
        return app

    async def _healthz(self, request: web.Request) -> web.Response:
        problem = self._problem()
        return web.Response(status=503 if problem else 200, text=f"{problem or 'ok'}\n")

    async def _varz(self, request: web.Request) -> web.Response:
        own, envoy = self._numbers.own(), await self._numbers.envoy()
        status = {name: envoy.get(name, 0) for name in COUNTERS if name.startswith("responses_")}
        known = sum(status.values())
        body = self._identity | {
            "start": self._started,
            "uptime": round(time.time() - self._started),
            "cpu_s": round(math.fsum(os.times()[:2]), 2),
            "requests": envoy.get("requests", 0),
            "bad_requests": envoy.get("no_route", 0),
            **status,
            "responses_xxx": max(0, envoy.get("requests", 0) - envoy.get("active_requests", 0) - known),
            "latency": {name: value for name, value in envoy.items() if name.startswith("latency_")},
            "client_connections": envoy.get("connections", 0),
            "urls": own["routes"],
            "droplets": own["endpoints"],
            "router": own,
            "envoy": envoy,
        }
        return web.json_response(body)

    async def _metrics(self, request: web.Request) -> web.Response:
        own, envoy = self._numbers.own(), await self._numbers.envoy()
        counters = {f"{name}_total": envoy[name] for name in COUNTERS if name in envoy}
        gauges = {name: value for name, value in envoy.items() if name not in COUNTERS}
        return prometheus({"zf_router_": own, "zf_router_envoy_": counters | gauges})

    async def _on_stop(self, request: web.Request) -> web.Response:
        """Drain and end Envoy, then this agent. It darkens every app behind the router, and apps of the process
        runtime live on the same loopback: so only a process of the agent's own user may order it."""
        if not _is_own(request):
            return web.Response(status=403, text="only the router's own user may order this\n")
        await self._stop()
        return web.Response(text="stopped\n")


def _is_own(request: web.Request) -> bool:
    """Whether the kernel's socket table says that the caller is a process of this user on this host."""
    if request.transport is None:
        return False
    remote, local = request.transport.get_extra_info("peername"), request.transport.get_extra_info("sockname")
    return sockets.uid_of(remote[1], local[1]) == os.geteuid()
