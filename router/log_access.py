"""May this caller read the logs of that source? CC knows; its answers are remembered for a while.

Tokens are kept as hashes only.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

import aiohttp

#: Seconds that a yes stays good (architecture, section 5), and a no: long enough that a client which polls four
#: times a second with a bad token does not reach CC each time, short enough that a new app is soon readable.
YES_S, NO_S = 60.0, 2.0

#: Answers remembered.
MEMO = 10_000


@dataclass(frozen=True, slots=True)
class Refusal:
    """CC's answer, to be given to the client as it is."""

    status: int
    body: bytes
    content_type: str


class LogAccess:
    """``session`` talks to CC. clock: monotonic seconds."""

    def __init__(
        self, session: aiohttp.ClientSession, api_url: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._session, self._api_url, self._clock = session, api_url, clock
        self._memo: OrderedDict[tuple[bytes, str], tuple[float, Refusal | None]] = OrderedDict()

    async def refusal(self, authorization: str, source_id: str) -> Refusal | None:
        """None when the holder of the header may read. Raises aiohttp.ClientError or TimeoutError without CC."""
        key = (hashlib.sha256(authorization.encode()).digest(), source_id)
        known = self._memo.get(key)
        if known is not None and self._clock() < known[0]:
            return known[1]
        refusal = await self._ask(authorization, source_id)
        if refusal is None or refusal.status < 500:
            self._memo[key] = (self._clock() + (NO_S if refusal else YES_S), refusal)
            self._memo.move_to_end(key)
            if len(self._memo) > MEMO:
                self._memo.popitem(last=False)
        return refusal

    async def _ask(self, authorization: str, source_id: str) -> Refusal | None:
        url = f"{self._api_url}/internal/log_access/{quote(source_id, safe='')}"
        headers = {"Authorization": authorization} if authorization else {}
        async with self._session.get(url, headers=headers, timeout=aiohttp.ClientTimeout(total=10)) as answer:
            if answer.status == 204:
                return None
            return Refusal(answer.status, await answer.read(), answer.content_type)
