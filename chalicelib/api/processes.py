"""/v3/processes, and the same by app and type: how many, how large, how healthy."""

from typing import Any

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.droplets import HIDDEN, HIDDEN_IN_LISTS
from chalicelib.api.instances import process_instances, shown, stats
from chalicelib.api.parsing import Body
from chalicelib.api.render import common, paginated, to_one
from chalicelib.api.scoped import narrowed, scoped
from chalicelib.api.tasks import known_user
from chalicelib.contracts.auction import HealthCheck
from chalicelib.core.errors import BadQuery, NotFound
from chalicelib.core.lifecycle import USER
from chalicelib.core.manifest_process import is_endpoint
from chalicelib.core.roles import OPERATE, READ
from chalicelib.core.units import MAX_COMMAND, MAX_DISK_MB, MAX_INSTANCES, MAX_MEMORY_MB, MAX_TIMEOUT_S
from chalicelib.services import access, flags, processes
from chalicelib.services import stats as stats_of
from chalicelib.services.listing import page
from chalicelib.services.owned import owned
from chalicelib.tables.apps import App
from chalicelib.tables.identity import Space
from chalicelib.tables.running import Process

endpoints = Endpoints(__name__)

EMBED, EMBEDDABLE = "embed", "process_instances"

HEALTH_CHECKS = ("port", "http", "process")
#: What ``scale`` takes: field -> (attribute, least, most).
SCALABLE = {
    "instances": ("instances", 0, MAX_INSTANCES),
    "memory_in_mb": ("memory_mb", 1, MAX_MEMORY_MB),
    "disk_in_mb": ("disk_mb", 1, MAX_DISK_MB),
    "log_rate_limit_in_bytes_per_second": ("log_rate_bytes", -1, 2**31 - 1),
}


def render(request: Request, process: Process) -> dict[str, Any]:
    document = common(request, process, "stats", "process_instances")
    own = f"{request.base}/v3/processes/{process.guid}"
    document["links"] |= {
        "scale": {"href": f"{own}/actions/scale", "method": "POST"},
        "app": {"href": f"{request.base}/v3/apps/{process.app_guid}"},
        "space": {"href": f"{request.base}/v3/spaces/{process.space_guid}"},
    }
    return document | {
        "type": process.type,
        "command": process.command or process.detected,
        "user": USER,
        "instances": int(process.instances),
        "memory_in_mb": int(process.memory_mb),
        "disk_in_mb": int(process.disk_mb),
        "log_rate_limit_in_bytes_per_second": int(process.log_rate_bytes),
        "health_check": _health(process.health, "port" if process.type == processes.WEB else "process", True),
        "readiness_health_check": _health(process.readiness, "process", False),
        "relationships": {"app": to_one(process.app_guid), "revision": to_one(process.revision_guid)},
    }


def render_listed(request: Request, process: Process, hidden: str = HIDDEN_IN_LISTS) -> dict[str, Any]:
    document = render(request, process)
    return document | {"command": hidden if document["command"] else None}


def _shown(request: Request, process: Process, space: Space, status: int = 200) -> Answer:
    if access.may_read_secrets(request.actor, space):
        return Answer(render(request, process), status)
    return Answer(render_listed(request, process, HIDDEN), status)


def _health(settings: dict[str, Any] | None, default: str, with_timeout: bool) -> dict[str, Any]:
    """As v3 has it: null for what nobody chose."""
    chosen = settings or {}
    kind = chosen.get("type", default)
    data: dict[str, Any] = {"timeout": chosen.get("timeout_s")} if with_timeout else {}
    data |= {"invocation_timeout": chosen.get("invocation_timeout_s"), "interval": chosen.get("interval_s")}
    if kind == "http":
        data["endpoint"] = chosen.get("endpoint", HealthCheck().endpoint)
    return {"type": kind, "data": data}


# -- by guid -----------------------------------------------------------------------------------------------


@endpoints("GET", "/v3/processes")
def index(request: Request) -> Answer:
    return _listed(request, None, "app_guids")


@endpoints("GET", "/v3/processes/{guid}")
def show(request: Request, guid: str) -> Answer:
    return _single(request, *owned(request.actor, Process, guid))


@endpoints("PATCH", "/v3/processes/{guid}")
def update(request: Request, guid: str) -> Answer:
    return _update(request, *processes.accessible(request.actor, guid, OPERATE))


@endpoints("POST", "/v3/processes/{guid}/actions/scale")
def scale(request: Request, guid: str) -> Answer:
    return _scale(request, *processes.accessible(request.actor, guid, OPERATE))


@endpoints("GET", "/v3/processes/{guid}/stats")
def show_stats(request: Request, guid: str) -> Answer:
    process, _ = owned(request.actor, Process, guid)
    return Answer(stats(process))


@endpoints("GET", "/v3/processes/{guid}/process_instances")
def show_instances(request: Request, guid: str) -> Answer:
    process, _ = owned(request.actor, Process, guid)
    return Answer(process_instances(request, process))


@endpoints("DELETE", "/v3/processes/{guid}/instances/{index}")
def terminate(request: Request, guid: str, index: str) -> Answer:
    return _terminate(request, *processes.accessible(request.actor, guid, OPERATE), index)


# -- by app and type ---------------------------------------------------------------------------------------


@endpoints("GET", "/v3/apps/{guid}/processes")
def of_app(request: Request, guid: str) -> Answer:
    owned(request.actor, App, guid)
    return _listed(request, guid)


