"""The router agent put together: what runs, in which order it starts, and how it ends.

Start: table from disk, xDS server, Envoy (re-adopted or new), log cache, admin address, then the bus, which may be
away. Two ways to end: SIGTERM ends the agent alone and Envoy goes on routing, so that an agent can be replaced
without a failed request; ``POST /stop`` drains and ends Envoy first.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import threading
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp

from chalicelib.adapters.bus import Bus
from chalicelib.adapters.certificates import store_at
from chalicelib.contracts.components import Announce
from chalicelib.contracts.routing import RouterStart
from router import system_config
from router.access_lines import FLUSH_S, AccessLines
from router.access_log import AccessLog
from router.admin import Admin, Numbers
from router.config import Config
from router.drains.directory import Directory
from router.drains.log_drains import ASK_S, TELL_S, LogDrains, Settings
from router.envoy import Envoy
from router.grants import Grants, fetch_keys
from router.log_access import LogAccess
from router.log_cache import GAUGE_BYTES, GAUGE_RING, LogCache
from router.log_intake import LogIntake
from router.logs_http import LogsHttp
from router.metrics import write_ready
from router.peers import Peers
from router.routing import Routing
from router.serving import bind_tcp, bind_unix, serve
from router.subscriber import MISSED_STARTS, Subscriber
from router.tls import Certificates
from router.xds import XdsServer

log = logging.getLogger(__name__)

#: A predecessor that is still ending gets this long; Envoy this long to take its listener; the bus this long to
#: be joined before we say "ready" without it.
LOCK_S, LISTEN_S, JOIN_S = 6.0, 20.0, 3.0

#: A goodbye on the bus is a courtesy; the end waits no longer for it.
GOODBYE_S = 3.0

TEND_S, TURN_LOG_S = 1.0, 30.0

#: How long a receive waits at the bus, seconds. The stand-in for AWS serves a dead receiver's poll to its end and
#: loses it the next message for a while, so polls are short there.
WAIT_S = {"local": 1, "cloud": 20}


class ListenError(RuntimeError):
    """Envoy cannot have its address, or says nothing. The text is for people."""


class Agent:
    """``await Agent(config).run()`` returns after :meth:`end` or POST /stop. Made inside a running loop."""

    def __init__(self, config: Config) -> None:
        boot = uuid.uuid4().hex[:12]
        self._config = config
        self._ended = asyncio.Event()
        self._ready = False
        self._certificates: Certificates | None = None
        self._http_socket, self._http = bind_tcp("127.0.0.1", config.http_port)
        self._logs_socket, logs = bind_tcp(config.host)
        self._start = RouterStart(config.id, boot, logs)
        self._announce = Announce("router", config.id, boot, self._http, time.time())
        self._bus = Bus(config.id, config.prefix, config.region, config.account)
        self._cache, self._gauges = LogCache(), LogCache(GAUGE_RING, GAUGE_BYTES)
        self._peers = Peers(self._start)
        self._access_log = AccessLog(config.id, f"{config.id}-{boot}", time.monotonic)
        keys_url, believed = f"{config.api.url}/token_keys", config.api.context()
        self._grants = Grants(lambda: fetch_keys(keys_url, believed), config.dir / "token_keys.json")

    def end(self) -> None:
        """End the agent; Envoy goes on."""
        self._ended.set()

    async def run(self) -> None:
        """Raises ListenError, and TimeoutError when another agent holds the folder."""
        folder = self._config.dir
        async with contextlib.AsyncExitStack() as stack:
            await _lock(stack, folder / "lock")
            self._session = await stack.enter_async_context(aiohttp.ClientSession())
            self._api = await stack.enter_async_context(self._config.api.session())
            self._drains = self._log_drains()
            self._intake = LogIntake(self._cache, self._gauges, self._drains, self._grants, self._peers)
            self._lines = AccessLines(self._access_log, self._cache, self._drains, self._peers, self._session)
            self._routing = Routing(self._config, self._grants, folder, self._lines.learn)
            self._xds = XdsServer(
                folder / system_config.XDS_SOCKET, self._routing.rendering.resources, self._lines.take
            )
            self._routing.publish_to(self._xds.publish)
            if self._routing.loaded:
                self._xds.allow_removals()
            await self._certify(stack)
            await self._xds.start()
            stack.push_async_callback(self._xds.stop)
            await self._serve(stack)
            await self._run_envoy(stack)
            self._join_bus(stack)
            await self._until_ready(stack)
            await self._ended.wait()
            self._routing.save()

    async def _certify(self, stack: contextlib.AsyncExitStack) -> None:
        """Before Envoy is told anything, so that its first listeners are all of them."""
        if (tls := self._config.tls) is not None:
            store = store_at(tls.place, self._config.region)
            self._certificates = Certificates(store, self._config.domain, self._routing.certify)
            await self._certificates.look()
            _background(stack, _every(tls.look_s, self._certificates.look))

    async def _serve(self, stack: contextlib.AsyncExitStack) -> None:
        access = LogAccess(self._api, self._config.api.url)
        self._logs_http = LogsHttp(
            self._cache, self._gauges, self._intake, self._drains, self._grants, access, self._peers, self._session
        )
        identity = {"type": "router", "id": self._config.id, "boot": self._start.boot, "http": self._http}
        admin = Admin(identity, Numbers(self._numbers, self._ask_envoy), self._problem, self._stop)
        for app, bound in (
            (self._logs_http.public_app(), bind_unix(self._config.dir / system_config.LOGS_SOCKET)),
            (self._logs_http.inner_app(), self._logs_socket),
            (admin.app(), self._http_socket),
        ):
            stack.push_async_callback((await serve(app, bound)).cleanup)
        # Before the goodbye on the way up, after it on the way down: who takes over may still ask how far we came.
        stack.push_async_callback(self._drains.close)

    def _log_drains(self) -> LogDrains:
        config = self._config
        settings = Settings(
            config.allowed_addresses,
            config.plain_drains,
            config.timers.drains_known_s,
            f"{config.id}-{self._start.boot}",
        )
        directory = Directory(self._api, config.api.url, time.monotonic)
        memory = config.dir / "drains.json"
        return LogDrains(
            settings, self._cache, self._peers, directory, self._session, memory, time.monotonic, time.time_ns
        )

    async def _run_envoy(self, stack: contextlib.AsyncExitStack) -> None:
        config = self._config
        self._envoy = Envoy(
            config.dir,
            system_config.bootstrap(config),
            config.dir / system_config.ADMIN_SOCKET,
            config.concurrency,
            on_start=lambda pid: self._say_ready(),
        )
        stack.push_async_callback(self._envoy.close)
        _background(stack, self._envoy.run())
        _background(stack, _every(TURN_LOG_S, self._envoy.turn_log))

    def _join_bus(self, stack: contextlib.AsyncExitStack) -> None:
        timers = self._config.timers
        self._subscriber = Subscriber(
            self._bus,
            self._start,
            self._announce,
            hear=self._routing.hear,
            meet=lambda start: self._peers.meet(start, time.monotonic()),
            lines=self._intake.hear,
            wait_s=WAIT_S[self._config.profile],
            router_start_s=timers.router_start_s,
        )
        self._subscriber.run_in_background()
        stack.push_async_callback(self._say_goodbye)
        _background(stack, _every(TEND_S, self._tend))
        _background(stack, _every(FLUSH_S, self._lines.flush))
        _background(stack, _every(ASK_S, self._drains.ask))
        _background(stack, _every(TELL_S, self._drains.tend))

    async def _say_goodbye(self) -> None:
        """In a thread that may be left behind: a bus that is away must not hold up the end."""
        self._drains.leave()
        leaving = threading.Thread(target=self._subscriber.leave, daemon=True)
        leaving.start()
        await asyncio.to_thread(leaving.join, GOODBYE_S)

    async def _until_ready(self, stack: contextlib.AsyncExitStack) -> None:
        listening = [asyncio.create_task(event.wait()) for event in (self._xds.listening, self._xds.refused)]
        done, rest = await asyncio.wait(listening, timeout=LISTEN_S, return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()
        if not self._xds.listening.is_set():
            reason = self._xds.complaint if done else f"nothing within {LISTEN_S:.0f} s"
            await self._envoy.stop()
            raise ListenError(f"Envoy does not listen on {self._config.listen}: {reason}")
        await asyncio.to_thread(self._subscriber.subscribed.wait, JOIN_S)
        self._ready = True
        self._say_ready()

    def _say_ready(self) -> None:
        """Tell the supervisor where everything is; again when Envoy is another one."""
        if not self._ready:
            return
        facts = {
            "pid": os.getpid(),
            "http": self._http,
            "logs": self._start.logs,
            "envoy_pid": self._envoy.pid,
            "listen": str(self._config.listen),
        }
        if self._config.tls is not None:
            facts["tls_listen"] = str(self._config.tls.listen)
        write_ready(self._config.ready_file, facts)

    async def _tend(self) -> None:
        now = time.monotonic()
        subscriber, timers = self._subscriber, self._config.timers
        healthy = subscriber.is_healthy(now)
        self._routing.tend(healthy, subscriber.heard_at)
        if healthy:
            self._peers.forget(now, timers.router_start_s * MISSED_STARTS)
        if subscriber.first_answer is not None and now - subscriber.first_answer > timers.register_s:
            # Every DEA has said what it has: what nobody named may go.
            self._xds.allow_removals()

    async def _stop(self) -> None:
        await self._envoy.stop()
        self._ended.set()

    async def _ask_envoy(self, method: str, path: str) -> str:
        return await self._envoy.admin(method, path)

    def _problem(self) -> str:
        if not (self._ready and self._xds.connected):
            return "Envoy has no connection to the agent"
        # One that was adopted goes on with the certificates that it has.
        if self._certificates and not self._certificates.serving and not self._envoy.adopted:
            return "there is no certificate to serve https with; see the log"
        return ""

    def _numbers(self) -> dict[str, float]:
        routing, cache = self._routing, self._cache
        return {
            "routes": len(routing.index.routes),
            "endpoints": len(routing.table.endpoints()),
            "deas": len(routing.table.deas),
            "registrations_total": routing.registrations,
            "refused_endpoints_total": routing.refused,
            "pruned_endpoints_total": routing.pruned,
            "bus_healthy": self._subscriber.is_healthy(time.monotonic()),
            "bus_messages_total": self._subscriber.messages,
            "bus_expired_total": self._subscriber.expired,
            "xds_pushes_total": self._xds.pushes,
            "xds_nacks_total": self._xds.nacks,
            "envoy_restarts_total": self._envoy.restarts,
            "log_lines_total": cache.taken,
            "log_lines_doubled_total": cache.doubled,
            "log_sources_evicted_total": cache.evicted,
            "log_bytes": cache.size + self._gauges.size,
            "log_gauges_total": self._gauges.taken,
            "log_batches_refused_total": self._logs_http.refused + self._intake.refused,
            **self._drains.numbers(),
            **(self._certificates.numbers() if self._certificates else {}),
            "access_lines_total": self._access_log.lines,
            "access_messages_dropped_total": self._access_log.dropped_messages,
            "access_lines_dropped_total": self._lines.dropped,
        }


async def _lock(stack: contextlib.AsyncExitStack, path: Path) -> None:
    """One agent per folder: two would take the socket, and Envoy, from each other. Raises TimeoutError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = stack.enter_context(path.open("w"))
    deadline = time.monotonic() + LOCK_S
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise TimeoutError(f"another router agent holds {path.parent}") from None
            await asyncio.sleep(0.1)


def _background(stack: contextlib.AsyncExitStack, work: Awaitable[None]) -> None:
    task = asyncio.ensure_future(work)
    task.add_done_callback(_tell)
    stack.callback(task.cancel)


def _tell(task: asyncio.Future[None]) -> None:
    """A background task that dies does not die unheard."""
    if not task.cancelled() and task.exception() is not None:
        log.error("a part of the router has ended", exc_info=task.exception())


async def _every(pause_s: float, work: Callable[[], Awaitable[None]]) -> None:
    """A round that fails is logged; the next one comes."""
    while True:
        await asyncio.sleep(pause_s)
        try:
            await work()
        except Exception:
            log.exception("%s failed", getattr(work, "__qualname__", work))
