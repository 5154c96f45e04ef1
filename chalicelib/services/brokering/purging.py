"""Offerings taken away without their broker, with all that was made of them: for brokers that are gone for good."""

from chalicelib.bootstrap import World
from chalicelib.core.roles import Actor
from chalicelib.services import audit, listing
from chalicelib.services.brokering import instances
from chalicelib.tables.services import ServiceInstance, ServiceOffering, ServicePlan


def purge_offering(world: World, actor: Actor, offering: ServiceOffering, trace: str = "") -> None:
    """The offering last, so that a second call goes on where the first one ended."""
    for plan in listing.all_of(ServicePlan, f"offering/{offering.guid}/service_plans"):
        for instance in listing.all_of(ServiceInstance, f"plan/{plan.guid}/service_instances"):
            instances.remove(world, actor, instance, "purge", trace)
        unit = world.unit(trace)
        unit.remove(plan)
        unit.commit()
    unit = world.unit(trace)
    unit.remove(offering)
    audit.record(unit, actor, "audit.service.delete", offering, data={"request": {"purge": True}})
    unit.commit()
