"""/v3/routes/{guid}/relationships: the spaces that a route is shared with, and the one that it belongs to."""

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import Body
from chalicelib.api.relationships import answered, body_guids
from chalicelib.core.roles import OPERATE, WRITE
from chalicelib.services import route_sharing, routes
from chalicelib.tables.running import Route

endpoints = Endpoints(__name__)


def _shared(request: Request, route: Route) -> Answer:
    return answered(request, f"routes/{route.guid}/relationships/shared_spaces", route.shared_space_guids or ())


@endpoints("GET", "/v3/routes/{guid}/relationships/shared_spaces")
def index(request: Request, guid: str) -> Answer:
    route, _ = routes.find_visible(request.actor, guid)
    route_sharing.require_flag(request.actor)
    return _shared(request, route)


@endpoints("POST", "/v3/routes/{guid}/relationships/shared_spaces")
def share(request: Request, guid: str) -> Answer:
    route, space = routes.find_visible(request.actor, guid, OPERATE)
    route_sharing.require_flag(request.actor)
    asked = body_guids(request)
    return _shared(request, route_sharing.share(request.world, request.actor, route, space, asked, request.trace))


@endpoints("DELETE", "/v3/routes/{guid}/relationships/shared_spaces/{space_guid}")
def unshare(request: Request, guid: str, space_guid: str) -> Answer:
    route, space = routes.find_visible(request.actor, guid, OPERATE)
    route_sharing.require_flag(request.actor)
    route_sharing.unshare(request.world, request.actor, route, space, space_guid, request.trace)
    return Answer(None, 204)


@endpoints("PATCH", "/v3/routes/{guid}/relationships/space")
def transfer(request: Request, guid: str) -> Answer:
    route, space = routes.find_visible(request.actor, guid, WRITE)
    route_sharing.require_flag(request.actor)
    body = Body(request.json())
    data = body.take("data")
    target = data.get("guid") if isinstance(data, dict) and data.keys() == {"guid"} else None
    if not isinstance(target, str) or not target:
        body.wrong('Data must have the structure {"guid": "space-guid"}')
    body.done()
    route_sharing.transfer(request.world, request.actor, route, space, str(target), request.trace)
    return Answer({"status": "ok"})
