"""Service instances as their brokers hear of them: the calls, and what the rows become by their answers."""

from collections.abc import Mapping
from typing import Any

from chalicelib.bootstrap import World
from chalicelib.core.osb import DEPROVISION, PROVISION, UPDATE, Call
from chalicelib.core.quotas import Use
from chalicelib.services import audit, listing, quotas, usage_events
from chalicelib.services.brokering import operations
from chalicelib.services.brokering.operations import actor_of
from chalicelib.tables.identity import Organization, Secret, Space
from chalicelib.tables.services import ServiceInstance, ServicePlan
from chalicelib.tables.unit import Unit

#: Verbs that make usage events, and the states that these have.
BILLED = {"create": "CREATED", "update": "UPDATED", "delete": "DELETED"}


def scope(space_guid: str) -> str:
    """Within which an instance's name is unique, those that are shared into the space included."""
    return f"space/{space_guid}/service_instances"


def path(instance: ServiceInstance) -> str:
    return f"/v2/service_instances/{instance.guid}"


def query(instance: ServiceInstance) -> dict[str, str]:
    return dict(instance.catalog_ids)


def context(instance: ServiceInstance, space: Space, org: Organization) -> dict[str, Any]:
    """Where the instance is, as brokers are told."""
    return {
        "platform": "cloudfoundry",
        "organization_guid": org.guid,
        "organization_name": org.name,
        "organization_annotations": dict(org.annotations or {}),
        "space_guid": space.guid,
        "space_name": space.name,
        "space_annotations": dict(space.annotations or {}),
        "instance_name": instance.name,
        "instance_annotations": dict(instance.annotations or {}),
    }


def call(world: World, instance: ServiceInstance) -> Call:
    pending = instance.pending
    verb, who = pending["verb"], pending["actor"]["guid"]
    if verb == DEPROVISION:
        asked = {**query(instance), "accepts_incomplete": "true"}
        return Call("DELETE", path(instance), asked, identity=who)
    space = listing.get(Space, str(instance.space_guid))
    org = listing.get(Organization, str(space.org_guid))
    body: dict[str, Any] = {"context": context(instance, space, org), **instance.catalog_ids}
    given = operations.parameters(world, instance)
    if given is not None:
        body["parameters"] = given
    if verb == PROVISION:
        body |= {"organization_guid": org.guid, "space_guid": space.guid}
        if instance.maintenance_info:
            body["maintenance_info"] = instance.maintenance_info
        return Call("PUT", path(instance), {"accepts_incomplete": "true"}, body, who)
    body["previous_values"] = {
        **instance.catalog_ids,
        "organization_id": org.guid,
        "space_id": space.guid,
        "maintenance_info": instance.maintenance_info or {},
    }
    if "plan" in pending:
        body["plan_id"] = pending["plan"]["unique_id"]
    if pending.get("maintenance_info"):
        body["maintenance_info"] = pending["maintenance_info"]
    return Call("PATCH", path(instance), {"accepts_incomplete": "true"}, body, who)


def succeeded(world: World, unit: Unit, instance: ServiceInstance, body: Mapping[str, Any]) -> None:
    verb, pending, actor = instance.pending["verb"], instance.pending, actor_of(instance)
    org_guid = _org_guid(instance)
    if verb == DEPROVISION:
        forget(unit, instance, org_guid)
        record(unit, actor, instance, org_guid, "delete")
        return
    instance.dashboard_url = body.get("dashboard_url") or instance.dashboard_url
    if verb == UPDATE:
        if plan := pending.get("plan"):
            leave = f"plan/{instance.plan_guid}"
            instance.plan_guid = plan["guid"]
            instance.catalog_ids = {**instance.catalog_ids, "plan_id": plan["unique_id"]}
            unit.leave(instance, leave)
            unit.join(instance, f"plan/{plan['guid']}")
            if plan["paid"] < 0:
                quotas.charge(unit, org_guid, str(instance.space_guid), Use(paid_service_instances=plan["paid"]))
        if pending.get("maintenance_info"):
            instance.maintenance_info = pending["maintenance_info"]
    operations.ended(instance)
    unit.put(instance)
    record(unit, actor, instance, org_guid, "create" if verb == PROVISION else "update")


def failed(world: World, unit: Unit, instance: ServiceInstance) -> None:
    paid = instance.pending.get("plan", {}).get("paid", 0)
    if instance.pending["verb"] == UPDATE and paid > 0:
        quotas.charge(unit, _org_guid(instance), str(instance.space_guid), Use(paid_service_instances=-paid))
    unit.put(instance)


def _org_guid(instance: ServiceInstance) -> str:
    return quotas.org_of(str(instance.space_guid))


def forget(unit: Unit, instance: ServiceInstance, org_guid: str) -> None:
    """The row, its names in every space that has it, its secret and what it was charged."""
    unit.remove(instance)
    unit.delete(Secret(str(instance.guid)))
    for space_guid in (str(instance.space_guid), *(instance.shared_to or ())):
        unit.release(scope(space_guid), str(instance.name))
    if instance.is_managed:
        quotas.charge(unit, org_guid, str(instance.space_guid), -cost(instance))


def cost(instance: ServiceInstance) -> Use:
    plan = listing.find(ServicePlan, str(instance.plan_guid))
    return Use(service_instances=1, paid_service_instances=0 if plan is None or plan.free else 1)


def record(
    unit: Unit,
    actor: Any,
    instance: ServiceInstance,
    org_guid: str,
    verb: str,
    request: Mapping[str, Any] | None = None,
) -> None:
    """``audit.service_instance.<verb>``, or that of a user-provided one; what is billed is told as usage, too."""
    kind = "service_instance" if instance.is_managed else "user_provided_service_instance"
    data = {"request": dict(request)} if request is not None else {}
    audit.record(unit, actor, f"audit.{kind}.{verb}", instance, str(instance.space_guid), org_guid, data)
    if verb in BILLED:
        usage_events.service_changed(unit, instance, BILLED[verb])
