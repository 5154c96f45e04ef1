"""/v3/buildpacks: everybody may see what is installed, administrators install."""

from dataclasses import replace
from typing import Any

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import Body
from chalicelib.api.render import accepted, common, listing, paginated
from chalicelib.core.lifecycle import BUILDPACK_NAME
from chalicelib.services import access, buildpacks, stacks
from chalicelib.services.listing import get, page
from chalicelib.tables.apps import Buildpack

endpoints = Endpoints(__name__)


def render(request: Request, buildpack: Buildpack) -> dict[str, Any]:
    document = common(request, buildpack)
    upload = {"href": f"{request.base}/v3/buildpacks/{buildpack.guid}/upload", "method": "POST"}
    document["links"]["upload"] = upload
    return document | {
        "name": buildpack.name,
        "stack": buildpack.stack,
        "state": buildpack.state,
        "filename": buildpack.filename,
        "position": buildpack.position,
        "enabled": bool(buildpack.enabled),
        "locked": bool(buildpack.locked),
        "lifecycle": "buildpack",
    }


@endpoints("GET", "/v3/buildpacks")
def index(request: Request) -> Answer:
    _ = request.actor
    what = listing(request, ["buildpacks"], "stacks", "lifecycle", orders=("position",))
    if "order_by" not in request.query:
        what = replace(what, order_by="position")
    if (stacks := request.values("stacks")) is not None:
        # An empty value asks for those of no stack.
        what = what.having(lambda buildpack: (buildpack.stack or "") in stacks)
    if request.query.get("lifecycle", "buildpack") != "buildpack":
        what = what.within([])
    return paginated(request, page(Buildpack, what), render)


@endpoints("POST", "/v3/buildpacks")
def create(request: Request) -> Answer:
    access.require_admin(request.actor)
    body = Body(request.json())
    buildpack = Buildpack(name=_name(body), enabled=body.boolean("enabled", True), locked=body.boolean("locked"))
    buildpack.stack = _stack(body)
    position = body.integer("position", 1) or 1
    if body.text("lifecycle", default="buildpack") != "buildpack":
        body.wrong("Lifecycle must be 'buildpack'; others are not enabled on this platform")
    body.metadata(buildpack)
    body.done()
    buildpacks.create(request.world, request.actor, buildpack, position, request.trace)
    return Answer(render(request, buildpack), 201)


def _name(body: Body) -> str:
    name = body.name()
    if name.strip() and not BUILDPACK_NAME.fullmatch(name):
        body.wrong("Name can only contain alphanumeric characters")
    return name


def _stack(body: Body) -> str | None:
    stack = body.text("stack")
    if stack is not None and stacks.find(stack) is None:
        body.wrong(f"Stack '{stack[:250]}' does not exist")
    return stack


@endpoints("GET", "/v3/buildpacks/{guid}")
def show(request: Request, guid: str) -> Answer:
    _ = request.actor
    return Answer(render(request, get(Buildpack, guid)))


@endpoints("PATCH", "/v3/buildpacks/{guid}")
def update(request: Request, guid: str) -> Answer:
    buildpack = _writable(request, guid)
    former = buildpacks.unique_name(buildpack)
    body = Body(request.json())
    if body.has("name"):
        buildpack.name = _name(body)
    if body.has("stack") and (stack := _stack(body)) != buildpack.stack:
        if buildpack.stack is not None:
            body.wrong("Buildpack stack can not be changed")
        buildpack.stack = stack
    for switch in ("enabled", "locked"):
        if body.has(switch):
            setattr(buildpack, switch, body.boolean(switch, bool(getattr(buildpack, switch))))
    position = body.integer("position", 1)
    body.metadata(buildpack)
    body.done()
    buildpacks.update(request.world, request.actor, buildpack, former, position, request.trace)
    return Answer(render(request, buildpack))


@endpoints("DELETE", "/v3/buildpacks/{guid}")
def delete(request: Request, guid: str) -> Answer:
    buildpack = _writable(request, guid)
    return accepted(request, buildpacks.delete(request.world, request.actor, buildpack, request.trace))


def _writable(request: Request, guid: str) -> Buildpack:
    """Everybody can see it, so who may not change it hears 403."""
    actor = request.actor
    buildpack = get(Buildpack, guid)
    access.require_admin(actor)
    return buildpack
