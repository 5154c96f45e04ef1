"""One build from beginning to end: fetch, detect, compile, release, pack, upload."""

import asyncio
import json
import platform
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from chalicelib.contracts.runspec import StagingSpec
from chalicelib.contracts.staging import DropletMade, InstalledBuildpack, StagingStart
from chalicelib.core.lifecycle import BUILDPACKS, SUFFIX, wrong_process_types
from dea_agent.staging import package, remote, tarball
from dea_agent.staging.buildpacks import Buildpack, Library
from dea_agent.staging.errors import StagingFailed
from dea_agent.staging.installed import Installed
from dea_agent.staging.lifecycle import Folders, Lifecycle, write_new
from dea_agent.staging.remote import Downloads
from dea_agent.staging.transfer import Transfer
from dea_agent.unpack import give

#: Most bytes of a build cache, packed: a larger one takes longer to move than it saves.
MAX_CACHE_BYTES = 512 * 1024**2


class Build:
    """``durations_s`` per phase and ``cache_saved`` tell afterwards how it went."""

    def __init__(
        self, request: StagingStart, folders: Folders, library: Library, installed: Installed, downloads: Downloads
    ) -> None:
        self._request, self._folders, self._library, self._installed = request, folders, library, installed
        self._downloads, self._sandbox = downloads, downloads.sandbox
        self._uid, self._emit = downloads.uid, downloads.emit
        self._root, self._aside = folders.root, folders.aside
        self._cache_before = ""
        self.durations_s: dict[str, float] = {}
        self.cache_saved = False

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        begin = time.monotonic()
        try:
            yield
        finally:
            self.durations_s[name] = round(time.monotonic() - begin, 3)

    def _say(self, line: str) -> None:
        self._emit("OUT", line)

    async def run(self, transfer: Transfer, spec: StagingSpec) -> DropletMade:
        """Raises StagingFailed."""
        lifecycle = Lifecycle(self._sandbox, self._folders, self._emit)
        with self._phase("download"):
            await asyncio.gather(self._fetch_package(transfer), self._fetch_cache(transfer))
            self._write_env(spec.env)
            lifecycle.procfile()  # a bad one is told before the work, not after it
        with self._phase("detect"):
            packs, detected = await self._choose(lifecycle, transfer)
            packs = [await asyncio.to_thread(self._own, pack, number) for number, pack in enumerate(packs)]
        with self._phase("compile"):
            await lifecycle.compile(packs)
        with self._phase("release"):
            process_types = await lifecycle.process_types(packs)
            if wrong := wrong_process_types(process_types):
                raise StagingFailed("BuildpackReleaseFailed", wrong)
            if "web" not in process_types:
                self._emit("ERR", "No start command specified by buildpack or via Procfile.")
                self._emit("ERR", "App will not start unless a command is provided at runtime.")
        used = await asyncio.to_thread(lifecycle.used, packs, detected)
        # For who brings the droplet to another platform, or back to this one.
        info = {"detected_buildpack": detected or packs[-1].name, "start_command": process_types.get("web", "")}
        info |= {"stack": self._request.stack, "arch": platform.machine()}
        with self._phase("upload"):
            self._say("Uploading droplet, build artifacts cache...")
            packed, _ = await asyncio.gather(
                self._upload_droplet(transfer, info), self._upload_cache(transfer, lifecycle.caches(packs))
            )
            self._say("Uploading complete")
        return DropletMade(
            digest=f"sha256:{packed.sha256}",
            size_bytes=packed.size,
            stack=self._request.stack,
            arch=platform.machine(),
            process_types=process_types,
            buildpacks=used,
        )

    async def _fetch_package(self, transfer: Transfer) -> None:
        self._say("Downloading app package...")
        target = self._aside / "package.zip"
        size, digest = await transfer.download(
            self._request.package_url, target, "app package", package.LIMITS.packed_bytes
        )
        if f"sha256:{digest}" != self._request.package_digest:
            raise StagingFailed("StagingError", "the app package is damaged: its digest is not what it should be")
        self._say(f"Downloaded app package ({human(size)})")
        await asyncio.to_thread(package.unpack, target, self._folders.app, self._uid, "app package")
        target.unlink()

    async def _fetch_cache(self, transfer: Transfer) -> None:
        """Without a cache it takes longer, so no trouble with it ends a build."""
        if not self._request.cache_url:
            return
        self._say("Downloading build artifacts cache...")
        target = self._root / "cache.tgz"
        try:
            size, _ = await transfer.download(self._request.cache_url, target, "build cache", MAX_CACHE_BYTES)
        except StagingFailed as error:
            self._say(f"Building without a cache: {error}")
            return
        target.chmod(0o644)
        # By the scripts' own user: what they put into it can do no more than they can.
        inside = self._sandbox.inside
        argv = ["tar", "-xzf", inside(target), "-C", inside(self._folders.cache), "--no-same-owner"]
        status, _ = await self._sandbox.run(argv, self._emit)
        target.unlink()
        self._say(f"Downloaded build artifacts cache ({human(size)})")
        if status == 0:
            self._cache_before = await asyncio.to_thread(tarball.fingerprint, self._folders.cache)

    def _write_env(self, env: dict[str, str]) -> None:
        """Heroku's way to hand variables over: a folder with a file for each."""
        for name, value in env.items():
            if name.replace("_", "").isalnum() and len(name) < 200:
                write_new(self._folders.env / name, value)

    async def _choose(self, lifecycle: Lifecycle, transfer: Transfer) -> tuple[list[Buildpack], str]:
        """The buildpacks the app asked for or, when it asked for none, the one that detects it."""
        if not self._request.buildpacks:
            return await self._detect(lifecycle, transfer)
        known = {item.name: item for item in self._request.installed or ()}
        packs = []
        for number, key in enumerate(self._request.buildpacks):
            if item := known.get(key) or known.get(key + SUFFIX):
                packs.append(await self._installed_one(item, transfer))
            elif found := self._library.find(key):
                packs.append(found)
            elif remote.is_address(key):
                packs.append(await remote.fetch(key, self._root / f"buildpack-{number}", self._downloads))
            else:
                raise _unknown(key)
        return packs, ""

    async def _detect(self, lifecycle: Lifecycle, transfer: Transfer) -> tuple[list[Buildpack], str]:
        """Asked one by one, so that none is fetched that stands behind the one that knows the app."""
        asked = []
        builtin = tuple(InstalledBuildpack(name + SUFFIX, name) for name in BUILDPACKS)
        for item in builtin if self._request.installed is None else self._request.installed:
            candidate = await self._installed_one(item, transfer)
            asked.append(item.name)
            if (said := await lifecycle.detects(candidate)) is not None:
                return [candidate], said
        names = ", ".join(asked) or "the buildpacks (none is installed)"
        raise StagingFailed(
            "NoAppDetectedError",
            f"none of {names} knows this app; is it the right folder? A Procfile says how to start any app",
        )

    async def _installed_one(self, item: InstalledBuildpack, transfer: Transfer) -> Buildpack:
        if item.builtin is None:
            return await self._installed.get(item, transfer)
        found = self._library.find(item.builtin)
        if found is None:
            raise _unknown(item.name)
        return replace(found, key=item.name, name=item.name)

    def _own(self, pack: Buildpack, number: int) -> Buildpack:
        """Heroku's buildpacks write into their own folder; what all builds share is copied for them."""
        if pack.has("finalize") or pack.has("supply") or pack.folder.is_relative_to(self._root):
            return pack
        folder = self._root / f"own-{number}"
        shutil.copytree(pack.folder, folder, symlinks=True)
        give(folder, self._uid)
        return replace(pack, folder=folder)

    async def _upload_droplet(self, transfer: Transfer, info: dict[str, str]) -> tarball.Packed:
        staging_info, target = self._aside / "staging_info.yml", self._aside / "droplet.tgz"
        staging_info.write_text(json.dumps(info))
        folders = self._folders
        content = {
            "app": folders.app, "deps": folders.deps, "profile.d": folders.profile, "staging_info.yml": staging_info,
        }  # fmt: skip
        most_bytes = self._request.limits.disk_mb * 1024**2
        packed = await asyncio.to_thread(tarball.pack, target, content, most_bytes, self._sandbox.inside)
        await transfer.upload(self._request.droplet_put_url, target, "droplet")
        self._say(f"Uploaded droplet ({human(packed.size)})")
        return packed

    async def _upload_cache(self, transfer: Transfer, caches: dict[str, Path]) -> None:
        """What this build's buildpacks keep; not again when nothing has changed, not at all when it is too large."""
        if self._cache_before == await asyncio.to_thread(tarball.fingerprint, self._folders.cache):
            self.cache_saved = True
            return
        target = self._aside / "cache.tgz"
        try:
            packed = await asyncio.to_thread(tarball.pack, target, caches, 4 * MAX_CACHE_BYTES, self._sandbox.inside)
            if packed.size > MAX_CACHE_BYTES:
                raise StagingFailed("StagingError", f"it is larger than {human(MAX_CACHE_BYTES)}")
            await transfer.upload(self._request.cache_put_url, target, "build cache")
        except StagingFailed as error:
            self._emit("ERR", f"The build artifacts cache was not kept: {error}")
            return
        self._say(f"Uploaded build artifacts cache ({human(packed.size)})")
        self.cache_saved = True


def _unknown(key: str) -> StagingFailed:
    known = ", ".join(name + SUFFIX for name in BUILDPACKS)
    return StagingFailed(
        "BuildpackCompileFailed",
        f"there is no buildpack {key[:250]!r}; name one that is installed, such as {known}, "
        "or give the https address of a git repository or of a .zip file",
    )


def human(size: int) -> str:
    """Bytes as Cloud Foundry writes them: ``220B``, ``1.2K``, ``45.5M``."""
    for unit, factor in (("G", 1024**3), ("M", 1024**2), ("K", 1024)):
        if size >= factor:
            return f"{size / factor:.1f}".removesuffix(".0") + unit
    return f"{size}B"
