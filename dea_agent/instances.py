"""What becomes of ``dea.start``, ``dea.stop`` and ``dea.update``, and of what the last agent left running."""

import asyncio
import logging
import secrets
import time
from dataclasses import replace

from chalicelib.contracts.auction import TASK, Start, Stop, Update
from chalicelib.contracts.heartbeat import CRASHED, REASON_CRASHED, RUNNING, STARTING, STOPPING
from dea_agent.config import INSTANCE_UIDS
from dea_agent.lifecycle import REFUSED, STOPPED, Ending, Life, Tools, refusal
from dea_agent.log_pump import Source
from dea_agent.messenger import CC
from dea_agent.ports import free_uid
from dea_agent.registry import BORN, Instance, born, surplus_crashed
from dea_agent.runtimes.base import Container

log = logging.getLogger(__name__)


class Instances:
    """lives: one per instance that has not ended, by guid. uid_base: None when instances have no users of their own."""

    def __init__(self, tools: Tools, lives: dict[str, Life], uid_base: int | None) -> None:
        self._tools, self._lives, self._uid_base = tools, lives, uid_base
        # Anywhere, as with ports: the last boot's apps, and those of other clouds on this host, began elsewhere.
        self._last_uid = (uid_base or 0) + secrets.randbelow(INSTANCE_UIDS)

    def start(self, start: Start) -> None:
        """Accept or refuse; a start that was seen before changes nothing."""
        tools = self._tools
        if not tools.registry.is_new(start.instance_guid):
            return
        holding, now = list(tools.registry.holding()), time.time()
        problem = tools.registry.why_not(start)
        needs_port = not problem and start.work != TASK
        port = tools.ports.take(tools.registry.host_ports(), now) if needs_port else 0
        uid = self._free_uid(holding)
        if not problem and (port is None or (uid is None and self._uid_base is not None)):
            problem = "insufficient resources: ports"
        instance = born(start, port or 0, uid, now)
        problem = problem or self._no_log(instance)
        if problem:
            log.info("start of %s refused: %s", start.instance_guid, problem)
            tools.counters.refusals += 1
            tools.messenger.promise(CC, "dea.refused", refusal(instance, tools.messenger, problem))
            return
        tools.registry.put(instance)
        tools.snapshot.write()
        self._hold(Life(tools, instance.instance_guid)).begin(start)

    def _free_uid(self, holding: list[Instance]) -> int | None:
        if self._uid_base is None:
            return None
        in_use = {instance.uid for instance in holding if instance.uid}
        uid = free_uid(self._uid_base, INSTANCE_UIDS, in_use, self._last_uid)
        self._last_uid = uid or self._last_uid
        return uid

    def _open_log(self, instance: Instance) -> None:
        types = {"app": instance.source_type, "cell": "CELL"}
        self._tools.pump.open(
            Source(instance.instance_guid, instance.app_guid, str(instance.index), instance.log_grant, types)
        )

    def _no_log(self, instance: Instance) -> str | None:
        """Open its log; why that cannot be. Nothing is promised to an instance before that has gone well."""
        try:
            self._open_log(instance)
        except OSError as error:
            return f"its log cannot be opened: {error.strerror}"
        return None

    def _hold(self, life: Life) -> Life:
        self._lives[life.guid] = life
        return life

    def forget_ended(self) -> None:
        """Lives that are over leave the table of lives."""
        for guid in [guid for guid, life in self._lives.items() if life.is_over]:
            del self._lives[guid]

    async def stop(self, stop: Stop) -> None:
        for instance in self._tools.registry.note_stop(stop):
            life = self._lives.get(instance.instance_guid)
            if life and not life.is_over:
                self._tools.counters.stops += 1
                life.end(STOPPED)
            elif instance.state == CRASHED:
                await self._tools.clear_away(instance.instance_guid)
                self._tools.beat()

    def update(self, update: Update) -> None:
        """New routes, with a grant for each instance that has them."""
        for instance in list(self._tools.registry.instances.values()):
            grant = update.grants.get(instance.instance_guid)
            if grant is None or update.routes_version <= instance.routes_version:
                continue
            changed = replace(instance, routes=update.routes, routes_version=update.routes_version, route_grant=grant)
            self._tools.registry.put(changed)
            if changed.registered:
                self._tools.registrar.register(changed)
            self._tools.beat()

    async def adopt(self) -> None:
        """Go on with what the table of the last agent holds, and end what it does not."""
        tools = self._tools
        for instance in list(tools.registry.instances.values()):
            if not tools.pump.knows(instance.instance_guid) and (problem := self._no_log(instance)):
                log.error("instance %s runs on without a log: %s", instance.instance_guid, problem)
            if instance.state != CRASHED:
                guid = instance.instance_guid
                container = await tools.runtime.adopt(guid, tools.folders.control / guid, instance.uid)
                self._resume(instance, container)
        await self._sweep()

    def _resume(self, instance: Instance, container: Container | None) -> None:
        life = self._hold(Life(self._tools, instance.instance_guid, container))
        if container and instance.state == BORN:
            self._tools.registry.put(replace(instance, state=STARTING, launched_at=time.time()))
        elif instance.state == BORN:
            life.end(Ending(REFUSED, "its start was interrupted by a restart of the DEA"))
        elif instance.state == STOPPING:
            life.end(STOPPED)
        elif not container:
            life.end(Ending(REASON_CRASHED, f"{instance.source_type}: vanished while the DEA was away"))
        life.resume()

    async def _sweep(self) -> None:
        tools, known = self._tools, set(self._tools.registry.instances)
        for stray in tools.folders.strays(known):
            log.warning("removing %s, which is no instance of this DEA", stray.name)
            if container := await tools.runtime.adopt(stray.name, tools.folders.control / stray.name, None):
                await container.kill()
                await container.remove()
            await asyncio.to_thread(tools.runtime.take_away, stray)
        await tools.runtime.sweep(known)

    async def reap(self, kept_s: float) -> None:
        """Crashed instances that nobody will look at any more."""
        for guid in surplus_crashed(self._tools.registry.instances.values(), time.time(), kept_s):
            if guid not in self._lives:
                await self._tools.clear_away(guid)
                self._tools.beat()

    def main_pid(self, guid: str) -> int | None:
        """The instance's first process; None when nothing of it runs."""
        life = self._lives.get(guid)
        return life.container.main_pid() if life and life.container else None

    def serving(self) -> list[Instance]:
        return [one for one in self._tools.registry.in_state(STARTING, RUNNING) if not one.is_task]

    async def end_all(self, ending: Ending) -> None:
        """Returns when all have ended."""
        lives = list(self._lives.values())
        for life in lives:
            life.end(ending)
        await self.until_none()

    async def until_none(self) -> None:
        while tasks := [life.task for life in self._lives.values() if life.task and not life.is_over]:
            await asyncio.wait(tasks)

    async def leave(self) -> None:
        """They run on without us."""
        for life in list(self._lives.values()):
            await life.detach()
