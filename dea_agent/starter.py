"""From an accepted start to running processes: run specification, droplet, folder, environment, launch."""

import asyncio
import json
import logging
import os
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp

from chalicelib.contracts.auction import Start
from chalicelib.contracts.codec import DecodeError, from_json
from chalicelib.contracts.routing import OpenPort
from chalicelib.contracts.runspec import Image, RunSpec
from chalicelib.core.routing import APP_PORT
from dea_agent import downloads, environment
from dea_agent.downloads import DownloadError
from dea_agent.droplet_cache import DropletCache
from dea_agent.environment import SpecError
from dea_agent.log_pump import LogPump
from dea_agent.metrics import FETCH, LAUNCH, Counters
from dea_agent.registry import Instance
from dea_agent.runtimes.base import Container, Launch, LaunchError, Runtime, Sidecar
from dea_agent.unpack import UnpackError, give, unpack

log = logging.getLogger(__name__)


class PrepareError(Exception):
    """Nothing of the app ran. is_ours: the fault lies with this host or its links; another may do better."""

    def __init__(self, text: str, is_ours: bool) -> None:
        super().__init__(text)
        self.is_ours = is_ours


class Folders:
    """Where the parts of an instance lie. ``instances`` is open to pass through, ``control`` only for the agent."""

    def __init__(self, base: Path) -> None:
        self.instances, self.control, self.logs = base / "instances", base / "control", base / "logs"
        for folder, mode in ((base, 0o711), (self.instances, 0o711), (self.control, 0o700), (self.logs, 0o700)):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(mode)

    def close_off(self, guid: str) -> None:
        """Take an instance's folder from its user."""
        with suppress(FileNotFoundError):  # nothing of it was ever unpacked
            os.chown(self.instances / guid, os.geteuid(), os.getegid())

    def strays(self, known: set[str]) -> list[Path]:
        """Folders of no known instance."""
        return [
            path for parent in (self.instances, self.control) for path in parent.iterdir() if path.name not in known
        ]


class Starter:
    def __init__(
        self,
        folders: Folders,
        runtime: Runtime,
        cache: DropletCache,
        http: aiohttp.ClientSession,
        pump: LogPump,
        host: str,
        counters: Counters,
    ) -> None:
        self._folders, self._runtime, self._cache = folders, runtime, cache
        self._http, self._pump, self._host, self._counters = http, pump, host, counters

    async def launch(self, instance: Instance, start: Start, lend: Callable[[tuple[int, ...]], Instance]) -> Container:
        """``lend``: gives the instance the ports that its specification names. Raises PrepareError."""
        guid = instance.instance_guid
        root, control = self._folders.instances / guid, self._folders.control / guid
        begun = time.monotonic()
        try:
            spec = await self._bring(instance, start, root)
            fetched = time.monotonic()
            self._counters.took(FETCH, fetched - begun)
            control.mkdir(mode=0o700, exist_ok=True)
            instance, image = lend(spec.ports), spec.image
            sidecars = beside(instance, spec)
            if sidecars and image:
                raise SpecError("a Docker image has no room for sidecars")
            if sidecars:
                self._pump.add(guid, {sidecar.stem: sidecar.label for sidecar in sidecars})
            env = environment.build(
                instance,
                spec,
                self._host,
                None if image else self._runtime.inner_root(root),
                self._runtime.inner_port if image is None else image_port(image),
                time.time(),
            )
            container = await self._runtime.launch(
                Launch(
                    guid=guid,
                    app_guid=instance.app_guid,
                    command=spec.command,
                    env=env,
                    root=root,
                    control=control,
                    logs=self._pump.path(guid),
                    limits=instance.limits,
                    ports=() if instance.is_task else instance.ports or (OpenPort(APP_PORT, instance.port),),
                    uid=instance.uid,
                    sidecars=sidecars,
                    egress=spec.egress,
                    policies=spec.policies,
                    image=image,
                )
            )
            self._counters.took(LAUNCH, time.monotonic() - fetched)
            return container
        except DownloadError as error:
            raise PrepareError(str(error), is_ours=True) from None
        except LaunchError as error:
            raise PrepareError(str(error), is_ours=error.is_ours) from None
        except (SpecError, UnpackError) as error:
            raise PrepareError(str(error), is_ours=False) from None
        except OSError as error:
            raise PrepareError(f"the folder could not be made: {error.strerror}", is_ours=True) from None

    async def _bring(self, instance: Instance, start: Start, root: Path) -> RunSpec:
        """The specification, and in its folder the droplet; an image comes by itself."""
        if not start.droplet_url:
            spec = await self._spec(start.spec_url)
            if spec.image is None:
                raise SpecError("there is neither a droplet nor an image")
            return spec
        return await self._spec_while(self._unpack(instance, start, root), start.spec_url)

    async def _spec_while(self, unpacking: Coroutine[Any, Any, None], url: str) -> RunSpec:
        """The specification, fetched while the droplet is unpacked."""
        spec = asyncio.create_task(self._spec(url))
        try:
            await unpacking
            return await spec
        finally:
            spec.cancel()

    async def _unpack(self, instance: Instance, start: Start, root: Path) -> None:
        async with self._cache.droplet(start.droplet_digest, start.droplet_url) as droplet:
            work = asyncio.ensure_future(asyncio.to_thread(self._prepare_folder, droplet, root, instance))
            try:
                await asyncio.shield(work)
            except asyncio.CancelledError:
                # A thread cannot be stopped, and whoever cleans up must not race it.
                await asyncio.wait({work})
                raise

    def _prepare_folder(self, droplet: Path, root: Path, instance: Instance) -> None:
        with self._runtime.filling(root, instance.limits.disk_mb):
            unpack(droplet, root, instance.limits.disk_mb * 1024**2)
            for name in ("app", "tmp", "deps"):
                (root / name).mkdir(exist_ok=True)
            give(root, instance.uid)

    async def _spec(self, url: str) -> RunSpec:
        try:
            body = await downloads.small(self._http, url, "the run specification")
            spec = from_json(RunSpec, json.loads(body))
        except (ValueError, DecodeError):
            raise SpecError("the run specification cannot be read") from None
        if not spec.command.strip() and spec.image is None:
            raise SpecError("there is no start command")
        return spec


def image_port(image: Image) -> Callable[[int, int], int]:
    """Where the app listens, for a port that destinations name: for the default one, at what the image exposes."""
    return lambda named, external: image.port if named == APP_PORT else named


def beside(instance: Instance, spec: RunSpec) -> tuple[Sidecar, ...]:
    """The sidecars, each with a log of its own under its name."""
    return tuple(
        Sidecar(f"sidecar-{number}", f"{instance.source_type}/SIDECAR/{sidecar.name.upper()}", sidecar.command)
        for number, sidecar in enumerate(spec.sidecars)
    )
