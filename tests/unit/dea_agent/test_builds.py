"""Stagings: accepted like a start, answered for certain."""

import asyncio
import shutil
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from chalicelib.contracts.auction import Limits, Refused
from chalicelib.contracts.staging import StagingFinished, StagingStart
from dea_agent.builds import Builds
from dea_agent.log_pump import LogPump
from dea_agent.log_routers import RouterTable
from dea_agent.messenger import Messenger
from dea_agent.registry import Build, Registry

LIMITS = Limits(512, 512)


@dataclass
class FakeMessenger:
    """Keeps what is promised."""

    dea: str = "dea-0"
    boot: str = "boot-1"
    promised: list[Any] = field(default_factory=list)

    def promise(self, address: str, subject: str, body: Any) -> None:
        self.promised.append(body)


class FakeStager:
    """Ends with ``outcome`` (a result or an exception) when ``gate`` opens."""

    def __init__(self) -> None:
        self.began, self.gate, self.cancelled = asyncio.Event(), asyncio.Event(), list[str]()
        self.outcome: StagingFinished | Exception = RuntimeError("broken")

    async def stage(self, request: StagingStart, emit: Callable[[str, str], None]) -> StagingFinished:
        emit("OUT", "-----> staging")
        self.began.set()
        await self.gate.wait()
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    async def cancel(self, build_guid: str) -> None:
        self.cancelled.append(build_guid)
        self.outcome = StagingFinished(build_guid, "g1", "", "", error_id="Cancelled")
        self.gate.set()


def a_request(guid: str = "g1", **changes: Any) -> StagingStart:
    fields: dict[str, Any] = {
        "build_guid": "build-1",
        "app_guid": "app-1",
        "app_name": "hello",
        "instance_guid": guid,
        "stack": "cflinuxfs4",
        "limits": LIMITS,
        "timeout_s": 900,
        "buildpacks": (),
        **dict.fromkeys(("spec_url", "package_url", "package_digest", "droplet_put_url", "cache_put_url"), ""),
    }
    return StagingStart(**(fields | changes))


@dataclass
class Room:
    builds: Builds
    registry: Registry
    messenger: FakeMessenger
    stager: FakeStager
    pump: LogPump
    changed: asyncio.Event


def run(tmp_path: Path, scenario: Callable[[Room], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        async with aiohttp.ClientSession() as http:
            registry, said, stager = Registry(1024, 1024, ("cflinuxfs4",)), FakeMessenger(), FakeStager()
            pump = LogPump(tmp_path, RouterTable(10), http, 0.2)
            messenger: Messenger = said  # type: ignore[assignment]
            changed = asyncio.Event()
            builds = Builds(registry, messenger, pump, lambda: stager, changed.set)
            await scenario(Room(builds, registry, said, stager, pump, changed))

    asyncio.run(asyncio.wait_for(main(), 10))


async def settled(room: Room) -> None:
    while room.registry.builds:
        await room.changed.wait()
        room.changed.clear()


def test_a_staging_reserves_logs_and_answers_with_who_did_it(tmp_path: Path) -> None:
    async def scenario(room: Room) -> None:
        room.stager.outcome = StagingFinished("build-1", "g1", "", "")
        room.builds.start(a_request())
        room.builds.start(a_request())
        await room.stager.began.wait()
        assert room.registry.reserved_memory_mb == 512
        assert room.pump.written("g1", "stg") > 0
        room.stager.gate.set()
        await settled(room)
        assert room.messenger.promised == [StagingFinished("build-1", "g1", "dea-0", "boot-1")]
        assert room.registry.reserved_memory_mb == 0

    run(tmp_path, scenario)


def test_a_staging_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    async def scenario(room: Room) -> None:
        room.builds.start(a_request(limits=Limits(4096, 1)))
        [refused] = room.messenger.promised
        assert isinstance(refused, Refused)
        assert (refused.work, refused.work_guid, refused.reason) == (
            "staging",
            "build-1",
            "insufficient resources: memory",
        )

    run(tmp_path, scenario)


def test_a_stager_that_fails_is_an_answer_too(tmp_path: Path) -> None:
    async def scenario(room: Room) -> None:
        room.builds.start(a_request())
        room.stager.gate.set()
        await settled(room)
        assert room.messenger.promised[0].error_id == "StagingError"
        assert "broken" not in room.messenger.promised[0].error_detail

    run(tmp_path, scenario)


def test_a_stager_that_does_not_end_is_given_up(tmp_path: Path) -> None:
    async def scenario(room: Room) -> None:
        room.builds.start(a_request(timeout_s=-30))
        await settled(room)
        assert room.messenger.promised[0].error_id == "StagingTimeExpired"

    run(tmp_path, scenario)


def test_a_cancelled_build_says_so(tmp_path: Path) -> None:
    async def scenario(room: Room) -> None:
        room.builds.start(a_request())
        room.builds.cancel("somebody else's")
        room.builds.cancel("build-1")
        await settled(room)
        assert room.stager.cancelled == ["build-1"]
        assert room.messenger.promised[0].error_id == "Cancelled"

    run(tmp_path, scenario)


def test_what_the_last_agent_was_staging_is_answered_for(tmp_path: Path) -> None:
    async def scenario(room: Room) -> None:
        room.builds.interrupted([Build("build-1", "g1", "app-1", LIMITS)])
        [answer] = room.messenger.promised
        assert answer.error_detail == "staging was interrupted by a restart of the DEA"

    run(tmp_path, scenario)


def test_an_agent_that_leaves_ends_its_stagings_and_leaves_the_answer_to_the_next(tmp_path: Path) -> None:
    async def scenario(room: Room) -> None:
        room.builds.start(a_request())
        await room.stager.began.wait()
        await room.builds.leave()
        assert room.messenger.promised == []
        assert set(room.registry.builds) == {"build-1"}

    run(tmp_path, scenario)


def test_a_staging_whose_log_cannot_be_kept_is_refused_and_holds_nothing(tmp_path: Path) -> None:
    async def scenario(room: Room) -> None:
        (tmp_path / "g1").touch()  # where its folder would be
        room.builds.start(a_request())
        [refused] = room.messenger.promised
        assert isinstance(refused, Refused)
        assert refused.reason.startswith("its log cannot be opened")
        assert room.registry.reserved_memory_mb == 0

    run(tmp_path, scenario)


def test_lines_are_lost_on_a_full_disk_but_not_the_build(tmp_path: Path) -> None:
    async def scenario(room: Room) -> None:
        room.stager.gate.set()
        room.builds.start(a_request())
        shutil.rmtree(tmp_path / "g1")
        await settled(room)
        assert room.messenger.promised[0].error_id == "StagingError"

    run(tmp_path, scenario)
