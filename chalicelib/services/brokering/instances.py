"""Service instances: made, changed and taken away, by brokers or, user-provided ones, at once."""

from collections.abc import Mapping
from typing import Any

from chalicelib.adapters.clock import new_guid, stamp
from chalicelib.bootstrap import World
from chalicelib.core.errors import BrokerError, NameTaken, NotFound, Unprocessable
from chalicelib.core.osb import DEPROVISION, PROVISION, UPDATE
from chalicelib.core.quotas import Use
from chalicelib.core.roles import WRITE, Actor
from chalicelib.services import access, flags, jobs, listing, quotas, secrets
from chalicelib.services.brokering import (
    bindings,
    bound,
    instance_calls,
    operations,
    orphans,
    route_bindings,
    visibility,
)
from chalicelib.services.brokering.instance_calls import record, scope
from chalicelib.services.brokering.lookup import require_idle
from chalicelib.services.brokering.operations import Kind
from chalicelib.tables.identity import Space
from chalicelib.tables.ledger import Job
from chalicelib.tables.services import ServiceBroker, ServiceInstance, ServiceOffering, ServicePlan
from chalicelib.tables.unit import Unit

WRONG_SPACE = "Invalid space. Ensure that the space exists and you have access to it."
WRONG_PLAN = "Invalid service plan. Ensure that the service plan exists, is available, and you have access to it."


def taken(name: str) -> NameTaken:
    return NameTaken(f"The service instance name is taken: {name}.")


def _space_for(actor: Actor, guid: str) -> Space:
    try:
        space = access.space_for(actor, guid, WRITE)
    except NotFound:
        raise Unprocessable(WRONG_SPACE) from None
    flags.require(actor, "service_instance_creation")
    return space


def _new(unit: Unit, instance: ServiceInstance, space: Space) -> None:
    """A new instance in the unit. The caller has set its guid."""
    unit.require(Space, str(space.guid), Unprocessable(WRONG_SPACE))
    unit.claim(scope(str(space.guid)), str(instance.name), str(instance.guid), taken(str(instance.name)))
    unit.create(instance)


def create_user_provided(
    world: World, actor: Actor, instance: ServiceInstance, credentials: Mapping[str, Any], trace: str = ""
) -> ServiceInstance:
    """``instance``: a draft. Raises Unprocessable, NotAuthorized, FeatureDisabled, NameTaken."""
    space = _space_for(actor, str(instance.space_guid))
    instance.guid = new_guid()
    operations.done_at_once(instance, "Operation succeeded")
    unit = world.unit(trace)
    _new(unit, instance, space)
    secrets.write(world, unit, str(instance.guid), dict(credentials))
    record(unit, actor, instance, str(space.org_guid), "create", {"name": instance.name})
    unit.commit()
    return instance


def create_managed(
    world: World,
    actor: Actor,
    instance: ServiceInstance,
    plan_guid: str,
    parameters: Mapping[str, Any] | None,
    trace: str = "",
) -> Job:
    """``instance``: a draft. It is there at once; the job has its broker make it."""
    space = _space_for(actor, str(instance.space_guid))
    plan, offering = plan_in(actor, plan_guid, space)
    instance.guid = new_guid()
    instance.plan_guid, instance.offering_guid = str(plan.guid), str(offering.guid)
    instance.broker_guid = str(plan.broker_guid)
    instance.catalog_ids = {"service_id": str(offering.unique_id), "plan_id": str(plan.unique_id)}
    instance.maintenance_info = plan.catalog.get("maintenance_info") or {}
    unit = world.unit(trace)
    unit.require(ServicePlan, str(plan.guid), Unprocessable(WRONG_PLAN))
    gone = Unprocessable("The service broker is being deleted.")
    unit.check(
        ServiceBroker,
        str(plan.broker_guid),
        condition=ServiceBroker.guid.exists()
        & (ServiceBroker.change.does_not_exist() | (ServiceBroker.change != "delete")),
        refused=gone,
    )
    job = operations.begin(
        world,
        unit,
        actor,
        instance,
        PROVISION,
        "service_instance.create",
        plan.catalog.get("maximum_polling_duration"),
        parameters,
    )
    _new(unit, instance, space)
    use = Use(service_instances=1, paid_service_instances=0 if plan.free else 1)
    quotas.charge(unit, str(space.org_guid), str(space.guid), use)
    request = {"name": instance.name, "service_plan": plan.guid, "parameters": "[PRIVATE DATA HIDDEN]"}
    record(unit, actor, instance, str(space.org_guid), "start_create", request)
    unit.commit()
    return job


