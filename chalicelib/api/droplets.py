"""/v3/droplets, an app's droplets, and which of them is current."""

from typing import Any

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import Body
from chalicelib.api.render import accepted, common, paginated, to_one
from chalicelib.api.scoped import listed, narrowed, relabelled, scoped
from chalicelib.core.errors import NotFound, Unprocessable
from chalicelib.core.lifecycle import wrong_process_types
from chalicelib.core.roles import DOWNLOAD, OPERATE, WRITE
from chalicelib.services import access, apps, droplet_bits, droplets
from chalicelib.services.listing import page
from chalicelib.services.owned import owned
from chalicelib.services.packages import DOCKER
from chalicelib.tables.apps import App, Droplet
from chalicelib.tables.identity import Space

endpoints = Endpoints(__name__)

#: Commands may hold secrets: lists do not tell them, nor does anything to who may not read secrets.
HIDDEN_IN_LISTS, HIDDEN = "[PRIVATE DATA HIDDEN IN LISTS]", "[PRIVATE DATA HIDDEN]"


def render(request: Request, droplet: Droplet) -> dict[str, Any]:
    document = common(request, droplet)
    digest = str(droplet.digest or "").removeprefix("sha256:")
    own = f"{request.base}/v3/droplets/{droplet.guid}"
    document["links"] |= {
        "app": {"href": f"{request.base}/v3/apps/{droplet.app_guid}"},
        "assign_current_droplet": {
            "href": f"{request.base}/v3/apps/{droplet.app_guid}/relationships/current_droplet",
            "method": "PATCH",
        },
        "download": {"href": f"{own}/download"},
    }
    if droplet.image:
        del document["links"]["download"]
    if droplet.state == droplet_bits.AWAITING:
        document["links"]["upload"] = {"href": f"{own}/upload", "method": "POST"}
    if droplet.package_guid:
        document["links"]["package"] = {"href": f"{request.base}/v3/packages/{droplet.package_guid}"}
    return document | {
        "state": droplet.state,
        "error": droplet.error,
        "lifecycle": {"type": droplet.lifecycle_type, "data": {}},
        "execution_metadata": "",
        "checksum": {"type": "sha256", "value": digest} if digest else None,
        "buildpacks": list(droplet.buildpacks or ()),
        "stack": None if droplet.image else droplet.stack,
        "image": droplet.image,
        "process_types": dict(droplet.process_types or {}),
        "relationships": {"app": to_one(droplet.app_guid)},
    }


def render_listed(request: Request, droplet: Droplet, hidden: str = HIDDEN_IN_LISTS) -> dict[str, Any]:
    document = render(request, droplet)
    return document | {"process_types": dict.fromkeys(document["process_types"], hidden)}


def _shown(request: Request, droplet: Droplet, space: Space) -> Answer:
    if access.may_read_secrets(request.actor, space):
        return Answer(render(request, droplet))
    return Answer(render_listed(request, droplet, HIDDEN))


@endpoints("POST", "/v3/droplets")
def create(request: Request) -> Answer:
    request.only("source_guid")
    actor = request.actor
    body = Body(request.json())
    app_guid = body.relationship("app") or ""
    types = None if "source_guid" in request.query else body.take("process_types")
    if types is not None and (wrong := _wrong_types(types)):
        body.wrong(wrong)
    droplet = Droplet()
    body.metadata(droplet)
    body.done()
    if "source_guid" in request.query:
        source, _ = owned(actor, Droplet, request.query["source_guid"], DOWNLOAD)
        app, space = owned(actor, App, app_guid, WRITE)
        droplet_bits.copy(request.world, actor, source, droplet, app, space, request.trace)
        return Answer(render(request, droplet), 201)
    try:
        app, space = owned(actor, App, app_guid, WRITE)
    except NotFound:
        raise Unprocessable(
            f'App with guid "{app_guid[:250]}" does not exist, or you do not have access to it.'
        ) from None
    if app.lifecycle_type == DOCKER:
        raise Unprocessable("Droplet creation is not available for apps with docker lifecycles.")
    droplet.stack, droplet.process_types = app.stack, types or {}
    return Answer(render(request, droplet_bits.create(request.world, actor, droplet, app, space, request.trace)), 201)


def _wrong_types(types: Any) -> str | None:
    if not isinstance(types, dict) or not all(isinstance(command, str) for command in types.values()):
        return "Process types must be a map of names to commands"
    wrong = wrong_process_types(types)
    return wrong and f"Process types: {wrong}"


@endpoints("GET", "/v3/droplets")
def index(request: Request) -> Answer:
    return listed(request, Droplet, render_listed, {"states": "state", "app_guids": "app_guid"})


@endpoints("GET", "/v3/apps/{guid}/droplets")
def of_app(request: Request, guid: str) -> Answer:
    app, _ = owned(request.actor, App, guid)
    what = narrowed(request, scoped(request, Droplet.KIND, "states", "current", app_guid=guid), states="state")
    if request.query.get("current") == "true":
        what = what.within([str(app.droplet_guid)])
    return paginated(request, page(Droplet, what), render_listed)


@endpoints("GET", "/v3/droplets/{guid}")
def show(request: Request, guid: str) -> Answer:
    return _shown(request, *owned(request.actor, Droplet, guid))


@endpoints("PATCH", "/v3/droplets/{guid}")
def update(request: Request, guid: str) -> Answer:
    return Answer(render(request, relabelled(request, Droplet, guid)))


@endpoints("DELETE", "/v3/droplets/{guid}")
def delete(request: Request, guid: str) -> Answer:
    droplet, space = owned(request.actor, Droplet, guid, WRITE)
    job = droplets.delete(request.world, request.actor, droplet, space, request.trace)
    return accepted(request, job)


@endpoints("GET", "/v3/droplets/{guid}/download")
def download(request: Request, guid: str) -> Answer:
    droplet, _ = owned(request.actor, Droplet, guid, DOWNLOAD)
    return Answer(None, 302, {"Location": droplets.download_url(request.world, droplet)})


@endpoints("GET", "/v3/apps/{guid}/droplets/current")
def current(request: Request, guid: str) -> Answer:
    app, space = owned(request.actor, App, guid)
    return _shown(request, droplets.current(app), space)


def _current(request: Request, app: App) -> Answer:
    own = f"{request.base}/v3/apps/{app.guid}"
    links = {
        "self": {"href": f"{own}/relationships/current_droplet"},
        "related": {"href": f"{own}/droplets/current"},
    }
    return Answer(to_one(app.droplet_guid) | {"links": links})


@endpoints("GET", "/v3/apps/{guid}/relationships/current_droplet")
def current_guid(request: Request, guid: str) -> Answer:
    app, _ = owned(request.actor, App, guid)
    droplets.current(app)
    return _current(request, app)


@endpoints("PATCH", "/v3/apps/{guid}/relationships/current_droplet")
def assign(request: Request, guid: str) -> Answer:
    app, space = owned(request.actor, App, guid, OPERATE)
    body = Body(request.json())
    if body.has("data") and body.data["data"] is None:
        raise Unprocessable("Current droplet cannot be removed. Replace it with a preferred droplet.")
    data = body.part("data", required=True)
    droplet_guid = data.text("guid", required=True)
    data.done()
    if not droplet_guid:
        raise Unprocessable(apps.WRONG_DROPLET)
    return _current(request, apps.assign_droplet(request.world, request.actor, app, space, droplet_guid, request.trace))
