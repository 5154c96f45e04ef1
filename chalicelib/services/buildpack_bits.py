"""The bits of a buildpack: looked at by a job, kept under the name of their content."""

import hashlib
import tempfile
from typing import Any

from chalicelib.bootstrap import World
from chalicelib.core import buildpacks as rules
from chalicelib.core.archive import ArchiveLimits, ArchiveRefused
from chalicelib.core.errors import BuildpackRefused, NotFound, Unprocessable
from chalicelib.core.roles import Actor
from chalicelib.core.zips import PackageZip
from chalicelib.services import access, audit, buildpacks, jobs, listing, stacks
from chalicelib.services.intake import Claim, Intake
from chalicelib.tables.apps import Buildpack

LIMITS = ArchiveLimits()
MAX_FILENAME = 250
#: Builds that have a link to the former bits fetch them within this time, seconds.
FORMER_KEPT_S = 900


def may_upload(actor: Actor, guid: str) -> None:
    buildpack = listing.get(Buildpack, guid)
    access.require_admin(actor)
    if buildpack.locked:
        raise Unprocessable("Buildpack is locked")


def take_upload(world: World, claim: Claim, trace: str) -> tuple[Buildpack, str]:
    """The buildpack, and the job that looks at what has arrived. Telling it twice begins one job."""
    buildpack = listing.find(Buildpack, claim.guid)
    if buildpack is None:
        raise NotFound(Buildpack.LABEL)
    if buildpack.upload == claim.key:
        return buildpack, str(buildpack.job_guid)
    if not claim.size:
        raise Unprocessable("Upload must include bits")
    filename = claim.filename.rpartition("/")[2].rpartition("\\")[2][:MAX_FILENAME] or "buildpack.zip"
    unit = world.unit(trace)
    job = jobs.start(
        unit, "buildpack.upload", "take-buildpack", buildpack, guid=claim.guid, upload=claim.key, filename=filename
    )
    buildpack.upload, buildpack.job_guid = claim.key, str(job.guid)
    unit.put(buildpack)
    audit.record(unit, claim.actor, "audit.buildpack.upload", buildpack)
    unit.commit()
    return buildpack, str(job.guid)


INTAKE = Intake(may_upload, take_upload, LIMITS.packed_bytes)


@jobs.worker("take-buildpack")
def _take(world: World, work: dict[str, Any]) -> None:
    """May be begun again at any point: the upload goes when everything else is done."""
    buildpack, upload = listing.find(Buildpack, work["guid"]), work["upload"]
    info = world.blobs.head(upload)
    if info is None:
        return
    if buildpack is not None and buildpack.upload == upload:
        try:
            _accept(world, buildpack, upload, info.size, work["filename"])
        except BuildpackRefused:
            world.blobs.delete(upload)
            raise
    world.blobs.delete(upload)


def _accept(world: World, buildpack: Buildpack, upload: str, size: int, filename: str) -> None:
    try:
        digest, said = _examine(world, upload, size)
    except ArchiveRefused as error:
        raise BuildpackRefused(390013, "BuildpackZipError", f"Buildpack zip error: {error}") from None
    if refused := rules.wrong_stack(said, buildpack.stack, said is not None and stacks.find(said) is not None):
        raise BuildpackRefused(*refused)
    former_name, former_key = buildpacks.unique_name(buildpack), buildpacks.key(buildpack)
    buildpack.stack = buildpack.stack or said
    buildpack.digest, buildpack.filename = f"sha256:{digest}", filename
    buildpack.state, buildpack.builtin = "READY", None
    world.blobs.copy(upload, buildpacks.key(buildpack))
    unit = world.unit()
    if (name := buildpacks.unique_name(buildpack)) != former_name:
        taken = f"The buildpack name '{buildpack.name}' is already in use for the stack '{buildpack.stack}'"
        refusal = BuildpackRefused(290000, "BuildpackNameStackTaken", taken)
        unit.rename(buildpack, buildpacks.SCOPE, former_name, name, refusal)
    unit.put(buildpack)
    if former_key != buildpacks.key(buildpack):
        jobs.start(unit, "buildpack.drop", "drop-buildpack-bits", buildpack, FORMER_KEPT_S, key=former_key)
    unit.commit()


def _examine(world: World, upload: str, size: int) -> tuple[str, str | None]:
    """SHA-256 in hex, and the stack that it says it is for. Raises ArchiveRefused."""
    if size > LIMITS.packed_bytes:
        raise ArchiveRefused(f"it is larger than {LIMITS.packed_bytes} bytes")
    with tempfile.TemporaryFile() as file:
        world.blobs.download_to(upload, file)
        content = PackageZip(file, LIMITS)
        if not rules.is_buildpack(entry.path for entry in content.entries):
            raise ArchiveRefused("it has none of bin/detect, bin/supply, bin/finalize and bin/compile")
        said = _stack(content)
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest(), said


def _stack(content: PackageZip) -> str | None:
    # Here, because only this job needs it: importing it takes longer than most requests.
    from chalicelib.core import yaml_guard

    entry = next((entry for entry in content.entries if entry.path == rules.MANIFEST), None)
    if entry is None or entry.size > yaml_guard.MAX_CHARACTERS:
        return None
    try:
        manifest = yaml_guard.load(b"".join(content.chunks(entry)).decode(errors="replace"))
    except yaml_guard.YamlRefused as error:
        raise ArchiveRefused(f"its {rules.MANIFEST} cannot be read: {error}") from None
    stack = manifest.get("stack") if isinstance(manifest, dict) else None
    return str(stack) if stack else None


@jobs.worker("drop-buildpack-bits")
def _drop(world: World, work: dict[str, str]) -> None:
    """Unless the same bits have come back meanwhile."""
    buildpack = listing.find(Buildpack, work["key"].split("/")[1])
    if buildpack is None or buildpacks.key(buildpack) != work["key"]:
        world.blobs.delete(work["key"])
