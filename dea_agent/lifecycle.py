"""One instance from its start to its end, on every way: up, healthy, watched, crashed, stopped.

A :class:`Life` alone changes the state of its instance. Whatever ends it (its exit, a stop, a quota, the end of
the host) comes in as an :class:`Ending`; the first one counts. The orders that matter: registered only when
healthy; unregistered before anybody hears of the end; settled before SIGTERM; what it held is given back once.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.adapters import sockets
from chalicelib.contracts.auction import Refused, Start, Started
from chalicelib.contracts.heartbeat import (
    CRASHED,
    REASON_CRASHED,
    REASON_STOPPED,
    RUNNING,
    STARTING,
    STOPPING,
    DropletExited,
    InstanceReady,
    TaskFinished,
)
from chalicelib.contracts.routing import OpenPort
from chalicelib.core.routing import APP_PORT
from chalicelib.core.timers import Timers
from dea_agent import trees
from dea_agent.health import HealthChecker, Unhealthy
from dea_agent.log_pump import LogPump
from dea_agent.messenger import CC, HM, Messenger
from dea_agent.metrics import READY, Counters
from dea_agent.ports import Ports
from dea_agent.registrar import Registrar
from dea_agent.registry import Instance, Registry
from dea_agent.runtimes.base import Address, Container, Exit, Runtime
from dea_agent.snapshot import Snapshot
from dea_agent.starter import Folders, PrepareError, Starter

log = logging.getLogger(__name__)

#: Seconds that a stop waits for the bus to take the unregister before it counts the settling time.
UNREGISTER_S = 5.0

#: Seconds between SIGTERM and SIGKILL when the whole platform goes down.
QUICK_GRACE_S = 1.0

REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class Ending:
    """Why it ends. reason: as in DropletExited, or REFUSED when nothing of the app ever ran.

    quick: nobody is served any more, so nothing is waited for. is_exit: it ended by itself.
    """

    reason: str
    description: str
    quick: bool = False
    is_exit: bool = False


@dataclass(frozen=True, slots=True)
class Tools:
    """What lives share. beat: asks for a heartbeat out of cycle."""

    host: str
    registry: Registry
    runtime: Runtime
    folders: Folders
    starter: Starter
    health: HealthChecker
    registrar: Registrar
    messenger: Messenger
    pump: LogPump
    ports: Ports
    snapshot: Snapshot
    timers: Timers
    counters: Counters
    beat: Callable[[], None]

    async def clear_away(self, guid: str) -> None:
        """Forget an instance that has ended, with its folders. Its log goes when routers have it."""
        self.registry.drop(guid)
        self.pump.retire(guid)
        await asyncio.to_thread(self.runtime.take_away, self.folders.instances / guid)
        await asyncio.to_thread(trees.remove, self.folders.control / guid)


class Life:
    """``container``: of an adopted instance. Make it, then :meth:`begin` or :meth:`resume` it."""

    def __init__(self, tools: Tools, guid: str, container: Container | None = None) -> None:
        self._tools, self.guid, self.container = tools, guid, container
        self._ending: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._is_unwanted = False
        self.task: asyncio.Task[None] | None = None

    @property
    def instance(self) -> Instance:
        return self._tools.registry.instances[self.guid]

    @property
    def is_live(self) -> bool:
        """Nothing has asked for its end yet."""
        return not self._ending.done()

    @property
    def is_over(self) -> bool:
        return self.task is not None and self.task.done()

    def begin(self, start: Start) -> None:
        log.info("starting %s", name(self.instance))
        self._say(f"DEA {self._tools.messenger.dea} is starting instance {self.guid}")
        self.task = asyncio.create_task(self._run(lambda: self._come_up(start)))

    def resume(self) -> None:
        """Go on with an adopted instance where the last agent left it."""
        self.task = asyncio.create_task(self._run(self._serve))

    def end(self, ending: Ending) -> None:
        """Ask for the end; only the first ending counts, but a stop also clears away what has crashed."""
        if ending.reason != REASON_CRASHED:
            self._is_unwanted = True
        if not self._ending.done():
            self._ending.set_result(ending)

    async def detach(self) -> None:
        """Let go of it: the instance runs on without this agent."""
        if self.task:
            self.task.cancel()
            await asyncio.wait({self.task})

    async def _run(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        task = asyncio.create_task(self._guarded(work))
        try:
            ending = await self._ending
        finally:
            task.cancel()
            await asyncio.wait({task})
        try:
            await self._finish(ending)
        except Exception:
            log.exception("instance %s did not end in good order", self.guid)

    async def _guarded(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Whatever goes wrong on the way is an ending."""
        try:
            await work()
        except PrepareError as error:
            self.end(Ending(REFUSED if error.is_ours else REASON_CRASHED, str(error)))
        except Unhealthy as error:
            self.end(Ending(REASON_CRASHED, str(error)))
        except Exception:
            log.exception("instance %s failed", self.guid)
            self.end(Ending(REASON_CRASHED, "the DEA failed to watch the instance"))

    def _say(self, text: str) -> None:
        """A line of the cell's in the app's log."""
        self._tools.pump.write(self.guid, "cell", text)

    def _put(self, **changes: Any) -> None:
        self._tools.registry.put(replace(self.instance, **changes))

    # Up.

    async def _come_up(self, start: Start) -> None:
        self.container = await self._tools.starter.launch(self.instance, start, self._open)
        self._put(state=STARTING, launched_at=time.time())
        self._tools.snapshot.write()
        await self._serve()

    def _open(self, named: tuple[int, ...]) -> Instance:
        """Lend a port of the host for each that destinations name; the first was lent with the start. Raises
        PrepareError."""
        tools, instance = self._tools, self.instance
        if instance.is_task or named == (APP_PORT,):
            return instance
        opened, in_use = [OpenPort(named[0], instance.port)], tools.registry.host_ports()
        for number in named[1:]:
            port = tools.ports.take(in_use, time.time())
            if port is None:
                raise PrepareError("insufficient resources: ports", is_ours=True)
            in_use.add(port)
            opened.append(OpenPort(number, port))
            if (inner := tools.runtime.inner_port(number, port)) != number:
                self._say(
                    f"Destination port {number}: this host's apps share its ports; listen on {inner}, $PORT_{number}"
                )
        self._put(ports=tuple(opened))
        return self.instance

    async def _serve(self) -> None:
        assert self.container
        exits, turns = asyncio.create_task(self._watch_exit(self.container)), None
        instance, health = self.instance, self._tools.health
        address = self.container.address((self._tools.host, instance.port))
        try:
            if instance.state == STARTING:
                await health.until_ready(instance.health, address, instance.launched_at)
                self._tools.counters.took(READY, time.time() - instance.launched_at)
                ready = await health.is_well(instance.readiness, address)
                self._put(ready=ready)
                self._became_healthy()
                self._tell_readiness()
            turns = asyncio.create_task(self._watch_readiness(address))
            await health.until_unhealthy(instance.health, address)
        finally:
            exits.cancel()
            if turns:
                turns.cancel()

    async def _watch_readiness(self, address: Address) -> None:
        """Out of its routes while its readiness check fails, and back in them."""
        while self.instance.readiness.type != "process":
            await self._tools.health.until_turned(self.instance.readiness, address, self.instance.ready)
            if self._ending.done():
                return
            self._put(ready=not self.instance.ready)
            self._say(f"Instance became {'ready' if self.instance.ready else 'not ready'} for requests")
            self._tools.registrar.register(self.instance)
            self._tell_readiness()

    def _tell_readiness(self) -> None:
        instance = self.instance
        if instance.registered and instance.readiness.type != "process":
            told = InstanceReady(
                instance.process_guid,
                instance.app_guid,
                instance.version,
                instance.index,
                self.guid,
                instance.ready,
                time.time(),
            )
            self._tools.messenger.promise(CC, "instance.ready", told)

    async def _watch_exit(self, container: Container) -> None:
        exit_ = await container.wait()
        self.end(Ending(REASON_CRASHED, describe(self.instance, exit_), is_exit=True))

    def _became_healthy(self) -> None:
        if self._ending.done():  # its exit came first; who was never registered need not be unregistered
            return
        is_task = self.instance.is_task
        self._put(state=RUNNING, since=time.time(), registered=not is_task)
        instance, messenger = self.instance, self._tools.messenger
        log.info("%s is healthy", name(instance))
        if not is_task:
            self._say("Instance became healthy")
            self._tools.registrar.register(instance)
        started = Started(
            instance.process_guid,
            instance.version,
            instance.index,
            self.guid,
            messenger.dea,
            messenger.boot,
            self._tools.host,
            instance.port or None,
        )
        messenger.promise(CC, "dea.started", started)
        self._tools.counters.starts += 1
        self._tools.beat()

    # Down.

    async def _finish(self, ending: Ending) -> None:
        tools, instance = self._tools, self.instance
        if instance.registered:
            tools.registrar.unregister(self.guid)
            self._put(registered=False)
        if ending.reason not in (REASON_CRASHED, REFUSED):
            self._put(state=STOPPING, since=time.time())
            tools.beat()
        self._say(ending.description)
        if not self.container:
            self.container = await tools.runtime.adopt(self.guid, tools.folders.control / self.guid, instance.uid)
        exit_ = None
        if self.container:
            if ending.reason not in (REASON_CRASHED, REFUSED):
                await self._stop_gently(self.container, ending, instance.registered)
            exit_ = await self.container.kill()
            await self.container.remove()
        self._settle_accounts(ending, exit_)
        if ending.reason != REASON_CRASHED or self._is_unwanted or instance.is_task:
            await tools.clear_away(self.guid)
        tools.beat()

    async def _stop_gently(self, container: Container, ending: Ending, was_registered: bool) -> None:
        timers = self._tools.timers
        if was_registered and not ending.quick:
            await self._tools.messenger.outbox.flush(UNREGISTER_S)
            await asyncio.sleep(timers.route_settle_s)
            await self._until_quiet(timers.stop_grace_s)
        container.terminate()
        try:
            await asyncio.wait_for(container.wait(), QUICK_GRACE_S if ending.quick else timers.stop_grace_s)
        except TimeoutError:
            self._say("it did not end by itself in time and is killed")

    async def _until_quiet(self, most_s: float) -> None:
        """Until nobody is connected to its ports, at most ``most_s``."""
        deadline = time.monotonic() + most_s
        ports = self.instance.host_ports
        while time.monotonic() < deadline and any(map(sockets.connections_to, ports)):  # noqa: ASYNC110
            await asyncio.sleep(0.1)

    def _settle_accounts(self, ending: Ending, exit_: Exit | None) -> None:
        """The end is promised to HM (a refusal to CC), and what the instance held is given back, in one step."""
        tools, instance, now = self._tools, self.instance, time.time()
        messenger = tools.messenger
        if ending.reason == REFUSED:
            messenger.promise(CC, "dea.refused", refusal(instance, messenger, ending.description))
        elif instance.is_task:
            messenger.promise(CC, "task.finished", self._task_finished(ending, exit_))
        else:
            exited = DropletExited(
                process_guid=instance.process_guid,
                app_guid=instance.app_guid,
                version=instance.version,
                index=instance.index,
                instance_guid=self.guid,
                dea=messenger.dea,
                boot=messenger.boot,
                reason=ending.reason,
                exit_status=exit_.status if exit_ else None,
                description=ending.description,
                at=exit_.at if exit_ else now,
            )
            messenger.promise(HM, "droplet.exited", exited)
        for port in instance.host_ports:
            tools.ports.give_back(port, now)
        if ending.reason == REASON_CRASHED and not instance.is_task:
            tools.counters.crashes += 1
            if instance.uid is not None:
                tools.folders.close_off(self.guid)  # it is kept, but its user goes on to another app
            self._put(state=CRASHED, since=now, uid=None)
        else:
            tools.registry.drop(self.guid)
        tools.snapshot.write()  # at once: the next agent would tell of the same end again
        log.info("%s has ended (%s): %s", name(instance), ending.reason, ending.description)

    def _task_finished(self, ending: Ending, exit_: Exit | None) -> TaskFinished:
        """A limit that was broken, or a host that could not, is a failure whatever the status."""
        messenger = self._tools.messenger
        return TaskFinished(
            task_guid=self.instance.process_guid,
            instance_guid=self.guid,
            dea=messenger.dea,
            boot=messenger.boot,
            reason=ending.reason,
            exit_status=exit_.status if exit_ and ending.is_exit else None,
            description=ending.description,
            at=exit_.at if exit_ else time.time(),
        )


def name(instance: Instance) -> str:
    """For log lines: what people call it, and the guids by which everything else is found."""
    known_as = f"{instance.app_name}/{instance.process_type}/{instance.index}"
    return f"{known_as} (instance {instance.instance_guid} of app {instance.app_guid})"


def refusal(instance: Instance, messenger: Messenger, reason: str) -> Refused:
    return Refused(
        instance.work,
        instance.process_guid,
        instance.version,
        instance.index,
        instance.instance_guid,
        messenger.dea,
        messenger.boot,
        reason,
    )


def describe(instance: Instance, exit_: Exit) -> str:
    """An exit in Cloud Foundry's words."""
    who = exit_.of or instance.source_type
    if exit_.status is None:
        return f"{who}: Exited with unknown status"
    cause = " (out of memory)" if exit_.out_of_memory else ""
    return f"{who}: Exited with status {exit_.status}{cause}"


STOPPED = Ending(REASON_STOPPED, "Stopping instance")
