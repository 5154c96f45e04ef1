"""/v3/sidecars, and those of an app and of a process."""

from typing import Any

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import Body
from chalicelib.api.render import common, listing, paginated, to_one
from chalicelib.core.lifecycle import MAX_PROCESS_TYPES, PROCESS_TYPE
from chalicelib.core.roles import WRITE
from chalicelib.core.units import MAX_COMMAND, MAX_MEMORY_MB
from chalicelib.services import sidecars
from chalicelib.services.listing import page
from chalicelib.services.owned import owned
from chalicelib.tables.apps import App
from chalicelib.tables.running import Process
from chalicelib.tables.tasks import Sidecar

endpoints = Endpoints(__name__)


def render(request: Request, sidecar: Sidecar) -> dict[str, Any]:
    document = common(request, sidecar)
    del document["metadata"]
    document["links"]["app"] = {"href": f"{request.base}/v3/apps/{sidecar.app_guid}"}
    return document | {
        "name": sidecar.name,
        "command": sidecar.command,
        "process_types": list(sidecar.process_types),
        "memory_in_mb": int(sidecar.memory_mb) if sidecar.memory_mb else None,
        "origin": sidecar.origin,
        "relationships": {"app": to_one(sidecar.app_guid)},
    }


@endpoints("POST", "/v3/apps/{guid}/sidecars")
def create(request: Request, guid: str) -> Answer:
    app, _ = owned(request.actor, App, guid, WRITE)
    sidecar = Sidecar()
    _take(Body(request.json()), sidecar, is_new=True)
    sidecars.create(request.world, app, sidecar, request.trace)
    return Answer(render(request, sidecar), 201)


def _take(body: Body, sidecar: Sidecar, is_new: bool) -> None:
    """What the body says, into the sidecar. Raises Unprocessable."""
    if is_new or body.has("name"):
        sidecar.name = body.name()
    if is_new or body.has("command"):
        sidecar.command = body.text("command", required=True, limit=MAX_COMMAND)
    if is_new or body.has("process_types"):
        types = body.texts("process_types") or []
        if not types:
            body.wrong("Process types must have at least 1 process_type")
        elif len(types) > MAX_PROCESS_TYPES or not all(map(PROCESS_TYPE.fullmatch, types)):
            body.wrong(f"Process types must be at most {MAX_PROCESS_TYPES} of letters, digits, '.', '_' and '-'")
        sidecar.process_types = sorted(set(types))
    if body.has("memory_in_mb"):
        sidecar.memory_mb = body.integer("memory_in_mb", 1, MAX_MEMORY_MB)
    body.done()


@endpoints("GET", "/v3/apps/{guid}/sidecars")
def of_app(request: Request, guid: str) -> Answer:
    owned(request.actor, App, guid)
    what = listing(request, [sidecars.scope(guid)])
    return paginated(request, page(Sidecar, what), render)


@endpoints("GET", "/v3/processes/{guid}/sidecars")
def of_process(request: Request, guid: str) -> Answer:
    process, _ = owned(request.actor, Process, guid)
    what = listing(request, [sidecars.scope(str(process.app_guid))])
    what = what.having(lambda sidecar: process.type in sidecar.process_types)
    return paginated(request, page(Sidecar, what), render)


@endpoints("GET", "/v3/sidecars/{guid}")
def show(request: Request, guid: str) -> Answer:
    return Answer(render(request, sidecars.accessible(request.actor, guid)[0]))


@endpoints("PATCH", "/v3/sidecars/{guid}")
def update(request: Request, guid: str) -> Answer:
    sidecar, _ = sidecars.accessible(request.actor, guid, WRITE)
    former = str(sidecar.name)
    _take(Body(request.json()), sidecar, is_new=False)
    sidecars.update(request.world, sidecar, former, request.trace)
    return Answer(render(request, sidecar))


@endpoints("DELETE", "/v3/sidecars/{guid}")
def delete(request: Request, guid: str) -> Answer:
    sidecar, _ = sidecars.accessible(request.actor, guid, WRITE)
    sidecars.remove(request.world, sidecar, request.trace)
    return Answer(None, 204)
