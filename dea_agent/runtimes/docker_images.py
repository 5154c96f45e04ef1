"""Docker images as apps: looked at when they are staged, there when they are to run, gone when nobody has used them for
long. The engine fetches; credentials go with one request and stay nowhere.
"""

import asyncio
import json
import logging
import os
import platform
import shlex
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from docker.errors import APIError, DockerException, ImageNotFound

from chalicelib.adapters.outside import resolve
from chalicelib.contracts.auction import IMAGES
from chalicelib.contracts.runspec import Image
from chalicelib.contracts.staging import DropletMade
from chalicelib.core import images
from chalicelib.core.addresses import AddressRefused, Allowed
from chalicelib.core.routing import APP_PORT
from dea_agent.staging.errors import StagingFailed

log = logging.getLogger(__name__)

#: Most bytes of an image's layers, packed as the registry has them.
MAX_BYTES = 4 * 1024**3

#: What Docker calls this machine's architecture.
ARCHES = {"x86_64": "amd64", "aarch64": "arm64"}

#: What engines say of a failed pull, in parts and small letters, and what it means.
MEANINGS = {
    ("unauthorized", "denied", "authentication required", "no basic auth"): "its registry does not give it out: check "
    "its name, user name and password",
    ("manifest unknown", "not found", "does not exist"): "there is no such image",
    ("no matching manifest",): f"it is not made for {platform.machine()}",
    ("invalid reference",): "that is not the name of an image",
}

#: Of an engine's words, for the user.
MOST_WORDS = 300


class ImageError(Exception):
    """There is no such image here. The text is for people and holds no credentials."""


class Images:
    """Of one agent. note: file of what it has fetched, and when that was last used. allowed: registries besides public
    ones. most_bytes: of images that stay."""

    def __init__(self, client: Any, note: Path, allowed: Allowed, most_bytes: int) -> None:
        self._client, self._note, self._allowed, self._most_bytes = client, note, allowed, most_bytes
        self._lock = threading.Lock()

    async def stage(self, image: Image, emit: Callable[[str, str], None]) -> DropletMade:
        """Fetched, and pinned to the digest that its tag has now. Raises StagingFailed."""
        stop, loop = threading.Event(), asyncio.get_running_loop()

        def say(line: str) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(emit, "OUT", line)

        try:
            return await asyncio.to_thread(self._look, image, say, stop)
        except ImageError as error:
            raise StagingFailed("StagingError", str(error)) from None
        finally:
            stop.set()  # a thread cannot be cancelled; it looks at this

    def have(self, image: Image) -> str:
        """What the engine calls it, fetched if need be; whoever has it needs no registry. Blocks. Raises ImageError."""
        try:
            found = self._client.images.get(image.name)
        except ImageNotFound:
            self._pull(image, log.info, threading.Event())
            found = self._client.images.get(image.name)
        self._used(found)
        return image.name

    def _look(self, image: Image, say: Callable[[str], None], stop: threading.Event) -> DropletMade:
        try:
            digest = self._pull(image, say, stop)
            found = self._client.images.get(images.pinned(image.name, digest))
        except (DockerException, requests.RequestException) as error:
            raise ImageError(f"the image {image.name} could not be fetched: {meaning(str(error))}") from None
        self._used(found)
        made = described(found.attrs, digest)
        name, port = images.pinned(image.name, digest), made.port or APP_PORT
        say(f"Image {name}, {made.size_bytes // 1024**2} MB, listens on {port}")
        return made

    def _pull(self, image: Image, say: Callable[[str], None], stop: threading.Event) -> str:
        """The digest. Raises ImageError."""
        self._check_registry(image.name)
        repository, tag = images.divided(image.name)
        say(f"Pulling {image.name} from {images.registry(image.name)}...")
        # Never None: the engine's client would take the operator's own credentials then.
        auth = {"username": image.username, "password": image.password} if image.username else {}
        try:
            events = self._client.api.pull(repository, tag, stream=True, decode=True, auth_config=auth)
            digest = followed(self._until(stop, events), say)
        except PullFailed as error:
            raise ImageError(f"the image {image.name} could not be fetched: {error}") from None
        except (DockerException, requests.RequestException) as error:
            raise ImageError(f"the image {image.name} could not be fetched: {meaning(str(error))}") from None
        return digest

    def _check_registry(self, name: str) -> None:
        """A registry may be where the platform may connect at all, and no name may make a probe of the engine."""
        place = urlsplit(f"//{images.registry(name)}")
        try:
            resolve(place.hostname or "", place.port or 443, self._allowed)
        except (AddressRefused, ValueError) as error:
            raise ImageError(f"the image {name} could not be fetched: its registry: {error}") from None

    def _until(self, stop: threading.Event, events: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for event in events:
            if stop.is_set():
                raise PullFailed("it was cancelled")
            yield event

    def _used(self, found: Any) -> None:
        """It is used now; those that were used longest ago go until the rest is within bounds."""
        with self._lock:
            used = self._read()
            used[str(found.id)] = [time.time(), int(found.attrs["Size"])]
            self._trim(used, self._most_bytes, str(found.id))

    async def clear(self) -> None:
        """Keep only what containers have."""
        await asyncio.to_thread(self._clear)

    def _clear(self) -> None:
        with self._lock:
            self._trim(self._read(), 0, "")

    def _trim(self, used: dict[str, Any], most_bytes: int, kept: str) -> None:
        total = sum(size for _, size in used.values())
        for known in sorted(used, key=lambda one: used[one][0]):
            if total <= most_bytes:
                break
            if known != kept and self._remove(known):
                total -= used.pop(known)[1]
        self._write(used)

    def _remove(self, known: str) -> bool:
        """False while a container has it."""
        try:
            attrs = self._client.images.get(known).attrs
            for name in (*attrs["RepoTags"], *attrs["RepoDigests"]):
                self._client.images.remove(name)
        except ImageNotFound:
            return True
        except (DockerException, requests.RequestException) as error:
            log.info("the image %s stays: %s", known, error)
            return False
        return True

    def _read(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self._note.read_text()))
        except (OSError, ValueError):
            return {}

    def _write(self, used: dict[str, Any]) -> None:
        new = self._note.with_suffix(".new")
        new.write_text(json.dumps(used))
        os.rename(new, self._note)


