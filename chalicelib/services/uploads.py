"""Uploads: CC says whether one may begin and where it goes; the bytes never pass through a function.

The uploader at the router asks with the caller's own token, streams into a multipart upload by signed URLs, and
comes back with the claim that it was given: the token may have expired while a gigabyte was on its way.
"""

import json
from dataclasses import dataclass
from typing import Any

from chalicelib.adapters.blobs import PART_BYTES
from chalicelib.adapters.clock import new_guid, now
from chalicelib.bootstrap import World
from chalicelib.core.archive import ArchiveLimits, ArchiveRefused
from chalicelib.core.errors import (
    BitsAlreadyUploaded,
    InvalidToken,
    LengthRequired,
    NotFound,
    TooLarge,
    UnknownRequest,
    Unprocessable,
)
from chalicelib.core.roles import WRITE, Actor
from chalicelib.services import audit, jobs, listing, packages
from chalicelib.services.assembly import PoolFile
from chalicelib.services.owned import owned
from chalicelib.tables.apps import App, Package
from chalicelib.tables.identity import Space

LIMITS = ArchiveLimits()
#: The list of known files that accompanies the bits in the same body, bytes.
RESOURCES_BYTES = 16 * 1024 * 1024
#: How long an upload may take, seconds. What was begun and never ended is removed from the bucket by its rules.
UPLOAD_S = 4 * 3600
#: Packages up to this size are assembled before the answer, which saves the client a round of polling.
INLINE_BYTES = 1024 * 1024
INLINE_FILES = 100
INLINE_GRACE_S = 30


@dataclass(frozen=True, slots=True)
class Begun:
    """Where the bytes go: parts of ``part_size`` bytes, then one of the two URLs. ``upload``: for the end."""

    upload: str
    part_size: int
    part_urls: tuple[str, ...]
    complete_url: str
    abort_url: str


def begin(world: World, actor: Actor, kind: str, guid: str, content_length: int | None) -> Begun:
    """Raises what the client is to be told, before a byte of the body is read."""
    if kind != "packages":
        raise UnknownRequest
    package, _ = owned(actor, Package, guid, WRITE)
    if package.state != packages.AWAITING:
        raise BitsAlreadyUploaded
    if content_length is None:
        raise LengthRequired
    if content_length > LIMITS.packed_bytes + RESOURCES_BYTES:
        raise TooLarge(f"The upload is larger than {LIMITS.packed_bytes // 1024**2} MB")
    blobs = world.blobs
    key = f"uploads/{guid}/{new_guid()}"
    upload_id = blobs.create_multipart(key)
    parts = max(1, -(-content_length // PART_BYTES))
    claims = {
        "typ": "upload",
        "kind": kind,
        "guid": guid,
        "key": key,
        "upload_id": upload_id,
        "user": actor.guid,
        "user_name": actor.name,
        "exp": int(now()) + UPLOAD_S,
    }
    return Begun(
        upload=world.keys.sign(claims),
        part_size=PART_BYTES,
        part_urls=tuple(blobs.presign_part(key, upload_id, number + 1, UPLOAD_S) for number in range(parts)),
        complete_url=blobs.presign_complete(key, upload_id, UPLOAD_S),
        abort_url=blobs.presign_abort(key, upload_id, UPLOAD_S),
    )


def complete(world: World, upload: str, size: int, resources: list[Any], trace: str = "") -> Package:
    """The bytes are there (``size`` 0: there were none). Returns the package, READY already when it is small."""
    claims = world.keys.verify(upload)
    if claims is None or claims.get("typ") != "upload":
        raise InvalidToken
    guid, key = claims["guid"], claims["key"]
    package = listing.find(Package, guid)
    if package is not None and package.upload == key:
        return package  # the uploader asks again, because the answer was lost
    try:
        files = _checked(size, resources)
        if package is None:
            raise NotFound(Package.LABEL)
        if package.state != packages.AWAITING:
            raise BitsAlreadyUploaded
    except (BitsAlreadyUploaded, NotFound, Unprocessable):
        world.blobs.delete(key)
        raise
    inline = size + sum(file.size for file in files) <= INLINE_BYTES and len(files) <= INLINE_FILES
    job_guid = _accept(world, claims, package, size, resources, inline, trace)
    if inline:
        jobs.run(world, job_guid)
    return listing.get(Package, guid)


def _checked(size: int, resources: list[Any]) -> list[PoolFile]:
    """Raises Unprocessable for what could never become a package."""
    if not size and not resources:
        raise Unprocessable("Upload must include either resources or bits")
    if len(resources) > LIMITS.files:
        raise Unprocessable(f"The package has too many files: {len(resources)}; {LIMITS.files} are allowed")
    try:
        return [PoolFile.read(item) for item in resources]
    except (ArchiveRefused, AttributeError) as error:
        raise Unprocessable(f"The list of resources is invalid: {error}") from None


def _accept(
    world: World, claims: dict[str, Any], package: Package, size: int, resources: list[Any], inline: bool, trace: str
) -> str:
    """Give the bits to the package, which takes them once. Returns the guid of the job that assembles it."""
    key, listed = claims["key"], None
    if resources:
        listed = f"{key}.json"
        world.blobs.put_bytes(listed, json.dumps(resources).encode(), "application/json")
    package.upload = key
    unit = world.unit(trace)
    job = packages.take_bits(unit, package, key if size else None, listed, INLINE_GRACE_S if inline else 0)
    space, app = listing.get(Space, str(package.space_guid)), listing.get(App, str(package.app_guid))
    actor = Actor(claims["user"], claims["user_name"])
    data = {"package_guid": str(package.guid)}
    audit.record(unit, actor, "audit.app.package.upload", app, str(space.guid), str(space.org_guid), data)
    unit.commit()
    return str(job.guid)
