"""Instances and bindings, as an actor may see and change them."""

from typing import TypeVar

from chalicelib.core.errors import NotAuthorized, NotFound, OperationInProgress
from chalicelib.core.roles import READ, Actor
from chalicelib.services import access, listing
from chalicelib.services.brokering import visibility
from chalicelib.tables.identity import Space
from chalicelib.tables.services import RouteBinding, ServiceBinding, ServiceInstance

B = TypeVar("B", ServiceBinding, RouteBinding)


def instance_for(actor: Actor, guid: str, permission: str = READ) -> tuple[ServiceInstance, Space]:
    """The instance and its own space. Who only sees a space that it is shared with may read it and no more.

    Raises NotFound, NotAuthorized.
    """
    instance = listing.get(ServiceInstance, guid)
    space = listing.find(Space, str(instance.space_guid))
    if space is not None and actor.may_in_space(READ, str(space.guid), str(space.org_guid)):
        return instance, access.space_for(actor, str(space.guid), permission, ServiceInstance.LABEL)
    if space is None or not any(visibility.sees_space(actor, target) for target in instance.shared_to or ()):
        raise NotFound(ServiceInstance.LABEL)
    if permission != READ:
        raise NotAuthorized
    return instance, space


def binding_for(actor: Actor, model: type[B], guid: str, permission: str = READ) -> tuple[B, Space]:
    """Raises NotFound, NotAuthorized."""
    binding = listing.get(model, guid)
    return binding, access.space_for(actor, str(binding.space_guid), permission, model.LABEL)


def require_idle(instance: ServiceInstance) -> None:
    """Raises OperationInProgress."""
    if instance.is_busy:
        raise OperationInProgress(f"An operation for service instance {instance.name} is in progress.")
