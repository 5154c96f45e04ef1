"""Writes a stream of unknown length to S3 as parts of a presigned multipart upload.

At most two parts are in memory: one being filled, one on its way.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any
from xml.sax.saxutils import escape

import aiohttp
from yarl import URL

from router.uploader.target import Target

log = logging.getLogger(__name__)

#: Tries for one part; S3 asks its clients to try again.
TRIES, PAUSE_S = 3, 0.2

#: A part that does not move for this long is given up; completing a large upload takes S3 minutes at worst.
STALL_S, COMPLETE_S = 60, 300


class StoreError(RuntimeError):
    """S3 did not take the upload. The text is for the log, never for the client."""


class PartWriter:
    """``write`` pieces, then ``complete`` or ``abort``. size: bytes written."""

    def __init__(self, session: aiohttp.ClientSession, target: Target) -> None:
        self._session, self._target = session, target
        self._pieces: list[bytes] = []
        self._filled = 0
        self._on_its_way: asyncio.Task[str] | None = None
        self._etags: list[str] = []
        self.size = 0

    async def write(self, data: bytes) -> None:
        """Raises StoreError, also for an earlier part."""
        self.size += len(data)
        view = memoryview(data)
        while view:
            taken = view[: self._target.part_size - self._filled]
            self._pieces.append(bytes(taken))
            self._filled += len(taken)
            view = view[len(taken) :]
            if self._filled == self._target.part_size:
                await self._send()

    async def complete(self) -> None:
        """Raises StoreError."""
        if self._pieces:
            await self._send()
        await self._arrive()
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(etag)}</ETag></Part>"
            for number, etag in enumerate(self._etags, 1)
        )
        body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        failure = ""
        for attempt in range(TRIES):
            await asyncio.sleep(PAUSE_S * attempt)
            try:
                status, answer = await self._request("POST", self._target.complete_url, COMPLETE_S, data=body)
            except (aiohttp.ClientError, TimeoutError) as error:
                failure = repr(error)
                continue
            # S3 may find out that it failed after it has said 200.
            if status == 200 and "<Error>" not in answer:
                return
            # A try of which we heard only an error was done all the same; CC finds out if it was not.
            if status == 404 and attempt:
                return
            failure = f"{status} {answer[:500]}"
            if 400 <= status < 500:
                break
        raise StoreError(f"completing the upload: {failure}")

    async def store_apart(self, url: str, data: bytes) -> None:
        """A small object beside the bits. Raises StoreError."""
        await self._put(url, [data], len(data))

    async def abort(self) -> None:
        """Nothing of it stays. Never raises: what cannot be aborted now, the bucket's life cycle removes."""
        if self._on_its_way is not None:
            self._on_its_way.cancel()
            await asyncio.gather(self._on_its_way, return_exceptions=True)
        self._pieces = []
        try:
            await self._request("DELETE", self._target.abort_url, STALL_S)
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("an upload could not be aborted: %s", error)

    async def _send(self) -> None:
        """Put what is filled on its way, when the part before has arrived."""
        await self._arrive()
        number = len(self._etags)
        if number >= len(self._target.part_urls):
            raise StoreError("there is more than was announced")
        pieces, size = self._pieces, self._filled
        self._pieces, self._filled = [], 0
        self._on_its_way = asyncio.create_task(self._put(self._target.part_urls[number], pieces, size))

    async def _arrive(self) -> None:
        if self._on_its_way is not None:
            task, self._on_its_way = self._on_its_way, None
            self._etags.append(await task)

    async def _put(self, url: str, pieces: list[bytes], size: int) -> str:
        """Returns the part's ETag."""
        failure = ""
        for attempt in range(TRIES):
            await asyncio.sleep(PAUSE_S * attempt)
            try:
                async with self._session.put(
                    URL(url, encoded=True),
                    data=_stream(pieces),
                    headers={"Content-Length": str(size)},
                    skip_auto_headers=("Content-Type",),
                    timeout=aiohttp.ClientTimeout(sock_connect=5, sock_read=STALL_S),
                ) as answer:
                    if answer.status == 200 and "ETag" in answer.headers:
                        return answer.headers["ETag"]
                    failure = f"{answer.status} {(await answer.text())[:500]}"
                    if answer.status < 500:
                        break
            except (aiohttp.ClientError, TimeoutError) as error:
                failure = repr(error)
        raise StoreError(f"sending a part: {failure}")

    async def _request(self, method: str, url: str, timeout_s: float, **arguments: Any) -> tuple[int, str]:
        async with self._session.request(
            method,
            URL(url, encoded=True),
            timeout=aiohttp.ClientTimeout(total=timeout_s),
            skip_auto_headers=("Content-Type",),
            **arguments,
        ) as answer:
            return answer.status, await answer.text()


async def _stream(pieces: list[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
