"""apps, app and create-app-manifest: what runs in the space."""

from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zf.client.errors import FilesError
from zf.command import Invocation, command
from zf.text import ago, megabytes, size

if TYPE_CHECKING:
    from zf.client.api import Api
    from zf.client.models import App, Instance, Process
    from zf.console import Console


@command("apps", "zf apps", "zf apps --json")
def apps(it: Invocation) -> None:
    """List the apps of the space."""
    from zf.push.pipeline import urls_of, web_of

    found = it.api.apps(it.space)
    processes = defaultdict(list)
    for process in it.api.processes([app.guid for app in found]):
        processes[process.app_guid].append(process)
    routes = it.api.routes(it.space)
    webs = {app.guid: web_of(processes[app.guid]) for app in found}
    running = _running(it.api, {app.guid: webs[app.guid] for app in found if app.state == "STARTED"})
    rows, answer = [], []
    for app in found:
        web = webs[app.guid]
        urls = urls_of(it.api, [route for route in routes if any(to.app_guid == app.guid for to in route.destinations)])
        wanted = web.instances if web else 0
        instances = f"{running.get(app.guid, 0)}/{wanted}"
        memory, disk = (megabytes(web.memory_in_mb), megabytes(web.disk_in_mb)) if web else ("", "")
        rows.append([app.name, app.state.lower(), instances, memory, disk, " ".join(urls)])
        answer.append(
            {
                "name": app.name,
                "guid": app.guid,
                "state": app.state,
                "instances": wanted,
                "running": running.get(app.guid, 0),
                "memory_in_mb": web.memory_in_mb if web else None,
                "disk_in_mb": web.disk_in_mb if web else None,
                "urls": list(urls),
            }
        )
    it.console.result(answer)
    it.console.say(f"Apps in {it.where()}\n")
    if rows:
        it.console.table(["name", "state", "[instances]", "[memory]", "[disk]", "urls"], rows)
    else:
        it.console.say("There are none. Push one: zf push NAME -p FOLDER")


@command("app", "zf app hello", "zf app hello --json")
@click.argument("name", metavar="APP")
def app(it: Invocation, name: str) -> None:
    """Show an app and its instances."""
    show_app(it, it.api.app(it.space, name))


@command("create-app-manifest", "zf create-app-manifest hello", "zf create-app-manifest hello -p hello.yml")
@click.argument("name", metavar="APP")
@click.option("-p", "--path", metavar="FILE", help="Where to write it; NAME_manifest.yml if left out.")
def create_app_manifest(it: Invocation, name: str, path: str | None) -> None:
    """Write down what an app is, as a manifest that pushes it again. Secrets of its environment are in it."""
    text = it.api.manifest(it.api.app(it.space, name))
    file = Path(path or f"{name.replace('/', '_')}_manifest.yml")
    try:
        file.touch(mode=0o600)
        file.write_text(text)
    except OSError as error:
        raise FilesError(f"Cannot write {file}: {error.strerror}", "Name another file: -p FILE") from None
    it.console.say(f"{file} says what {name} is. Push it: zf push -f {file}")
    it.console.result({"app": name, "path": str(file), "manifest": text})


def show_app(it: Invocation, app: "App") -> None:
    """The app as it is now: `app`, and the end of start, restart, scale and restage."""
    from zf.push.pipeline import urls_of

    processes = it.api.processes([app.guid])
    stats = {process.guid: it.api.stats(process.guid) for process in processes}
    urls = urls_of(it.api, it.api.routes_of([app.guid]))
    sidecars, deployment = it.api.sidecars(app), it.runs.active_deployment(app)
    it.console.result(
        {
            **asdict(app),
            "urls": urls,
            "deployment": deployment and asdict(deployment),
            "sidecars": [asdict(sidecar) for sidecar in sidecars],
            "processes": [asdict(one) | {"stats": [asdict(row) for row in stats[one.guid]]} for one in processes],
        }
    )
    if it.console.as_json:
        return
    it.console.say(f"{app.name} in {it.where()}\n")
    it.console.say(f"state  {app.state.lower()}")
    it.console.say(f"urls   {' '.join(urls) or 'none; give it one: zf map-route ' + app.name + ' HOST.DOMAIN'}")
    if app.lifecycle == "docker":
        it.console.say(f"image  {it.api.image_of(app) or 'none staged yet'}")
    else:
        it.console.say(f"stack  {app.stack or 'default'}   buildpacks  {', '.join(app.buildpacks) or 'detected'}")
    if deployment:
        steps = f", step {deployment.step} of {deployment.steps}" if deployment.steps else ""
        it.console.say(f"deploy {deployment.strategy}, {deployment.reason.lower()}{steps}")
    for sidecar in sidecars:
        it.console.say(f"beside {', '.join(sidecar.process_types)}: {sidecar.name} ({sidecar.command})")
    for process in processes:
        rows = stats[process.guid]
        running = sum(row.state == "RUNNING" for row in rows)
        it.console.say(
            f"\n{process.type}  {running}/{process.instances} running, {megabytes(process.memory_in_mb)} each"
        )
        if rows:
            show_instances(it.console, rows)


def show_instances(console: "Console", instances: Sequence["Instance"]) -> None:
    columns = ["#", "state", "[since]", "[cpu]", "[memory]", "[disk]", "details"]
    console.table(columns, [_row(one) for one in instances])


def _row(one: "Instance") -> list[str]:
    alive = one.state in ("RUNNING", "STARTING")
    return [
        str(one.index),
        one.state.lower(),
        f"{ago(one.uptime_s)} ago" if alive else "",
        f"{one.cpu * 100:.1f}%" if alive else "",
        f"{size(one.mem)} of {size(one.mem_quota)}" if alive else "",
        f"{size(one.disk)} of {size(one.disk_quota)}" if alive else "",
        one.details,
    ]


def _running(api: "Api", webs: dict[str, "Process | None"]) -> dict[str, int]:
    """Running web instances by app; asked for side by side, since each app is a request."""

    def count(process: "Process | None") -> int:
        return sum(one.state == "RUNNING" for one in api.stats(process.guid)) if process else 0

    with ThreadPoolExecutor(8) as threads:
        return dict(zip(webs, threads.map(count, webs.values()), strict=True))
