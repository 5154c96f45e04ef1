"""/v3/environment_variable_groups/running and /staging: everybody may see them, administrators change them."""

from typing import Any

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import Body
from chalicelib.api.render import when
from chalicelib.services import access, env_groups
from chalicelib.tables.settings import Setting

endpoints = Endpoints(__name__)


def _document(request: Request, name: str, row: Setting, variables: dict[str, str]) -> dict[str, Any]:
    return {
        "name": name,
        "updated_at": when(row.updated_at),
        "var": variables,
        "links": {"self": {"href": f"{request.base}/v3/environment_variable_groups/{name}"}},
    }


@endpoints("GET", "/v3/environment_variable_groups/{guid}")
def show(request: Request, guid: str) -> Answer:
    request.actor  # noqa: B018  a token is enough
    return Answer(_document(request, guid, *env_groups.find(request.world, guid)))


@endpoints("PATCH", "/v3/environment_variable_groups/{guid}")
def update(request: Request, guid: str) -> Answer:
    access.require_admin(request.actor)
    env_groups.find(request.world, guid)
    body = Body(request.json())
    changes = body.take("var", required=True)
    if changes is not None and not isinstance(changes, dict):
        body.wrong("Var must be an object")
    body.done()
    return Answer(_document(request, guid, *env_groups.update(request.world, guid, changes, request.trace)))
