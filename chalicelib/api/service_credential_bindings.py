"""/v3/service_credential_bindings: apps' ways to services, and keys."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from chalicelib.api import apps, service_bindings, service_instances
from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.included import Way, included
from chalicelib.api.parsing import Body
from chalicelib.api.render import accepted, common, paginated, to_one
from chalicelib.api.scoped import belonging, leading_to, narrowed, relabel, scoped
from chalicelib.api.service_parts import an_object, last_operation
from chalicelib.core.errors import BadQuery, NotFound, Unprocessable
from chalicelib.core.roles import OPERATE, READ, READ_VARIABLES, WRITE, Actor
from chalicelib.services import access, listing
from chalicelib.services.brokering import bindings, bound, lookup
from chalicelib.services.listing import Listing, Test, page
from chalicelib.tables.apps import App
from chalicelib.tables.identity import Space
from chalicelib.tables.services import ServiceBinding, ServiceInstance, ServiceOffering, ServicePlan

endpoints = Endpoints(__name__)

FILTERS = (
    "app_guids",
    "app_names",
    "service_instance_guids",
    "service_instance_names",
    "service_plan_guids",
    "service_plan_names",
    "service_offering_guids",
    "service_offering_names",
    "type",
    "include",
)
WAYS: dict[str, Way] = {
    "app": (App, lambda binding: binding.app_guid, apps.render),
    "service_instance": (ServiceInstance, lambda item: str(item.instance_guid), service_instances.render),
}
APP, KEY = "app", "key"


def render(request: Request, binding: ServiceBinding) -> dict[str, Any]:
    document = common(request, binding, "details")
    links = document["links"]
    links["service_instance"] = {"href": f"{request.base}/v3/service_instances/{binding.instance_guid}"}
    relationships = {"service_instance": to_one(str(binding.instance_guid))}
    if binding.broker_guid:
        links["parameters"] = {"href": f"{links['self']['href']}/parameters"}
    if binding.app_guid:
        links["app"] = {"href": f"{request.base}/v3/apps/{binding.app_guid}"}
        relationships["app"] = to_one(binding.app_guid)
    return document | {
        "name": binding.name,
        "type": binding.type,
        "last_operation": last_operation(binding),
        "relationships": relationships,
    }


@endpoints("GET", "/v3/service_credential_bindings")
def index(request: Request) -> Answer:
    what = narrowed(
        request,
        _listed(request),
        type="type",
        app_guids="app_guid",
        service_instance_guids="instance_guid",
        service_plan_guids="plan_guid",
    )
    what = belonging(
        request,
        what,
        app_names=(App, "app_guid"),
        service_instance_names=(ServiceInstance, "instance_guid"),
        service_plan_names=(ServicePlan, "plan_guid"),
    )
    what = _of_offerings(request, what)
    kind = request.query.get("type")
    if kind not in (None, APP, KEY):
        raise BadQuery(f"Type must be one of '{APP}', '{KEY}'")
    found = page(ServiceBinding, what)
    return paginated(request, found, render, included(request, found.items, WAYS))


def _of_offerings(request: Request, what: Listing) -> Listing:
    """Those whose plans are of the offerings that the query names."""
    guids, names = request.values("service_offering_guids"), request.values("service_offering_names")
    if guids is not None:
        what = what.joined(leading_to(ServicePlan, "plan_guid", lambda plan: plan.offering_guid in guids))
    if names is not None:
        what = what.joined(partial(_offered_as, names))
    return what


def _offered_as(names: frozenset[str], bindings: Sequence[ServiceBinding]) -> Test:
    plans = listing.load(ServicePlan, sorted({str(binding.plan_guid) for binding in bindings if binding.plan_guid}))
    is_named = leading_to(ServiceOffering, "offering_guid", lambda offering: offering.name in names)(plans)
    right = {str(plan.guid) for plan in plans if is_named(plan)}
    return lambda binding: binding.plan_guid in right


def _listed(request: Request) -> Listing:
    """Of instances that are named their own lists: what clients ask for most."""
    what = scoped(request, ServiceBinding.KIND, *FILTERS)
    wanted = request.values("service_instance_guids")
    if wanted is None or request.values("app_guids") is not None:
        return what
    lists = [f"instance/{guid}/{ServiceBinding.KIND}" for guid in sorted(wanted)]
    if what.lists == [ServiceBinding.KIND]:
        return replace(what, lists=lists)
    spaces = {name.split("/")[1] for name in what.lists}
    return replace(what, lists=lists).having(lambda binding: str(binding.space_guid) in spaces)


@endpoints("POST", "/v3/service_credential_bindings")
def create(request: Request) -> Answer:
    body = Body(request.json())
    kind = body.choice("type", (APP, KEY))
    if kind is None and not body.errors:
        body.wrong(f"Type must be one of '{APP}', '{KEY}'")
    name = body.name(required=kind == KEY) if body.has("name") or kind == KEY else None
    strategy = body.choice("strategy", (bindings.SINGLE, bindings.MULTIPLE), bindings.SINGLE)
    if kind == KEY and body.has("strategy"):
        body.wrong("Strategy is not supported for key bindings")
    parameters = an_object(body, "parameters")
    binding = ServiceBinding(name=name or None, type=kind)
    instance_guid = body.relationship("service_instance") or ""
    app_guid = body.relationship("app") if kind == APP else None
    body.metadata(binding)
    body.done()
    instance, app, space = _ends(request.actor, instance_guid, app_guid)
    if not instance.is_managed and parameters:
        raise Unprocessable("Binding parameters are not supported for user-provided service instances")
    job = bindings.create(
        request.world,
        request.actor,
        binding,
        instance,
        app,
        space,
        parameters,
        strategy or bindings.SINGLE,
        request.trace,
    )
    return accepted(request, job) if job else Answer(render(request, binding), 201)


def _ends(actor: Actor, instance_guid: str, app_guid: str | None) -> tuple[ServiceInstance, App | None, Space]:
    """What is to be bound, and the binding's space. Raises Unprocessable, NotAuthorized."""
    try:
        instance, space = lookup.instance_for(actor, instance_guid)
    except NotFound:
        raise Unprocessable(f"The service instance could not be found: '{instance_guid}'") from None
    if app_guid is None:
        lookup.instance_for(actor, instance_guid, WRITE)
        if not instance.is_managed:
            raise Unprocessable(
                "Service credential bindings of type 'key' are not supported for user-provided service instances."
            )
        return instance, None, space
    app = listing.find(App, app_guid)
    try:
        if app is None:
            raise NotFound("App")
        app_space = access.space_for(actor, str(app.space_guid), READ)
    except NotFound:
        raise Unprocessable(f"The app could not be found: '{app_guid}'") from None
    if app.space_guid != instance.space_guid and app.space_guid not in (instance.shared_to or ()):
        raise Unprocessable("The service instance and the app are in different spaces")
    return instance, app, access.space_for(actor, str(app_space.guid), OPERATE)


