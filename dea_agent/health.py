"""Is it well? By port, by HTTP, or by the process being there at all.

On a host that apps share anybody may listen at a port before the app does to which it was given; what is there counts
only while all of it is the app's own.
"""

import asyncio
import time
from contextlib import suppress
from enum import Enum

import aiohttp

from chalicelib.adapters import sockets
from chalicelib.contracts.auction import HealthCheck
from dea_agent.runtimes.base import Address

#: Seconds between two looks at an instance that starts; a start is felt, so they are short.
FIRST_LOOK_S, LAST_LOOK_S = 0.02, 0.25

#: A healthy instance ends only after so many failures in a row, one second apart: a busy host is no crash.
FAILURES = 3
RETRY_S = 1.0


class Look(Enum):
    """What one look found. HELD: somebody else listens at the port."""

    WELL, ILL, HELD = range(3)


class Unhealthy(Exception):
    """The text says to the app's owner what was tried in vain."""


class HealthChecker:
    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http

    async def is_well(self, health: HealthCheck, address: Address) -> bool:
        return await self.look(health, address) is Look.WELL

    async def look(self, health: HealthCheck, address: Address) -> Look:
        """Never raises. The kernel's table is read at most once, and only when the app seems well."""
        if not await self._answers(health, address):
            return Look.ILL
        if address.owner is None or not address.port:
            return Look.WELL
        there = sockets.listeners(address.port)
        if there - {address.owner}:
            return Look.HELD
        return Look.WELL if there or health.type == "process" else Look.ILL

    async def _answers(self, health: HealthCheck, address: Address) -> bool:
        timeout_s = max(health.invocation_timeout_s, 1)
        if health.type == "process":
            return True
        if health.type == "http":
            url = f"http://{address.host}:{address.port}/{health.endpoint.lstrip('/')}"
            try:
                timeout = aiohttp.ClientTimeout(total=timeout_s)
                # A connection that stayed would look like a user's when the instance stops.
                close = {"Connection": "close"}
                async with self._http.get(url, timeout=timeout, allow_redirects=False, headers=close) as answer:
                    return answer.status == 200
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
                return False
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(address.host, address.port), timeout_s)
        except (OSError, TimeoutError):
            return False
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return True

    async def until_ready(self, health: HealthCheck, address: Address, launched_at: float) -> None:
        """Raises Unhealthy when it is not well ``health.timeout_s`` after ``launched_at`` (seconds since the epoch),
        and at once when it cannot be because its port is held."""
        deadline = launched_at + health.timeout_s
        pause = FIRST_LOOK_S
        while (look := await self.look(health, address)) is not Look.WELL:
            _check_not_held(look, address)
            if time.time() > deadline:
                raise Unhealthy(f"Timed out after {health.timeout_s}s: {_what(health, address)} never passed.")
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LAST_LOOK_S)

    async def until_unhealthy(self, health: HealthCheck, address: Address) -> None:
        """Watch a healthy instance for ever; raises Unhealthy. Only an HTTP check can tell more than its process."""
        if health.type != "http":
            await asyncio.Event().wait()
        failures = 0
        while failures < FAILURES:
            await asyncio.sleep(RETRY_S if failures else max(health.interval_s, 1))
            look = await self.look(health, address)
            _check_not_held(look, address)
            failures = 0 if look is Look.WELL else failures + 1
        raise Unhealthy(f"Instance became unhealthy: {_what(health, address)} failed {FAILURES} times.")

    async def until_turned(self, readiness: HealthCheck, address: Address, is_ready: bool) -> None:
        """Until the check says the opposite: at once that it is ready, after FAILURES in a row that it is not."""
        failures = 0
        while True:
            await asyncio.sleep(max(readiness.interval_s, 1) if is_ready and not failures else RETRY_S)
            if await self.is_well(readiness, address):
                if not is_ready:
                    return
                failures = 0
            elif is_ready:
                failures += 1
                if failures == FAILURES:
                    return


def _check_not_held(look: Look, address: Address) -> None:
    if look is Look.HELD:
        raise Unhealthy(f"port {address.port} is held by somebody else")


def _what(health: HealthCheck, address: Address) -> str:
    if health.type == "http":
        return f"http health check of {health.endpoint} on port {address.port}"
    return f"{health.type} health check on port {address.port}"
