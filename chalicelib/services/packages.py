"""Packages: an app's files, from the upload to the one zip that can be staged."""

import json
from typing import Any

from chalicelib.adapters.blobs import BlobMissing
from chalicelib.adapters.clock import new_guid
from chalicelib.bootstrap import World
from chalicelib.core.archive import ArchiveLimits, ArchiveRefused
from chalicelib.core.errors import BitsAlreadyUploaded, NotFound, Unprocessable
from chalicelib.core.roles import WRITE, Actor
from chalicelib.services import audit, bits, flags, jobs, listing
from chalicelib.services.assembly import PoolFile, assemble, package_key
from chalicelib.services.bits import AWAITING, COPYING, PROCESSING, READY
from chalicelib.services.intake import Claim, Intake
from chalicelib.services.owned import owned
from chalicelib.services.pool import IndexedBlobs
from chalicelib.tables.apps import App, Package
from chalicelib.tables.identity import Secret, Space
from chalicelib.tables.ledger import Job
from chalicelib.tables.unit import Unit

BITS, DOCKER = "bits", "docker"

LIMITS = ArchiveLimits()
#: Packages up to this size are assembled before the answer, which saves the client a round of polling.
INLINE_BYTES = 1024 * 1024
INLINE_FILES = 100
INLINE_GRACE_S = 30


def create(
    world: World, actor: Actor, package: Package, app: App, space: Space, password: str | None = None, trace: str = ""
) -> Package:
    """``package``: a draft that names its app. password: of the registry that has a docker package's image."""
    package.guid, package.state = new_guid(), READY if package.type == DOCKER else AWAITING
    unit = world.unit(trace)
    _add(unit, actor, package, app, space)
    if password is not None:
        unit.put(Secret(str(package.guid), sealed=world.keys.seal({"password": password})))
    unit.commit()
    return package


def copy(
    world: World, actor: Actor, source: Package, package: Package, app: App, space: Space, trace: str = ""
) -> None:
    """Make the draft ``package`` one of ``app`` with the bits of another app's. Raises Unprocessable for one that has
    none."""
    if source.app_guid == app.guid:
        raise Unprocessable("Source and destination app cannot be the same")
    if source.state != READY:
        raise Unprocessable("Source package must be in the state READY.")
    package.guid, package.app_guid, package.space_guid = new_guid(), app.guid, space.guid
    for name in ("type", "checksum", "size_bytes", "image", "username"):
        setattr(package, name, getattr(source, name))
    unit = world.unit(trace)
    if source.type == DOCKER:
        package.state = READY
        for secret in Secret.query(str(source.guid), consistent_read=True):
            unit.put(Secret(str(package.guid), sealed=bytes(secret.sealed)))
    else:
        bits.begin(unit, package, COPYING)
        jobs.start(unit, "package.copy", "copy-package", package, guid=str(package.guid), source=str(source.guid))
    _add(unit, actor, package, app, space)
    unit.commit()


def _add(unit: Unit, actor: Actor, package: Package, app: App, space: Space) -> None:
    unit.require(App, str(app.guid), NotFound(App.LABEL))
    unit.create(package)
    _record(unit, actor, "create", package, app, space)


@jobs.worker("copy-package")
def _copy(world: World, work: dict[str, Any]) -> None:
    bits.copy(world, Package, work, package_key)


def may_upload(actor: Actor, guid: str) -> None:
    package, _ = owned(actor, Package, guid, WRITE)
    if package.type != BITS:
        raise Unprocessable("Package type must be bits.")
    if package.state != AWAITING:
        raise BitsAlreadyUploaded
    flags.require(actor, "app_bits_upload")


