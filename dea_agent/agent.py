"""The agent: puts the parts together, takes messages to them, and knows the order of coming and going.

Coming: memory, instances (they have been running all the while), inbox, announcement. Going has three ways.
*Leave* (SIGTERM): the instances run on, and the queue stays for the next boot to read. *Drain* (SIGUSR2, POST
/drain): bid no more, ask for replacements, serve until they run or the deadline, then stop in good order.
*Stop all* (POST /stop-all): everything ends quickly and nothing stays.
"""

import asyncio
import json
import logging
import os
import secrets
import time
from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import Any

import aiohttp

from chalicelib.adapters import json_log
from chalicelib.adapters.bus import Bus
from chalicelib.contracts.auction import IMAGES, Discover, Start, Stop, Update
from chalicelib.contracts.components import CORDON, DRAIN, UNCORDON, Announce, DiscoverComponents, HostOrder
from chalicelib.contracts.envelope import Envelope
from chalicelib.contracts.heartbeat import REASON_EVACUATION, REASON_SHUTDOWN, DeaShutdown
from chalicelib.contracts.routing import RouterStart
from chalicelib.contracts.staging import StagingStart, StagingStop
from dea_agent import downloads, trees
from dea_agent.admin import Admin
from dea_agent.bidder import Bidder
from dea_agent.builds import Builds, Stager
from dea_agent.config import Config
from dea_agent.disk import LOOK_S, Disk, used_share
from dea_agent.droplet_cache import DropletCache
from dea_agent.gauges import Gauges
from dea_agent.health import HealthChecker
from dea_agent.inboxes import Inboxes
from dea_agent.instances import Instances
from dea_agent.lifecycle import Ending, Life, Tools
from dea_agent.log_pump import LogPump
from dea_agent.log_routers import RouterTable
from dea_agent.messenger import COMPONENTS, HM, Messenger
from dea_agent.metrics import Counters, Metrics
from dea_agent.outbox import Outbox
from dea_agent.ports import Ports
from dea_agent.registrar import Registrar
from dea_agent.registry import Registry
from dea_agent.reporter import Reporter
from dea_agent.runtimes.base import Runtime
from dea_agent.sampler import Sampler
from dea_agent.sender import Sender
from dea_agent.snapshot import Snapshot, load, restore_state, save_state
from dea_agent.starter import Folders, Starter

log = logging.getLogger(__name__)

#: Seconds that the polling thread waits for the loop to take a message, before it lets it come again.
TAKE_S = 10.0

#: Seconds between two looks for what is to be forgotten.
REAP_S = 5.0

#: Seconds that the last messages have on the way out.
LAST_WORDS_S = 10.0

LEAVE, DRAINED, STOP_ALL = "leave", "drained", "stop all"