def plan_in(actor: Actor, plan_guid: str, space: Space) -> tuple[ServicePlan, ServiceOffering]:
    """A plan to be used in a space. Raises Unprocessable for one that cannot be had there."""
    plan = listing.find(ServicePlan, plan_guid)
    usable = plan is not None and bool(plan.available) and visibility.sight(actor).sees(plan)
    if plan is None or not usable or not (actor.is_admin or visibility.usable_test([space])(plan)):
        raise Unprocessable(WRONG_PLAN)
    if plan.space_guid not in (None, str(space.guid)):
        raise Unprocessable(WRONG_PLAN)
    return plan, listing.get(ServiceOffering, str(plan.offering_guid))


def rename(unit: Unit, instance: ServiceInstance, name: str) -> None:
    """In its own space and in those that it is shared with. Raises Unprocessable for a shared one, as clients know."""
    if instance.shared_to:
        raise Unprocessable("Renaming shared service instances is not allowed.")
    old, instance.name = str(instance.name), name
    unit.rename(instance, scope(str(instance.space_guid)), old, name, taken(name))


def update_user_provided(
    world: World,
    actor: Actor,
    instance: ServiceInstance,
    space: Space,
    name: str | None,
    credentials: Mapping[str, Any] | None,
    trace: str = "",
) -> ServiceInstance:
    """Save what the caller changed in ``instance``, too."""
    unit = world.unit(trace)
    if name is not None and name != instance.name:
        rename(unit, instance, name)
    if credentials is not None:
        secrets.write(world, unit, str(instance.guid), dict(credentials))
    instance.last_operation = {
        **instance.last_operation,
        "type": "update",
        "description": "Operation succeeded",
        "updated_at": stamp(),
    }
    unit.put(instance)
    hidden = {} if credentials is None else {"credentials": "[PRIVATE DATA HIDDEN]"}
    record(unit, actor, instance, str(space.org_guid), "update", {"name": name, **hidden})
    unit.commit()
    return instance


def update_managed(
    world: World,
    actor: Actor,
    instance: ServiceInstance,
    space: Space,
    name: str | None,
    plan_guid: str | None,
    parameters: Mapping[str, Any] | None,
    maintenance_info: Mapping[str, Any] | None,
    trace: str = "",
) -> Job | None:
    """A job when the broker has to hear of it; name, tags and metadata, which the caller changed, count at once."""
    require_idle(instance)
    plan = listing.get(ServicePlan, str(instance.plan_guid))
    offering = listing.get(ServiceOffering, str(instance.offering_guid))
    pending: dict[str, Any] = {}
    unit = world.unit(trace)
    if plan_guid is not None and plan_guid != instance.plan_guid:
        pending["plan"] = _new_plan(actor, unit, space, plan, offering, plan_guid)
    if maintenance_info is not None and maintenance_info != instance.maintenance_info:
        offered = (plan.catalog.get("maintenance_info") or {}).get("version")
        if maintenance_info.get("version") != offered:
            raise Unprocessable("maintenance_info.version requested is invalid")
        pending["maintenance_info"] = dict(plan.catalog["maintenance_info"])
    if name is not None and name != instance.name:
        rename(unit, instance, name)
        if offering.catalog.get("allow_context_updates"):
            pending["context"] = True
    job = None
    if pending or parameters is not None:
        job = operations.begin(
            world,
            unit,
            actor,
            instance,
            UPDATE,
            "service_instance.update",
            plan.catalog.get("maximum_polling_duration"),
            parameters,
            **pending,
        )
    unit.put(instance)
    verb = "start_update" if job else "update"
    record(unit, actor, instance, str(space.org_guid), verb, {"name": name, "service_plan": plan_guid})
    unit.commit()
    return job


def _new_plan(
    actor: Actor, unit: Unit, space: Space, plan: ServicePlan, offering: ServiceOffering, guid: str
) -> dict[str, Any]:
    """What the operation needs of another plan; what it costs more is charged now."""
    updateable = plan.catalog.get("plan_updateable")
    if not (offering.catalog.get("plan_updateable") if updateable is None else updateable):
        raise Unprocessable("The service does not support changing plans.")
    wanted, _ = plan_in(actor, guid, space)
    if wanted.offering_guid != offering.guid:
        raise Unprocessable(WRONG_PLAN)
    paid = int(not wanted.free) - int(not plan.free)
    if paid > 0:
        quotas.charge(unit, str(space.org_guid), str(space.guid), Use(paid_service_instances=paid))
    return {"guid": str(wanted.guid), "unique_id": str(wanted.unique_id), "paid": paid}


