"""``python -m router.uploader``: run the uploader.

Environment: ``ZF_UPLOADER_SOCKET``, ``ZF_API_UPSTREAM``, ``ZF_API_CA``, ``ZF_ROUTER_ID``, ``ZF_HTTP_PORT``,
``ZF_READY_FILE``, ``ZF_LOG_LEVEL``. It ends on SIGTERM; uploads in flight are aborted then.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp import web

from chalicelib.adapters.json_log import set_up
from router import api_upstream
from router.api_upstream import Upstream
from router.metrics import prometheus, write_ready
from router.serving import bind_tcp, bind_unix, serve
from router.uploader.server import Uploader
from router.uploader.target import ControlPlane

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Config:
    id: str
    socket: Path
    api: Upstream
    http_port: int
    ready_file: Path | None
    log_level: str


def from_env(env: Mapping[str, str]) -> Config:
    """Raises ValueError, naming the variable."""
    if not env.get("ZF_UPLOADER_SOCKET"):
        raise ValueError("ZF_UPLOADER_SOCKET is not set")
    port = env.get("ZF_HTTP_PORT") or "0"
    if not port.isdigit():
        raise ValueError(f"ZF_HTTP_PORT is {port!r}; it must be a whole number")
    return Config(
        id=f"uploader of {env.get('ZF_ROUTER_ID', '')}",
        socket=Path(env["ZF_UPLOADER_SOCKET"]),
        api=api_upstream.from_env(env),
        http_port=int(port),
        ready_file=Path(env["ZF_READY_FILE"]) if env.get("ZF_READY_FILE") else None,
        log_level=env.get("ZF_LOG_LEVEL") or "INFO",
    )


def admin_app(uploader: Uploader, identity: Mapping[str, str]) -> web.Application:
    async def healthz(request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def varz(request: web.Request) -> web.Response:
        return web.json_response({**identity, **uploader.numbers})

    async def metrics(request: web.Request) -> web.Response:
        return prometheus({"zf_uploader_": uploader.numbers})

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/varz", varz)
    app.router.add_get("/metrics", metrics)
    return app


async def run(config: Config) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with aiohttp.ClientSession() as session, config.api.session() as api:
        uploader = Uploader(ControlPlane(api, config.api.url), session)
        http_socket, http = bind_tcp("127.0.0.1", config.http_port)
        identity = {"type": "uploader", "id": config.id, "http": http}
        config.socket.parent.mkdir(parents=True, exist_ok=True)
        runners = [
            await serve(uploader.app(), bind_unix(config.socket)),
            await serve(admin_app(uploader, identity), http_socket),
        ]
        write_ready(config.ready_file, {"pid": os.getpid(), "http": http})
        await ended.wait()
        for runner in runners:
            await runner.cleanup()


def main() -> int:
    """0 after an end that was asked for, 1 when it cannot run, 2 when it is told nonsense."""
    try:
        config = from_env(os.environ)
        set_up(config.id, config.log_level)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        asyncio.run(run(config))
    except OSError as error:
        log.error("the uploader cannot run: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
