"""Uploads: CC says whether one may begin and where it goes; the bytes never pass through a function.

The uploader at the router asks with the caller's own token, streams into a multipart upload by signed URLs, and
comes back with the claim that it was given: the token may have expired while a gigabyte was on its way.
"""

import json
from dataclasses import replace
from typing import Any

from chalicelib.adapters.blobs import PART_BYTES, BlobMissing
from chalicelib.adapters.clock import new_guid, now
from chalicelib.bootstrap import World
from chalicelib.contracts.frozen import frozen
from chalicelib.core.errors import Conflict, InvalidToken, LengthRequired, PaasError, TooLarge, Unprocessable
from chalicelib.core.roles import Actor
from chalicelib.services import buildpack_bits, droplet_bits, packages
from chalicelib.services.intake import Claim, Intake

#: Kind of resource, as in its path -> who takes its bits.
INTAKES: dict[str, Intake] = {
    "packages": packages.INTAKE,
    "droplets": droplet_bits.INTAKE,
    "buildpacks": buildpack_bits.INTAKE,
}

#: The list of known files that accompanies a package's bits, bytes: 50,000 files with long names.
RESOURCES_BYTES = 16 * 1024 * 1024
#: How long an upload may take, seconds. What was begun and never ended is removed from the bucket by its rules.
UPLOAD_S = 4 * 3600


@frozen
class Begun:
    """Where the bytes go: parts of ``part_size`` bytes, then one of the two URLs. ``upload``: for the end.

    resources_url: for a list of known files that is too long for the end's own body. user: whose upload it is.
    """

    upload: str
    part_size: int
    part_urls: tuple[str, ...]
    complete_url: str
    abort_url: str
    resources_url: str
    user: str


def begin(world: World, actor: Actor, kind: str, guid: str, content_length: int | None) -> Begun:
    """Raises what the client is to be told, before a byte of the body is read."""
    intake = INTAKES[kind]
    intake.allow(actor, guid)
    if content_length is None:
        raise LengthRequired
    if content_length > intake.packed_bytes + RESOURCES_BYTES:
        raise TooLarge(f"The upload is larger than {intake.packed_bytes // 1024**2} MB")
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
        resources_url=blobs.presign_put(_list_key(key), UPLOAD_S),
        user=actor.guid,
    )


def complete(
    world: World, upload: str, size: int, filename: str, resources: list[Any] | None, is_stored: bool, trace: str = ""
) -> tuple[str, Any, str | None]:
    """The bytes are there (``size`` 0: there were none): the kind, the resource and the guid of its job, if any.

    is_stored: the list of known files lies where ``resources_url`` led to.
    """
    claims = world.keys.verify(upload)
    if claims is None or claims.get("typ") != "upload":
        raise InvalidToken
    kind, key = claims["kind"], claims["key"]
    claim = Claim(claims["guid"], key, Actor(claims["user"], claims["user_name"]), size, filename, _list_key(key))
    try:
        known = _stored(world, claim.list_key) if is_stored else resources
        taken, job_guid = INTAKES[kind].take(world, replace(claim, resources=known, is_stored=is_stored), trace)
    except PaasError as error:
        if error.status != Conflict.status:  # which is no refusal: the caller begins again
            world.blobs.delete(key)
            world.blobs.delete(claim.list_key)
        raise
    return kind, taken, job_guid


def _stored(world: World, key: str) -> list[Any] | None:
    """None when it is gone: then this end was told before."""
    info = world.blobs.head(key)
    if info is not None and info.size > RESOURCES_BYTES:
        raise Unprocessable(f"The list of resources is larger than {RESOURCES_BYTES // 1024**2} MB")
    try:
        value = json.loads(world.blobs.get_bytes(key))
    except BlobMissing:
        return None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, list):
        raise Unprocessable("Resources must be an array")
    return value


def _list_key(key: str) -> str:
    return f"{key}.json"
