"""The buildpacks that administrators have uploaded: fetched once per digest, kept for the next build.

What is unpacked belongs to the agent; the users who build can read it and no more.
"""

import asyncio
import os
import shutil
import tempfile
import time
from pathlib import Path

from chalicelib.contracts.staging import InstalledBuildpack
from dea_agent import trees
from dea_agent.staging import package
from dea_agent.staging.buildpacks import Buildpack, with_bin
from dea_agent.staging.errors import StagingFailed
from dea_agent.staging.remote import MAX_ZIP_BYTES
from dea_agent.staging.transfer import Transfer

#: So many are kept. One used less than so many seconds ago stays in any case: a build may be reading it.
KEPT, IN_USE_S = 20, 2 * 3600


class Installed:
    """``folder``: on a path that every user may enter."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._locks: dict[str, asyncio.Lock] = {}

    async def get(self, item: InstalledBuildpack, transfer: Transfer) -> Buildpack:
        """Builds that want the same one at the same time share one download. Raises StagingFailed."""
        algorithm, _, digest = str(item.digest).partition(":")
        if item.url is None or algorithm != "sha256" or not digest.isalnum():
            raise StagingFailed("StagingError", f"the buildpack {item.name} has no digest to know it by")
        target = self._folder / digest
        async with self._locks.setdefault(digest, asyncio.Lock()):
            if not target.is_dir():
                await self._fetch(item, item.url, digest, target, transfer)
                await asyncio.to_thread(self._drop_oldest)
        os.utime(target)
        return Buildpack(item.name, item.name, with_bin(target))

    async def _fetch(self, item: InstalledBuildpack, url: str, digest: str, target: Path, transfer: Transfer) -> None:
        """Whole, or not at all: a killed agent leaves a folder that nobody takes for a buildpack."""
        self._folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix="fetching-", dir=self._folder))
        what = f"buildpack {item.name}"
        try:
            archive, content = work / "buildpack.zip", work / "content"
            _, found = await transfer.download(url, archive, what, MAX_ZIP_BYTES)
            if found != digest:
                raise StagingFailed("StagingError", f"the {what} is damaged: its digest is not what it should be")
            content.mkdir()
            await asyncio.to_thread(package.unpack, archive, content, None, what)
            await asyncio.to_thread(_open_to_readers, content)
            content.rename(target)
        finally:
            await asyncio.to_thread(trees.remove, work)

    def _drop_oldest(self) -> None:
        """And what an agent that was killed left behind."""
        folders = sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        for number, path in enumerate(folders):
            is_rest = path.name.startswith("fetching-") or number >= KEPT
            if is_rest and path.stat().st_mtime < time.time() - IN_USE_S:
                shutil.rmtree(path, ignore_errors=True)


def _open_to_readers(folder: Path) -> None:
    """Zips made on some systems have no modes; what lies in a bin folder is a program."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            is_program = path.is_dir() or path.parent.name == "bin"
            path.chmod(path.stat().st_mode & 0o777 | (0o755 if is_program else 0o644))
