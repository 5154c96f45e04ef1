"""What is bound to a service instance, credentials for apps and keys as well as routes: begun, taken away, asked for.

A broker hears of both by the same calls; what differs is the ``SORT`` of each's module (services.brokering.instances
adds them).
"""

from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.adapters.clock import new_guid
from chalicelib.bootstrap import World
from chalicelib.contracts.frozen import frozen
from chalicelib.core.errors import Conflict, OperationInProgress
from chalicelib.core.osb import BIND, UNBIND, Call
from chalicelib.core.roles import Actor
from chalicelib.services import audit, listing, quotas
from chalicelib.services.brokering import instance_calls, operations, orphans
from chalicelib.services.brokering.lookup import require_idle
from chalicelib.services.brokering.operations import Kind
from chalicelib.tables.identity import Organization, Space
from chalicelib.tables.ledger import Job
from chalicelib.tables.services import RouteBinding, ServiceBinding, ServiceInstance
from chalicelib.tables.unit import Unit

Binding = ServiceBinding | RouteBinding


@frozen
class Sort:
    """What differs between credential and route bindings.

    event: ``service_binding``, of which audit events tell. ends: what these say of it. ask: what the broker is asked
    for besides the context. keep: put away what the broker gave, in the unit. forget: remove the row, with what it
    holds besides. between: what is busy, for people.
    """

    model: type[Binding]
    event: Callable[[Any], str]
    ends: Callable[[Any], dict[str, Any]]
    ask: Callable[[Any], dict[str, Any]]
    keep: Callable[[World, Unit, Any, Mapping[str, Any]], None]
    forget: Callable[[Unit, Any], None]
    between: Callable[[Any, ServiceInstance | None], str]


#: KIND of the resource -> what is its own.
SORTS: dict[str, Sort] = {}


def add(sort: Sort) -> None:
    """Have operations know how its brokers are asked."""
    SORTS[sort.model.KIND] = sort
    operations.KINDS[sort.model.KIND] = Kind(
        model=sort.model,
        ready=lambda world, binding: None,
        call=_call,
        path=_path,
        query=_query,
        succeeded=_succeeded,
        failed=_failed,
        has_result=True,
    )


def of_instance(guid: str) -> list[Binding]:
    """Of every sort."""
    found: list[Binding] = []
    for sort in SORTS.values():
        found += listing.all_of(sort.model, f"instance/{guid}/{sort.model.KIND}")
    return found


def draw_up(unit: Unit, binding: Binding, instance: ServiceInstance, space: Space) -> None:
    """Make a draft one of this instance. The caller has seen that the instance is idle."""
    binding.guid = new_guid()
    binding.space_guid, binding.instance_guid = str(space.guid), str(instance.guid)
    binding.broker_guid, binding.catalog_ids = instance.broker_guid, dict(instance.catalog_ids or {})
    # Whoever begins something else with the instance at this moment begins anew, and sees the binding.
    unit.check(ServiceInstance, str(instance.guid), condition=ServiceInstance.rev == instance.rev, refused=Conflict())


def create(
    world: World,
    unit: Unit,
    actor: Actor,
    binding: Binding,
    space: Space,
    parameters: Mapping[str, Any] | None = None,
    polling_s: float | None = None,
    delay_s: float = 0,
) -> Job | None:
    """Commit the unit with it. None: nobody has to be asked, it is made. polling_s, delay_s: as operations.begin."""
    job = None
    if binding.broker_guid is None:
        operations.done_at_once(binding)
    else:
        name = f"{_operations(binding)}.create"
        job = operations.begin(world, unit, actor, binding, BIND, name, polling_s, parameters, delay_s)
    unit.create(binding)
    _record(unit, actor, binding, str(space.org_guid), "start_create" if job else "create")
    unit.commit()
    return job


