"""What the router's benchmarks put around a real router: a DEA that only registers, and an app that only answers."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from chalicelib.bootstrap import World, make
from chalicelib.config import from_env
from chalicelib.contracts.routing import Endpoint, Register
from chalicelib.services.grants import route_grant
from chalicelib.tables.running import Process
from infra.local.account import CREDENTIALS
from tests.support.platform import ROOT, Platform, eventually

#: Debian has it here, which is not on every user's path.
NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")

NGINX_CONFIGURATION = """
daemon off; pid nginx.pid; error_log stderr crit; worker_processes 1;
events {{ worker_connections 1024; }}
http {{
    access_log off; keepalive_requests 1000000000;
    client_body_temp_path .; proxy_temp_path .; fastcgi_temp_path .; uwsgi_temp_path .; scgi_temp_path .;
    server {{ listen 127.0.0.1:{port}; location / {{ return 200 "ok\\n"; }} }}
}}
"""

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n"


def world_of(platform: Platform) -> World:
    """The control plane's bus and keys, of a running platform. boto3 is led there by the environment."""
    status = platform.status()
    os.environ.update(CREDENTIALS, AWS_ENDPOINT_URL=status["aws_url"])
    return make(from_env({**os.environ, "ZF_PREFIX": status["prefix"], "ZF_PROFILE": "local"}), "bench")


class Dea:
    """One boot of a DEA, as routers see it. ``granted`` does what CC did long before; ``say`` is the registration."""

    def __init__(self, world: World, name: str) -> None:
        self._world, self._name, self._boot, self._seq = world, name, uuid.uuid4().hex[:12], 0

    def granted(self, route: str, port: int) -> Endpoint:
        guid, app = str(uuid.uuid4()), str(uuid.uuid4())
        process = Process(app, app_guid=app, routes=[route], routes_version=1)
        grant = route_grant(self._world, guid, process)
        return Endpoint(guid, app, app, 1, 0, "127.0.0.1", port, (route,), 1, grant)

    def say(self, endpoints: Sequence[Endpoint], full: bool = False) -> None:
        self._seq += 1
        message = Register(self._name, self._boot, self._seq, full, tuple(endpoints))
        self._world.bus.say("topic:routes", "router.register", message)


@dataclass(frozen=True, slots=True)
class Backend:
    """An app that answers "ok"; ``kind`` tells what it is made of."""

    port: int
    kind: str


@contextmanager
def a_backend() -> Iterator[Backend]:
    """nginx with one worker; where there is none, a few lines of asyncio, which are some five times slower."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    with tempfile.TemporaryDirectory(prefix="zf-bench-") as folder:
        command = [sys.executable, "-m", "benchmarks.stand_ins", str(port)]
        if NGINX:
            Path(folder, "nginx.conf").write_text(NGINX_CONFIGURATION.format(port=port))
            command = [NGINX, "-p", folder, "-c", "nginx.conf"]
        process = subprocess.Popen(command, cwd=ROOT)
        try:
            eventually(lambda: _answers(port), every_s=0.02)
            yield Backend(port, "nginx" if NGINX else "asyncio (no nginx here)")
        finally:
            process.terminate()
            process.wait(10)


def _answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


class _Answer(asyncio.Protocol):
    """One answer per request head; bodies are not expected."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._rest = cast(asyncio.WriteTransport, transport), b""

    def data_received(self, data: bytes) -> None:
        *heads, self._rest = (self._rest + data).split(b"\r\n\r\n")
        self._transport.write(ANSWER * len(heads))


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Answer, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
