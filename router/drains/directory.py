"""Asks CC which drains apps have: one question for all the apps that came up in a moment."""

import itertools
import logging
from collections.abc import Callable

import aiohttp

from chalicelib.contracts.codec import DecodeError, from_json, to_json
from chalicelib.contracts.logs import MAX_ASKED, AppDrains, DrainsAnswer, DrainsQuestion

log = logging.getLogger(__name__)

#: Seconds of rest after a question that got no answer: the first, doubled up to the last.
FIRST_PAUSE_S, LAST_PAUSE_S = 1.0, 10.0

#: Of the grants in one question. Those of routes can be long.
MAX_BYTES = 1024 * 1024

TIMEOUT = aiohttp.ClientTimeout(total=15)


class Directory:
    """``session`` talks to CC. clock: monotonic seconds."""

    def __init__(self, session: aiohttp.ClientSession, api_url: str, clock: Callable[[], float]) -> None:
        self._session, self._url, self._clock = session, f"{api_url}/internal/drains", clock
        self._grants: dict[str, str] = {}
        self._pause, self._not_before = FIRST_PAUSE_S, float("-inf")

    def want(self, source_id: str, grant: str) -> None:
        """Ask about this app with the next question."""
        known = self._grants.get(source_id)
        if known is None or len(grant) < len(known):
            self._grants[source_id] = grant

    async def answers(self) -> dict[str, AppDrains | None] | None:
        """What CC says of some of those that are wanted, None for apps without drains; None when it says nothing."""
        if not self._grants or self._clock() < self._not_before:
            return {}
        asked: dict[str, str] = {}
        for source_id, grant in itertools.islice(self._grants.items(), MAX_ASKED):
            if asked and sum(map(len, asked.values())) + len(grant) > MAX_BYTES:
                break
            asked[source_id] = grant
        question = DrainsQuestion(tuple(asked.values()))
        try:
            async with self._session.post(self._url, json=to_json(question), timeout=TIMEOUT) as answer:
                answer.raise_for_status()
                told = from_json(DrainsAnswer, await answer.json())
        except (aiohttp.ClientError, TimeoutError, ValueError, DecodeError) as problem:
            log.warning("the control plane does not say where logs go: %s", problem)
            self._not_before = self._clock() + self._pause
            self._pause = min(self._pause * 2, LAST_PAUSE_S)
            return None
        self._pause = FIRST_PAUSE_S
        for source_id in asked:
            self._grants.pop(source_id, None)
        found = {app.source_id: app for app in told.apps}
        return {source_id: found.get(source_id) for source_id in asked}
