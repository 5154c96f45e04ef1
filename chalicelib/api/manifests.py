"""/v3/spaces/{guid}/actions/apply_manifest: apps as their manifest says; what that would change; and back again."""

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.render import accepted
from chalicelib.core import manifest
from chalicelib.core.errors import ParseError, Unprocessable
from chalicelib.core.manifest import AppSpec, ManifestRefused
from chalicelib.core.manifest_diff import differences
from chalicelib.core.manifest_document import document
from chalicelib.core.roles import READ_SECRETS, WRITE
from chalicelib.core.yaml_guard import YamlRefused
from chalicelib.services import access, manifest_description, manifests
from chalicelib.services.owned import owned
from chalicelib.tables.apps import App

endpoints = Endpoints(__name__)


def _parsed(request: Request) -> tuple[AppSpec, ...]:
    try:
        return manifest.parse(request.text)
    except YamlRefused as error:
        raise ParseError(f"the manifest cannot be read: {error}") from None
    except ManifestRefused as error:
        raise Unprocessable(*error.details) from None


@endpoints("POST", "/v3/spaces/{guid}/actions/apply_manifest")
def apply(request: Request, guid: str) -> Answer:
    space = access.space_for(request.actor, guid, WRITE)
    return accepted(request, manifests.apply(request.world, request.actor, space, _parsed(request), request.trace))


@endpoints("POST", "/v3/spaces/{guid}/manifest_diff")
def diff(request: Request, guid: str) -> Answer:
    space = access.space_for(request.actor, guid, WRITE)
    specs = _parsed(request)
    there = manifest_description.present(request.world, space, (spec.name for spec in specs))
    found = differences(manifest.applications(request.text), lambda name: there.get(name.lower()))
    return Answer({"diff": found}, 201)


@endpoints("GET", "/v3/apps/{guid}/manifest")
def show(request: Request, guid: str) -> Answer:
    app, _ = owned(request.actor, App, guid, READ_SECRETS)
    text = document(manifest_description.describe(request.world, app))
    return Answer(text, headers={"Content-Type": "application/x-yaml"})
