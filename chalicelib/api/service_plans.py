"""/v3/service_plans and who may see which."""

from typing import Any

from chalicelib.api import organizations, service_brokers, service_offerings, spaces
from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.included import Way, field_parameters, fields, included
from chalicelib.api.marketplace import available, caller, described, usable
from chalicelib.api.parsing import Body
from chalicelib.api.render import common, listing, paginated, to_one
from chalicelib.api.scoped import belonging, narrowed
from chalicelib.core.service_visibility import ORGANIZATION, SETTABLE, SPACE
from chalicelib.services import access
from chalicelib.services.brokering import offerings, visibility
from chalicelib.services.listing import load, page
from chalicelib.tables.identity import Organization, Space
from chalicelib.tables.services import ServiceBroker, ServiceInstance, ServiceOffering, ServicePlan

endpoints = Endpoints(__name__)

FILTERS = (
    "available",
    "broker_catalog_ids",
    "service_broker_guids",
    "service_broker_names",
    "service_offering_guids",
    "service_offering_names",
    "service_instance_guids",
    "space_guids",
    "organization_guids",
    "include",
)
FIELDS = {"service_offering.service_broker": ("guid", "name")}
WAYS: dict[str, Way] = {
    "service_offering": (ServiceOffering, lambda plan: str(plan.offering_guid), service_offerings.render),
    "space": (Space, lambda plan: plan.space_guid, spaces.render),
    "space.organization": (Organization, lambda space: str(space.org_guid), organizations.render),
    "service_offering.service_broker": (ServiceBroker, lambda item: str(item.broker_guid), service_brokers.render),
}


def render(request: Request, plan: ServicePlan) -> dict[str, Any]:
    document, details = common(request, plan, "visibility"), plan.catalog
    document["links"]["service_offering"] = {"href": f"{request.base}/v3/service_offerings/{plan.offering_guid}"}
    relationships: dict[str, Any] = {"service_offering": to_one(str(plan.offering_guid))}
    if plan.space_guid:
        document["links"]["space"] = {"href": f"{request.base}/v3/spaces/{plan.space_guid}"}
        relationships["space"] = to_one(plan.space_guid)
    metadata = details.get("metadata") or {}
    return document | {
        "name": plan.name,
        "description": details.get("description", ""),
        "free": bool(plan.free),
        "available": bool(plan.available),
        "visibility_type": plan.visibility,
        "costs": _costs(metadata.get("costs")),
        "maintenance_info": details.get("maintenance_info") or {},
        "schemas": details.get("schemas") or {},
        "broker_catalog": {
            "id": plan.unique_id,
            "metadata": metadata,
            "maximum_polling_duration": details.get("maximum_polling_duration"),
            "features": {
                "plan_updateable": details.get("plan_updateable"),
                "bindable": details.get("bindable"),
            },
        },
        "relationships": relationships,
    }


def _costs(said: object) -> list[dict[str, Any]]:
    """The broker's ``[{"amount": {"usd": 99.0}, "unit": "MONTHLY"}]``, one for each currency."""
    costs = []
    for cost in said if isinstance(said, list) else ():
        amounts = cost.get("amount") if isinstance(cost, dict) else None
        for currency, amount in (amounts or {}).items() if isinstance(amounts, dict | None) else ():
            if isinstance(amount, int | float) and not isinstance(amount, bool):
                unit = cost.get("unit")
                text = unit if isinstance(unit, str) else ""
                costs.append({"currency": str(currency).upper(), "amount": float(amount), "unit": text})
    return costs


@endpoints("GET", "/v3/service_plans")
def index(request: Request) -> Answer:
    seen = visibility.sight(caller(request))
    what = listing(request, seen.lists(ServicePlan.KIND), *FILTERS, *field_parameters(FIELDS))
    what = narrowed(
        request,
        available(request, what).having(seen.sees),
        service_broker_guids="broker_guid",
        service_offering_guids="offering_guid",
        broker_catalog_ids="unique_id",
    )
    what = belonging(
        request,
        what,
        service_broker_names=(ServiceBroker, "broker_guid"),
        service_offering_names=(ServiceOffering, "offering_guid"),
    )
    if (instances := request.values("service_instance_guids")) is not None:
        what = what.within(str(row.plan_guid) for row in load(ServiceInstance, sorted(instances)) if row.plan_guid)
    if (test := usable(request)) is not None:
        what = what.having(test)
    found = page(ServicePlan, what)
    return paginated(request, found, render, included(request, found.items, WAYS, fields(request, FIELDS)))


