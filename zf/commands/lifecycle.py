"""start, stop, restart, restage, scale, restart-app-instance, delete."""

import click

from zf.client.errors import NotFoundError, ZfError
from zf.client.models import App
from zf.command import Invocation, command
from zf.commands.apps import show_app
from zf.commands.common import confirm, megabytes
from zf.commands.rollouts import deploy, with_strategy
from zf.push.rollout import chosen
from zf.text import epoch_ns


@command("start", "zf start hello")
@click.argument("name", metavar="APP")
def start(it: Invocation, name: str) -> None:
    """Start an app and wait until it runs; its files are staged first if they never were."""
    app = it.api.app(it.space, name)
    if not it.api.has_droplet(app):
        it.api.set_droplet(app, _staged(it, app))
    _until_up(it, app, "start")


@command("stop", "zf stop hello")
@click.argument("name", metavar="APP")
def stop(it: Invocation, name: str) -> None:
    """Stop an app."""
    app = it.api.act(it.api.app(it.space, name), "stop")
    it.console.say(f"{name} is stopped. Start it again: zf start {name}")
    it.console.result({"name": app.name, "guid": app.guid, "state": app.state})


@command("restart", "zf restart hello", "zf restart hello --strategy rolling --max-in-flight 2")
@click.argument("name", metavar="APP")
@with_strategy
def restart(
    it: Invocation, name: str, strategy: str | None, max_in_flight: int | None, instance_steps: str | None
) -> None:
    """Stop an app, start it again and wait until it runs; with a strategy, without a gap."""
    plan = chosen(strategy, max_in_flight, instance_steps)
    app = it.api.app(it.space, name)
    if plan:
        deploy(it, app, plan.body())
    else:
        _until_up(it, app, "restart")


@command("restage", "zf restage hello", "zf restage hello --strategy rolling")
@click.argument("name", metavar="APP")
@with_strategy
def restage(
    it: Invocation, name: str, strategy: str | None, max_in_flight: int | None, instance_steps: str | None
) -> None:
    """Stage the files pushed last once more, then restart; with a strategy, without a gap."""
    plan = chosen(strategy, max_in_flight, instance_steps)
    app = it.api.app(it.space, name)
    droplet = _staged(it, app)
    if plan:
        deploy(it, app, plan.body(droplet={"guid": droplet}))
    else:
        it.api.set_droplet(app, droplet)
        _until_up(it, app, "restart")


@command("scale", "zf scale hello -i 3", "zf scale hello -m 512M -k 1G -f", "zf scale hello")
@click.argument("name", metavar="APP")
@click.option("-i", "--instances", type=click.IntRange(min=0), help="How many instances.")
@click.option("-m", "--memory", metavar="SIZE", help="Memory of each, such as 256M.")
@click.option("-k", "--disk", metavar="SIZE", help="Disk of each, such as 1G.")
@click.option("-f", "--force", is_flag=True, help="Restart for a new memory or disk without asking.")
@click.option("--process", "process_type", default="web", show_default=True, help="The process type.")
def scale(
    it: Invocation,
    name: str,
    instances: int | None,
    memory: str | None,
    disk: str | None,
    force: bool,
    process_type: str,
) -> None:
    """Change how many instances an app has, or their memory or disk; without options, show them.

    Memory and disk take a restart.
    """
    wanted = {} if instances is None else {"instances": instances}
    if memory:
        wanted["memory_in_mb"] = megabytes("-m", memory)
    if disk:
        wanted["disk_in_mb"] = megabytes("-k", disk)
    app = it.api.app(it.space, name)
    if not wanted:
        show_app(it, app)
        return
    restarts = bool(memory or disk) and app.state == "STARTED"
    if restarts and not force:
        confirm(it, f"A new memory or disk restarts {name}. Go on?")
    try:
        it.api.scale(app, process_type, wanted)
    except NotFoundError as error:
        raise ZfError(f"{name} has no process type {process_type}", f"See those it has: zf app {name}") from error
    if app.state == "STARTED":
        _until_up(it, app, "restart" if restarts else None, process_type)
    else:
        show_app(it, app)


@command("restart-app-instance", "zf restart-app-instance hello 0")
@click.argument("name", metavar="APP")
@click.argument("index", type=click.IntRange(min=0))
@click.option("--process", "process_type", default="web", show_default=True, help="The process type.")
def restart_app_instance(it: Invocation, name: str, index: int, process_type: str) -> None:
    """Replace one instance; the others go on."""
    app = it.api.app(it.space, name)
    try:
        it.api.restart_instance(app, process_type, index)
    except NotFoundError as error:
        raise ZfError(f"{name} has no instance {index} of {process_type}", f"See: zf app {name}") from error
    it.console.say(f"Instance {index} of {name} is being replaced. Watch it: zf app {name}")
    it.console.result({"name": app.name, "guid": app.guid, "process": process_type, "index": index})


@command("delete", "zf delete hello", "zf delete hello -f -r")
@click.argument("name", metavar="APP")
@click.option("-f", "--force", is_flag=True, help="Do not ask; an app that is not there is fine.")
@click.option("-r", "--routes", "with_routes", is_flag=True, help="Delete its routes too, unless other apps use them.")
def delete(it: Invocation, name: str, force: bool, with_routes: bool) -> None:
    """Delete an app with its packages and droplets."""
    try:
        app = it.api.app(it.space, name)
    except NotFoundError:
        if not force:
            raise
        it.console.say(f"{name} does not exist: nothing to delete.")
        it.console.result({"name": name, "deleted": False, "routes": []})
        return
    if not force:
        confirm(it, f"Delete {name}{' and its routes' if with_routes else ''}?")
    routes = it.api.routes_of([app.guid]) if with_routes else []
    own = [route for route in routes if all(to.app_guid == app.guid for to in route.destinations)]
    it.api.delete_app(app)
    for route in own:
        try:
            it.api.delete_route(route)
        except NotFoundError:
            pass  # somebody else was quicker
    it.console.say(f"{name} is deleted." + "".join(f"\nRoute {route.url} is deleted." for route in own))
    it.console.result({"name": name, "guid": app.guid, "deleted": True, "routes": [route.url for route in own]})


def _staged(it: Invocation, app: App) -> str:
    """The guid of the new droplet of the files pushed last."""
    from zf.push.report import Report
    from zf.push.staging import stage

    package = it.api.newest_package(app)
    if package is None:
        raise ZfError(f"{app.name} has no files yet", f"Push them: zf push {app.name} -p FOLDER")
    with Report(it.console).phase("staging", f"Staging {app.name}", announce=True) as phase:
        return stage(it.api, it.logs, app, package, phase)


def _until_up(it: Invocation, app: App, action: str | None, process_type: str = "web") -> None:
    """Does the action, waits for the instances, shows the app."""
    from zf.push.report import Report
    from zf.push.starting import wait_until_up

    with Report(it.console).phase("start", f"Starting {app.name}") as phase:
        if action:
            app = it.api.act(app, action)
        process = next((one for one in it.api.processes([app.guid]) if one.type == process_type), None)
        if process:
            wait_until_up(it.api, it.logs, app, process, phase, epoch_ns(app.updated_at))
    it.console.say()
    show_app(it, app)
