"""A router on a real bus (moto) with a control plane and apps of our own, for the functional tests."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import RSAKey
from moto.server import ThreadedMotoServer

from chalicelib.adapters.bus import Bus
from chalicelib.contracts.grants import ISSUER
from chalicelib.contracts.routing import Endpoint, Register, Unregister

ROOT = Path(__file__).resolve().parents[3]
AWS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
FAST = {"ZF_PROFILE": "local", "ZF_ROUTER_START_S": "1", "ZF_REGISTER_S": "1"}


def eventually(what: Callable[[], Any], timeout_s: float = 10.0) -> Any:
    """The first true value of ``what``; its exceptions count as not yet."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            value = what()
        except Exception:
            if time.monotonic() > deadline:
                raise
            value = None
        if value:
            return value
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


#: What a 202 of the control plane names.
JOB = "http://api.localhost/v3/jobs/j-1"


class ControlPlane:
    """Signs grants, serves their keys, and answers for itself so that tests see who was reached."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048)
        #: By path: what is answered, as it is or made from the request's body.
        self.answers: dict[str, tuple[int, bytes] | Callable[[bytes], tuple[int, bytes]]] = {}
        self.seen: list[tuple[str, str, str, bytes]] = []
        #: Headers of the last request, and what is answered besides.
        self.heard: dict[str, str] = {}
        self.headers: list[tuple[str, str]] = []
        self.serve(0)

    def serve(self, port: int) -> None:
        plane = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65536  # head and body in one packet, or the second waits 40 ms for the first

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                plane.seen.append((self.command, self.path, self.headers.get("Authorization", ""), body))
                plane.heard = {key.lower(): value for key, value in self.headers.items()}
                path = self.path.partition("?")[0]
                if path == "/token_keys":
                    status, text = 200, json.dumps({"keys": [plane.public_key()]}).encode()
                else:
                    answer = plane.answers.get(path, (200, f"cc {self.command} {self.path}".encode()))
                    status, text = answer(body) if callable(answer) else answer
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                for key, value in plane.headers:
                    self.send_header(key, value)
                if status == 202:
                    self.send_header("Location", JOB)
                if status != 204:
                    self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                if status != 204:
                    self.wfile.write(text)

            do_POST = do_PUT = do_DELETE = do_GET

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def public_key(self) -> dict[str, Any]:
        return {"kid": "key-1", "alg": "RS256", "use": "sig", "value": ""} | self.key.as_dict(private=False)

    def sign(self, claims: dict[str, Any], key: RSAKey | None = None) -> str:
        return jwt.encode({"alg": "RS256", "kid": "key-1"}, {"iss": ISSUER} | claims, key or self.key)

    def granted(self, endpoint: Endpoint, rules: Mapping[str, Any] | None = None) -> Endpoint:
        claims: dict[str, Any] = {
            "typ": "route",
            "sub": endpoint.instance_guid,
            "app": endpoint.app_guid,
            "routes": list(endpoint.routes),
            "rv": endpoint.routes_version,
        }
        return replace(endpoint, grant=self.sign(claims | ({"rules": rules} if rules else {})))


@dataclass
class Dea:
    """Speaks as one boot of a DEA."""

    bus: Bus
    plane: ControlPlane
    name: str = "dea-0"
    boot: str = "boot-0"
    seq: int = 0
    full: list[Endpoint] = field(default_factory=list)

    def endpoint(self, guid: str, port: int, *routes: str, app: str = "", index: int = 0, **rule: Any) -> Endpoint:
        """``rule``: what its routes ask for (contracts.routing.RouteRule)."""
        bare = Endpoint(guid, app or f"app-{guid}", f"process-{guid}", 1, index, "127.0.0.1", port, routes, 1, "")
        return self.plane.granted(bare, dict.fromkeys(routes, rule) if rule else None)

    def register(self, *endpoints: Endpoint, full: bool = False) -> Register:
        self.seq += 1
        message = Register(self.name, self.boot, self.seq, full, endpoints)
        self.bus.say("topic:routes", "router.register", message)
        return message

    def unregister(self, *guids: str) -> Unregister:
        self.seq += 1
        message = Unregister(self.name, self.boot, self.seq, guids)
        self.bus.say("topic:routes", "router.unregister", message)
        return message


class Router:
    """The agent as a process of its own, and the Envoy that it leaves behind."""

    def __init__(self, plane: ControlPlane, prefix: str, router_id: str = "router-0", **environment: str) -> None:
        self.dir = Path(tempfile.mkdtemp(prefix="zf-router-"))
        self.port = free_port()
        self.ready_file = self.dir / "ready.json"
        self.environment = (
            os.environ
            | AWS
            | FAST
            | {
                "ZF_ROUTER_ID": router_id,
                "ZF_ROUTER_DIR": str(self.dir),
                "ZF_LISTEN": f"127.0.0.1:{self.port}",
                "ZF_API_UPSTREAM": plane.url,
                "ZF_UPLOADER_SOCKET": str(self.dir / "uploader.sock"),
                "ZF_PREFIX": prefix,
                "ZF_READY_FILE": str(self.ready_file),
                "ZF_EXTERNAL_PORT": str(self.port),
            }
            | environment
        )
        self.agent: subprocess.Popen[bytes] | None = None
        self.facts: dict[str, Any] = {}

    def start(self) -> "Router":
        self.ready_file.unlink(missing_ok=True)
        log = (self.dir / "agent.log").open("ab")
        self.agent = subprocess.Popen([sys.executable, "-m", "router"], cwd=ROOT, env=self.environment, stderr=log)
        self.facts = json.loads(eventually(lambda: self.ready_file.exists() and self.ready_file.read_text(), 20))
        return self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, host: str, path: str = "/", **kwargs: Any) -> httpx.Response:
        return httpx.get(self.url + path, headers={"Host": host} | kwargs.pop("headers", {}), **kwargs)

    def varz(self) -> dict[str, Any]:
        answer: dict[str, Any] = httpx.get(f"{self.facts['http']}/varz").json()
        return answer

    def kill_agent(self, number: int = signal.SIGKILL) -> None:
        assert self.agent is not None
        self.agent.send_signal(number)
        self.agent.wait(15)

    def envoy_pid(self) -> int:
        return int((self.dir / "envoy.pid").read_text())

    def close(self) -> None:
        if self.agent is not None and self.agent.poll() is None:
            self.kill_agent(signal.SIGKILL)
        with contextlib.suppress(OSError, ValueError):
            os.kill(self.envoy_pid(), signal.SIGKILL)
        shutil.rmtree(self.dir, ignore_errors=True)


class Instance:
    """An app instance on a port of its own. headers: what it answers with besides."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.requests: list[dict[str, str]] = []
        self.headers: list[tuple[str, str]] = []
        instance = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65536  # head and body in one packet, or the second waits 40 ms for the first

            def do_GET(self) -> None:
                instance.requests.append({key.lower(): value for key, value in self.headers.items()})
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                text = f"{instance.name} {self.command} {self.path} {len(body)}".encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                for key, value in instance.headers:
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(text)

            do_POST = do_PUT = do_GET

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@contextlib.contextmanager
def a_bus() -> Iterator[tuple[str, Callable[[], None]]]:
    """moto with the two topics that routers hear; yields the endpoint."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}", server.stop
    finally:
        server.stop()


def make_topics(bus: Bus) -> None:
    for name in ("routes", "components"):
        bus.sns.create_topic(Name=f"{bus.prefix}-{name}")


async def drain(reader: asyncio.StreamReader) -> int:
    total = 0
    while data := await reader.read(65536):
        total += len(data)
    return total
