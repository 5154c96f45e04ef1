"""/v3/spaces/{guid}/actions/apply_manifest: apps as their manifest says."""

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.render import accepted
from chalicelib.core import manifest
from chalicelib.core.errors import ParseError, Unprocessable
from chalicelib.core.manifest import AppSpec, ManifestRefused
from chalicelib.core.roles import WRITE
from chalicelib.core.yaml_guard import YamlRefused
from chalicelib.services import access, manifests

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
