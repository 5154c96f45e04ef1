"""/v3/routes/{guid}/destinations: where a route leads."""

from typing import Any

from chalicelib.adapters.clock import new_guid
from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import Body
from chalicelib.api.render import warned
from chalicelib.core.errors import Unprocessable
from chalicelib.core.roles import OPERATE
from chalicelib.core.routing import APP_PORT, HTTP2, MAX_DESTINATIONS, PROTOCOLS, end_of, protocol_of, wrong_weights
from chalicelib.services import destinations, routes
from chalicelib.tables.running import Route

endpoints = Endpoints(__name__)

#: Of one body, as Cloud Foundry takes.
MOST = MAX_DESTINATIONS

#: Of destinations in a body, for the API's description.
SCHEMA = {
    "type": "array",
    "maxItems": MOST,
    "items": {
        "type": "object",
        "required": ["app"],
        "properties": {
            "app": {
                "type": "object",
                "required": ["guid"],
                "properties": {
                    "guid": {"type": "string"},
                    "process": {"type": "object", "required": ["type"], "properties": {"type": {"type": "string"}}},
                },
            },
            "weight": {"type": "integer", "minimum": 1, "maximum": 100},
            "port": {"type": "integer", "minimum": 1024, "maximum": 65535},
            "protocol": {"type": "string", "enum": list(PROTOCOLS)},
        },
        "additionalProperties": False,
    },
}

#: As Cloud Foundry, which says it nowhere.
NEW_PORT = "Destination port {}: instances that were started before it was named get requests there after a restart."
ONE_PROTOCOL = "Destinations of both http1 and http2: all requests of the route are sent as HTTP/1.1."


def render_destination(destination: dict[str, Any]) -> dict[str, Any]:
    app, process, port = end_of(destination)
    return {
        "guid": destination["guid"],
        "app": {"guid": app, "process": {"type": process}},
        "weight": destination.get("weight"),
        "port": port,
        "protocol": protocol_of(destination),
    }


def render(request: Request, route: Route) -> Answer:
    base = f"{request.base}/v3/routes/{route.guid}"
    answer = Answer(
        {
            "destinations": [render_destination(destination) for destination in route.destinations],
            "links": {"self": {"href": f"{base}/destinations"}, "route": {"href": base}},
        }
    )
    return answer if request.raw.method == "GET" else warned(answer, *_warnings(route))


def _warnings(route: Route) -> list[str]:
    """What is not done, or not at once."""
    ports = sorted({end_of(destination)[2] for destination in route.destinations} - {APP_PORT})
    protocols = {protocol_of(destination) for destination in route.destinations}
    mixed = [ONE_PROTOCOL] if HTTP2 in protocols and len(protocols) > 1 else []
    return [*(NEW_PORT.format(port) for port in ports), *mixed]


@endpoints("GET", "/v3/routes/{guid}/destinations")
def index(request: Request, guid: str) -> Answer:
    request.only("guids", "app_guids")
    route, _ = routes.find_visible(request.actor, guid)
    for parameter, key in (("guids", "guid"), ("app_guids", "app")):
        wanted = request.values(parameter)
        if wanted is not None:
            route.destinations = [destination for destination in route.destinations if destination[key] in wanted]
    return render(request, route)


@endpoints("POST", "/v3/routes/{guid}/destinations", destinations=SCHEMA)
def add(request: Request, guid: str) -> Answer:
    """What is there already stays as it is."""
    route, space = routes.find_visible(request.actor, guid, OPERATE)
    new = _parsed(request, least=1)
    return render(request, destinations.add(request.world, request.actor, route, space, new, request.trace))


@endpoints("PATCH", "/v3/routes/{guid}/destinations", destinations=SCHEMA)
def replace(request: Request, guid: str) -> Answer:
    route, space = routes.find_visible(request.actor, guid, OPERATE)
    wanted = _parsed(request, least=0)
    if len({end_of(destination) for destination in wanted}) < len(wanted):
        raise Unprocessable("Destinations cannot contain duplicate entries")
    return render(request, destinations.replace(request.world, request.actor, route, space, wanted, request.trace))


@endpoints("DELETE", "/v3/routes/{guid}/destinations/{destination_guid}")
def remove(request: Request, guid: str, destination_guid: str) -> Answer:
    route, space = routes.find_visible(request.actor, guid, OPERATE)
    destinations.remove(request.world, request.actor, route, space, destination_guid, request.trace)
    return Answer(None, 204)


@endpoints("PATCH", "/v3/routes/{guid}/destinations/{destination_guid}")
def update(request: Request, guid: str, destination_guid: str) -> Answer:
    route, space = routes.find_visible(request.actor, guid, OPERATE)
    body = Body(request.json())
    protocol = body.take("protocol")
    if protocol not in PROTOCOLS:
        body.wrong("Destination protocol must be 'http1', 'http2' or 'tcp'.")
    body.done()
    changed = destinations.set_protocol(
        request.world, request.actor, route, space, destination_guid, str(protocol), request.trace
    )
    return warned(Answer(render_destination(changed)), *_warnings(route))


def _parsed(request: Request, least: int) -> list[dict[str, Any]]:
    """New destinations, in the row's own form; ``least`` 0 stands for all that the route is to have, which may have
    weights. Raises Unprocessable."""
    body = Body(request.json())
    items = body.take("destinations")
    if not isinstance(items, list) or not least <= len(items) <= MOST:
        body.wrong(f"Destinations must be an array containing between {least} and {MOST} destination objects.")
        items = []
    found = [_destination(body, i, item, has_weight=least == 0) for i, item in enumerate(items)]
    if not body.errors and (wrong := wrong_weights([destination.get("weight") for destination in found])):
        body.wrong(wrong)
    body.done()
    return found


def _destination(body: Body, index: int, item: Any, has_weight: bool) -> dict[str, Any]:
    def wrong(sentence: str) -> dict[str, Any]:
        body.wrong(f"Destinations[{index}]: {sentence}")
        return {}

    if not isinstance(item, dict):
        return wrong("must be an object.")
    if "app" not in item:
        return wrong('must have an "app".')
    if item.keys() - {"app", "weight", "port", "protocol"}:
        return wrong('must have only "app" and optionally "weight", "port" or "protocol".')
    app = item["app"]
    if not isinstance(app, dict) or not isinstance(app.get("guid"), str) or not 1 <= len(app["guid"]) < 200:
        return wrong('app must have the structure {"guid": "app_guid"}')
    process = {"type": "web"} if app.get("process") is None else app["process"]
    if not isinstance(process, dict) or process.keys() != {"type"} or not _is_type(process["type"]):
        return wrong('process must have the structure {"type": "process_type"}')
    said = {key: value for key, value in item.items() if key != "app" and value is not None}
    if "weight" in said and not has_weight:
        return wrong("weighted destinations can only be used when replacing all destinations.")
    if not _is_between(said.get("weight", 1), 1, 100):
        return wrong("weight must be a positive integer between 1 and 100.")
    if not _is_between(said.get("port", APP_PORT), 1024, 65535):
        return wrong("port must be a positive integer between 1024 and 65535 inclusive.")
    if said.get("protocol", PROTOCOLS[0]) not in PROTOCOLS:
        return wrong("protocol must be 'http1', 'http2' or 'tcp'.")
    return {"guid": new_guid(), "app": app["guid"], "process": process["type"], **said}


def _is_type(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 255 and value.isprintable()


def _is_between(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
