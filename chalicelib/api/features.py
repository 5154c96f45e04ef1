"""/v3/apps/{guid}/features: what can be switched on and off for one app."""

from typing import Any

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import Body
from chalicelib.api.render import warned
from chalicelib.core.errors import NotFound
from chalicelib.core.roles import OPERATE, WRITE
from chalicelib.services import features
from chalicelib.services.owned import owned
from chalicelib.tables.apps import App

endpoints = Endpoints(__name__)

SSH_IS_KEPT = "This platform offers no SSH into apps yet. The setting is kept and has no effect."


def _rendered(app: App, name: str) -> dict[str, Any]:
    enabled = features.is_enabled(app, name)
    return {"name": name, "description": features.FEATURES[name].description, "enabled": enabled}


@endpoints("GET", "/v3/apps/{guid}/features")
def index(request: Request, guid: str) -> Answer:
    app, _ = owned(request.actor, App, guid)
    found = [_rendered(app, name) for name in features.FEATURES]
    own = {"href": f"{request.base}/v3/apps/{guid}/features"}
    pagination = {
        "total_results": len(found),
        "total_pages": 1,
        "first": own,
        "last": own,
        "next": None,
        "previous": None,
    }
    return Answer({"pagination": pagination, "resources": found})


@endpoints("GET", "/v3/apps/{guid}/features/{name}")
def show(request: Request, guid: str, name: str) -> Answer:
    app, _ = owned(request.actor, App, guid)
    return Answer(_rendered(app, name))


@endpoints("PATCH", "/v3/apps/{guid}/features/{name}")
def update(request: Request, guid: str, name: str) -> Answer:
    app, space = owned(request.actor, App, guid, OPERATE if name == features.REVISIONS else WRITE)
    if name not in features.FEATURES:
        raise NotFound("Feature")
    body = Body(request.json())
    enabled = body.boolean("enabled")
    if body.take("enabled") is None:
        body.wrong("Enabled must be a boolean")
    body.done()
    features.update(request.world, request.actor, app, space, name, enabled, request.trace)
    answer = Answer(_rendered(app, name))
    return warned(answer, SSH_IS_KEPT) if enabled and name == features.SSH else answer


@endpoints("GET", "/v3/apps/{guid}/ssh_enabled")
def ssh_enabled(request: Request, guid: str) -> Answer:
    owned(request.actor, App, guid)
    return Answer({"enabled": False, "reason": "Disabled globally"})
