"""/v3/apps: the app itself. Its environment, its droplet and its parts are in modules of their own."""

from typing import Any

from chalicelib.api import organizations, spaces
from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import Body
from chalicelib.api.render import accepted, common, including, paginated, to_one
from chalicelib.api.scoped import narrowed, scoped
from chalicelib.core import lifecycle
from chalicelib.core.roles import OPERATE, WRITE
from chalicelib.services import apps, listing
from chalicelib.services.listing import Listing, Page, page, sliced
from chalicelib.services.owned import owned
from chalicelib.tables.apps import App
from chalicelib.tables.identity import Organization, Space

endpoints = Endpoints(__name__)

LINKS = ("processes", "packages", "droplets", "routes", "environment_variables", "features")


def render(request: Request, app: App) -> dict[str, Any]:
    document = common(request, app, *LINKS)
    own = f"{request.base}/v3/apps/{app.guid}"
    document["links"] |= {
        "space": {"href": f"{request.base}/v3/spaces/{app.space_guid}"},
        "current_droplet": {"href": f"{own}/droplets/current"},
        "start": {"href": f"{own}/actions/start", "method": "POST"},
        "stop": {"href": f"{own}/actions/stop", "method": "POST"},
    }
    return document | {
        "name": app.name,
        "state": app.state,
        "lifecycle": {
            "type": app.lifecycle_type,
            "data": {"buildpacks": list(app.buildpacks or ()), "stack": app.stack},
        },
        "relationships": {"space": to_one(app.space_guid), "current_droplet": to_one(app.droplet_guid)},
    }


@endpoints("GET", "/v3/apps")
def index(request: Request) -> Answer:
    what = scoped(request, App.KIND, "stacks", "lifecycle_type", "include", orders=("state",))
    what = narrowed(request, what, stacks="stack", lifecycle_type="lifecycle_type")
    found = _page(request, what)
    return paginated(request, found, render, _included(request, found.items))


def _page(request: Request, what: Listing) -> Page:
    """The question that clients ask most, names within spaces, is answered by the unique names alone."""
    spaces_asked = request.values("space_guids")
    if what.names is None or spaces_asked is None or not what.lists:
        return page(App, what)
    allowed = {name.split("/")[1] for name in what.lists}
    return sliced(apps.named(spaces_asked & allowed, what.names), what)


def _included(request: Request, found: list[Any]) -> dict[str, Any] | None:
    """The spaces and organizations of the apps on this page, when they are asked for."""
    asked = including(request, "space", "space.organization")
    if not asked:
        return None
    of_apps = listing.load(Space, sorted({str(app.space_guid) for app in found}))
    included = {"spaces": [spaces.render(request, space) for space in of_apps]}
    if "space.organization" in asked:
        orgs = listing.load(Organization, sorted({str(space.org_guid) for space in of_apps}))
        included["organizations"] = [organizations.render(request, org) for org in orgs]
    return included


@endpoints("POST", "/v3/apps")
def create(request: Request) -> Answer:
    actor = request.actor
    body = Body(request.json())
    app = App(name=body.name(), space_guid=body.relationship("space") or "")
    _lifecycle(body, app)
    variables = body.take("environment_variables")
    if variables is not None and not isinstance(variables, dict):
        body.wrong("Environment variables must be an object")
    body.metadata(app)
    body.done()
    space = apps.space_for(actor, str(app.space_guid))
    apps.create(request.world, actor, app, space, variables or {}, request.trace)
    return Answer(render(request, app), 201)


def _lifecycle(body: Body, app: App) -> None:
    """Take ``lifecycle`` into the app."""
    part = body.part("lifecycle")
    if wrong := lifecycle.wrong_lifecycle(part.text("type")):
        body.wrong(wrong)
    data = part.part("data")
    stack = data.text("stack")
    if stack is not None:
        app.stack = stack
        if wrong := lifecycle.wrong_stack(stack):
            body.wrong(wrong)
    buildpacks = data.texts("buildpacks")
    if buildpacks is not None:
        app.buildpacks = buildpacks
        for wrong in lifecycle.wrong_buildpacks(buildpacks):
            body.wrong(wrong)
    data.finish()
    part.finish()


@endpoints("GET", "/v3/apps/{guid}")
def show(request: Request, guid: str) -> Answer:
    request.only("include")
    app, _ = owned(request.actor, App, guid)
    document = render(request, app)
    if (included := _included(request, [app])) is not None:
        document["included"] = included
    return Answer(document)


@endpoints("PATCH", "/v3/apps/{guid}")
def update(request: Request, guid: str) -> Answer:
    app, space = owned(request.actor, App, guid, WRITE)
    body = Body(request.json())
    name = body.name() if body.has("name") else None
    _lifecycle(body, app)
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
