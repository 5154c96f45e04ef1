"""/v3/service_route_bindings: route services."""

from typing import Any

from chalicelib.api import routes, service_bindings, service_instances
from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.included import Way, included
from chalicelib.api.parsing import Body
from chalicelib.api.render import accepted, common, paginated, to_one, warned
from chalicelib.api.scoped import belonging, narrowed, relabel, scoped
from chalicelib.api.service_parts import an_object, last_operation
from chalicelib.core.errors import NotFound, Unprocessable
from chalicelib.core.roles import OPERATE, READ_SECRETS, WRITE
from chalicelib.services import access, listing
from chalicelib.services.brokering import bound, lookup, route_bindings
from chalicelib.services.listing import page
from chalicelib.tables.running import Route
from chalicelib.tables.services import RouteBinding, ServiceInstance

endpoints = Endpoints(__name__)

FILTERS = ("route_guids", "service_instance_guids", "service_instance_names", "include")
WAYS: dict[str, Way] = {
    "route": (Route, lambda binding: str(binding.route_guid), routes.render),
    "service_instance": (ServiceInstance, lambda binding: str(binding.instance_guid), service_instances.render),
}
NOT_YET = "Route services are not enforced yet: the binding is kept, and routers do not send requests through it."


def render(request: Request, binding: RouteBinding) -> dict[str, Any]:
    document = common(request, binding)
    document["links"] |= {
        "service_instance": {"href": f"{request.base}/v3/service_instances/{binding.instance_guid}"},
        "route": {"href": f"{request.base}/v3/routes/{binding.route_guid}"},
    }
    if binding.broker_guid:
        document["links"]["parameters"] = {"href": f"{document['links']['self']['href']}/parameters"}
    return document | {
        "route_service_url": binding.route_service_url,
        "last_operation": last_operation(binding),
        "relationships": {
            "service_instance": to_one(str(binding.instance_guid)),
            "route": to_one(str(binding.route_guid)),
        },
    }


@endpoints("GET", "/v3/service_route_bindings")
def index(request: Request) -> Answer:
    what = scoped(request, RouteBinding.KIND, *FILTERS)
    what = narrowed(request, what, route_guids="route_guid", service_instance_guids="instance_guid")
    what = belonging(request, what, service_instance_names=(ServiceInstance, "instance_guid"))
    found = page(RouteBinding, what)
    return paginated(request, found, render, included(request, found.items, WAYS))


@endpoints("POST", "/v3/service_route_bindings")
def create(request: Request) -> Answer:
    body = Body(request.json())
    instance_guid = body.relationship("service_instance") or ""
    route_guid = body.relationship("route") or ""
    parameters = an_object(body, "parameters")
    binding = RouteBinding()
    body.metadata(binding)
    body.done()
    try:
        instance, space = lookup.instance_for(request.actor, instance_guid)
    except NotFound:
        raise Unprocessable(f"The service instance could not be found: '{instance_guid}'") from None
    lookup.instance_for(request.actor, instance_guid, OPERATE)
    route = listing.find(Route, route_guid)
    try:
        if route is None:
            raise NotFound("Route")
        access.space_for(request.actor, str(route.space_guid))
    except NotFound:
        raise Unprocessable(f"The route could not be found: '{route_guid}'") from None
    if parameters and not instance.is_managed:
        raise Unprocessable("Binding parameters are not supported for user-provided service instances")
    job = route_bindings.create(
        request.world, request.actor, binding, instance, route, space, parameters, request.trace
    )
    return warned(accepted(request, job) if job else Answer(render(request, binding), 201), NOT_YET)


@endpoints("GET", "/v3/service_route_bindings/{guid}")
def show(request: Request, guid: str) -> Answer:
    return service_bindings.shown(request, RouteBinding, guid, render, WAYS)


@endpoints("PATCH", "/v3/service_route_bindings/{guid}")
def update(request: Request, guid: str) -> Answer:
    binding, _ = lookup.binding_for(request.actor, RouteBinding, guid, WRITE)
    return Answer(render(request, relabel(request, binding)))


@endpoints("DELETE", "/v3/service_route_bindings/{guid}")
def delete(request: Request, guid: str) -> Answer:
    binding, _ = lookup.binding_for(request.actor, RouteBinding, guid, OPERATE)
    job = bound.delete(request.world, request.actor, binding, request.trace)
    return accepted(request, job) if job else Answer(None, 204)


@endpoints("GET", "/v3/service_route_bindings/{guid}/parameters")
def parameters(request: Request, guid: str) -> Answer:
    return service_bindings.parameters(request, RouteBinding, guid, READ_SECRETS)
