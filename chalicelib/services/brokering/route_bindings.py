"""Route services: a route whose requests are meant to go through a service first. Routers do not do so yet."""

from collections.abc import Mapping
from typing import Any

from chalicelib.bootstrap import World
from chalicelib.core.errors import AlreadyBoundToRoute, Conflict, Unprocessable
from chalicelib.core.roles import Actor
from chalicelib.services import listing
from chalicelib.services.brokering import bound
from chalicelib.services.brokering.lookup import require_idle
from chalicelib.tables.identity import Space
from chalicelib.tables.ledger import Job
from chalicelib.tables.running import Route
from chalicelib.tables.services import RouteBinding, ServiceInstance, ServiceOffering
from chalicelib.tables.unit import Unit

#: A route has one route service.
SCOPE = "route_services"
UNSUPPORTED = "This service instance does not support route binding."


def create(
    world: World,
    actor: Actor,
    binding: RouteBinding,
    instance: ServiceInstance,
    route: Route,
    space: Space,
    parameters: Mapping[str, Any] | None = None,
    trace: str = "",
) -> Job | None:
    """``binding``: a draft. None: it is made. Raises Unprocessable, AlreadyBoundToRoute, OperationInProgress."""
    require_idle(instance)
    if route.space_guid != instance.space_guid:
        raise Unprocessable("The service instance and the route are in different spaces.")
    if not _is_route_service(instance):
        raise Unprocessable(UNSUPPORTED)
    holder = listing.by_name(SCOPE, str(route.guid))
    present = listing.find(RouteBinding, holder) if holder else None
    if present is not None:
        if present.instance_guid == instance.guid:
            raise AlreadyBoundToRoute
        raise Unprocessable("A route may only be bound to a single service instance")
    unit = world.unit(trace)
    bound.draw_up(unit, binding, instance, space)
    binding.route_guid = str(route.guid)
    unit.require(Route, str(route.guid), Unprocessable(f"The route could not be found: '{route.guid}'"))
    unit.claim(SCOPE, str(route.guid), str(binding.guid), Conflict())
    if not instance.is_managed:
        binding.route_service_url = instance.route_service_url
    return bound.create(world, unit, actor, binding, space, parameters)


def _is_route_service(instance: ServiceInstance) -> bool:
    if not instance.is_managed:
        return bool(instance.route_service_url)
    offering = listing.find(ServiceOffering, str(instance.offering_guid))
    return offering is not None and "route_forwarding" in offering.catalog.get("requires", ())


def unbind_route(world: World, route_guid: str, trace: str = "") -> None:
    """Of a route that is going."""
    for binding in listing.all_of(RouteBinding, f"route/{route_guid}/{RouteBinding.KIND}"):
        bound.remove(world, binding, trace=trace)


def _forget(unit: Unit, binding: RouteBinding) -> None:
    unit.remove(binding)
    unit.release(SCOPE, str(binding.route_guid))


def _asked(binding: RouteBinding) -> dict[str, Any]:
    return {"bind_resource": {"route": listing.get(Route, str(binding.route_guid)).url}}


def _keep(world: World, unit: Unit, binding: RouteBinding, body: Mapping[str, Any]) -> None:
    url = str(body.get("route_service_url") or "")
    binding.route_service_url = url if url.startswith("https://") else None


SORT = bound.Sort(
    model=RouteBinding,
    event=lambda binding: "service_route_binding",
    ends=lambda binding: {"route_guid": binding.route_guid},
    ask=_asked,
    keep=_keep,
    forget=_forget,
    between=lambda binding, instance: "route binding",
)