def delete(world: World, actor: Actor, instance: ServiceInstance, space: Space, trace: str = "") -> Job | None:
    """With its bindings. None: it was user-provided, and is gone. Raises OperationInProgress."""
    if not instance.is_managed:
        _forget_bindings(world, instance, trace)
        unit = world.unit(trace)
        instance_calls.forget(unit, instance, str(space.org_guid))
        record(unit, actor, instance, str(space.org_guid), "delete")
        unit.commit()
        return None
    require_idle(instance)
    plan = listing.find(ServicePlan, str(instance.plan_guid))
    polling_s = plan.catalog.get("maximum_polling_duration") if plan else None
    unit = world.unit(trace)
    job = operations.begin(world, unit, actor, instance, DEPROVISION, "service_instance.delete", polling_s, asked=[])
    unit.put(instance)
    record(unit, actor, instance, str(space.org_guid), "start_delete")
    unit.commit()
    return job


def purge(world: World, actor: Actor, instance: ServiceInstance, trace: str = "") -> None:
    """Without asking its broker, which may be gone for good. Raises NotAuthorized."""
    if not visibility.may_change(actor, _broker_space(instance)):
        access.require_admin(actor)
    remove(world, actor, instance, "purge", trace)


def _broker_space(instance: ServiceInstance) -> str | None:
    broker = listing.find(ServiceBroker, str(instance.broker_guid))
    return broker.space_guid if broker else None


def remove(world: World, actor: Actor, instance: ServiceInstance, verb: str = "delete", trace: str = "") -> None:
    """At once, bindings first. verb ``delete``: what the broker has is asked back (the space goes)."""
    asks = verb == "delete" and instance.is_managed
    _forget_bindings(world, instance, trace, asks)
    org_guid = quotas.org_of(str(instance.space_guid))  # also of a space that is just going
    unit = world.unit(trace)
    instance_calls.forget(unit, instance, org_guid)
    if asks:
        # A call that is on its way at this moment must not come after the question.
        after = 2 * world.config.timers.broker_timeout_s if instance.is_busy else 0
        orphans.add(
            world, unit, str(instance.broker_guid), instance_calls.path(instance), instance_calls.query(instance), after
        )
    record(unit, actor, instance, org_guid, verb)
    unit.commit()


def _forget_bindings(world: World, instance: ServiceInstance, trace: str, asks: bool = False) -> None:
    for binding in bound.of_instance(str(instance.guid)):
        bound.remove(world, binding, asks, trace)


def _ready(world: World, instance: ServiceInstance) -> jobs.Later | BrokerError | None:
    """An instance is taken away once its bindings are: each by an operation of its own, asked for once."""
    if instance.pending["verb"] != DEPROVISION:
        return None
    asked = set(instance.pending["asked"])
    left = bound.of_instance(str(instance.guid))
    if not left:
        return None
    actor = operations.actor_of(instance)
    for binding in left:
        guid = str(binding.guid)
        if guid in asked and binding.last_operation["state"] == "failed":
            return BrokerError(f"An operation for a binding failed: {binding.last_operation['description']}")
        if guid not in asked and not binding.is_busy:
            bound.begin_delete(world, actor, binding, instance.pending["trace"])
            asked.add(guid)
            _note_asked(world, instance, sorted(asked))
    return jobs.Later(world.config.timers.broker_poll_s)


def _note_asked(world: World, instance: ServiceInstance, asked: list[str]) -> None:
    instance.pending = {**instance.pending, "asked": asked}
    unit = world.unit()
    unit.put(instance)
    unit.commit()


operations.KINDS[ServiceInstance.KIND] = Kind(
    model=ServiceInstance,
    ready=_ready,
    call=instance_calls.call,
    path=instance_calls.path,
    query=instance_calls.query,
    succeeded=instance_calls.succeeded,
    failed=instance_calls.failed,
)

for sort in (bindings.SORT, route_bindings.SORT):
    bound.add(sort)

#: What brokers make, each with its ways; complete once this module is imported.
KINDS = tuple(operations.KINDS)
