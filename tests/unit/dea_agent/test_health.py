"""Health checks against real sockets: whose they are counts as much as that they answer."""

import asyncio
import os
import socket
import time
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp
import pytest

from chalicelib.contracts.auction import HealthCheck
from dea_agent.health import HealthChecker, Look, Unhealthy
from dea_agent.runtimes.base import Address

OURS, ANOTHER = os.geteuid(), os.geteuid() + 1


def run(scenario: Callable[[HealthChecker], Coroutine[Any, Any, None]]) -> None:
    async def with_checker() -> None:
        async with aiohttp.ClientSession() as http:
            await scenario(HealthChecker(http))

    asyncio.run(asyncio.wait_for(with_checker(), 20))


def test_a_listener_counts_only_as_its_owners() -> None:
    async def scenario(checker: HealthChecker) -> None:
        with socket.create_server(("127.0.0.1", 0)) as there:
            port = there.getsockname()[1]
            for health in (HealthCheck("port"), HealthCheck("process")):
                assert await checker.look(health, Address("127.0.0.1", port, OURS)) is Look.WELL
                assert await checker.look(health, Address("127.0.0.1", port)) is Look.WELL
                assert await checker.look(health, Address("127.0.0.1", port, ANOTHER)) is Look.HELD
        assert await checker.look(HealthCheck("port"), Address("127.0.0.1", port, OURS)) is Look.ILL
        assert await checker.look(HealthCheck("process"), Address("127.0.0.1", port, OURS)) is Look.WELL
        assert await checker.look(HealthCheck("process"), Address("127.0.0.1", 0, ANOTHER)) is Look.WELL

    run(scenario)


def test_a_listener_of_the_other_address_family_is_seen_too() -> None:
    async def scenario(checker: HealthChecker) -> None:
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as there:
            where = Address("::1", there.getsockname()[1], ANOTHER)
            assert await checker.look(HealthCheck("port"), where) is Look.HELD

    run(scenario)


def test_a_held_port_ends_the_wait_at_once_and_says_so() -> None:
    async def scenario(checker: HealthChecker) -> None:
        with socket.create_server(("127.0.0.1", 0)) as there:
            port = there.getsockname()[1]
            began = time.monotonic()
            with pytest.raises(Unhealthy, match=f"^port {port} is held by somebody else$"):
                await checker.until_ready(
                    HealthCheck(timeout_s=60), Address("127.0.0.1", port, ANOTHER), launched_at=time.time()
                )
            assert time.monotonic() - began < 30

    run(scenario)
