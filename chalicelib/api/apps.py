"""/v3/apps: the app itself. Its environment, its droplet and its parts are in modules of their own."""

from typing import Any

from chalicelib.api import organizations, spaces
from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.included import Way, included
from chalicelib.api.parsing import Body
from chalicelib.api.render import accepted, common, paginated, to_one
from chalicelib.api.scoped import narrowed, scoped
from chalicelib.core import lifecycle
from chalicelib.core.roles import OPERATE, WRITE
from chalicelib.services import apps, buildcache, buildpacks, flags, stacks
from chalicelib.services.listing import Listing, Page, page, sliced
from chalicelib.services.owned import owned
from chalicelib.tables.apps import App
from chalicelib.tables.identity import Organization, Space

endpoints = Endpoints(__name__)

#: What lies under an app's own address.
LINKS = ("processes", "packages", "droplets", "tasks", "routes", "environment_variables", "features", "revisions")

WAYS: dict[str, Way] = {
    "space": (Space, lambda app: app.space_guid, spaces.render),
    "space.organization": (Organization, lambda space: space.org_guid, organizations.render),
}

BUILDPACK, DOCKER = "buildpack", "docker"


def render(request: Request, app: App) -> dict[str, Any]:
    document = common(request, app, *LINKS)
    own = f"{request.base}/v3/apps/{app.guid}"
    document["links"] |= {
        "space": {"href": f"{request.base}/v3/spaces/{app.space_guid}"},
        "current_droplet": {"href": f"{own}/droplets/current"},
        "deployed_revisions": {"href": f"{own}/revisions/deployed"},
        "start": {"href": f"{own}/actions/start", "method": "POST"},
        "stop": {"href": f"{own}/actions/stop", "method": "POST"},
        "restart": {"href": f"{own}/actions/restart", "method": "POST"},
        "clear_buildpack_cache": {"href": f"{own}/actions/clear_buildpack_cache", "method": "POST"},
    }
    built = {"buildpacks": list(app.buildpacks or ()), "stack": app.stack}
    return document | {
        "name": app.name,
        "state": app.state,
        "lifecycle": {"type": app.lifecycle_type, "data": {} if app.lifecycle_type == DOCKER else built},
        "relationships": {"space": to_one(app.space_guid), "current_droplet": to_one(app.droplet_guid)},
    }


@endpoints("GET", "/v3/apps")
def index(request: Request) -> Answer:
    what = scoped(request, App.KIND, "stacks", "lifecycle_type", "include", orders=("state",))
    what = narrowed(request, what, stacks="stack", lifecycle_type="lifecycle_type")
    found = _page(request, what)
    return paginated(request, found, render, included(request, found.items, WAYS))


def _page(request: Request, what: Listing) -> Page:
    """The question that clients ask most, names within spaces, is answered by the unique names alone."""
    spaces_asked = request.values("space_guids")
    if what.names is None or spaces_asked is None or not what.lists:
        return page(App, what)
    allowed = {name.split("/")[1] for name in what.lists}
    return sliced(apps.named(spaces_asked & allowed, what.names), what)


@endpoints("POST", "/v3/apps")
def create(request: Request) -> Answer:
    actor = request.actor
    body = Body(request.json())
    app = App(name=body.name(), space_guid=body.relationship("space") or "")
    app.lifecycle_type = _lifecycle(body, app) or BUILDPACK
    variables = body.take("environment_variables")
    if variables is not None and not isinstance(variables, dict):
        body.wrong("Environment variables must be an object")
    body.metadata(app)
    body.done()
    space = apps.space_for(actor, str(app.space_guid))
    if app.lifecycle_type == DOCKER:
        flags.require(actor, "diego_docker")
    apps.create(request.world, actor, app, space, variables or {}, request.trace)
    return Answer(render(request, app), 201)


def _lifecycle(body: Body, app: App) -> str | None:
    """Take ``lifecycle`` into the app; returns the type that it names, if any."""
    part = body.part("lifecycle")
    kind = part.text("type")
    data = part.part("data")
    if kind != DOCKER:
        if wrong := lifecycle.wrong_lifecycle(kind):
            body.wrong(wrong)
        stack = data.text("stack")
        if stack is not None and stack != app.stack:
            app.stack = stack
            if wrong := stacks.wrong(stack):
                body.wrong(wrong)
        named = data.texts("buildpacks")
        if named is not None:
            app.buildpacks = named
            for wrong in buildpacks.wrong(named):
                body.wrong(wrong)
    data.finish()
    part.finish()
    return kind


@endpoints("GET", "/v3/apps/{guid}")
def show(request: Request, guid: str) -> Answer:
    request.only("include")
    app, _ = owned(request.actor, App, guid)
    document = render(request, app)
    if (others := included(request, [app], WAYS)) is not None:
        document["included"] = others
    return Answer(document)


@endpoints("PATCH", "/v3/apps/{guid}")
def update(request: Request, guid: str) -> Answer:
    app, space = owned(request.actor, App, guid, WRITE)
    body = Body(request.json())
    name = body.name() if body.has("name") else None
    if _lifecycle(body, app) not in (None, app.lifecycle_type):
        body.wrong("Lifecycle type cannot be changed")
    body.metadata(app)
    body.done()
    apps.update(request.world, request.actor, app, space, name, request.trace)
    return Answer(render(request, app))


@endpoints("DELETE", "/v3/apps/{guid}")
def delete(request: Request, guid: str) -> Answer:
    app, space = owned(request.actor, App, guid, WRITE)
    job = apps.delete(request.world, request.actor, app, space, request.trace)
    return accepted(request, job)


@endpoints("POST", "/v3/apps/{guid}/actions/start")
def start(request: Request, guid: str) -> Answer:
    app, space = owned(request.actor, App, guid, OPERATE)
    return Answer(render(request, apps.start(request.world, request.actor, app, space, request.trace)))


@endpoints("POST", "/v3/apps/{guid}/actions/stop")
def stop(request: Request, guid: str) -> Answer:
    app, space = owned(request.actor, App, guid, OPERATE)
    return Answer(render(request, apps.stop(request.world, request.actor, app, space, request.trace)))


@endpoints("POST", "/v3/apps/{guid}/actions/restart")
def restart(request: Request, guid: str) -> Answer:
    app, space = owned(request.actor, App, guid, OPERATE)
    return Answer(render(request, apps.restart(request.world, request.actor, app, space, request.trace)))


@endpoints("POST", "/v3/apps/{guid}/actions/clear_buildpack_cache")
def clear_buildpack_cache(request: Request, guid: str) -> Answer:
    app, _ = owned(request.actor, App, guid, OPERATE)
    return accepted(request, buildcache.clear(request.world, app, request.trace))
