"""Serving an aiohttp application on a socket that was bound before, so that its address can be told beforehand."""

import socket
from pathlib import Path

from aiohttp import web


def bind_tcp(host: str, port: int = 0) -> tuple[socket.socket, str]:
    """Port 0 takes a free one. Returns the socket and its base address ``http://host:port``."""
    bound = socket.create_server((host, port))
    return bound, f"http://{host}:{bound.getsockname()[1]}"


def bind_unix(path: Path) -> socket.socket:
    """For this user only; the socket of a former life is replaced."""
    path.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX)
    bound.bind(str(path))
    path.chmod(0o600)
    return bound


async def serve(app: web.Application, bound: socket.socket) -> web.AppRunner:
    """The runner is to be cleaned up, which ends what is still open after a second."""
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1)
    await runner.setup()
    await web.SockSite(runner, bound).start()
    return runner
