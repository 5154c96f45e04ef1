"""Route services: a route whose requests are meant to go through a service first. Routers do not do so yet."""

from collections.abc import Mapping
from typing import Any

from chalicelib.adapters.clock import new_guid, stamp
from chalicelib.bootstrap import World
from chalicelib.core.errors import AlreadyBoundToRoute, Conflict, OperationInProgress, Unprocessable
from chalicelib.core.osb import BIND, UNBIND, Call
from chalicelib.core.roles import Actor
from chalicelib.services import audit, listing
from chalicelib.services.brokering import instance_calls, operations, orphans
from chalicelib.services.brokering.lookup import require_idle
from chalicelib.services.brokering.operations import Kind
from chalicelib.tables.identity import Organization, Space
from chalicelib.tables.ledger import Job
from chalicelib.tables.running import Route
from chalicelib.tables.services import RouteBinding, ServiceInstance, ServiceOffering
from chalicelib.tables.unit import Unit

#: A route has one route service.
SCOPE = "route_services"
UNSUPPORTED = "This service instance does not support route binding."


def of_instance(guid: str) -> list[RouteBinding]:
    return listing.all_of(RouteBinding, f"instance/{guid}/service_route_bindings")


def of_route(guid: str) -> list[RouteBinding]:
    return listing.all_of(RouteBinding, f"route/{guid}/service_route_bindings")


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
    bound = listing.find(RouteBinding, holder) if holder else None
    if bound is not None:
        if bound.instance_guid == instance.guid:
            raise AlreadyBoundToRoute
        raise Unprocessable("A route may only be bound to a single service instance")
    binding.guid = new_guid()
    binding.space_guid, binding.instance_guid, binding.route_guid = space.guid, instance.guid, route.guid
    binding.broker_guid, binding.catalog_ids = instance.broker_guid, dict(instance.catalog_ids or {})
    unit = world.unit(trace)
    unit.check(ServiceInstance, str(instance.guid), condition=ServiceInstance.rev == instance.rev, refused=Conflict())
    unit.require(Route, str(route.guid), Unprocessable(f"The route could not be found: '{route.guid}'"))
    unit.claim(SCOPE, str(route.guid), str(binding.guid), Conflict())
    job = None
    if instance.is_managed:
        job = operations.begin(
            world, unit, actor, binding, BIND, "service_route_bindings.create", parameters=parameters
        )
    else:
        binding.route_service_url, moment = instance.route_service_url, stamp()
        binding.last_operation = {
            "type": "create",
            "state": "succeeded",
            "description": "",
            "created_at": moment,
            "updated_at": moment,
        }
    unit.create(binding)
    _record(unit, actor, binding, str(space.org_guid), "start_create" if job else "create")
    unit.commit()
    return job


def _is_route_service(instance: ServiceInstance) -> bool:
    if not instance.is_managed:
        return bool(instance.route_service_url)
    offering = listing.find(ServiceOffering, str(instance.offering_guid))
    return offering is not None and "route_forwarding" in offering.catalog.get("requires", ())


def delete(world: World, actor: Actor, binding: RouteBinding, trace: str = "") -> Job | None:
    """None: it is gone. Raises OperationInProgress."""
    instance = listing.find(ServiceInstance, str(binding.instance_guid))
    if instance is not None:
        require_idle(instance)
    if binding.is_busy:
        raise OperationInProgress("An operation for the route binding is in progress.", is_binding=True)
    return begin_delete(world, actor, binding, trace)


def begin_delete(world: World, actor: Actor, binding: RouteBinding, trace: str = "") -> Job | None:
    """Whatever goes on with the instance: it may be what waits for this."""
    if binding.broker_guid is None:
        remove(world, binding, trace=trace, actor=actor)
        return None
    unit = world.unit(trace)
    job = operations.begin(world, unit, actor, binding, UNBIND, "service_route_bindings.delete")
    unit.put(binding)
    _record(unit, actor, binding, _org_guid(binding), "start_delete")
    unit.commit()
    return job


def remove(
    world: World, binding: RouteBinding, asks: bool = True, trace: str = "", actor: Actor = audit.SYSTEM
) -> None:
    """At once, with its route or instance. asks: what its broker has is asked back."""
    unit = world.unit(trace)
    _forget(unit, binding)
    if asks and binding.broker_guid is not None:
        after = 2 * world.config.timers.broker_timeout_s if binding.is_busy else 0
        orphans.add(world, unit, str(binding.broker_guid), _path(binding), _query(binding), after)
    _record(unit, actor, binding, _org_guid(binding), "delete")
    unit.commit()


def unbind_route(world: World, route_guid: str, trace: str = "") -> None:
    """Of a route that is going."""
    for binding in of_route(route_guid):
        remove(world, binding, trace=trace)


def _forget(unit: Unit, binding: RouteBinding) -> None:
    unit.remove(binding)
    unit.release(SCOPE, str(binding.route_guid))


def _path(binding: RouteBinding) -> str:
    return f"/v2/service_instances/{binding.instance_guid}/service_bindings/{binding.guid}"


def _query(binding: RouteBinding) -> dict[str, str]:
    return dict(binding.catalog_ids)


def _call(world: World, binding: RouteBinding) -> Call:
    who = binding.pending["actor"]["guid"]
    if binding.pending["verb"] == UNBIND:
        return Call("DELETE", _path(binding), {**_query(binding), "accepts_incomplete": "true"}, identity=who)
    instance = listing.get(ServiceInstance, str(binding.instance_guid))
    space = listing.get(Space, str(binding.space_guid))
    org = listing.get(Organization, str(space.org_guid))
    route = listing.get(Route, str(binding.route_guid))
    body = {
        "context": instance_calls.context(instance, space, org),
        **binding.catalog_ids,
        "bind_resource": {"route": route.url},
    }
    given = operations.parameters(world, binding)
    if given is not None:
        body["parameters"] = given
    return Call("PUT", _path(binding), {"accepts_incomplete": "true"}, body, who)


def _succeeded(world: World, unit: Unit, binding: RouteBinding, body: Mapping[str, Any]) -> None:
    actor = operations.actor_of(binding)
    if binding.pending["verb"] == UNBIND:
        _forget(unit, binding)
        _record(unit, actor, binding, _org_guid(binding), "delete")
        return
    url = str(body.get("route_service_url") or "")
    binding.route_service_url = url if url.startswith("https://") else None
    operations.ended(binding)
    unit.put(binding)
    _record(unit, actor, binding, _org_guid(binding), "create")


def _failed(world: World, unit: Unit, binding: RouteBinding) -> None:
    unit.put(binding)


def _org_guid(binding: RouteBinding) -> str:
    space = listing.find(Space, str(binding.space_guid))
    return str(space.org_guid) if space else "none"


def _record(unit: Unit, actor: Actor, binding: RouteBinding, org_guid: str, verb: str) -> None:
    request = {"route_guid": binding.route_guid, "service_instance_guid": binding.instance_guid}
    event = f"audit.service_route_binding.{verb}"
    audit.record(unit, actor, event, binding, str(binding.space_guid), org_guid, {"request": request})


operations.KINDS[RouteBinding.KIND] = Kind(
    model=RouteBinding,
    ready=lambda world, binding: None,
    call=_call,
    path=_path,
    query=_query,
    succeeded=_succeeded,
    failed=_failed,
    has_result=True,
)
