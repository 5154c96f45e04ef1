"""The sandbox alone, also on hosts that have less to offer: no control groups, no other users."""

import asyncio
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.contracts.auction import Limits
from dea_agent.runtimes import processes
from dea_agent.staging.errors import StagingFailed
from dea_agent.staging.sandbox import GUID_VARIABLE, SYSTEM_PATH, ProcessSandbox, Room, Sandbox
from tests.functional.staging.conftest import UID_BASE

LIMITS = Limits(memory_mb=64, disk_mb=64, fds=256)


@pytest.fixture(params=["own user", "agent's user"])
def sandbox(request: pytest.FixtureRequest, open_folder: Path) -> Iterator[Sandbox]:
    uid = UID_BASE + 300 if request.param == "own user" and UID_BASE else None
    guid = f"test-{uuid.uuid4().hex}"
    yield ProcessSandbox(Room(guid, open_folder, {"PATH": SYSTEM_PATH}, LIMITS, uid), None)
    left = [entry for pid in processes.with_variable(GUID_VARIABLE, guid) if (entry := processes.stat(pid))]
    assert [entry for entry in left if not entry.is_zombie] == []


def run(sandbox: Sandbox, script: str) -> tuple[int, list[str], list[tuple[str, str]]]:
    lines: list[tuple[str, str]] = []
    status, words = asyncio.run(sandbox.run(["/bin/sh", "-c", script], lambda *line: lines.append(line)))
    return status, words, lines


def test_a_script_tells_its_status_its_lines_and_its_last_words(sandbox: Sandbox) -> None:
    status, words, lines = run(sandbox, "echo out; echo err >&2; exit 7")
    assert (status, words) == (7, ["err"])
    assert sorted(lines) == [("ERR", "err"), ("OUT", "out")]
    assert run(sandbox, "echo only out; exit 1")[1] == ["only out"]


def test_a_killed_script_tells_its_signal(sandbox: Sandbox) -> None:
    assert run(sandbox, "kill -9 $$")[0] == -9


def test_a_program_that_is_missing_is_a_failure_with_words(sandbox: Sandbox) -> None:
    status, words = asyncio.run(sandbox.run(["/none/such"], lambda *line: None))
    assert status
    assert "No such file" in words[-1]


def test_the_environment_is_only_what_is_given(sandbox: Sandbox) -> None:
    _, _, lines = run(sandbox, "env")
    names = {line.partition("=")[0] for _, line in lines}
    assert names == {"PATH", GUID_VARIABLE, "PWD"}


def test_limits_of_files_hold_and_privileges_cannot_be_gained(sandbox: Sandbox) -> None:
    _, _, lines = run(sandbox, "ulimit -n; ulimit -c; grep NoNewPrivs /proc/self/status")
    assert [line for _, line in lines] == ["256", "0", "NoNewPrivs:\t1"]


def test_a_daemon_ends_with_its_script_though_it_holds_the_pipes(sandbox: Sandbox) -> None:
    begin = time.monotonic()
    assert run(sandbox, "setsid sleep 1000 & (setsid sh -c 'sleep 1000' &) ; echo done")[0] == 0
    assert time.monotonic() - begin < 60


def test_without_a_control_group_memory_is_watched(sandbox: Sandbox) -> None:
    with pytest.raises(StagingFailed, match="64 MB of memory"):
        run(sandbox, "python3 -c 'import time; kept = bytes(100_000_000) + b\"x\"; time.sleep(60)'")


def test_a_file_larger_than_the_disk_limit_cannot_be_written(sandbox: Sandbox, open_folder: Path) -> None:
    open_folder.chmod(0o777)
    assert run(sandbox, "head -c 100000000 /dev/zero > big")[0] != 0
    assert os.path.getsize(open_folder / "big") <= 64 * 1024**2


@pytest.mark.parametrize("times", [1, 2])
def test_a_cancelled_run_ends_its_processes_also_when_cancelled_twice(sandbox: Sandbox, times: int) -> None:
    async def cancelled() -> None:
        begun = asyncio.Event()
        script = ["/bin/sh", "-c", "echo x; setsid sleep 1000 & sleep 1000"]
        task = asyncio.create_task(sandbox.run(script, lambda *line: begun.set()))
        await begun.wait()
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert processes.descendants(os.getpid()) == []

    asyncio.run(cancelled())
