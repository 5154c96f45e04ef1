"""Packages: an app's files, from the upload to the one zip that can be staged."""

import json
from typing import Any

from chalicelib.adapters.blobs import BlobMissing
from chalicelib.adapters.clock import new_guid, now
from chalicelib.bootstrap import World
from chalicelib.core.archive import ArchiveRefused
from chalicelib.core.errors import Unprocessable
from chalicelib.core.roles import Actor
from chalicelib.services import audit, jobs, listing
from chalicelib.services.assembly import PoolFile, assemble, package_key
from chalicelib.services.pool import IndexedBlobs
from chalicelib.tables.apps import App, Package
from chalicelib.tables.identity import Space
from chalicelib.tables.ledger import Job
from chalicelib.tables.unit import Unit

AWAITING, PROCESSING, READY, FAILED = "AWAITING_UPLOAD", "PROCESSING_UPLOAD", "READY", "FAILED"

#: Seconds that assembling may take; the jobs function tries again until then.
DEADLINE_S = 1800


def create(world: World, actor: Actor, package: Package, app: App, space: Space, trace: str = "") -> Package:
    """``package``: a draft of type ``bits`` that names its app."""
    package.guid, package.state = new_guid(), AWAITING
    unit = world.unit(trace)
    unit.create(package)
    _record(unit, actor, "create", package, app, space)
    unit.commit()
    return package


def take_bits(unit: Unit, package: Package, upload: str | None, resources: str | None, delay_s: float) -> Job:
    """Have the package assembled from two blobs: the uploaded zip, and the JSON list of what the pool has."""
    package.state, package.deadline = PROCESSING, now() + DEADLINE_S
    unit.put(package)
    unit.due(package, package.deadline)
    work = {"guid": str(package.guid), "upload": upload, "resources": resources}
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
        end(world, package, error=f"The package is invalid: {error}")
        raise Unprocessable(str(package.error)) from None
    except BlobMissing:
        current = listing.find(Package, work["guid"])
        if current is not None and current.state == PROCESSING:
            end(world, current, error="The uploaded bits are not there any more. Upload them again.")
        return
    package.checksum, package.size_bytes = made.sha256, made.size
    end(world, package)
    for key in (work["upload"], work["resources"]):
        if key:
            world.blobs.delete(key)


def _resources(world: World, work: dict[str, Any]) -> list[PoolFile]:
    if not work["resources"]:
        return []
    return [PoolFile.read(item) for item in json.loads(world.blobs.get_bytes(work["resources"]))]


def end(world: World, package: Package, error: str | None = None) -> None:
    """READY, or FAILED with a reason."""
    package.state, package.error = (FAILED, error) if error else (READY, None)
    unit = world.unit()
    unit.put(package)
    if package.deadline:
        unit.settled(package, float(package.deadline))
    unit.commit()


def expired(world: World, guid: str) -> None:
    """The sweep found its deadline passed."""
    package = listing.find(Package, guid)
    if package is not None and package.state == PROCESSING:
        end(world, package, error="The package was not put together in its time. Upload it again.")


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
    world.blobs.delete(package_key(str(package.guid)))
    unit = world.unit(trace)
    unit.remove(package)
    if package.deadline:
        unit.settled(package, float(package.deadline))
    unit.commit()


def download_url(world: World, package: Package) -> str:
    """Raises Unprocessable while there is nothing to download."""
    if package.state != READY:
        raise Unprocessable("Package has no bits to download.")
    return world.blobs.presign_get(package_key(str(package.guid)), filename=f"package_{package.guid}.zip")


def _record(unit: Unit, actor: Actor, verb: str, package: Package, app: App | None, space: Space) -> None:
    data = {"package_guid": str(package.guid)}
    event = f"audit.app.package.{verb}"
    audit.record(unit, actor, event, app or package, str(space.guid), str(space.org_guid), data)
