"""Apps: made, changed, started, stopped, and taken away with all that belongs to them."""

from collections.abc import Iterable, Mapping

from chalicelib.adapters.clock import new_guid
from chalicelib.bootstrap import World
from chalicelib.core.errors import AppNameTaken, NameTaken, NotFound, Unprocessable
from chalicelib.core.roles import WRITE, Actor
from chalicelib.services import (
    access,
    audit,
    builds,
    deployments,
    destinations,
    droplets,
    environment,
    flags,
    jobs,
    listing,
    network_policies,
    packages,
    processes,
    revisions,
    rollouts,
    routing,
    sidecars,
    steps,
    tasks,
)
from chalicelib.services.brokering import bindings
from chalicelib.tables.apps import App, Build, Droplet, Package
from chalicelib.tables.identity import Secret, Space
from chalicelib.tables.ledger import Job
from chalicelib.tables.unit import Unit

NO_DROPLET = "Assign a droplet before starting this app."
WRONG_SPACE = "Invalid space. Ensure that the space exists and you have access to it."
DEPLOYING = (
    "Unable to assign current droplet while the app has a deployment in progress. "
    "Wait for the deployment to complete or cancel it."
)
WRONG_DROPLET = "Unable to assign current droplet. Ensure the droplet exists and belongs to this app."


def scope(space_guid: str) -> str:
    """Within which an app's name is unique."""
    return f"space/{space_guid}/apps"


def taken(name: str, kind: type[NameTaken] = NameTaken) -> NameTaken:
    return kind(f"App with the name '{name}' already exists.")


def space_for(actor: Actor, space_guid: str) -> Space:
    """Where an app is to be made. Raises Unprocessable for a space that the actor cannot see, or NotAuthorized."""
    try:
        return access.space_for(actor, space_guid, WRITE)
    except NotFound:
        raise Unprocessable(WRONG_SPACE) from None


def named(space_guids: Iterable[str], names: Iterable[str]) -> list[App]:
    """The apps that have these very names in these spaces, by the items that make names unique."""
    wanted = set(names)
    found = listing.by_names((scope(space), name) for space in space_guids for name in wanted)
    return [app for app in listing.load(App, sorted(found)) if app.name in wanted]


def add(world: World, unit: Unit, actor: Actor, app: App, space: Space, variables: Mapping[str, str]) -> None:
    """A new app in the caller's unit, without its web process. Sets its guid."""
    app.guid = new_guid()
    unit.require(Space, str(space.guid), Unprocessable(WRONG_SPACE))
    unit.create(app)
    unit.claim(scope(str(space.guid)), str(app.name), str(app.guid), taken(str(app.name), AppNameTaken))
    if variables:
        environment.write(world, unit, str(app.guid), variables)
    record(unit, actor, "create", app, space, {"request": {"name": app.name, "stack": app.stack}})


def create(
    world: World, actor: Actor, app: App, space: Space, variables: Mapping[str, str | None], trace: str = ""
) -> App:
    """``app``: a draft. Its web process is made with it. Raises NameTaken."""
    unit = world.unit(trace)
    add(world, unit, actor, app, space, environment.merged({}, variables))
    unit.create(processes.draft(app, processes.WEB))
    unit.commit()
    return app


def update(world: World, actor: Actor, app: App, space: Space, name: str | None, trace: str = "") -> App:
    """Rename, and save what the caller changed in ``app``."""
    unit = world.unit(trace)
    if name is not None and name != app.name:
        old, app.name = str(app.name), name
        unit.rename(app, scope(str(space.guid)), old, name, taken(name))
    unit.put(app)
    record(unit, actor, "update", app, space, {"request": {"name": app.name, "buildpacks": app.buildpacks}})
    unit.commit()
    return app


def set_variables(
    world: World, actor: Actor, app: App, space: Space, changes: Mapping[str, str | None], trace: str = ""
) -> dict[str, str]:
    """Merge changes into the app's variables; they count from the next start on."""
    variables = environment.merged(environment.read(world, str(app.guid)), changes)
    unit = world.unit(trace)
    environment.write(world, unit, str(app.guid), variables)
    unit.put(app)
    record(unit, actor, "update", app, space, {"request": {"environment_variables": "[PRIVATE DATA HIDDEN]"}})
    unit.commit()
    return variables


def start(world: World, actor: Actor, app: App, space: Space, trace: str = "") -> App:
    """Starting what is started changes nothing."""
    return app if app.desired_state == "STARTED" else _run(world, actor, app, space, "start", trace)


def restart(world: World, actor: Actor, app: App, space: Space, trace: str = "") -> App:
    """A new version of every process; the instances of the earlier one are stopped. A deployment ends at once."""
    return _run(world, actor, app, space, "restart", trace)


