"""What drains meet in the tests: routers' log intakes in this process, a control plane that names drains, servers."""

import asyncio
import contextlib
import datetime
import ipaddress
import ssl
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chalicelib.contracts.codec import to_json
from chalicelib.contracts.logs import AppDrains, DrainsAnswer, LogEntry
from chalicelib.contracts.routing import RouterStart
from chalicelib.core.addresses import Allowed
from router.drains.directory import Directory
from router.drains.log_drains import LogDrains, Settings
from router.grants import Grants
from router.log_access import LogAccess
from router.log_cache import LogCache, Window
from router.log_intake import LogIntake
from router.logs_http import LogsHttp
from router.peers import Peers
from router.serving import bind_tcp, serve
from tests.functional.router.cloud import ControlPlane

APP = "app-1"
HERE = Allowed.parse("127.0.0.1,localhost")


def lines(first: int, last: int, text: str = "line", writer: str = "i-1") -> list[LogEntry]:
    now = time.time_ns()
    return [LogEntry(writer, n, now + n, "OUT", "APP/PROC/WEB", "0", f"{text} {n}") for n in range(first, last)]


def said(number: int) -> LogEntry:
    """By the control plane."""
    at = 1_700_000_000_000_000_000 + number
    return LogEntry(f"event-{number}", at, at, "OUT", "API", "0", f"line {number}")


async def until(what: Callable[[], Any], timeout_s: float = 15.0) -> Any:
    deadline = time.monotonic() + timeout_s
    while not (value := what()):
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)
    return value


def certificate(folder: Path) -> ssl.SSLContext:
    """A server's context for localhost; ``folder/ca.pem`` is who vouches for it."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    here = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(here), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context


@dataclass
class Syslog:
    """A syslog server. messages: in order of arrival, without their octet counts."""

    context: ssl.SSLContext | None = None
    messages: list[str] = field(default_factory=list)
    connections: int = 0
    reads: bool = True
    port: int = 0

    async def start(self) -> "Syslog":
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.context)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while self.reads:
                size = int(await reader.readuntil(b" "))
                self.messages.append((await reader.readexactly(size)).decode())
            await asyncio.sleep(60)
        writer.close()

    def texts(self) -> list[str]:
        return [message.partition("] ")[2].partition("] ")[2].rstrip("\n") for message in self.messages]


@dataclass
class OneRouter:
    peers: Peers
    cache: LogCache
    drains: LogDrains
    start: RouterStart

    def put(self, entries: list[LogEntry], grant: str) -> None:
        self.drains.take(APP, grant, self.cache.put(APP, entries))

    def told(self) -> list[str]:
        """Lines of the router's own in the app's log."""
        return [entry.text for entry in self.cache.read(APP, Window(limit=1000)) if entry.source_type == "LGR"]


class Routers:
    """Those of one installation, and CC with the drains of the one app: ``urls``."""

    def __init__(self, plane: ControlPlane, folder: Path, stack: contextlib.AsyncExitStack, **settings: Any) -> None:
        self._plane, self._folder, self._stack, self._settings = plane, folder, stack, settings
        self.urls: tuple[str, ...] = ()
        self.grant = plane.sign({"typ": "log", "sub": APP})
        self.all: list[OneRouter] = []
        plane.answers["/internal/drains"] = self._answer

    def _answer(self, body: bytes) -> tuple[int, bytes]:
        app = AppDrains(APP, self.urls, ("my org", "dev", "shop"), {"app_id": APP, "app_name": "shop"})
        return 200, web.json_response(to_json(DrainsAnswer((app,) if self.urls else ()))).body or b""  # type: ignore

    async def add(self, name: str = "router-0") -> OneRouter:
        session = await self._stack.enter_async_context(aiohttp.ClientSession())
        bound, address = bind_tcp("127.0.0.1")
        start = RouterStart(name, "b", address)
        peers, cache = Peers(start), LogCache()
        keys = web.json_response({"keys": [self._plane.public_key()]}).body
        grants = Grants(lambda: keys, self._folder / f"{name}.keys")  # type: ignore[arg-type, return-value]
        directory = Directory(session, self._plane.url, time.monotonic)
        given: dict[str, Any] = {
            "allowed": HERE,
            "plain_allowed": True,
            "known_s": 0.2,
            "name": name,
            "settle_s": 0,
        } | self._settings
        memory = self._folder / f"{name}.json"
        drains = LogDrains(Settings(**given), cache, peers, directory, session, memory, time.monotonic, time.time_ns)
        intake = LogIntake(cache, LogCache(), drains, grants, peers)
        access = LogAccess(session, self._plane.url)
        http = LogsHttp(cache, LogCache(), intake, drains, grants, access, peers, session)
        runner = await serve(http.inner_app(), bound)
        self._stack.push_async_callback(runner.cleanup)
        task = asyncio.ensure_future(_work(drains))
        self._stack.push_async_callback(drains.close)
        self._stack.callback(task.cancel)
        for other in self.all:
            other.peers.meet(start, time.monotonic())
            peers.meet(other.start, time.monotonic())
        self.all.append(OneRouter(peers, cache, drains, start))
        return self.all[-1]


async def _work(drains: LogDrains) -> None:
    while True:
        await drains.ask()
        await drains.tend()
        await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def routers(plane: ControlPlane, folder: Path, **settings: Any) -> AsyncIterator[Routers]:
    async with contextlib.AsyncExitStack() as stack:
        yield Routers(plane, folder, stack, **settings)
