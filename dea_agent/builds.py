"""Stagings on this host: accepted like a start, run by the stager, answered for certain."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from chalicelib.contracts.auction import STAGING, Refused
from chalicelib.contracts.staging import StagingFinished, StagingStart
from dea_agent.log_pump import LogPump, Source
from dea_agent.messenger import CC, Messenger
from dea_agent.registry import Build, Registry
from dea_agent.runtimes.shim import Rate

log = logging.getLogger(__name__)

#: Seconds beyond its own time limit after which a stager that does not answer is given up.
OVERTIME_S = 30.0

#: Of one staging's log; an app may be limited to less, a build that says more is not read by anybody.
LOG_BYTES_PER_S = 1024 * 1024

#: File stem of a staging's log.
STEM = "stg"


class Stager(Protocol):
    async def stage(self, request: StagingStart, emit: Callable[[str, str], None]) -> StagingFinished:
        """Says lines of the staging log by ``emit(OUT or ERR, text)``. The result's dea and boot are filled in here."""
        ...

    async def cancel(self, build_guid: str) -> None: ...


class Builds:
    def __init__(
        self,
        registry: Registry,
        messenger: Messenger,
        pump: LogPump,
        stager: Callable[[], Stager],
        changed: Callable[[], None],
    ) -> None:
        self._registry, self._messenger, self._pump = registry, messenger, pump
        self._stager, self._changed = stager, changed
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._cancellations: set[asyncio.Task[None]] = set()

    def start(self, request: StagingStart) -> None:
        """Accept or refuse; a request that was seen before changes nothing."""
        if not self._registry.is_new(request.instance_guid):
            return
        if problem := self._registry.why_no_room(request.instance_guid, request.limits, request.stack) or self._no_log(
            request
        ):
            self._messenger.promise(
                CC,
                "dea.refused",
                Refused(
                    STAGING,
                    request.build_guid,
                    0,
                    0,
                    request.instance_guid,
                    self._messenger.dea,
                    self._messenger.boot,
                    problem,
                ),
            )
            return
        build = Build(request.build_guid, request.instance_guid, request.app_guid, request.limits)
        self._registry.builds[build.build_guid] = build
        self._changed()
        self._tasks[build.build_guid] = asyncio.create_task(self._stage(build, request))

    def _no_log(self, request: StagingStart) -> str | None:
        """Open its log; why that cannot be."""
        try:
            self._pump.open(Source(request.instance_guid, request.app_guid, "0", request.log_grant, {STEM: "STG"}))
        except OSError as error:
            return f"its log cannot be opened: {error.strerror}"
        return None

    def cancel(self, build_guid: str) -> None:
        """Begin to end it, if it runs here; its answer says that it was cancelled."""
        if build_guid in self._tasks:
            task = asyncio.create_task(self._stager().cancel(build_guid))
            self._cancellations.add(task)
            task.add_done_callback(self._cancellations.discard)

    def interrupted(self, builds: list[Build]) -> None:
        """Answer for what the last agent was staging when it ended."""
        for build in builds:
            text = "staging was interrupted by a restart of the DEA"
            self._pump.write(build.instance_guid, STEM, text, "ERR")
            self._finish(build, _failed(build, text))

    async def drain(self, deadline_s: float) -> None:
        """Let those under way end; cancel what takes longer."""
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=deadline_s)
        for build_guid in list(self._tasks):
            self.cancel(build_guid)
        await asyncio.gather(*self._tasks.values())

    async def leave(self) -> None:
        """End what is under way without an answer; the next agent gives it."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _stage(self, build: Build, request: StagingStart) -> None:
        rate = Rate(LOG_BYTES_PER_S, "staging")

        def emit(stream: str, text: str) -> None:
            for line in rate.admit(text.encode(errors="replace").rstrip(b"\n").split(b"\n")):
                self._pump.write(build.instance_guid, STEM, line.decode(errors="replace"), stream)

        try:
            result = await asyncio.wait_for(self._stager().stage(request, emit), request.timeout_s + OVERTIME_S)
        except TimeoutError:
            result = replace(_failed(build, "staging took too long"), error_id="StagingTimeExpired")
        except Exception:
            log.exception("staging of build %s failed", build.build_guid)
            result = _failed(build, "the DEA failed to stage")
        self._tasks.pop(build.build_guid, None)
        self._finish(build, result)

    def _finish(self, build: Build, result: StagingFinished) -> None:
        """The answer is promised and what was reserved is given back, in one step."""
        answer = replace(result, dea=self._messenger.dea, boot=self._messenger.boot)
        self._messenger.promise(CC, "staging.finished", answer)
        self._registry.builds.pop(build.build_guid, None)
        self._changed()
        self._pump.retire(build.instance_guid)


def _failed(build: Build, detail: str) -> StagingFinished:
    return StagingFinished(build.build_guid, build.instance_guid, "", "", error_id="StagingError", error_detail=detail)
