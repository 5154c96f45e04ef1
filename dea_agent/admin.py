"""The agent over HTTP on loopback: ``/healthz``, ``/varz``, ``/metrics``, and two orders for this host's own people.

Apps of the process runtime live on the same loopback, so an order counts only when it comes from a process of the
agent's own user; the kernel's socket table says whose it is.
"""

import os
from collections.abc import Awaitable, Callable

from aiohttp import web

from chalicelib.adapters import sockets
from dea_agent.metrics import Metrics


class Admin:
    """drain begins it; stop_all ends when nothing runs any more, and so does the answer to its order."""

    def __init__(self, metrics: Metrics, drain: Callable[[], None], stop_all: Callable[[], Awaitable[None]]) -> None:
        self._metrics, self._drain, self._stop_all = metrics, drain, stop_all
        app = web.Application()
        app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/varz", self._varz),
                web.get("/metrics", self._prometheus),
                web.post("/drain", self._post_drain),
                web.post("/stop-all", self._post_stop_all),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)

    async def start(self, port: int) -> str:
        """Returns the base address."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _varz(self, _: web.Request) -> web.Response:
        return web.json_response(self._metrics.varz())

    async def _prometheus(self, _: web.Request) -> web.Response:
        return web.Response(body=self._metrics.text(), headers={"Content-Type": "text/plain; version=0.0.4"})

    async def _post_drain(self, request: web.Request) -> web.Response:
        _check_own(request)
        self._drain()
        return web.Response(status=202)

    async def _post_stop_all(self, request: web.Request) -> web.Response:
        _check_own(request)
        await self._stop_all()
        return web.Response(status=204)


def _check_own(request: web.Request) -> None:
    """Raises the refusal of an order that comes from another user's process."""
    if request.transport is not None:
        remote, local = request.transport.get_extra_info("peername"), request.transport.get_extra_info("sockname")
        if sockets.uid_of(remote[1], local[1]) == os.geteuid():
            return
    raise web.HTTPForbidden(text="only the agent's own user may order this\n")
