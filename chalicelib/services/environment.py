"""What an app finds in its environment: its user's variables, which are secrets, and what the platform tells it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chalicelib.bootstrap import World
from chalicelib.contracts.runspec import Image, RunSpec, StagingSpec
from chalicelib.core.errors import Unprocessable
from chalicelib.core.images import pinned
from chalicelib.core.revisions import Contents
from chalicelib.core.routing import APP_PORT, open_ports
from chalicelib.core.variables import problems
from chalicelib.services import env_groups, listing, networks, secrets, sidecars
from chalicelib.services.security_groups import RUNNING, STAGING
from chalicelib.services.service_env import vcap_services
from chalicelib.tables.apps import App, Build, Droplet, Package
from chalicelib.tables.identity import Organization, Space
from chalicelib.tables.running import Process
from chalicelib.tables.tasks import Task
from chalicelib.tables.unit import Unit

#: File descriptors of a container, told to the app.
FDS = 16384


def read(world: World, app_guid: str) -> dict[str, str]:
    """The user's variables."""
    return dict(secrets.read(world, app_guid))


def merged(present: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """``changes`` over ``present``; None removes. Raises Unprocessable, without ever naming a value."""
    result = {key: value for key, value in {**present, **changes}.items() if value is not None}
    if wrong := problems(changes) or problems(result):
        raise Unprocessable(*wrong)
    return result


def write(world: World, unit: Unit, app_guid: str, variables: Mapping[str, str]) -> None:
    """In a unit that also saves the app: its rev keeps two writers from losing one another's change."""
    secrets.write(world, unit, app_guid, dict(variables))


def vcap_application(
    world: World, app: App, space: Space, org: Organization, process: Process | None = None
) -> dict[str, Any]:
    """VCAP_APPLICATION without what differs between instances, which the DEA adds."""
    uris = list(process.routes or ()) if process else []
    version = f"{process.guid}-{int(process.version)}" if process else ""
    about = {
        "cf_api": world.config.api_url,
        "limits": {"fds": FDS},
        "application_name": app.name,
        "name": app.name,
        "application_uris": uris,
        "uris": uris,
        "application_id": app.guid,
        "space_id": space.guid,
        "space_name": space.name,
        "organization_id": org.guid,
        "organization_name": org.name,
        "users": None,
    }
    if process:
        about["limits"] = {"fds": FDS, "mem": int(process.memory_mb), "disk": int(process.disk_mb)}
        about |= {
            "process_id": process.guid,
            "process_type": process.type,
            "version": version,
            "application_version": version,
        }
    return about


def run_spec(
    world: World,
    app: App,
    process: Process,
    droplet: Droplet,
    version: int,
    contents: Contents | None = None,
) -> RunSpec:
    """What instances of this version are run with. The process's own version is this one already.

    contents: what the app is to be, if not what is stored.
    """
    space, org = _where(app)
    own = read(world, str(app.guid)) if contents is None else dict(contents.variables)
    beside = sidecars.of_app(str(app.guid)) if contents is None else sidecars.wishes(contents.sidecars)
    return RunSpec(
        process_guid=str(process.guid),
        version=version,
        command=str(process.command or ("" if droplet.image else droplet.process_types[str(process.type)])),
        env=env_groups.running(world) | own,
        vcap_application=json.dumps(vcap_application(world, app, space, org, process)),
        vcap_services=json.dumps(vcap_services(world, str(app.guid))),
        sidecars=sidecars.specs(beside, str(process.type)),
        ports=open_ports(process.routes or (), process.route_rules or {}),
        image=_image_of(world, droplet),
        **_network(app, space, org),
    )


def task_spec(world: World, app: App, task: Task) -> RunSpec:
    """What a task is run with: the app's environment, its own limits."""
    space, org = _where(app)
    limits = {"fds": FDS, "mem": int(task.memory_mb), "disk": int(task.disk_mb)}
    return RunSpec(
        process_guid=str(task.guid),
        version=0,
        command=str(task.command),
        env=env_groups.running(world) | read(world, str(app.guid)),
        vcap_application=json.dumps(vcap_application(world, app, space, org) | {"limits": limits}),
        vcap_services=json.dumps(vcap_services(world, str(app.guid))),
        image=_image_of(world, listing.find(Droplet, str(task.droplet_guid))),
        **_network(app, space, org),
    )


def staging_spec(world: World, app: App, build: Build) -> StagingSpec:
    """What buildpacks see."""
    space, org = _where(app)
    return StagingSpec(
        build_guid=str(build.guid),
        env=env_groups.staging(world) | read(world, str(app.guid)),
        vcap_application=json.dumps(vcap_application(world, app, space, org)),
        vcap_services=json.dumps(vcap_services(world, str(app.guid))),
        isolation_segment=networks.segment(space, org),
        egress=networks.egress(str(space.guid), STAGING),
        image=_image(world, listing.find(Package, str(build.package_guid))),
    )


def _image_of(world: World, droplet: Droplet | None) -> Image | None:
    """By its digest, with what its package knows of the registry; whoever has deleted that can run it where it is."""
    if droplet is None or not droplet.image:
        return None
    package = listing.find(Package, str(droplet.package_guid))
    known, name = _image(world, package), pinned(str(droplet.image), str(droplet.digest))
    return replace(known or Image(name), name=name, port=int(droplet.port or APP_PORT))


def _image(world: World, package: Package | None) -> Image | None:
    """As its package names it. Packages of bits have none."""
    if package is None or not package.image:
        return None
    password = secrets.read(world, str(package.guid)).get("password", "")
    return Image(str(package.image), package.username or "", password)


def _network(app: App, space: Space, org: Organization) -> dict[str, Any]:
    """What a run specification says of it."""
    return {
        "isolation_segment": networks.segment(space, org),
        "egress": networks.egress(str(space.guid), RUNNING),
        "policies": networks.policies_from(str(app.guid)),
    }


def _where(app: App) -> tuple[Space, Organization]:
    space = listing.get(Space, str(app.space_guid))
    return space, listing.get(Organization, str(space.org_guid))
