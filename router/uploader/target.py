"""What CC says about an upload: where it goes, or why it may not be. All refusals are CC's."""

import asyncio
import time
from dataclasses import asdict, dataclass
from typing import Any

import aiohttp

from chalicelib.contracts.codec import from_json

#: CC restarts in a few seconds; so long a refused connection is tried again.
PATIENCE_S, PAUSE_S = 5.0, 0.2

#: CC answers within API Gateway's 29 s.
ANSWER_S = 35


@dataclass(frozen=True, slots=True)
class Target:
    """A presigned multipart upload. upload: CC's own note of it, handed back when it is complete.

    resources_url: for a list of known files that is too long for a request to CC. user: whose upload it is.
    """

    upload: str
    part_size: int
    part_urls: tuple[str, ...]
    complete_url: str
    abort_url: str
    resources_url: str = ""
    user: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of CC for the client. location: of the job that goes on with what was uploaded."""

    status: int
    body: bytes
    content_type: str
    location: str | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """What a client has sent. size in bytes, 0 for no bits; sha256 in hex; filename as the client called it.

    resources: the list of known files; None when there is none, or when it lies at ``resources_url``.
    """

    size: int
    sha256: str | None
    filename: str
    resources: list[Any] | None
    resources_stored: bool = False


class ControlPlane:
    """Asks with the client's own authority: ``headers`` are those of the client that CC is to hear."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self._url = session, url

    async def authorise(
        self, kind: str, guid: str, content_length: int | None, headers: dict[str, str]
    ) -> Target | Answer:
        """Raises aiohttp.ClientError, TimeoutError or ValueError when CC is away or talks nonsense."""
        body = {"kind": kind, "guid": guid, "content_length": content_length}
        answer, data = await self._post("/internal/uploads", body, headers)
        return from_json(Target, data) if answer.status == 201 else answer

    async def complete(self, target: Target, received: Received, headers: dict[str, str]) -> Answer:
        body = {"upload": target.upload, **asdict(received)}
        answer, _ = await self._post("/internal/uploads/complete", body, headers)
        return answer

    async def _post(self, path: str, body: dict[str, Any], headers: dict[str, str]) -> tuple[Answer, Any]:
        deadline = time.monotonic() + PATIENCE_S
        timeout = aiohttp.ClientTimeout(total=ANSWER_S)
        while True:
            try:
                async with self._session.post(self._url + path, json=body, headers=headers, timeout=timeout) as answer:
                    data = await answer.json(content_type=None) if answer.status == 201 else None
                    location = answer.headers.get("Location")
                    return Answer(answer.status, await answer.read(), answer.content_type, location), data
            except aiohttp.ClientConnectorError as problem:
                # A certificate that is not good is no better in a moment.
                if time.monotonic() > deadline or isinstance(problem, aiohttp.ClientSSLError):
                    raise
                await asyncio.sleep(PAUSE_S)