class Agent:
    """One boot of one DEA. ``run`` it once, within its loop; :meth:`leave` and :meth:`drain` are for signals."""

    def __init__(self, config: Config, runtime: Runtime, bus: Bus, http: aiohttp.ClientSession) -> None:
        timers = config.timers
        self._config, self._runtime, self._bus = config, runtime, bus
        # Boots sort by their time.
        self.boot = f"{time.time_ns() // 1_000_000:011x}{secrets.token_hex(2)}"
        folders = Folders(config.dir)
        stacks = (config.stack, IMAGES) if runtime.images else (config.stack,)
        self._registry = Registry(config.memory_mb, config.disk_mb, stacks)
        self._ports = Ports(config.ports, timers.port_quarantine_s, secrets.randbelow(len(config.ports)))
        self._routers = RouterTable(timers.router_start_s)
        self._snapshot = Snapshot(config.dir / "snapshot.json", self._state)
        last = load(config.dir / "snapshot.json")
        self._old_builds = restore_state(last, self._registry, self._ports, self._routers)
        self._inboxes = Inboxes(
            bus,
            config.dea_id,
            self.boot,
            [former for former in last.get("inboxes", ()) if isinstance(former, str)],
            config.is_local,
            self._take,
            self._bus_is_back,
        )
        self._registry.on_change = self._snapshot.changed

        sender = Sender(bus)
        self._outbox = Outbox(config.dir / "outbox", sender.send)
        self._messenger = Messenger(config.dea_id, self.boot, bus, sender, self._outbox)
        self._pump = LogPump(folders.logs, self._routers, http, timers.log_flush_s)
        cache = DropletCache(
            config.dir / "droplets",
            config.droplet_cache_mb * 1024**2,
            lambda url, path: downloads.to_file(http, url, path, "the droplet"),
        )
        self._registrar = Registrar(self._messenger, self._registry, config.host, timers.register_s)
        lives: dict[str, Life] = {}
        self._sampler = Sampler(lives, lambda guid: folders.instances / guid, self._pump.written, timers.sample_s)
        self._gauges = Gauges(self._registry, lambda: self._sampler.latest, self._routers, http, timers.gauge_s)
        self._reporter = Reporter(config, runtime.name, self._messenger, self._registry, self._sampler)
        counters = Counters()
        tools = Tools(
            host=config.host,
            registry=self._registry,
            runtime=runtime,
            folders=folders,
            starter=Starter(folders, runtime, cache, http, self._pump, config.host, counters),
            health=HealthChecker(http),
            registrar=self._registrar,
            messenger=self._messenger,
            pump=self._pump,
            ports=self._ports,
            snapshot=self._snapshot,
            timers=timers,
            counters=counters,
            beat=self._reporter.ask,
        )
        self._instances = Instances(tools, lives, config.uid_base)
        self._disk = Disk(
            self._registry,
            config.disk_full_percent / 100,
            lambda: used_share(config.dir),
            (
                ("droplets kept for the next start", cache.clear),
                *((("images kept for the next start", runtime.images.clear),) if runtime.images else ()),
                ("what is left of crashed instances", lambda: self._instances.reap(0)),
            ),
            self._reporter.ask,
        )
        self._bidder = Bidder(config, self._registry, self._messenger)
        self._builds = Builds(self._registry, self._messenger, self._pump, lambda: self._stager, self._snapshot.changed)
        self._metrics = Metrics(
            config,
            runtime.name,
            self.boot,
            self._registry,
            counters,
            lambda: self._sampler.latest,
            lambda: self._bidder.bids,
            lambda: len(self._outbox),
            self._instances.main_pid,
        )
        self._admin = Admin(self._metrics, self.drain, self._stop_all)
        self._loop = asyncio.get_running_loop()
        self._order: asyncio.Future[str] = self._loop.create_future()
        self._is_stopping_all = False
        self._background: dict[str, asyncio.Task[None]] = {}
        self.http = ""

    def _state(self) -> dict[str, Any]:
        return save_state(self._inboxes.boots, self._registry, self._ports, self._routers)

    @cached_property
    def _stager(self) -> Stager:
        # Imported when the first build comes: a DEA starts faster without.
        from dea_agent.staging import Stager

        work_dir, cache_dir = self._config.dir / "staging", self._config.dir / "staging-cache"
        return Stager(
            work_dir=work_dir,
            cache_dir=cache_dir,
            uid_base=self._config.staging_uid_base,
            buildpacks_dir=self._config.buildpacks_dir,
            dea=self._config.dea_id,
            boot=self.boot,
            allowed=self._config.allowed_addresses,
            sandboxes=self._runtime.sandboxes(cache_dir, work_dir, self._config.allowed_addresses),
            images=self._runtime.images,
        )

    # Coming.

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Until somebody orders the end. ``ready`` is called when work can be taken."""
        self._snapshot.write()
        await self._instances.adopt()
        self._pump.retire_all_but({*self._registry.instances, *(build.instance_guid for build in self._old_builds)})
        if self._old_builds:
            self._stager  # noqa: B018 - making it ends what was left of them
            self._builds.interrupted(self._old_builds)
        self.http = self._reporter.http = await self._admin.start(self._config.http_port)
        for name, work in (
            ("outbox", self._outbox.run),
            ("logs", self._pump.run),
            ("samples", self._sampler.run),
            ("gauges", self._gauges.run),
            ("disk", self._watch_disk),
        ):
            self._keep(name, work)
        self._keep("reaper", self._reap)
        self._keep("bus", lambda: self._join(ready))
        try:
            order = await self._order
            if order == DRAINED:
                await self._inboxes.remove()
                self._registry.draining = False  # the next boot is a new beginning
        finally:
            await self._go()

    def _keep(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run it in the background for ever; an error is logged, and it is run again."""

        async def keep() -> None:
            while True:
                try:
                    await work()
                    return
                except Exception:
                    log.exception("%s failed and goes on", name)
                    await asyncio.sleep(1)

        self._background[name] = asyncio.create_task(keep())

    async def _join(self, ready: Callable[[], None]) -> None:
        """Open the inbox, however long the bus takes, and make ourselves known."""
        self._bidder.queue_url = self._reporter.queue_url = await self._inboxes.open()
        self._keep("registrations", self._registrar.run)
        self._keep("beats", self._reporter.run)
        self._keep("former inboxes", self._inboxes.read_former)
        await self._announce()
        if self._registry.draining:
            self.drain()
        ready()

    async def _announce(self) -> None:
        announce = Announce("dea", self._config.dea_id, self.boot, self.http, self._metrics.started_at)
        await self._messenger.attempt(COMPONENTS, "component.announce", announce)

    # Messages.

    def _take(self, envelope: Envelope) -> None:
        """In the polling thread: when this returns, what the message asks for is on disk or done."""
        asyncio.run_coroutine_threadsafe(self.receive(envelope), self._loop).result(TAKE_S)

    async def receive(self, envelope: Envelope) -> None:
        """Raises DecodeError."""
        if envelope.is_expired(time.time()):
            return
        json_log.trace.set(envelope.trace)
        match envelope.subject:
            case "dea.discover":
                self._bidder.answer(envelope.read(Discover))
            case "dea.start":
                self._instances.start(envelope.read(Start))
            case "dea.stop":
                await self._instances.stop(envelope.read(Stop))
            case "dea.update":
                self._instances.update(envelope.read(Update))
            case "staging.start":
                self._builds.start(envelope.read(StagingStart))
            case "staging.stop":
                self._builds.cancel(envelope.read(StagingStop).build_guid)
            case "router.start":
                # Those that say it again hear the full list by its own interval: most of what routes cost in the cloud.
                is_new = self._routers.heard(envelope.read(RouterStart), time.time())
                self._snapshot.changed()
                if is_new:
                    self._registrar.ask()
            case "component.discover":
                envelope.read(DiscoverComponents)
                self._catch_up()
                await self._announce()
            case "component.announce":
                pass
            case "dea.order":
                self._obey(envelope.read(HostOrder))
            case subject:
                log.info("nobody here knows what to do with %s", subject)

    def _obey(self, order: HostOrder) -> None:
        if order.boot != self.boot:
            log.info("an order to %s was meant for another boot", order.order)
        elif order.order == DRAIN:
            self.drain()
        elif order.order in (CORDON, UNCORDON):
            self._registry.cordoned = order.order == CORDON
            self._registry.on_change()
            self._reporter.ask()
        else:
            log.warning("nobody here knows how to %s", order.order)

    def _catch_up(self) -> None:
        self._registrar.ask()
        self._reporter.ask()

    def _bus_is_back(self) -> None:
        log.info("the bus answers again")
        self._routers.stamp(time.time())
        self._catch_up()

    async def _watch_disk(self) -> None:
        while True:
            await self._disk.look()
            await asyncio.sleep(LOOK_S)

    async def _reap(self) -> None:
        while True:
            self._instances.forget_ended()
            await self._instances.reap(self._config.timers.crashed_kept_s)
            if not self._inboxes.is_silent():
                self._routers.prune(time.time())
            await asyncio.sleep(REAP_S)

    # Going.

    def leave(self) -> None:
        """Nobody's way out while everything is being stopped."""
        if not self._is_stopping_all:
            self._finish(LEAVE)

    def _finish(self, order: str) -> None:
        if not self._order.done():
            self._order.set_result(order)

    def drain(self) -> None:
        if "drain" not in self._background:
            self._keep("drain", self._drain)

    async def _drain(self) -> None:
        log.info("draining")
        deadline_s = self._config.timers.drain_deadline_s
        self._registry.draining = True
        self._snapshot.write()
        serving = {instance.instance_guid for instance in self._instances.serving()}
        beats = tuple(beat for beat in self._registry.beats() if beat.instance_guid in serving)
        self._messenger.promise(HM, "dea.shutdown", DeaShutdown(self._config.dea_id, self.boot, beats))
        self._reporter.ask()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._builds.drain(deadline_s))
            try:
                await asyncio.wait_for(self._instances.until_none(), deadline_s)
            except TimeoutError:
                await self._instances.end_all(Ending(REASON_EVACUATION, "Stopping instance: its DEA is drained"))
        await self._outbox.flush(LAST_WORDS_S)
        self._finish(DRAINED)

    async def _stop_all(self) -> None:
        """Nobody needs to hear of it: the whole platform goes."""
        self._is_stopping_all = True
        for task in self._background.values():
            task.cancel()
        await self._builds.leave()
        await self._instances.end_all(Ending(REASON_SHUTDOWN, "Stopping instance: the DEA goes", quick=True))
        await self._runtime.close()
        await self._inboxes.remove()
        await asyncio.to_thread(trees.remove, self._config.dir)
        self._finish(STOP_ALL)

    async def _go(self) -> None:
        self._inboxes.stop()
        for task in self._background.values():
            task.cancel()
        await self._builds.leave()
        await self._instances.leave()
        if self._config.dir.exists():
            self._snapshot.write()
        await self._admin.stop()


def write_ready_file(config: Config, http: str, boot: str) -> None:
    """By rename, so that it is there only when it is whole."""
    if config.ready_file:
        new = config.ready_file.with_suffix(".new")
        new.write_text(json.dumps({"pid": os.getpid(), "http": http, "boot": boot, "id": config.dea_id}))
        new.rename(config.ready_file)