@endpoints("GET", "/v3/service_plans/{guid}")
def show(request: Request, guid: str) -> Answer:
    request.only("include", *field_parameters(FIELDS))
    plan = visibility.plan_for(caller(request), guid)
    document = render(request, plan)
    if (more := included(request, [plan], WAYS, fields(request, FIELDS))) is not None:
        document["included"] = more
    return Answer(document)


@endpoints("PATCH", "/v3/service_plans/{guid}")
def update(request: Request, guid: str) -> Answer:
    plan = visibility.plan_for(request.actor, guid)
    return Answer(render(request, described(request, plan)))


@endpoints("DELETE", "/v3/service_plans/{guid}")
def delete(request: Request, guid: str) -> Answer:
    plan = visibility.plan_for(request.actor, guid)
    visibility.require_change(request.actor, plan)
    offerings.delete(request.world, request.actor, plan, request.trace)
    return Answer(None, 204)


def _visibility(request: Request, plan: ServicePlan) -> dict[str, Any]:
    """Organizations only of whoever may see them all, or is in them."""
    document: dict[str, Any] = {"type": plan.visibility}
    if plan.visibility == ORGANIZATION:
        orgs = load(Organization, list(plan.orgs))
        seen = [org for org in orgs if request.actor.sees_all or str(org.guid) in request.actor.orgs]
        document["organizations"] = [{"guid": org.guid, "name": org.name} for org in seen]
    if plan.visibility == SPACE:
        found = load(Space, [str(plan.space_guid)])
        document["space"] = {"guid": plan.space_guid, "name": found[0].name if found else ""}
    own = f"{request.base}/v3/service_plans/{plan.guid}"
    return document | {"links": {"self": {"href": f"{own}/visibility"}, "service_plan": {"href": own}}}


@endpoints("GET", "/v3/service_plans/{guid}/visibility")
def show_visibility(request: Request, guid: str) -> Answer:
    return Answer(_visibility(request, visibility.plan_for(request.actor, guid)))


@endpoints("PATCH", "/v3/service_plans/{guid}/visibility")
def set_visibility(request: Request, guid: str) -> Answer:
    return _change(request, guid, adds=False)


@endpoints("POST", "/v3/service_plans/{guid}/visibility")
def add_visibility(request: Request, guid: str) -> Answer:
    return _change(request, guid, adds=True)


def _change(request: Request, guid: str, adds: bool) -> Answer:
    plan = visibility.plan_for(request.actor, guid)
    access.require_admin(request.actor)
    body = Body(request.json())
    kind = body.text("type", required=True)
    if kind is not None and kind not in SETTABLE:
        body.wrong(f"Type must be one of {', '.join(repr(name) for name in SETTABLE)}")
    orgs = _organizations(body, kind)
    body.done()
    visibility.change(request.world, request.actor, plan, kind or "", orgs, adds, request.trace)
    return Answer(_visibility(request, plan))


def _organizations(body: Body, kind: str | None) -> list[str] | None:
    given = body.take("organizations", required=kind == ORGANIZATION)
    if given is None:
        return None
    if kind != ORGANIZATION:
        body.wrong("Organizations must be blank")
        return None
    if not isinstance(given, list) or not all(
        isinstance(item, dict) and isinstance(item.get("guid"), str) and len(item) == 1 for item in given
    ):
        body.wrong("Organizations must be a list of objects with a guid")
        return None
    return [item["guid"] for item in given]


@endpoints("DELETE", "/v3/service_plans/{guid}/visibility/{org_guid}")
def withdraw(request: Request, guid: str, org_guid: str) -> Answer:
    plan = visibility.plan_for(request.actor, guid)
    visibility.withdraw(request.world, request.actor, plan, org_guid, request.trace)
    return Answer(None, 204)
