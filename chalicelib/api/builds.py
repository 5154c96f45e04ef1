"""/v3/builds, and an app's builds."""

from typing import Any

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import Body
from chalicelib.api.render import common, to_one, warned
from chalicelib.api.scoped import listed, relabelled
from chalicelib.core import lifecycle
from chalicelib.core.errors import NotAuthorized, NotFound, Unprocessable
from chalicelib.core.roles import OPERATE
from chalicelib.core.units import MAX_DISK_MB, MAX_MEMORY_MB
from chalicelib.services import buildpacks, builds, listing, stacks
from chalicelib.services.owned import owned
from chalicelib.services.packages import DOCKER
from chalicelib.tables.apps import App, Build, Package

endpoints = Endpoints(__name__)

FILTERS = {"states": "state", "package_guids": "package_guid"}
OF_APPS = FILTERS | {"app_guids": "app_guid"}

WRONG_PACKAGE = "Unable to use package. Ensure that the package exists and you have access to it."


def render(request: Request, build: Build) -> dict[str, Any]:
    document = common(request, build)
    document["links"]["app"] = {"href": f"{request.base}/v3/apps/{build.app_guid}"}
    if build.droplet_guid:
        document["links"]["droplet"] = {"href": f"{request.base}/v3/droplets/{build.droplet_guid}"}
    data = {"buildpacks": list(build.buildpacks or ()), "stack": build.stack}
    if build.lifecycle_type == DOCKER:
        data = {}
    return document | {
        "state": build.state,
        "error": build.error,
        "staging_memory_in_mb": int(build.memory_mb),
        "staging_disk_in_mb": int(build.disk_mb),
        "staging_log_rate_limit_bytes_per_second": int(build.log_rate_bytes),
        "lifecycle": {"type": build.lifecycle_type, "data": data},
        "package": {"guid": build.package_guid},
        "droplet": {"guid": build.droplet_guid} if build.droplet_guid else None,
        "created_by": build.created_by,
        "relationships": {"app": to_one(build.app_guid)},
    }


@endpoints("POST", "/v3/builds")
def create(request: Request) -> Answer:
    actor = request.actor
    body = Body(request.json())
    package_part = body.part("package", required=True)
    package_guid = package_part.text("guid", required=True) or ""
    package_part.finish()
    build = Build(package_guid=package_guid)
    build.memory_mb = body.integer("staging_memory_in_mb", 1, MAX_MEMORY_MB) or build.memory_mb
    build.disk_mb = body.integer("staging_disk_in_mb", 1, MAX_DISK_MB) or build.disk_mb
    log_rate = body.integer("staging_log_rate_limit_bytes_per_second", -1)
    build.log_rate_bytes = -1 if log_rate is None else log_rate
    kind, stack, named = _lifecycle(body)
    body.metadata(build)
    body.done()
    try:
        package, space = owned(actor, Package, package_guid, OPERATE)
    except (NotFound, NotAuthorized):
        raise Unprocessable(WRONG_PACKAGE) from None
    app = listing.get(App, str(package.app_guid))
    build.app_guid, build.space_guid = app.guid, app.space_guid
    build.stack = stack or app.stack
    build.buildpacks = list(app.buildpacks or ()) if named is None else named
    if kind is not None and (kind == DOCKER) != (package.type == DOCKER):
        raise Unprocessable(f"Lifecycle type '{kind}' does not fit a package of type '{package.type}'")
    warning = stacks.check_staging(str(build.stack), bool(app.droplet_guid)) if package.type != DOCKER else None
    builds.create(request.world, actor, build, package, app, space, request.trace)
    return warned(Answer(render(request, build), 201), *filter(None, [warning]))


def _lifecycle(body: Body) -> tuple[str | None, str | None, list[str] | None]:
    """Type, stack and buildpacks in ``lifecycle``; None: as package and app have it."""
    part = body.part("lifecycle")
    kind = part.text("type")
    if kind != DOCKER and (wrong := lifecycle.wrong_lifecycle(kind)):
        body.wrong(wrong)
    data = part.part("data")
    stack, named = data.text("stack"), data.texts("buildpacks")
    if stack is not None and (wrong := stacks.wrong(stack)):
        body.wrong(wrong)
    for wrong in buildpacks.wrong(named or ()):
        body.wrong(wrong)
    data.finish()
    part.finish()
    return kind, stack, named


@endpoints("GET", "/v3/builds")
def index(request: Request) -> Answer:
    return listed(request, Build, render, OF_APPS)


@endpoints("GET", "/v3/apps/{guid}/builds")
def of_app(request: Request, guid: str) -> Answer:
    owned(request.actor, App, guid)
    return listed(request, Build, render, FILTERS, guid)


@endpoints("GET", "/v3/builds/{guid}")
def show(request: Request, guid: str) -> Answer:
    build, _ = owned(request.actor, Build, guid)
    return Answer(render(request, build))


@endpoints("PATCH", "/v3/builds/{guid}")
def update(request: Request, guid: str) -> Answer:
    return Answer(render(request, relabelled(request, Build, guid)))
