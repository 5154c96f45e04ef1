"""The engine goes and comes back under running apps. Only with an engine of ours, which may be stopped."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import docker
import pytest

from dea_agent.runtimes.docker import DockerRuntime
from infra.stack.engine import VARIABLE, Engine
from tests.docker.conftest import Host

pytestmark = pytest.mark.skipif(not os.environ.get(VARIABLE), reason="the engine is somebody else's: not stopped")


@pytest.fixture
def ours() -> Engine:
    found = Engine(Path(os.environ[VARIABLE]))
    if found.users() > 1:
        pytest.skip("others use the engine at this moment: not stopped")
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_app_outlives_the_engine_and_its_end_meanwhile_is_seen_afterwards(
    host: Host, ours: Engine, number: signal.Signals
) -> None:
    async def scenario(runtime: DockerRuntime) -> None:
        ending = await host.start(runtime, "ending", "while [ ! -e end ]; do sleep 0.1; done; exit 7")
        staying = await host.start(runtime, "staying", "exec sleep 600")
        exits = asyncio.ensure_future(ending.wait()), asyncio.ensure_future(staying.wait())
        pid = staying.main_pid()
        try:
            await asyncio.to_thread(ours.signal, number)
            (host.root("ending") / "app" / "end").touch()
            await asyncio.sleep(1)
        finally:
            await asyncio.to_thread(ours.start)
        exit_ = await asyncio.wait_for(exits[0], 30)
        assert exit_.status == 7
        assert not exits[1].done()
        assert staying.main_pid() == pid
        assert docker.from_env().containers.get(f"zf-{host.base.name}-staying").status == "running"
        again = await host.start(runtime, "again", "exit 3")
        assert (await again.wait()).status == 3
        exits[1].cancel()

    host.do(scenario)


def test_who_comes_while_it_runs_uses_it_too_and_leaves_it_running(ours: Engine) -> None:
    pid, environment = ours.pid, {name: value for name, value in os.environ.items() if name != "DOCKER_HOST"}
    command = [sys.executable, "-m", "infra.stack", "with", "sh", "-c", "echo $DOCKER_HOST"]
    said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    assert said.split() == [ours.host]
    assert (ours.pid, ours.users()) == (pid, 1)
    assert docker.from_env().ping()
