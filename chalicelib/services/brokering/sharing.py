"""Service instances in other spaces than their own: shared, and taken back with the bindings there."""

from collections import Counter

from chalicelib.bootstrap import World
from chalicelib.core.errors import NameTaken, Unprocessable
from chalicelib.core.roles import WRITE, Actor
from chalicelib.services import flags, listing
from chalicelib.services.brokering import bindings, bound, visibility
from chalicelib.services.brokering.instance_calls import record, scope
from chalicelib.services.brokering.lookup import require_idle
from chalicelib.tables.identity import Space
from chalicelib.tables.services import ServiceInstance, ServiceOffering

#: Spaces that one instance can be shared with; each costs operations of one transaction.
MAX_SPACES = 20


def share(
    world: World, actor: Actor, instance: ServiceInstance, space: Space, guids: list[str], trace: str = ""
) -> ServiceInstance:
    """With all of these spaces, or with none of them. Raises Unprocessable, FeatureDisabled, NameTaken."""
    flags.require(actor, "service_instance_sharing")
    _check(instance)
    require_idle(instance)
    name = str(instance.name)
    targets = {str(target.guid): target for target in listing.load(Space, list(dict.fromkeys(guids)))}
    unseen = [guid for guid in guids if guid not in targets or not visibility.sees_space(actor, guid)]
    if unseen:
        quoted = ", ".join(f"'{guid}'" for guid in unseen)
        raise Unprocessable(
            f"Unable to share service instance {name} with spaces [{quoted}]. "
            "Ensure the spaces exist and that you have access to them."
        )
    for guid, target in targets.items():
        if not actor.may_in_space(WRITE, guid, str(target.org_guid)):
            raise Unprocessable(
                f"Unable to share service instance {name} with spaces ['{guid}']. "
                "Write permission is required in order to share a service instance with a space."
            )
        if guid == instance.space_guid:
            raise Unprocessable(
                f"Unable to share service instance '{name}' with space '{guid}'. "
                "Service instances cannot be shared into the space where they were created."
            )
    new = [guid for guid in targets if guid not in instance.shared_to]
    if not new:
        return instance
    if len(instance.shared_to) + len(new) > MAX_SPACES:
        raise Unprocessable(f"A service instance can be shared with at most {MAX_SPACES} spaces")
    instance.shared_to = [*instance.shared_to, *new]
    unit = world.unit(trace)
    for guid in new:
        unit.require(Space, guid, Unprocessable("The space is gone."))
        unit.join(instance, f"space/{guid}")
        unit.claim(scope(guid), name, str(instance.guid), _taken(name, targets[guid]))
    unit.put(instance)
    record(unit, actor, instance, str(space.org_guid), "share", {"target_space_guids": new})
    unit.commit()
    return instance


def _check(instance: ServiceInstance) -> None:
    if not instance.is_managed:
        raise Unprocessable("User-provided services cannot be shared.")
    offering = listing.get(ServiceOffering, str(instance.offering_guid))
    if offering.catalog.get("metadata", {}).get("shareable") is not True:
        raise Unprocessable(f"The {offering.name} service offering does not support sharing.")


def _taken(name: str, target: Space) -> NameTaken:
    guid = listing.by_name(scope(str(target.guid)), name)
    other = listing.find(ServiceInstance, guid) if guid else None
    if other is not None and other.space_guid != target.guid:
        return NameTaken(f"A service instance called {name} has already been shared with {target.name}.")
    return NameTaken(f"A service instance called {name} already exists in {target.name}.")


def unshare(world: World, actor: Actor, instance: ServiceInstance, space: Space, target: str, trace: str = "") -> None:
    """The bindings of apps there go with it. Raises Unprocessable, OperationInProgress."""
    if target not in instance.shared_to:
        raise Unprocessable(
            f"Unable to unshare service instance from space {target}. "
            "Ensure the space exists and the service instance has been shared to this space."
        )
    require_idle(instance)
    for binding in bindings.of_instance(str(instance.guid)):
        if binding.space_guid == target:
            bound.remove(world, binding, trace=trace)
    take_from(world, actor, instance, str(space.org_guid), target, trace)


def take_from(
    world: World, actor: Actor, instance: ServiceInstance, org_guid: str, target: str, trace: str = ""
) -> None:
    """Of a space that has no bindings to it any more."""
    instance.shared_to = [guid for guid in instance.shared_to if guid != target]
    unit = world.unit(trace)
    unit.put(instance)
    unit.leave(instance, f"space/{target}")
    unit.release(scope(target), str(instance.name))
    record(unit, actor, instance, org_guid, "unshare", {"target_space_guid": target})
    unit.commit()


def usage(instance: ServiceInstance) -> list[tuple[str, int]]:
    """Of each space that it is shared with: its guid, and how many apps there are bound."""
    apps = {
        (str(item.space_guid), str(item.app_guid)) for item in bindings.of_instance(str(instance.guid)) if item.app_guid
    }
    counts = Counter(space for space, _ in apps)
    return [(str(guid), counts[str(guid)]) for guid in instance.shared_to]
