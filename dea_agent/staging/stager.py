"""Staging: a package becomes a droplet. One :class:`Stager` per agent; many builds may run at once.

A build that fails is an answer, never an exception: the control plane shows it to the app's owner.
"""

import asyncio
import errno
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from chalicelib.contracts.codec import DecodeError, from_json
from chalicelib.contracts.runspec import Image, StagingSpec
from chalicelib.contracts.staging import DropletMade, StagingFinished, StagingStart
from chalicelib.core.addresses import Allowed
from dea_agent import trees
from dea_agent.runtimes.base import ImageShelf
from dea_agent.staging.build import Build
from dea_agent.staging.buildpacks import Library
from dea_agent.staging.errors import StagingFailed
from dea_agent.staging.installed import Installed
from dea_agent.staging.lifecycle import Folders
from dea_agent.staging.remote import Downloads
from dea_agent.staging.sandbox import SYSTEM_PATH, Emit, ProcessSandboxes, Room, Sandboxes
from dea_agent.staging.transfer import Transfer

log = logging.getLogger(__name__)

#: What an operator lets through from the agent's environment to the buildpacks (package index, proxies): names,
#: separated by commas.
PASSED_NAMES = "ZF_STAGING_ENV_PASS"

#: Where every user of a host may write, whatever his TMPDIR says.
SHARED_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")

NOTHING_ALLOWED = Allowed()

#: The last line of a failed build's log, as Cloud Foundry has it; for other errors it is the detail.
FAILURES = {
    "NoAppDetectedError": "None of the buildpacks detected a compatible application",
    "BuildpackCompileFailed": "Failed to compile droplet",
    "BuildpackReleaseFailed": "Failed to build droplet release",
}


def passed_env(env: Mapping[str, str]) -> dict[str, str]:
    """The variables that ``ZF_STAGING_ENV_PASS`` names. The platform's own and AWS's never pass."""
    names = [name.strip() for name in env.get(PASSED_NAMES, "").split(",")]
    return {name: env[name] for name in names if name in env and not name.startswith(("ZF_", "AWS_"))}


