"""/v3/tasks, and an app's tasks: commands that run once."""

from typing import Any

from chalicelib.adapters.clock import new_guid
from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import Body
from chalicelib.api.render import common, paginated, to_one
from chalicelib.api.scoped import narrowed, relabelled, scoped
from chalicelib.core.errors import NotFound, Unprocessable
from chalicelib.core.lifecycle import USER, wrong_user
from chalicelib.core.roles import OPERATE, WRITE
from chalicelib.core.units import MAX_COMMAND, MAX_DISK_MB, MAX_MEMORY_MB
from chalicelib.services import access, droplets, flags, listing, tasks
from chalicelib.services.listing import page
from chalicelib.services.owned import owned
from chalicelib.tables.apps import App, Droplet, Package
from chalicelib.tables.running import Process
from chalicelib.tables.tasks import Task

endpoints = Endpoints(__name__)

#: Of a task that names none and follows no process, MB.
MEMORY_MB, DISK_MB = 256, 1024


def render(request: Request, task: Task) -> dict[str, Any]:
    document = common(request, task)
    own = f"{request.base}/v3/tasks/{task.guid}"
    document["links"] |= {
        "app": {"href": f"{request.base}/v3/apps/{task.app_guid}"},
        "droplet": {"href": f"{request.base}/v3/droplets/{task.droplet_guid}"},
        "cancel": {"href": f"{own}/actions/cancel", "method": "POST"},
    }
    return document | {
        "sequence_id": int(task.sequence_id),
        "name": task.name,
        "command": task.command,
        "user": task.user or USER,
        "state": task.state,
        "memory_in_mb": int(task.memory_mb),
        "disk_in_mb": int(task.disk_mb),
        "log_rate_limit_in_bytes_per_second": int(task.log_rate_bytes),
        "result": {"failure_reason": task.error},
        "droplet_guid": task.droplet_guid,
        "relationships": {"app": to_one(task.app_guid)},
    }


def render_hidden(request: Request, task: Task) -> dict[str, Any]:
    """Without the command, for who may not read secrets, and in lists over several apps."""
    document = render(request, task)
    del document["command"]
    return document


@endpoints("POST", "/v3/apps/{guid}/tasks")
def create(request: Request, guid: str) -> Answer:
    flags.require(request.actor, "task_creation")
    app, space = owned(request.actor, App, guid, WRITE)
    body = Body(request.json())
    task = Task(name=body.name(required=False) or new_guid()[:8])
    command = body.text("command", limit=MAX_COMMAND)
    template = _template(body)
    memory_mb = body.integer("memory_in_mb", 1, MAX_MEMORY_MB)
    disk_mb = body.integer("disk_in_mb", 1, MAX_DISK_MB)
    log_rate = body.integer("log_rate_limit_in_bytes_per_second", -1)
    droplet_guid = body.text("droplet_guid")
    task.user = known_user(body)
    body.metadata(task)
    if not command and not template:
        body.wrong("Command No command or template provided")
    body.done()
    droplet = _droplet(app, droplet_guid)
    process = _process(guid, template) if template else None
    if process is not None and not command:
        command = process.command or process.detected or droplet.process_types.get(str(process.type))
    if not command or not command.strip():
        raise Unprocessable("The template process has no command" if process else "Command can't be blank")
    task.command = command
    sizes = process or Process(memory_mb=MEMORY_MB, disk_mb=DISK_MB)
    task.memory_mb = int(sizes.memory_mb) if memory_mb is None else memory_mb
    task.disk_mb = int(sizes.disk_mb) if disk_mb is None else disk_mb
    task.log_rate_bytes = int(sizes.log_rate_bytes) if log_rate is None else log_rate
    tasks.create(request.world, request.actor, task, app, space, droplet, request.trace)
    return Answer(render(request, task), 202)


def _template(body: Body) -> str | None:
    """The guid in ``template.process.guid``."""
    if body.take("template") is None:
        return None
    part = body.part("template")
    process = part.part("process", required=True)
    guid = process.text("guid", required=True)
    process.finish()
    part.finish()
    return guid


def known_user(body: Body) -> str | None:
    """Of a task or a process."""
    user = body.text("user")
    if user is not None and (wrong := wrong_user(user)):
        body.wrong(wrong)
    return user


def _droplet(app: App, guid: str | None) -> Droplet:
    """The one that is asked for, else the app's own. Raises NotFound or Unprocessable."""
    droplet = droplets.find(guid or app.droplet_guid)
    if guid and (droplet is None or droplet.app_guid != app.guid):
        raise NotFound(Droplet.LABEL)
    if droplet is None or droplet.state != "STAGED":
        raise Unprocessable(tasks.NO_DROPLET)
    return droplet


def _process(app_guid: str, guid: str) -> Process:
    process = listing.find(Process, guid)
    if process is None or process.app_guid != app_guid:
        raise NotFound(Process.LABEL)
    return process


@endpoints("GET", "/v3/tasks")
def index(request: Request) -> Answer:
    return _listed(request, None, render_hidden, "app_guids")


@endpoints("GET", "/v3/apps/{guid}/tasks")
def of_app(request: Request, guid: str) -> Answer:
    _, space = owned(request.actor, App, guid)
    shown = render if access.may_read_secrets(request.actor, space) else render_hidden
    return _listed(request, guid, shown)


def _listed(request: Request, app_guid: str | None, shown: Any, *filters: str) -> Answer:
    what = scoped(request, Task.KIND, "states", "sequence_ids", "package_guids", *filters, app_guid=app_guid)
    what = narrowed(request, what, states="state", sequence_ids="sequence_id")
    if (packages := request.values("package_guids")) is not None:
        made = _droplets_of(packages)
        what = what.having(lambda task: str(task.droplet_guid) in made)
    return paginated(request, page(Task, what), shown)


def _droplets_of(packages: frozenset[str]) -> set[str]:
    """Guids of the droplets that were staged from these packages."""
    apps = {str(package.app_guid) for package in listing.load(Package, sorted(packages))}
    made = [droplet for guid in sorted(apps) for droplet in listing.all_of(Droplet, f"app/{guid}/droplets")]
    return {str(droplet.guid) for droplet in made if droplet.package_guid in packages}


@endpoints("GET", "/v3/tasks/{guid}")
def show(request: Request, guid: str) -> Answer:
    return _shown(request, *owned(request.actor, Task, guid))


def _shown(request: Request, task: Task, space: Any, status: int = 200) -> Answer:
    shown = render if access.may_read_secrets(request.actor, space) else render_hidden
    return Answer(shown(request, task), status)


@endpoints("PATCH", "/v3/tasks/{guid}")
def update(request: Request, guid: str) -> Answer:
    return Answer(render(request, relabelled(request, Task, guid)))


@endpoints("POST", "/v3/tasks/{guid}/actions/cancel")
def cancel(request: Request, guid: str) -> Answer:
    return _cancel(request, guid)


@endpoints("PUT", "/v3/tasks/{guid}/cancel")
def cancel_by_put(request: Request, guid: str) -> Answer:
    """As older clients say it."""
    return _cancel(request, guid)


def _cancel(request: Request, guid: str) -> Answer:
    task, space = owned(request.actor, Task, guid, OPERATE)
    app = listing.get(App, str(task.app_guid), Task.LABEL)
    tasks.cancel(request.world, request.actor, task, app, space, request.trace)
    return _shown(request, task, space, 202)