class PullFailed(Exception):
    """The text is for people."""


def followed(events: Iterable[dict[str, Any]], say: Callable[[str], None]) -> str:
    """The digest that the engine names at the end of a pull, and on the way a line for each layer that is there.

    events: as the engine sends them. Raises PullFailed.
    """
    digest, sizes, there = "", dict[str, int](), set[str]()
    for event in events:
        layer, status = str(event.get("id", "")), str(event.get("status", ""))
        if "error" in event:
            raise PullFailed(meaning(str(event["error"])))
        if status == "Downloading":
            sizes[layer] = int(event.get("progressDetail", {}).get("total", 0))
            if sum(sizes.values()) > MAX_BYTES:
                raise PullFailed(f"it has more than {MAX_BYTES // 1024**3} GB")
        elif status in ("Pull complete", "Already exists"):
            there.add(layer)
            say(f"Layer {layer}: {status[0].lower()}{status[1:]}")
        elif status.startswith("Digest: "):
            digest = status.removeprefix("Digest: ")
    if not digest:
        raise PullFailed("the engine named no digest")
    return digest


def meaning(words: str) -> str:
    """An engine's words on a failed pull, for the user; those of which nothing is known as they are."""
    known = words.lower()
    for parts, text in MEANINGS.items():
        if any(part in known for part in parts):
            return text
    return f"its registry cannot be reached, or does not answer as one: {' '.join(words.split())[:MOST_WORDS]}"


def described(attrs: dict[str, Any], digest: str) -> DropletMade:
    """What an inspected image is as a droplet. Raises ImageError for one that cannot run here."""
    config, machine = attrs.get("Config") or {}, platform.machine()
    if attrs.get("Os") != "linux" or attrs.get("Architecture") != ARCHES.get(machine, machine):
        made_for = f"{attrs.get('Os')}/{attrs.get('Architecture')}"
        raise ImageError(f"the image is made for {made_for}, not for linux/{ARCHES.get(machine, machine)}")
    command = [*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())]
    exposed = (key.partition("/") for key in config.get("ExposedPorts") or {})
    ports = [int(port) for port, _, kind in exposed if kind in ("", "tcp") and port.isdecimal()]
    return DropletMade(
        digest=digest,
        size_bytes=int(attrs["Size"]),
        stack=IMAGES,
        arch=machine,
        process_types={"web": shlex.join(command)} if any(word.strip() for word in command) else {},
        port=min(ports, default=None),
    )


def is_apps_fault(error: Exception) -> bool:
    """Whether it was the image or its command that could not be started: no other host would do better."""
    return isinstance(error, APIError) and error.status_code in (400, 404)
