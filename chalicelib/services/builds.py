"""Builds: a package becomes a droplet on some DEA, or does not, with a reason."""

import re

from chalicelib.adapters.clock import new_guid, now
from chalicelib.bootstrap import World
from chalicelib.contracts.auction import IMAGES
from chalicelib.contracts.codec import to_json
from chalicelib.contracts.staging import DropletMade, StagingFinished
from chalicelib.core.errors import BadRequest, StagingInProgress
from chalicelib.core.lifecycle import wrong_process_types
from chalicelib.core.roles import Actor
from chalicelib.services import (
    audit,
    buildpacks,
    droplets,
    flags,
    listing,
    networks,
    packages,
    placements,
    retention,
    usage_events,
)
from chalicelib.tables.apps import App, Build, Droplet, Package
from chalicelib.tables.identity import Space
from chalicelib.tables.running import Placement
from chalicelib.tables.unit import Unit

#: The unique name that an app's one build under way holds.
SCOPE = "staging"

#: What clients print for each kind of failure (Cloud Foundry's texts); others are a StagingError.
TEXTS = {
    "NoAppDetectedError": "An app was not successfully detected by any available buildpack",
    "BuildpackCompileFailed": "App staging failed in the buildpack compile phase",
    "BuildpackReleaseFailed": "App staging failed in the buildpack release phase",
    "StagingTimeExpired": "Staging time expired",
    "InsufficientResources": "Insufficient resources",
    "Cancelled": "Staging was cancelled",
    "StagingError": "Staging error",
}
MAX_LAST_WORDS = 2000
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def droplet_key(build: Build) -> str:
    """Where the present staging attempt puts its droplet. No other attempt can write there."""
    return droplets.key(str(build.instance_guid))


def create(
    world: World, actor: Actor, build: Build, package: Package, app: App, space: Space, trace: str = ""
) -> Build:
    """``build``: a draft. Raises BadRequest for a package that is not ready, Unprocessable for buildpacks that cannot
    be used or a Docker image that nothing could run, FeatureDisabled, StagingInProgress."""
    if package.state != packages.READY:
        raise BadRequest("Bad request: Cannot stage package whose state is not ready.")
    build.guid, build.state = new_guid(), "STAGING"
    build.created_by = {"guid": actor.guid, "name": actor.name, "email": actor.name}
    if package.type == packages.DOCKER:
        flags.require(actor, "diego_docker")
        networks.require_containers(world)
        build.lifecycle_type, build.stack, build.buildpacks = packages.DOCKER, IMAGES, []
    else:
        buildpacks.require_usable(build)
    timers = world.config.timers
    build.deadline = now() + timers.staging_timeout_s + 2 * timers.claim_grace_s
    unit = world.unit(trace)
    unit.create(build)
    unit.claim(SCOPE, str(app.guid), str(build.guid), StagingInProgress())
    unit.due(build, build.deadline)
    placements.open_staging(world, unit, build, app)
    usage_events.build_changed(unit, build, "STAGING_STARTED")
    _record(unit, actor, "build.create", app, space, {"build_guid": build.guid, "package_guid": package.guid})
    unit.commit()
    return build


def finished(world: World, result: StagingFinished, trace: str) -> None:
    """What a DEA says of a staging attempt. Of an attempt that does not count any more it changes nothing."""
    build = listing.find(Build, result.build_guid)
    if build is None or build.state != "STAGING" or build.instance_guid != result.instance_guid:
        return
    made = result.droplet
    if made is None:
        _fail(world, build, result.error_id or "StagingError", result.error_detail, trace)
    elif wrong := _wrong(made):
        _fail(world, build, "BuildpackReleaseFailed", wrong, trace)
    else:
        _succeed(world, build, made, trace)


def _wrong(made: DropletMade) -> str | None:
    if not DIGEST.fullmatch(made.digest):
        return "the droplet has no SHA-256 digest"
    return wrong_process_types(made.process_types)


def _succeed(world: World, build: Build, made: DropletMade, trace: str) -> None:
    droplet = Droplet(
        str(build.instance_guid),
        app_guid=str(build.app_guid),
        space_guid=str(build.space_guid),
        state="STAGED",
        package_guid=str(build.package_guid),
        build_guid=str(build.guid),
        digest=made.digest,
        size_bytes=made.size_bytes,
        stack=made.stack,
        arch=made.arch,
        process_types=dict(made.process_types),
        buildpacks=to_json(made.buildpacks),
        lifecycle_type=str(build.lifecycle_type),
        port=made.port,
    )
    if build.lifecycle_type == packages.DOCKER:
        droplet.image = listing.get(Package, str(build.package_guid)).image
    build.state, build.droplet_guid = "STAGED", droplet.guid
    unit = world.unit(trace)
    unit.create(droplet)
    unit.delete(Placement(str(build.guid), 0))
    used = next((str(buildpack.name) for buildpack in made.buildpacks), None)
    usage_events.build_changed(unit, build, "BUILDPACK_SET", used)
    _settle(world, unit, build, "droplet.create", {"droplet_guid": droplet.guid, "package_guid": build.package_guid})


def failed(world: World, build_guid: str, error_id: str, detail: str) -> None:
    """It will come to nothing: its host is lost, or its time is over."""
    build = listing.find(Build, build_guid)
    if build is not None and build.state == "STAGING":
        _fail(world, build, error_id, detail)


def expired(world: World, guid: str) -> None:
    """The sweep found its deadline passed."""
    failed(world, guid, "StagingTimeExpired", "")


def _fail(world: World, build: Build, error_id: str, detail: str, trace: str = "") -> None:
    unit = world.unit(trace)
    placements.cancel_staging(world, unit, build)
    build.error_id = error_id if error_id in TEXTS else "StagingError"
    build.state, build.error = "FAILED", _sentence(str(build.error_id), detail)
    _settle(world, unit, build, "build.failed", {"build_guid": build.guid, "error": build.error_id})


def _sentence(error_id: str, detail: str) -> str:
    """Cloud Foundry's text, then the buildpack's own last words."""
    words = "".join(character for character in detail if character.isprintable() or character == "\n").strip()
    text = f"{error_id} - {TEXTS[error_id]}"
    return text if not words or words == TEXTS[error_id] else f"{text}: {words[-MAX_LAST_WORDS:]}"


def _settle(world: World, unit: Unit, build: Build, event: str, data: dict[str, object]) -> None:
    """The build ends with this transaction: the app is free for the next one, its secrets need lie about no more.

    Those go by a job of their own, which is owed from then on.
    """
    unit.put(build)
    usage_events.build_changed(unit, build, "STAGING_STOPPED")
    unit.release(SCOPE, str(build.app_guid))
    if build.deadline:
        unit.settled(build, float(build.deadline))
    app, space = listing.find(App, str(build.app_guid)), listing.find(Space, str(build.space_guid))
    if app is not None and space is not None:
        _record(unit, audit.SYSTEM, event, app, space, data)
    retention.begin(unit, build)
    unit.commit()


def remove(world: World, build: Build, trace: str = "") -> None:
    """End it, if need be, and forget it."""
    failed(world, str(build.guid), "Cancelled", "")
    ended = listing.find(Build, str(build.guid))
    if ended is not None:
        unit = world.unit(trace)
        unit.remove(ended)
        unit.commit()


def _record(unit: Unit, actor: Actor, verb: str, app: App, space: Space, data: dict[str, object]) -> None:
    audit.record(unit, actor, f"audit.app.{verb}", app, str(space.guid), str(space.org_guid), data)