def take_upload(world: World, claim: Claim, trace: str) -> tuple[Package, None]:
    """The package, READY already when it is small. Telling it twice changes nothing.

    Raises Unprocessable for what could never become a package, which still waits then.
    """
    package = listing.find(Package, claim.guid)
    if package is not None and package.upload == claim.key:
        return package, None
    files = _checked(claim)
    if package is None:
        raise NotFound(Package.LABEL)
    if package.state != AWAITING:
        raise BitsAlreadyUploaded
    inline = claim.size + sum(file.size for file in files) <= INLINE_BYTES and len(files) <= INLINE_FILES
    if claim.resources and not claim.is_stored:
        world.blobs.put_bytes(claim.list_key, json.dumps(claim.resources).encode(), "application/json")
    package.upload = claim.key
    unit = world.unit(trace)
    sent, listed = claim.key if claim.size else None, claim.list_key if claim.resources else None
    job = take_bits(unit, package, sent, listed, INLINE_GRACE_S if inline else 0)
    app, space = listing.get(App, str(package.app_guid)), listing.get(Space, str(package.space_guid))
    _record(unit, claim.actor, "upload", package, app, space)
    unit.commit()
    if inline:
        jobs.run(world, str(job.guid))
    return listing.get(Package, claim.guid), None


def _checked(claim: Claim) -> list[PoolFile]:
    resources = claim.resources or []
    if not claim.size and not resources:
        raise Unprocessable("Upload must include either resources or bits")
    if len(resources) > LIMITS.files:
        raise Unprocessable(f"The package has too many files: {len(resources)}; {LIMITS.files} are allowed")
    try:
        return [PoolFile.read(item) for item in resources]
    except (ArchiveRefused, AttributeError) as error:
        raise Unprocessable(f"The list of resources is invalid: {error}") from None


INTAKE = Intake(may_upload, take_upload, LIMITS.packed_bytes)


def take_bits(unit: Unit, package: Package, upload: str | None, resources: str | None, delay_s: float) -> Job:
    """Have the package assembled from two blobs: the uploaded zip, and the JSON list of what the pool has."""
    bits.begin(unit, package, PROCESSING)
    unit.put(package)
    work: dict[str, Any] = {"guid": str(package.guid), "upload": upload, "resources": resources}
    return jobs.start(unit, "package.upload", "assemble-package", package, delay_s, **work)


@jobs.worker("assemble-package")
def _assemble(world: World, work: dict[str, Any]) -> None:
    """Assembling twice gives the same package, so a worker that died is no matter."""
    package = listing.find(Package, work["guid"])
    if package is None or package.state != PROCESSING:
        return
    try:
        made = assemble(IndexedBlobs(world.blobs), str(package.guid), work["upload"], _resources(world, work))
    except ArchiveRefused as error:
        bits.end(world, package, f"The package is invalid: {error}")
        raise Unprocessable(str(package.error)) from None
    except BlobMissing:
        current = listing.find(Package, work["guid"])
        if current is not None and current.state == PROCESSING:
            bits.end(world, current, "The uploaded bits are not there any more. Upload them again.")
        return
    package.checksum, package.size_bytes = made.sha256, made.size
    bits.end(world, package)
    for key in (work["upload"], work["resources"]):
        if key:
            world.blobs.delete(key)


def _resources(world: World, work: dict[str, Any]) -> list[PoolFile]:
    if not work["resources"]:
        return []
    return [PoolFile.read(item) for item in json.loads(world.blobs.get_bytes(work["resources"]))]


def expired(world: World, guid: str) -> None:
    bits.expired(world, Package, guid)


def delete(world: World, actor: Actor, package: Package, space: Space, trace: str = "") -> Job:
    unit = world.unit(trace)
    job = jobs.start(unit, "package.delete", "delete-package", package, guid=str(package.guid))
    app = listing.find(App, str(package.app_guid))
    _record(unit, actor, "delete", package, app, space)
    unit.commit()
    return job


@jobs.worker("delete-package")
def _delete(world: World, work: dict[str, str]) -> None:
    package = listing.find(Package, work["guid"])
    if package is not None:
        remove(world, package)


def remove(world: World, package: Package, trace: str = "") -> None:
    bits.remove(world, package, package_key, trace)


def download_url(world: World, package: Package) -> str:
    """Raises Unprocessable while there is nothing to download."""
    if package.type != BITS:
        raise Unprocessable("Package type must be bits.")
    if package.state != READY:
        raise Unprocessable("Package has no bits to download.")
    return world.blobs.presign_get(package_key(str(package.guid)), filename=f"package_{package.guid}.zip")


def _record(unit: Unit, actor: Actor, verb: str, package: Package, app: App | None, space: Space) -> None:
    data = {"package_guid": str(package.guid)}
    event = f"audit.app.package.{verb}"
    audit.record(unit, actor, event, app or package, str(space.guid), str(space.org_guid), data)
