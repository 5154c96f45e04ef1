"""/v3/routes/{guid}/destinations: where a route leads."""

from typing import Any

from chalicelib.adapters.clock import new_guid
from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import Body
from chalicelib.core.errors import Unprocessable
from chalicelib.core.roles import OPERATE
from chalicelib.services import routes
from chalicelib.tables.running import Route

endpoints = Endpoints(__name__)

#: The one port that an app has; which it is on its host, ``$PORT`` tells.
APP_PORT = 8080


def render_destination(destination: dict[str, Any]) -> dict[str, Any]:
    return {
        "guid": destination["guid"],
        "app": {"guid": destination["app"], "process": {"type": destination["process"]}},
        "weight": None,
        "port": APP_PORT,
        "protocol": "http1",
    }


def render(request: Request, route: Route) -> Answer:
    base = f"{request.base}/v3/routes/{route.guid}"
    return Answer(
        {
            "destinations": [render_destination(destination) for destination in route.destinations],
            "links": {"self": {"href": f"{base}/destinations"}, "route": {"href": base}},
        }
    )


@endpoints("GET", "/v3/routes/{guid}/destinations")
def index(request: Request, guid: str) -> Answer:
    request.only("guids", "app_guids")
    route, _ = routes.find_visible(request.actor, guid)
    for parameter, key in (("guids", "guid"), ("app_guids", "app")):
        wanted = request.values(parameter)
        if wanted is not None:
            route.destinations = [destination for destination in route.destinations if destination[key] in wanted]
    return render(request, route)


@endpoints("POST", "/v3/routes/{guid}/destinations")
def add(request: Request, guid: str) -> Answer:
    """What is there already stays as it is."""
    route, space = routes.find_visible(request.actor, guid, OPERATE)
    wanted = [*route.destinations, *parsed(request)]
    return render(request, routes.set_destinations(request.world, request.actor, route, space, wanted, request.trace))


@endpoints("PATCH", "/v3/routes/{guid}/destinations")
def replace(request: Request, guid: str) -> Answer:
    route, space = routes.find_visible(request.actor, guid, OPERATE)
    wanted = parsed(request)
    return render(request, routes.set_destinations(request.world, request.actor, route, space, wanted, request.trace))


@endpoints("DELETE", "/v3/routes/{guid}/destinations/{destination_guid}")
def remove(request: Request, guid: str, destination_guid: str) -> Answer:
    route, space = routes.find_visible(request.actor, guid, OPERATE)
    rest = [destination for destination in route.destinations if destination["guid"] != destination_guid]
    if len(rest) == len(route.destinations):
        raise Unprocessable(
            "Unable to unmap route from destination. Ensure the route has a destination with this guid."
        )
    routes.set_destinations(request.world, request.actor, route, space, rest, request.trace)
    return Answer(None, 204)


def parsed(request: Request) -> list[dict[str, Any]]:
    """New destinations, in the row's own form. Raises Unprocessable."""
    body = Body(request.json())
    items = body.take("destinations")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        body.wrong("Destinations must be an array containing destination objects.")
        items = []
    found = [_destination(Body(item, f"destinations[{i}].", body.errors)) for i, item in enumerate(items)]
    body.done()
    return found


def _destination(body: Body) -> dict[str, Any]:
    app = body.part("app", required=True)
    guid = app.text("guid", required=body.has("app"))
    process = app.part("process")
    kind = process.text("type") or "web"
    body.take("guid")
    if body.integer("port") not in (None, APP_PORT):
        body.wrong(f"{body.prefix}port must be {APP_PORT}: an app has one port, the one in $PORT")
    if body.take("weight") is not None:
        body.wrong(f"{body.prefix}weight is not supported by this platform")
    if body.take("protocol") not in (None, "http1"):
        body.wrong(f"{body.prefix}protocol must be http1")
    for part in (process, app, body):
        part.finish()
    return {"guid": new_guid(), "app": guid, "process": kind}