def _run(world: World, actor: Actor, app: App, space: Space, verb: str, trace: str) -> App:
    if app.lifecycle_type == "docker":
        flags.require(actor, "diego_docker")
    rollouts.hurry(world, app, trace)
    droplet = droplets.find(app.droplet_guid)
    if droplet is None:
        raise Unprocessable(NO_DROPLET)
    noted = revisions.note(world, app, str(droplet.guid), processes.current(str(app.guid)).values())
    work = processes.start_steps(world, app, droplet, str(noted.revision.guid) if noted else None)
    if not work:
        raise Unprocessable("The app has no start command. Name one in a Procfile, in the manifest or with -c.")

    def started(unit: Unit) -> None:
        app.desired_state = "STARTED"
        unit.put(app)
        if noted is not None:
            revisions.add(world, unit, actor, app, space, noted)
        record(unit, actor, verb, app, space)

    was = str(app.desired_state)
    try:
        steps.commit(world, [*work, (2 + revisions.COST, started)], trace)
    except Unprocessable:
        # A quota allows only a part of it, in one of several transactions: nothing is started by halves.
        if was == "STOPPED":
            steps.commit(world, processes.stop_steps(world, app), trace)
        raise
    return app


def stop(world: World, actor: Actor, app: App, space: Space, trace: str = "") -> App:
    """Stopping what is stopped changes nothing. A deployment is taken back."""
    if app.desired_state == "STOPPED":
        return app

    def stopped(unit: Unit) -> None:
        app.desired_state = "STOPPED"
        deployments.end_stopped(world, unit, app)
        unit.put(app)
        record(unit, actor, "stop", app, space)

    steps.commit(world, [*processes.stop_steps(world, app), (2 + deployments.END_COST, stopped)], trace)
    rollouts.hurry(world, app, trace)
    return app


def assign_droplet(world: World, actor: Actor, app: App, space: Space, droplet_guid: str, trace: str = "") -> App:
    """Make it the current droplet: of the app's next start, and of its list of processes at once."""
    droplet = droplets.find(droplet_guid)
    if droplet is None or droplet.app_guid != app.guid or droplet.state != "STAGED":
        raise Unprocessable(WRONG_DROPLET)
    if app.deployment_guid:
        raise Unprocessable(DEPLOYING)

    def assigned(unit: Unit) -> None:
        app.droplet_guid = droplet_guid
        unit.put(app)
        droplets.require_staged(unit, droplet_guid, Unprocessable(WRONG_DROPLET))
        record(unit, actor, "droplet.mapped", app, space, {"request": {"droplet_guid": droplet_guid}})

    processes.follow(world, app, droplet, (3, assigned), trace)
    return app


def delete(world: World, actor: Actor, app: App, space: Space, trace: str = "") -> Job:
    """As a job; the app can be seen, and its name is taken, until it is done."""
    unit = world.unit(trace)
    job = jobs.start(unit, "app.delete", "delete-app", app, guid=str(app.guid))
    record(unit, actor, "delete-request", app, space)
    unit.commit()
    return job


@jobs.worker("delete-app")
def _delete(world: World, work: dict[str, str]) -> None:
    remove(world, work["guid"])


def remove(world: World, app_guid: str, trace: str = "") -> None:
    """Take the app away piece by piece, itself last, so that a second call goes on where the first one ended."""
    app = listing.find(App, app_guid)
    if app is None:
        return
    for build in listing.all_of(Build, f"app/{app_guid}/builds"):
        builds.remove(world, build, trace)
    deployments.remove_all(world, app_guid, trace)
    bindings.unbind_app(world, app_guid, trace)
    for process in processes.of_app(app_guid):
        processes.remove(world, process, trace)
    revisions.remove_all(world, app_guid, trace)
    tasks.remove_all(world, app_guid, trace)
    sidecars.remove_all(world, app_guid, trace)
    for route in routing.mapped_routes(app_guid):
        space = listing.get(Space, str(route.space_guid))
        left = [destination for destination in route.destinations if destination["app"] != app_guid]
        destinations.replace(world, audit.SYSTEM, route, space, left, trace)
    network_policies.remove_all(world, app_guid)
    for package in listing.all_of(Package, f"app/{app_guid}/packages"):
        packages.remove(world, package, trace)
    for droplet in listing.all_of(Droplet, f"app/{app_guid}/droplets"):
        droplets.remove(world, droplet, trace)
    world.blobs.delete(f"buildcache/{app_guid}.tgz")
    unit = world.unit(trace)
    unit.delete(Secret(app_guid))
    unit.release(scope(str(app.space_guid)), str(app.name))
    unit.remove(app)
    unit.commit()


def record(unit: Unit, actor: Actor, verb: str, app: App, space: Space, data: dict[str, object] | None = None) -> None:
    """``audit.app.<verb>``."""
    audit.record(unit, actor, f"audit.app.{verb}", app, str(space.guid), str(space.org_guid), data)
