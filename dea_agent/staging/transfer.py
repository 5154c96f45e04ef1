"""Blobs by presigned URLs: the only way in which a host reads or writes one. URLs are secrets: no error names one."""

import asyncio
import hashlib
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from dea_agent.staging.errors import StagingFailed

CHUNK_BYTES = 1024 * 1024

#: A specification is small; anything larger is not one.
MAX_JSON_BYTES = 4 * 1024 * 1024

#: Attempts, and the pause before the second one, seconds (doubled for each further one).
ATTEMPTS, PAUSE_S = 4, 0.5

#: No limit on the whole (a package may be a gigabyte), but on silence.
TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)

T = TypeVar("T")


class Transfer:
    """Use as ``async with``. What fails for a passing reason (connection, 5xx) is tried again."""

    async def __aenter__(self) -> "Transfer":
        self._http = aiohttp.ClientSession(timeout=TIMEOUT, auto_decompress=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def json(self, url: str, what: str) -> Any:
        """Raises StagingFailed."""

        async def attempt() -> Any:
            async with self._http.get(url) as answer:
                _check(answer, what)
                text = bytearray()
                async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                    text += chunk
                    if len(text) > MAX_JSON_BYTES:
                        raise ValueError("too long")
                return json.loads(text)

        try:
            return await self._retried(attempt, what)
        except ValueError:
            raise StagingFailed("StagingError", f"the {what} cannot be read") from None

    async def download(self, url: str, target: Path, what: str, max_bytes: int) -> tuple[int, str]:
        """To the file ``target``: (bytes, SHA-256 in hex). Raises StagingFailed."""

        async def attempt() -> tuple[int, str]:
            size, digest = 0, hashlib.sha256()
            async with self._http.get(url) as answer:
                _check(answer, what)
                with target.open("wb") as file:
                    async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                        size += len(chunk)
                        if size > max_bytes:
                            raise StagingFailed("StagingError", f"the {what} is larger than {max_bytes} bytes")
                        digest.update(chunk)
                        file.write(chunk)
            return size, digest.hexdigest()

        return await self._retried(attempt, what)

    async def upload(self, url: str, source: Path, what: str) -> None:
        """Raises StagingFailed."""

        async def attempt() -> None:
            with source.open("rb") as file:
                # S3 takes no chunked body, so the length is told; and the type, lest it be taken for a form.
                length = str(os.fstat(file.fileno()).st_size)
                headers = {"Content-Length": length, "Content-Type": "application/octet-stream"}
                async with self._http.put(url, data=file, headers=headers) as answer:
                    _check(answer, what)

        await self._retried(attempt, what)

    async def _retried(self, attempt: Callable[[], Awaitable[T]], what: str) -> T:
        pause = PAUSE_S
        for _ in range(ATTEMPTS - 1):
            try:
                return await attempt()
            except (aiohttp.ClientError, TimeoutError, _PassingError):
                await asyncio.sleep(pause)
                pause *= 2
        try:
            return await attempt()
        except (aiohttp.ClientError, TimeoutError, _PassingError) as error:
            reason = str(error) if isinstance(error, _PassingError) else type(error).__name__
            raise StagingFailed("StagingError", f"the {what} could not be transferred: {reason}") from None


class _PassingError(Exception):
    """The other side may be well again in a moment."""


def _check(answer: aiohttp.ClientResponse, what: str) -> None:
    if answer.status >= 500 or answer.status == 429:
        raise _PassingError(f"HTTP {answer.status}")
    if answer.status >= 300:
        raise StagingFailed("StagingError", f"the {what} could not be transferred: HTTP {answer.status}")
