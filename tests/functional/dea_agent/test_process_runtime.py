"""Plain processes, with and without control groups: who belongs to an instance, what it uses, how it ends."""

import asyncio
import os
import tempfile
import uuid
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.contracts.auction import Limits
from dea_agent.runtimes import cgroup
from dea_agent.runtimes.base import Container, Exit, Launch, LaunchError
from dea_agent.runtimes.process import ProcessRuntime

MIB = 1024 * 1024


@pytest.fixture
def base() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="zf-test-", dir="/var/tmp") as folder:
        os.chmod(folder, 0o711)
        yield Path(folder)


@pytest.fixture(params=["with groups", "without groups"])
def runtime(request: pytest.FixtureRequest) -> Iterator[ProcessRuntime]:
    if request.param == "without groups":
        yield ProcessRuntime(None)
        return
    groups = cgroup.detect(f"zf-test-{uuid.uuid4().hex[:8]}")
    if groups is None:
        pytest.skip("this user cannot write control groups here")
    yield ProcessRuntime(groups)


def a_launch(base: Path, command: str, **changes: Any) -> Launch:
    guid = str(uuid.uuid4())
    for name in ("control", "logs"):
        (base / name / guid).mkdir(parents=True)
    root = base / "instances" / guid
    (root / "app").mkdir(parents=True)
    fields: dict[str, Any] = {
        "guid": guid,
        "app_guid": "app-1",
        "command": command,
        "env": {"CF_INSTANCE_GUID": guid, "PATH": "/usr/bin:/bin", "HOME": str(root / "app")},
        "root": root,
        "control": base / "control" / guid,
        "logs": base / "logs" / guid,
        "limits": Limits(64, 64),
        "ports": (),
        "uid": None,
    }
    return Launch(**(fields | changes))


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 60))


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - files and processes send no events
        await asyncio.sleep(0.02)


def log_of(launch: Launch) -> str:
    return "".join(path.read_text(errors="replace") for path in sorted(launch.logs.iterdir()))


async def ended(container: Container) -> Exit:
    exit_ = await container.wait()
    await container.kill()
    await container.remove()
    return exit_


def test_the_exit_status_is_the_commands(base: Path, runtime: ProcessRuntime) -> None:
    async def scenario() -> None:
        launch = a_launch(base, "echo $HOME; exit 7")
        exit_ = await ended(await runtime.launch(launch))
        assert (exit_.status, exit_.out_of_memory) == (7, False)
        assert f"O {launch.root}/app\n" in log_of(launch)

    run(scenario)


def test_a_command_that_cannot_be_run_says_why_in_the_log(base: Path, runtime: ProcessRuntime) -> None:
    async def scenario() -> None:
        launch = a_launch(base, "./no-such-thing")
        assert (await ended(await runtime.launch(launch))).status == 127
        assert "no-such-thing" in log_of(launch)

    run(scenario)


def test_daemons_that_left_the_session_are_counted_and_killed(base: Path, runtime: ProcessRuntime) -> None:
    async def scenario() -> None:
        launch = a_launch(base, "(setsid sh -c 'setsid sleep 1000 & setsid sleep 1000' &) ; trap '' TERM; sleep 1000")
        container = await runtime.launch(launch)
        await until(lambda: len(container.pids()) >= 4)  # type: ignore[attr-defined]
        sample = container.sample()
        assert sample is not None
        assert sample.threads >= 4
        exit_ = await container.kill()
        assert exit_.status == 137
        assert container.pids() == []  # type: ignore[attr-defined]
        assert container.sample() is None
        await container.remove()

    run(scenario)


def test_memory_that_processes_share_counts_once(base: Path, runtime: ProcessRuntime) -> None:
    program = (
        "import os, time; shared = bytearray(30 * 1024 * 1024)\n"
        "for _ in range(4): os.fork() or time.sleep(1000)\n"
        "print('forked', flush=True); time.sleep(1000)"
    )

    async def scenario() -> None:
        launch = a_launch(base, f"exec /usr/bin/python3 -c '{program.replace(chr(39), chr(34))}'")
        container = await runtime.launch(launch)
        await until(lambda: "forked" in log_of(launch))
        sample = container.sample()
        assert sample is not None
        assert 28 * MIB < sample.memory_bytes < 64 * MIB
        await container.kill()
        await container.remove()

    run(scenario)


def test_it_is_known_again_running_and_ended(base: Path, runtime: ProcessRuntime) -> None:
    async def scenario() -> None:
        launch = a_launch(base, "read line < wait; exit 3")
        os.mkfifo(launch.root / "app" / "wait")
        await runtime.launch(launch)
        again = await runtime.adopt(launch.guid, launch.control, None)
        assert again is not None
        (launch.root / "app" / "wait").write_text("go\n")
        assert (await again.wait()).status == 3
        after = await runtime.adopt(launch.guid, launch.control, None)
        assert after is not None
        assert (await ended(after)).status == 3

    run(scenario)


def test_what_was_never_launched_is_not_known_and_never_will_run(base: Path, runtime: ProcessRuntime) -> None:
    async def scenario() -> None:
        launch = a_launch(base, "touch ran")
        assert await runtime.adopt(launch.guid, launch.control, None) is None
        with pytest.raises(LaunchError):
            await runtime.launch(launch)
        assert not (launch.root / "app" / "ran").exists()

    run(scenario)


def test_files_are_limited_and_no_core_is_dumped(base: Path, runtime: ProcessRuntime) -> None:
    async def scenario() -> None:
        launch = a_launch(base, "ulimit -n; ulimit -c", limits=Limits(64, 64, fds=99))
        await ended(await runtime.launch(launch))
        assert [line.split()[-1] for line in log_of(launch).splitlines()[:2]] == ["99", "0"]

    run(scenario)


def test_an_app_is_its_own_user_and_gains_nothing(base: Path, runtime: ProcessRuntime) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give an app a user of its own")

    async def scenario() -> None:
        launch = a_launch(
            base, "id -u; id -G; grep NoNewPrivs /proc/self/status; cat ../../../control/*/shim.json", uid=29900
        )
        for path in (launch.root, launch.root / "app"):
            os.chown(path, 29900, 29900)
        await ended(await runtime.launch(launch))
        texts = [line.split(" ", 2)[2] for line in log_of(launch).splitlines()]
        assert texts[:3] == ["29900", "29900", "NoNewPrivs:\t1"]

    run(scenario)


def test_groups_are_swept_of_what_nobody_knows(base: Path) -> None:
    groups = cgroup.detect(f"zf-test-{uuid.uuid4().hex[:8]}")
    if groups is None:
        pytest.skip("this user cannot write control groups here")

    async def scenario() -> None:
        runtime = ProcessRuntime(groups)
        launch = a_launch(base, "sleep 1000")
        container = await runtime.launch(launch)
        await until(lambda: container.sample() is not None)
        await runtime.sweep({launch.guid})
        assert container.sample() is not None
        await runtime.close()
        assert (await container.wait()).status == 137
        assert groups.find(launch.guid) is None

    run(scenario)