@endpoints("GET", "/v3/apps/{guid}/processes/{type}")
def show_of_app(request: Request, guid: str, type: str) -> Answer:
    process, _, space = _typed(request, guid, type)
    return _single(request, process, space)


@endpoints("PATCH", "/v3/apps/{guid}/processes/{type}")
def update_of_app(request: Request, guid: str, type: str) -> Answer:
    return _update(request, *_typed(request, guid, type, OPERATE))


@endpoints("POST", "/v3/apps/{guid}/processes/{type}/actions/scale")
def scale_of_app(request: Request, guid: str, type: str) -> Answer:
    return _scale(request, *_typed(request, guid, type, OPERATE))


@endpoints("GET", "/v3/apps/{guid}/processes/{type}/stats")
def show_stats_of_app(request: Request, guid: str, type: str) -> Answer:
    return Answer(stats(_typed(request, guid, type)[0]))


@endpoints("GET", "/v3/apps/{guid}/processes/{type}/process_instances")
def show_instances_of_app(request: Request, guid: str, type: str) -> Answer:
    return Answer(process_instances(request, _typed(request, guid, type)[0]))


@endpoints("DELETE", "/v3/apps/{guid}/processes/{type}/instances/{index}")
def terminate_of_app(request: Request, guid: str, type: str, index: str) -> Answer:
    return _terminate(request, *_typed(request, guid, type, OPERATE), index)


# -- what both do ------------------------------------------------------------------------------------------


def _typed(request: Request, app_guid: str, process_type: str, permission: str = READ) -> tuple[Process, App, Space]:
    app, space = owned(request.actor, App, app_guid, permission)
    return processes.by_type(app_guid, process_type), app, space


def _single(request: Request, process: Process, space: Space) -> Answer:
    request.only(EMBED)
    answer = _shown(request, process, space)
    if _embeds(request):
        answer.body[EMBEDDABLE] = shown(stats_of.brief([process])[str(process.guid)])
    return answer


def _embeds(request: Request) -> bool:
    """Whether the caller wants each process's instances with it. Raises BadQuery."""
    asked = request.values(EMBED) or frozenset()
    if unknown := asked - {EMBEDDABLE}:
        raise BadQuery(f"Invalid embedded resource: '{min(unknown)}'. Valid embedded resources are: '{EMBEDDABLE}'")
    return bool(asked)


def _listed(request: Request, app_guid: str | None, *filters: str) -> Answer:
    what = scoped(request, Process.KIND, "types", EMBED, *filters, app_guid=app_guid)
    found = page(Process, narrowed(request, what, types="type"))
    if not _embeds(request):
        return paginated(request, found, render_listed)
    lines = stats_of.brief(found.items)

    def render_embedding(request: Request, process: Process) -> dict[str, Any]:
        return render_listed(request, process) | {EMBEDDABLE: shown(lines[str(process.guid)])}

    return paginated(request, found, render_embedding)


def _update(request: Request, process: Process, app: App, space: Space) -> Answer:
    data = request.json()
    body = Body(data)
    if body.has("command"):
        process.command = body.text("command", limit=MAX_COMMAND) or None
    process.health = _chosen(body, "health_check", process.health, ("timeout", "invocation_timeout", "interval"))
    process.readiness = _chosen(body, "readiness_health_check", process.readiness, ("invocation_timeout", "interval"))
    known_user(body)
    body.metadata(process)
    body.done()
    changed = {key: value for key, value in data.items() if key in ("command", "health_check")}
    processes.update(request.world, request.actor, process, app, space, changed, request.trace)
    return _shown(request, process, space)


def _chosen(body: Body, name: str, present: dict[str, Any], seconds: tuple[str, ...]) -> dict[str, Any]:
    """The health check after the change. Another type drops what was chosen for the former one."""
    part = body.part(name)
    kind = part.choice("type", HEALTH_CHECKS)
    chosen = dict(present or {})
    if kind is not None and kind != chosen.get("type"):
        chosen = {"type": kind} | {key: chosen[key] for key in ("timeout_s",) if key in chosen}
    data = part.part("data")
    for field in seconds:
        if data.has(field):
            value = data.integer(field, 1, MAX_TIMEOUT_S)
            chosen.pop(f"{field}_s", None)
            if value is not None:
                chosen[f"{field}_s"] = value
    if data.has("endpoint"):
        endpoint = data.text("endpoint")
        if endpoint is not None and not is_endpoint(endpoint):
            data.wrong("Health check endpoint must be a valid URI path")
        if endpoint is not None and chosen.get("type") == "http":
            chosen["endpoint"] = endpoint
    data.finish()
    part.finish()
    return chosen


def _scale(request: Request, process: Process, app: App, space: Space) -> Answer:
    flags.require(request.actor, "app_scaling")
    body = Body(request.json())
    changes = {}
    for field, (attribute, least, most) in SCALABLE.items():
        value = body.integer(field, least, most)
        if value is not None:
            changes[attribute] = value
    body.done()
    processes.scale(request.world, request.actor, process, app, space, changes, request.trace)
    return _shown(request, process, space, 202)


def _terminate(request: Request, process: Process, app: App, space: Space, index: str) -> Answer:
    if not (index.isascii() and index.isdigit() and len(index) < 10):
        raise NotFound("Instance")
    processes.terminate_instance(request.world, request.actor, process, app, space, int(index), request.trace)
    return Answer(None, 204)
