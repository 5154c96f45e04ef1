"""What the log pump holds, and for how long."""

import asyncio
import os
import time
from pathlib import Path

import aiohttp

from dea_agent.log_pump import RETIRED_S, LogPump, Source
from dea_agent.log_routers import RouterTable


def test_the_log_of_what_is_gone_holds_no_file_open(tmp_path: Path) -> None:
    def open_files() -> list[str]:
        links = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
        return [name for link in links if (name := os.path.realpath(link)).startswith(str(tmp_path))]

    async def scenario() -> None:
        async with aiohttp.ClientSession() as http:
            pump = LogPump(tmp_path, RouterTable(10), http, 0.1)
            pump.open(Source("g1", "app-1", "0", "grant", {"app": "APP", "cell": "CELL"}))
            pump.write("g1", "cell", "starting")
            assert len(open_files()) == 1
            pump.retire("g1")
            pump.turn(time.time() + RETIRED_S + 1)

    asyncio.run(scenario())
    assert open_files() == []
    assert list(tmp_path.iterdir()) == []