class Stager:
    """Builds as users ``uid_base``, ``uid_base`` + 1 and so on, one each; as the agent's own user when it is None.

    work_dir, cache_dir: the agent's, on a path that every user may enter. operator_env: see :func:`passed_env`;
    None reads it from this process's environment. allowed: where buildpacks may be fetched besides public places.
    sandboxes: where scripts run; None for plain processes. images: None where none can run.
    """

    def __init__(
        self,
        work_dir: Path,
        cache_dir: Path,
        uid_base: int | None,
        buildpacks_dir: Path,
        dea: str,
        boot: str,
        operator_env: Mapping[str, str] | None = None,
        allowed: Allowed = NOTHING_ALLOWED,
        sandboxes: Sandboxes | None = None,
        images: ImageShelf | None = None,
    ) -> None:
        self._work_dir, self._cache_dir, self._uid_base = work_dir, cache_dir, uid_base
        self._buildpacks_dir, self._dea, self._boot = buildpacks_dir, dea, boot
        self._operator_env = passed_env(os.environ) if operator_env is None else dict(operator_env)
        self._allowed, self._images = allowed, images
        for folder in (work_dir, cache_dir):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o711)
        self._installed = Installed(cache_dir / "installed")
        self._sandboxes = sandboxes or ProcessSandboxes(work_dir)
        self._slots: set[int] = set()
        self._builds: dict[asyncio.Task[StagingFinished], str] = {}
        self._library: asyncio.Task[Library] | None = None
        self._sweep()

    def _sweep(self) -> None:
        for aside in self._work_dir.iterdir():
            self._sandboxes.clear(aside.name, folder_in(aside))
            trees.remove(aside)

    async def stage(self, request: StagingStart, emit: Emit) -> StagingFinished:
        """Run the build to its end. ``emit(stream, line)``: a line of its log, ``OUT`` or ``ERR``, as it comes.

        A cancelled caller ends the build, and its processes, before the cancellation goes on.
        """
        task = asyncio.create_task(self._stage(request, emit))
        self._builds[task] = request.build_guid
        try:
            return await task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is None or current.cancelling():
                raise
            return self._finished(request, error_id="Cancelled", error_detail="the build was cancelled")
        finally:
            del self._builds[task]

    async def cancel(self, build_guid: str) -> None:
        """End the build, if it runs here; returns when nothing of it is left."""
        tasks = [task for task, guid in self._builds.items() if guid == build_guid]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _stage(self, request: StagingStart, emit: Emit) -> StagingFinished:
        begin, slot = time.monotonic(), next(i for i in range(len(self._slots) + 1) if i not in self._slots)
        self._slots.add(slot)
        uid = None if self._uid_base is None else self._uid_base + slot
        aside = Path(tempfile.mkdtemp(prefix="build-", dir=self._work_dir))
        build: Build | None = None
        answer: dict[str, Any]
        try:
            async with asyncio.timeout(request.timeout_s), Transfer() as transfer:
                spec = await self._read_spec(request, transfer)
                if spec.image:
                    answer = {"droplet": await self._stage_image(spec.image, emit)}
                else:
                    build = await self._prepare(request, spec, aside, uid, emit)
                    answer = {"droplet": await build.run(transfer, spec), "cache_saved": build.cache_saved}
        except StagingFailed as error:
            answer = {"error_id": error.error_id, "error_detail": str(error)}
        except TimeoutError:
            detail = f"staging took longer than {request.timeout_s} seconds"
            answer = {"error_id": "StagingTimeExpired", "error_detail": detail}
        except OSError as error:
            log.exception("build %s failed on this host", request.build_guid)
            detail = f"the host could not stage: {error.strerror}"
            if error.errno == errno.ENOSPC and shutil.disk_usage(aside).free:  # only its own disk is full
                detail = f"staging used more than its {request.limits.disk_mb} MB of disk"
            answer = {"error_id": "StagingError", "error_detail": detail}
        except Exception:
            log.exception("build %s failed in the agent", request.build_guid)
            answer = {"error_id": "StagingError", "error_detail": "staging failed in the platform, not in the app"}
        finally:
            # Shielded: a second cancellation must not leave a build's files behind.
            await asyncio.shield(self._clean(aside, uid, slot))
        if "error_id" in answer:
            emit("ERR", FAILURES.get(answer["error_id"], answer["error_detail"]))
        durations_s = (build.durations_s if build else {}) | {"total": round(time.monotonic() - begin, 3)}
        return self._finished(request, **answer, durations_s=durations_s)

    async def _stage_image(self, image: Image, emit: Emit) -> DropletMade:
        if self._images is None:
            raise StagingFailed("StagingError", "this host runs no Docker images")
        return await self._images.stage(image, emit)

    async def _read_spec(self, request: StagingStart, transfer: Transfer) -> StagingSpec:
        try:
            return from_json(StagingSpec, await transfer.json(request.spec_url, "staging specification"))
        except DecodeError:
            # Its text could quote a secret.
            raise StagingFailed("StagingError", "the staging specification cannot be read") from None

    async def _prepare(
        self, request: StagingStart, spec: StagingSpec, aside: Path, uid: int | None, emit: Emit
    ) -> Build:
        if self._library is None or (self._library.done() and self._library.exception()):
            self._library = asyncio.create_task(asyncio.to_thread(Library, self._buildpacks_dir, self._cache_dir))
        library = await asyncio.shield(self._library)
        folders = await asyncio.to_thread(self._make_folders, aside, request.limits.disk_mb, uid)
        inside = partial(self._sandboxes.inside, folders.root)
        env = self._operator_env | environment(request, spec, folders, library, inside)
        sandbox = self._sandboxes.open(Room(aside.name, folders.root, env, request.limits, uid, spec.egress))
        return Build(request, folders, library, self._installed, Downloads(sandbox, emit, uid, self._allowed))

    def _make_folders(self, aside: Path, disk_mb: int, uid: int | None) -> Folders:
        aside.chmod(0o710)
        if uid is not None:
            os.chown(aside, -1, uid)
        folder = folder_in(aside)
        self._sandboxes.make(folder, disk_mb)
        return Folders(folder, aside, uid)

    async def _clean(self, aside: Path, uid: int | None, slot: int) -> None:
        await asyncio.to_thread(self._sandboxes.clear, aside.name, folder_in(aside))
        await asyncio.to_thread(trees.remove, aside)
        if uid is not None:
            await asyncio.to_thread(_remove_left_by, uid)
        self._slots.discard(slot)

    def _finished(self, request: StagingStart, **answer: Any) -> StagingFinished:
        return StagingFinished(request.build_guid, request.instance_guid, self._dea, self._boot, **answer)


def folder_in(aside: Path) -> Path:
    """Where a build's scripts work. By the build's name, which tells it from others wherever it is mounted."""
    return aside / aside.name


def environment(
    request: StagingStart, spec: StagingSpec, folders: Folders, library: Library, inside: Callable[[Path], str]
) -> dict[str, str]:
    """What the buildpacks see: the user's variables over the system's, the platform's over both."""
    usable = {name: value for name, value in spec.env.items() if name and not ({"=", "\0"} & {*name, *value})}
    return {
        "PATH": SYSTEM_PATH,
        "LANG": "C.UTF-8",
        "USER": "vcap",
        **usable,
        "HOME": inside(folders.home),
        "TMPDIR": inside(folders.tmp),
        "CF_STACK": request.stack,
        "STACK": request.stack,
        "MEMORY_LIMIT": f"{request.limits.memory_mb}m",
        "STAGING_TIMEOUT": str(request.timeout_s),
        "STAGING_TOOLS": inside(library.tools),
        "VCAP_APPLICATION": spec.vcap_application,
        "VCAP_SERVICES": spec.vcap_services,
    }


def _remove_left_by(uid: int) -> None:
    """What a user left where all may write: the next build that runs as him is somebody else's."""
    for folder in SHARED_FOLDERS:
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                with suppress(OSError):
                    if entry.stat(follow_symlinks=False).st_uid == uid:
                        trees.remove(Path(entry.path))
