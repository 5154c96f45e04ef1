"""Apps and what belongs to them, as an actor may see them: one rule, that of the space they are in."""

from typing import TypeVar

from chalicelib.core.errors import NotFound
from chalicelib.core.roles import READ, Actor
from chalicelib.services import access, listing
from chalicelib.tables.apps import App, AppPart
from chalicelib.tables.identity import Space
from chalicelib.tables.running import Process

R = TypeVar("R", bound=App | AppPart | Process)


def owned(actor: Actor, model: type[R], guid: str, permission: str = READ) -> tuple[R, Space]:
    """The resource and its space. Raises NotFound (also for what the actor may not see) or NotAuthorized."""
    resource = listing.find(model, guid)
    if resource is None:
        raise NotFound(model.LABEL)
    return resource, access.space_for(actor, str(resource.space_guid), permission, model.LABEL)
