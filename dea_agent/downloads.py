"""Blobs by presigned links. Links are signed, so no error says them."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import aiohttp

T = TypeVar("T")

SMALL_TIMEOUT = aiohttp.ClientTimeout(total=15)
#: A droplet may take long, but never stand still for long.
LARGE_TIMEOUT = aiohttp.ClientTimeout(total=900, sock_connect=5, sock_read=30)

#: Seconds before each further try.
PAUSES_S = (0.2, 1.0, 3.0)

CHUNK_BYTES = 256 * 1024


class DownloadError(Exception):
    """It could not be had. The text is for people."""


async def small(http: aiohttp.ClientSession, url: str, what: str) -> bytes:
    """The body. ``what``: its name in errors. Raises DownloadError."""
    return await _get(http, url, what, SMALL_TIMEOUT, lambda answer: answer.read())


async def to_file(http: aiohttp.ClientSession, url: str, path: Path, what: str) -> None:
    """The body into a file. Raises DownloadError, and OSError of the disk."""

    async def store(answer: aiohttp.ClientResponse) -> None:
        with path.open("wb") as file:
            async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                file.write(chunk)

    await _get(http, url, what, LARGE_TIMEOUT, store)


async def _get(
    http: aiohttp.ClientSession,
    url: str,
    what: str,
    timeout: aiohttp.ClientTimeout,
    take: Callable[[aiohttp.ClientResponse], Awaitable[T]],
) -> T:
    """Tries again where that may help: no answer, or one that says that the other side has trouble."""
    for pause in (*PAUSES_S, None):
        try:
            async with http.get(url, timeout=timeout) as answer:
                if answer.status == 200:
                    return await take(answer)
                problem = f"status {answer.status}"
                if answer.status < 500:
                    break
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            problem = type(error).__name__
        if pause:
            await asyncio.sleep(pause)
    raise DownloadError(f"{what} could not be fetched: {problem}")
