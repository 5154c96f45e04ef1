"""Is it well? By port, by HTTP, or by the process being there at all."""

import asyncio
import time
from contextlib import suppress

import aiohttp

from chalicelib.contracts.auction import HealthCheck

#: Seconds between two looks at an instance that starts; a start is felt, so they are short.
FIRST_LOOK_S, LAST_LOOK_S = 0.02, 0.25

#: A healthy instance ends only after so many failures in a row, one second apart: a busy host is no crash.
FAILURES = 3
RETRY_S = 1.0

#: Host and port.
Address = tuple[str, int]


class Unhealthy(Exception):
    """The text says to the app's owner what was tried in vain."""


class HealthChecker:
    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http

    async def is_well(self, health: HealthCheck, address: Address) -> bool:
        """One look; never raises."""
        host, port = address
        timeout_s = max(health.invocation_timeout_s, 1)
        if health.type == "process":
            return True
        if health.type == "http":
            url = f"http://{host}:{port}/{health.endpoint.lstrip('/')}"
            try:
                timeout = aiohttp.ClientTimeout(total=timeout_s)
                # A connection that stayed would look like a user's when the instance stops.
                close = {"Connection": "close"}
                async with self._http.get(url, timeout=timeout, allow_redirects=False, headers=close) as answer:
                    return answer.status == 200
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
                return False
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), timeout_s)
        except (OSError, TimeoutError):
            return False
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return True

    async def until_ready(self, health: HealthCheck, address: Address, launched_at: float) -> None:
        """Raises Unhealthy when it is not well ``health.timeout_s`` after ``launched_at`` (seconds since the epoch)."""
        deadline = launched_at + health.timeout_s
        pause = FIRST_LOOK_S
        while not await self.is_well(health, address):
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
            failures = 0 if await self.is_well(health, address) else failures + 1
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


def _what(health: HealthCheck, address: Address) -> str:
    port = address[1]
    if health.type == "http":
        return f"http health check of {health.endpoint} on port {port}"
    return f"{health.type} health check on port {port}"
