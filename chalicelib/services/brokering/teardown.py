"""What of services goes with apps, routes and spaces. At once; brokers are asked for what they have by and by."""

from chalicelib.bootstrap import World
from chalicelib.services import audit, listing
from chalicelib.services.brokering import bound, brokers, instances, sharing
from chalicelib.tables.services import ServiceInstance


def empty_space(world: World, guid: str, trace: str = "") -> None:
    """Instances in the space, and the space's part in those of other spaces; its own brokers. May be repeated."""
    for instance in listing.all_of(ServiceInstance, f"space/{guid}/service_instances"):
        if instance.space_guid == guid:
            instances.remove(world, audit.SYSTEM, instance, trace=trace)
            continue
        for binding in bound.of_instance(str(instance.guid)):
            if binding.space_guid == guid:
                bound.remove(world, binding, trace=trace)
        sharing.take_from(world, audit.SYSTEM, instance, "none", guid, trace)
    brokers.remove_from_space(world, guid, trace)
