"""Droplets on this host: one download per digest, however many starts wait for it, and a bounded cache after that."""

import asyncio
import hashlib
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from dea_agent.downloads import DownloadError

#: Writes the content at a URL into a file; raises DownloadError, and OSError of the disk.
Fetch = Callable[[str, Path], Awaitable[None]]


class DropletCache:
    """``folder``: files named by the hex of their sha256; ``.part`` files are downloads under way."""

    def __init__(self, folder: Path, most_bytes: int, fetch: Fetch) -> None:
        self._folder, self._most_bytes, self._fetch = folder, most_bytes, fetch
        self._downloads: dict[str, asyncio.Task[None]] = {}
        self._in_use: Counter[str] = Counter()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for part in folder.glob("*.part"):
            part.unlink()

    @asynccontextmanager
    async def droplet(self, digest: str, url: str) -> AsyncIterator[Path]:
        """The file with ``digest`` (``sha256:<hex>``), kept as long as it is in use. Raises DownloadError.

        All who ask while a download is under way share it, its failure too. Who gives up disturbs nobody.
        """
        kind, _, name = digest.partition(":")
        if kind != "sha256" or len(name) != 64 or not set(name) <= set("0123456789abcdef"):
            raise DownloadError("the droplet's digest is not a sha256")
        path = self._folder / name
        self._in_use[name] += 1
        try:
            if not path.exists():
                if name not in self._downloads:
                    self._downloads[name] = asyncio.create_task(self._download(name, url))
                    self._downloads[name].add_done_callback(lambda task: self._downloaded(name, task))
                await asyncio.shield(self._downloads[name])
            os.utime(path)
            yield path
        finally:
            self._in_use[name] -= 1
            self._evict(self._most_bytes)

    async def clear(self) -> None:
        """Keep only what is in use."""
        await asyncio.to_thread(self._evict, 0)

    async def _download(self, name: str, url: str) -> None:
        part = self._folder / f"{name}.part"
        try:
            await self._fetch(url, part)
            if await asyncio.to_thread(_sha256, part) != name:
                raise DownloadError("the droplet's content does not have its digest")
            part.rename(self._folder / name)
        except OSError as error:
            raise DownloadError(f"the droplet could not be stored: {error.strerror}") from None
        finally:
            part.unlink(missing_ok=True)

    def _downloaded(self, name: str, task: asyncio.Task[None]) -> None:
        del self._downloads[name]
        if not task.cancelled():
            task.exception()  # looked at, even when all who waited have gone

    def _evict(self, most_bytes: int) -> None:
        """Remove what was used longest ago until the rest is within bounds; never what is in use."""
        files = [(entry.stat(), entry) for entry in os.scandir(self._folder) if not entry.name.endswith(".part")]
        total = sum(stat.st_size for stat, _ in files)
        for stat, entry in sorted(files, key=lambda file: file[0].st_mtime):
            if total <= most_bytes:
                return
            if not self._in_use[entry.name]:
                os.unlink(entry.path)
                total -= stat.st_size


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