@endpoints("GET", "/v3/service_credential_bindings/{guid}")
def show(request: Request, guid: str) -> Answer:
    return service_bindings.shown(request, ServiceBinding, guid, render, WAYS)


@endpoints("PATCH", "/v3/service_credential_bindings/{guid}")
def update(request: Request, guid: str) -> Answer:
    binding, _ = lookup.binding_for(request.actor, ServiceBinding, guid, WRITE)
    return Answer(render(request, relabel(request, binding)))


@endpoints("DELETE", "/v3/service_credential_bindings/{guid}")
def delete(request: Request, guid: str) -> Answer:
    binding, space = lookup.binding_for(request.actor, ServiceBinding, guid)
    access.space_for(request.actor, str(space.guid), OPERATE if binding.type == APP else WRITE)
    job = bound.delete(request.world, request.actor, binding, request.trace)
    return accepted(request, job) if job else Answer(None, 204)


@endpoints("GET", "/v3/service_credential_bindings/{guid}/details")
def details(request: Request, guid: str) -> Answer:
    binding, space = lookup.binding_for(request.actor, ServiceBinding, guid)
    if not access.may_read_secrets(request.actor, space):
        raise NotFound(ServiceBinding.LABEL)  # as Cloud Foundry has it, though he sees the binding
    if not binding.is_there or binding.is_busy:
        raise NotFound(f"Creation of service credential binding in progress or failed; {ServiceBinding.LABEL} details")
    found = bindings.credentials(request.world, binding)
    document: dict[str, Any] = {"credentials": found["credentials"]}
    for name in ("syslog_drain_url", "volume_mounts"):
        if found.get(name):
            document[name] = found[name]
    return Answer(document)


@endpoints("GET", "/v3/service_credential_bindings/{guid}/parameters")
def parameters(request: Request, guid: str) -> Answer:
    return service_bindings.parameters(request, ServiceBinding, guid, READ_VARIABLES)
