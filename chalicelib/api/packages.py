"""/v3/packages, and an app's packages."""

import re
from typing import Any

from chalicelib.api import droplets
from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import Body
from chalicelib.api.render import accepted, common, paginated, to_one
from chalicelib.api.scoped import listed, narrowed, relabelled, scoped
from chalicelib.core.errors import NotAuthorized, NotFound, Unprocessable
from chalicelib.core.roles import READ_SECRETS, WRITE
from chalicelib.services import flags, packages
from chalicelib.services.listing import page
from chalicelib.services.owned import owned
from chalicelib.tables.apps import App, Droplet, Package
from chalicelib.tables.identity import Space

endpoints = Endpoints(__name__)

FILTERS = {"states": "state", "types": "type"}
OF_APPS = FILTERS | {"app_guids": "app_guid"}

WRONG_APP = "App is invalid. Ensure it exists and you have access to it."
#: What Cloud Foundry shows in place of a password.
HIDDEN = "***"
#: ``registry.example.com:5000/team/image:tag`` or ``image@sha256:...``.
IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*")
MAX_IMAGE, MAX_CREDENTIAL = 1000, 5000


def render(request: Request, package: Package) -> dict[str, Any]:
    document = common(request, package)
    own = f"{request.base}/v3/packages/{package.guid}"
    document["links"]["app"] = {"href": f"{request.base}/v3/apps/{package.app_guid}"}
    data: dict[str, Any] = {
        "image": package.image,
        "username": package.username,
        "password": HIDDEN if package.username else None,
    }
    if package.type == packages.BITS:
        document["links"] |= {
            "upload": {"href": f"{own}/upload", "method": "POST"},
            "download": {"href": f"{own}/download", "method": "GET"},
        }
        data = {"error": package.error, "checksum": {"type": "sha256", "value": package.checksum}}
    return document | {
        "type": package.type,
        "state": package.state,
        "data": data,
        "relationships": {"app": to_one(package.app_guid)},
    }


@endpoints("POST", "/v3/packages")
def create(request: Request) -> Answer:
    request.only("source_guid")
    if "source_guid" in request.query:
        return _copy(request, request.query["source_guid"])
    actor = request.actor
    body = Body(request.json())
    kind = body.text("type", required=True)
    if kind not in (None, packages.BITS, packages.DOCKER):
        body.wrong("Type must be one of 'bits', 'docker'")
    package = Package(app_guid=body.relationship("app") or "", type=kind or packages.BITS)
    password = _data(body, package)
    body.metadata(package)
    body.done()
    app, space = _writable_app(request, str(package.app_guid))
    if package.type == packages.DOCKER:
        flags.require(actor, "diego_docker")
    package.space_guid = app.space_guid
    packages.create(request.world, actor, package, app, space, password, request.trace)
    return Answer(render(request, package), 201)


def _data(body: Body, package: Package) -> str | None:
    """Take image and user of a docker package; its password, if any. Bits have no data."""
    if package.type != packages.DOCKER:
        if body.take("data"):
            body.wrong("Data must be empty if provided for bits packages")
        return None
    data = body.part("data", required=True)
    package.image = data.text("image", required=True, limit=MAX_IMAGE)
    if package.image and not IMAGE.fullmatch(str(package.image)):
        data.wrong("Data image must be the name of a Docker image")
    package.username = data.text("username", limit=MAX_CREDENTIAL)
    password = data.text("password", limit=MAX_CREDENTIAL)
    data.finish()
    return password


def _copy(request: Request, source_guid: str) -> Answer:
    actor = request.actor
    body = Body(request.json())
    app_guid, package = body.relationship("app") or "", Package()
    body.metadata(package)
    body.done()
    try:
        source, _ = owned(actor, Package, source_guid, WRITE)
    except (NotFound, NotAuthorized):
        raise Unprocessable("Source package is invalid. Ensure it exists and you have access to it.") from None
    app, space = _writable_app(request, app_guid)
    packages.copy(request.world, actor, source, package, app, space, request.trace)
    return Answer(render(request, package), 201)


def _writable_app(request: Request, guid: str) -> tuple[App, Space]:
    """Raises Unprocessable for an app that the caller cannot see, NotAuthorized for one that he may not change."""
    try:
        return owned(request.actor, App, guid, WRITE)
    except NotFound:
        raise Unprocessable(WRONG_APP) from None


@endpoints("GET", "/v3/packages")
def index(request: Request) -> Answer:
    return listed(request, Package, render, OF_APPS)


@endpoints("GET", "/v3/apps/{guid}/packages")
def of_app(request: Request, guid: str) -> Answer:
    owned(request.actor, App, guid)
    return listed(request, Package, render, FILTERS, guid)


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