def delete(world: World, actor: Actor, binding: Binding, trace: str = "") -> Job | None:
    """None: it is gone. Raises OperationInProgress."""
    instance = listing.find(ServiceInstance, str(binding.instance_guid))
    if instance is not None:
        require_idle(instance)
    if binding.is_busy:
        what = SORTS[binding.KIND].between(binding, instance)
        raise OperationInProgress(f"An operation for the {what} is in progress.", is_binding=True)
    return begin_delete(world, actor, binding, trace)


def begin_delete(world: World, actor: Actor, binding: Binding, trace: str = "") -> Job | None:
    """Whatever goes on with the instance: it may be what waits for this."""
    if binding.broker_guid is None:
        remove(world, binding, trace=trace, actor=actor)
        return None
    unit = world.unit(trace)
    job = operations.begin(world, unit, actor, binding, UNBIND, f"{_operations(binding)}.delete")
    unit.put(binding)
    _record(unit, actor, binding, _org_guid(binding), "start_delete")
    unit.commit()
    return job


def remove(world: World, binding: Binding, asks: bool = True, trace: str = "", actor: Actor = audit.SYSTEM) -> None:
    """At once, with its app, route or instance. asks: what its broker has is asked back."""
    unit = world.unit(trace)
    SORTS[binding.KIND].forget(unit, binding)
    if asks and binding.broker_guid is not None:
        # A call that is on its way at this moment must not come after the question.
        after = 2 * world.config.timers.broker_timeout_s if binding.is_busy else 0
        orphans.add(world, unit, str(binding.broker_guid), _path(binding), _query(binding), after)
    _record(unit, actor, binding, _org_guid(binding), "delete")
    unit.commit()


def _operations(binding: Binding) -> str:
    """What its jobs are called: ``service_bindings`` and the like."""
    return f"{SORTS[binding.KIND].event(binding)}s"


def _path(binding: Binding) -> str:
    return f"/v2/service_instances/{binding.instance_guid}/service_bindings/{binding.guid}"


def _query(binding: Binding) -> dict[str, str]:
    return dict(binding.catalog_ids)


def _call(world: World, binding: Binding) -> Call:
    who = binding.pending["actor"]["guid"]
    if binding.pending["verb"] == UNBIND:
        return Call("DELETE", _path(binding), {**_query(binding), "accepts_incomplete": "true"}, identity=who)
    instance = listing.get(ServiceInstance, str(binding.instance_guid))
    space = listing.get(Space, str(binding.space_guid))
    org = listing.get(Organization, str(space.org_guid))
    body: dict[str, Any] = {"context": instance_calls.context(instance, space, org), **binding.catalog_ids}
    body |= SORTS[binding.KIND].ask(binding)
    given = operations.parameters(world, binding)
    if given is not None:
        body["parameters"] = given
    return Call("PUT", _path(binding), {"accepts_incomplete": "true"}, body, who)


def _succeeded(world: World, unit: Unit, binding: Binding, body: Mapping[str, Any]) -> None:
    actor, sort = operations.actor_of(binding), SORTS[binding.KIND]
    if binding.pending["verb"] == UNBIND:
        sort.forget(unit, binding)
        _record(unit, actor, binding, _org_guid(binding), "delete")
        return
    sort.keep(world, unit, binding, body)
    operations.ended(binding)
    unit.put(binding)
    _record(unit, actor, binding, _org_guid(binding), "create")


def _failed(world: World, unit: Unit, binding: Binding) -> None:
    unit.put(binding)


def _org_guid(binding: Binding) -> str:
    return quotas.org_of(str(binding.space_guid))


def _record(unit: Unit, actor: Actor, binding: Binding, org_guid: str, verb: str) -> None:
    sort = SORTS[binding.KIND]
    data = {"request": {**sort.ends(binding), "service_instance_guid": binding.instance_guid}}
    event = f"audit.{sort.event(binding)}.{verb}"
    audit.record(unit, actor, event, binding, str(binding.space_guid), org_guid, data)
