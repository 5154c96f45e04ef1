"""Droplets that no build made: uploaded, or copied from another app."""

import hashlib
import re
import tempfile
from typing import Any

from chalicelib.adapters.blobs import BlobMissing
from chalicelib.adapters.clock import new_guid
from chalicelib.bootstrap import World
from chalicelib.core import droplets as rules
from chalicelib.core.archive import ArchiveRefused
from chalicelib.core.errors import NotFound, Unprocessable
from chalicelib.core.lifecycle import wrong_process_types
from chalicelib.core.roles import WRITE, Actor
from chalicelib.services import audit, bits, droplets, jobs, listing, stacks
from chalicelib.services.bits import AWAITING, COPYING, PROCESSING, STAGED
from chalicelib.services.intake import Claim, Intake
from chalicelib.services.owned import owned
from chalicelib.tables.apps import App, Droplet
from chalicelib.tables.identity import Space
from chalicelib.tables.unit import Unit

ONCE = "Droplet may be uploaded only once. Create a new droplet to upload bits."
ARCH = re.compile(r"[a-z0-9_]{1,30}")


def create(world: World, actor: Actor, droplet: Droplet, app: App, space: Space, trace: str = "") -> Droplet:
    """``droplet``: a draft, which becomes one of ``app`` that waits for its bits."""
    droplet.guid, droplet.state = new_guid(), AWAITING
    droplet.app_guid, droplet.space_guid = app.guid, space.guid
    unit = world.unit(trace)
    unit.require(App, str(app.guid), NotFound(App.LABEL))
    unit.create(droplet)
    _record(unit, actor, "create", droplet, app, space)
    unit.commit()
    return droplet


def may_upload(actor: Actor, guid: str) -> None:
    droplet, _ = owned(actor, Droplet, guid, WRITE)
    if droplet.state != AWAITING:
        raise Unprocessable(ONCE)


def take_upload(world: World, claim: Claim, trace: str) -> tuple[Droplet, str]:
    """The droplet, and the job that looks at what has arrived. Telling it twice begins one job."""
    droplet = listing.get(Droplet, claim.guid)
    if droplet.upload == claim.key:
        return droplet, str(droplet.job_guid)
    if droplet.state != AWAITING:
        raise Unprocessable(ONCE)
    if not claim.size:
        raise Unprocessable("Upload must include bits")
    app, space = listing.get(App, str(droplet.app_guid)), listing.get(Space, str(droplet.space_guid))
    unit = world.unit(trace)
    job = jobs.start(unit, "droplet.upload", "take-droplet", droplet, guid=claim.guid, upload=claim.key)
    droplet.upload, droplet.job_guid = claim.key, str(job.guid)
    bits.begin(unit, droplet, PROCESSING)
    unit.put(droplet)
    _record(unit, claim.actor, "upload", droplet, app, space)
    unit.commit()
    return droplet, str(job.guid)


INTAKE = Intake(may_upload, take_upload, rules.LIMITS.packed_bytes)


@jobs.worker("take-droplet")
def _take(world: World, work: dict[str, Any]) -> None:
    droplet, upload = listing.find(Droplet, work["guid"]), work["upload"]
    if droplet is not None and droplet.state == PROCESSING:
        try:
            _accept(world, droplet, upload)
        except (ArchiveRefused, BlobMissing) as error:
            reason = str(error) if isinstance(error, ArchiveRefused) else "the uploaded bits are not there any more"
            bits.end(world, droplet, f"The droplet is invalid: {reason}")
            world.blobs.delete(upload)
            raise Unprocessable(str(droplet.error)) from None
        bits.end(world, droplet)
    world.blobs.delete(upload)


def _accept(world: World, droplet: Droplet, upload: str) -> None:
    """Fill in what the bits tell. Raises ArchiveRefused, BlobMissing."""
    info = world.blobs.head(upload)
    if info is None:
        raise BlobMissing(upload)
    if info.size > rules.LIMITS.packed_bytes:
        raise ArchiveRefused(f"it is larger than {rules.LIMITS.packed_bytes} bytes")
    with tempfile.TemporaryFile() as file:
        world.blobs.download_to(upload, file)
        found = rules.examine(file)
        file.seek(0)
        droplet.digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    droplet.size_bytes = info.size
    _describe(droplet, found.texts)
    world.blobs.copy(upload, droplets.key(str(droplet.guid)))


def _describe(droplet: Droplet, texts: dict[str, str]) -> None:
    """Process types: as the creator named them, else the Procfile's over what staging wrote down."""
    # Here, because only this job needs it: reading YAML takes longer to import than most requests last.
    from chalicelib.core import start_commands, yaml_guard

    try:
        said = yaml_guard.load(texts.get(rules.STAGING_INFO, ""))
        said = said if isinstance(said, dict) else {}
        types = start_commands.from_procfile(texts.get(rules.PROCFILE, ""))
    except yaml_guard.YamlRefused as error:
        raise ArchiveRefused(f"its {rules.STAGING_INFO} cannot be read: {error}") from None
    except start_commands.BadProcesses as error:
        raise ArchiveRefused(str(error)) from None
    command = said.get("start_command")
    proposed = {"web": command.strip()} if isinstance(command, str) and command.strip() else {}
    types = dict(droplet.process_types) or proposed | types
    if wrong := wrong_process_types(types):
        raise ArchiveRefused(wrong)
    droplet.process_types = types
    if isinstance(said.get("stack"), str) and stacks.find(said["stack"]):
        droplet.stack = said["stack"]
    if isinstance(said.get("arch"), str) and ARCH.fullmatch(said["arch"]):
        droplet.arch = said["arch"]
    name = said.get("detected_buildpack")
    if isinstance(name, str) and name:
        droplet.buildpacks = [{"name": name[:250], "detect_output": "", "version": None, "buildpack_name": None}]


def copy(
    world: World, actor: Actor, source: Droplet, droplet: Droplet, app: App, space: Space, trace: str = ""
) -> None:
    """Make the draft ``droplet`` one of ``app`` with the bits of another one. Raises Unprocessable for one that has
    none."""
    if source.state != STAGED:
        raise Unprocessable("Source droplet must be staged.")
    droplet.guid, droplet.app_guid, droplet.space_guid = new_guid(), app.guid, space.guid
    for name in (
        "digest",
        "size_bytes",
        "stack",
        "arch",
        "process_types",
        "buildpacks",
        "lifecycle_type",
        "image",
        "port",
    ):
        setattr(droplet, name, getattr(source, name))
    unit = world.unit(trace)
    unit.require(App, str(app.guid), NotFound(App.LABEL))
    if source.image:
        droplet.state = STAGED
    else:
        jobs.start(unit, "droplet.copy", "copy-droplet", droplet, guid=str(droplet.guid), source=str(source.guid))
        bits.begin(unit, droplet, COPYING)
    unit.create(droplet)
    _record(unit, actor, "create", droplet, app, space)
    unit.commit()


@jobs.worker("copy-droplet")
def _copy(world: World, work: dict[str, Any]) -> None:
    bits.copy(world, Droplet, work, droplets.key)


def expired(world: World, guid: str) -> None:
    bits.expired(world, Droplet, guid)


def _record(unit: Unit, actor: Actor, verb: str, droplet: Droplet, app: App, space: Space) -> None:
    data = {"droplet_guid": str(droplet.guid)}
    audit.record(unit, actor, f"audit.app.droplet.{verb}", app, str(space.guid), str(space.org_guid), data)
