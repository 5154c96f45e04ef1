"""/v3/packages, and an app's packages."""

from typing import Any

from chalicelib.api import droplets
from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import Body
from chalicelib.api.render import accepted, common, paginated, to_one
from chalicelib.api.scoped import narrowed, relabelled, scoped
from chalicelib.core.errors import NotFound, Unprocessable
from chalicelib.core.roles import READ_SECRETS, WRITE
from chalicelib.services import packages
from chalicelib.services.listing import page
from chalicelib.services.owned import owned
from chalicelib.tables.apps import App, Droplet, Package

endpoints = Endpoints(__name__)

WRONG_APP = "App is invalid. Ensure it exists and you have access to it."


def render(request: Request, package: Package) -> dict[str, Any]:
    document = common(request, package)
    own = f"{request.base}/v3/packages/{package.guid}"
    document["links"] |= {
        "upload": {"href": f"{own}/upload", "method": "POST"},
        "download": {"href": f"{own}/download", "method": "GET"},
        "app": {"href": f"{request.base}/v3/apps/{package.app_guid}"},
    }
    return document | {
        "type": package.type,
        "state": package.state,
        "data": {"error": package.error, "checksum": {"type": "sha256", "value": package.checksum}},
        "relationships": {"app": to_one(package.app_guid)},
    }


@endpoints("POST", "/v3/packages")
def create(request: Request) -> Answer:
    actor = request.actor
    body = Body(request.json())
    kind = body.text("type", required=True)
    app_guid = body.relationship("app")
    if kind == "docker":
        body.take("data")
        body.wrong("Docker packages are not enabled on this platform; use type 'bits'")
    elif kind not in (None, "bits"):
        body.wrong("Type must be one of 'bits', 'docker'")
    package = Package(app_guid=app_guid or "", type="bits")
    body.metadata(package)
    body.done()
    try:
        app, space = owned(actor, App, str(package.app_guid), WRITE)
    except NotFound:
        raise Unprocessable(WRONG_APP) from None
    package.space_guid = app.space_guid
    packages.create(request.world, actor, package, app, space, request.trace)
    return Answer(render(request, package), 201)


@endpoints("GET", "/v3/packages")
def index(request: Request) -> Answer:
    return _listed(request, None, "app_guids")


@endpoints("GET", "/v3/apps/{guid}/packages")
def of_app(request: Request, guid: str) -> Answer:
    owned(request.actor, App, guid)
    return _listed(request, guid)


def _listed(request: Request, app_guid: str | None, *filters: str) -> Answer:
    what = scoped(request, Package.KIND, "states", "types", *filters, app_guid=app_guid)
    what = narrowed(request, what, states="state", types="type")
    return paginated(request, page(Package, what), render)


@endpoints("GET", "/v3/packages/{guid}")
def show(request: Request, guid: str) -> Answer:
    package, _ = owned(request.actor, Package, guid)
    return Answer(render(request, package))


@endpoints("PATCH", "/v3/packages/{guid}")
def update(request: Request, guid: str) -> Answer:
    return Answer(render(request, relabelled(request, Package, guid)))


@endpoints("DELETE", "/v3/packages/{guid}")
def delete(request: Request, guid: str) -> Answer:
    package, space = owned(request.actor, Package, guid, WRITE)
    job = packages.delete(request.world, request.actor, package, space, request.trace)
    return accepted(request, job)


@endpoints("GET", "/v3/packages/{guid}/download")
def download(request: Request, guid: str) -> Answer:
    package, _ = owned(request.actor, Package, guid, READ_SECRETS)
    return Answer(None, 302, {"Location": packages.download_url(request.world, package)})


@endpoints("GET", "/v3/packages/{guid}/droplets")
def droplets_of(request: Request, guid: str) -> Answer:
    package, _ = owned(request.actor, Package, guid)
    what = scoped(request, Droplet.KIND, "states", app_guid=str(package.app_guid))
    what = narrowed(request, what, states="state").having(lambda droplet: droplet.package_guid == guid)
    return paginated(request, page(Droplet, what), droplets.render_listed)
