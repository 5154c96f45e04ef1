"""What is asked of credential bindings and of route bindings alike."""

from collections.abc import Mapping
from typing import Any

from chalicelib.api.base import Answer, Request
from chalicelib.api.included import Way, included
from chalicelib.api.render import Render
from chalicelib.core.errors import NoParameters
from chalicelib.services import listing
from chalicelib.services.brokering import fetching, lookup
from chalicelib.tables.services import RouteBinding, ServiceBinding, ServiceInstance, ServiceOffering

Model = type[ServiceBinding] | type[RouteBinding]


def shown(request: Request, model: Model, guid: str, render: Render, ways: Mapping[str, Way]) -> Answer:
    request.only("include")
    binding, _ = lookup.binding_for(request.actor, model, guid)
    document = render(request, binding)
    if (more := included(request, [binding], ways)) is not None:
        document["included"] = more
    return Answer(document)


def parameters(request: Request, model: Model, guid: str, permission: str) -> Answer:
    """What its broker says that it was made with. Raises NoParameters when brokers do not tell."""
    binding, _ = lookup.binding_for(request.actor, model, guid, permission)
    instance = listing.find(ServiceInstance, str(binding.instance_guid))
    offering = listing.find(ServiceOffering, str(instance.offering_guid)) if instance else None
    if offering is None or not offering.catalog.get("bindings_retrievable") or binding.is_busy:
        raise NoParameters("service binding")
    found: dict[str, Any] = fetching.parameters(request.world, binding, request.trace)
    return Answer(found)
