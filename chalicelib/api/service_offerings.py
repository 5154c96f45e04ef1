"""/v3/service_offerings."""

from typing import Any

from chalicelib.api import service_brokers
from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.included import Way, field_parameters, fields, included
from chalicelib.api.marketplace import available, caller, described, usable
from chalicelib.api.render import common, listing, paginated, to_one
from chalicelib.api.scoped import belonging, narrowed
from chalicelib.core.errors import BadQuery
from chalicelib.services.brokering import offerings, purging, visibility
from chalicelib.services.listing import page
from chalicelib.tables.services import ServiceBroker, ServiceOffering

endpoints = Endpoints(__name__)

FILTERS = ("available", "service_broker_guids", "service_broker_names", "space_guids", "organization_guids")
FIELDS = {"service_broker": ("guid", "name")}
WAYS: dict[str, Way] = {
    "service_broker": (ServiceBroker, lambda offering: str(offering.broker_guid), service_brokers.render)
}


def render(request: Request, offering: ServiceOffering) -> dict[str, Any]:
    document, details = common(request, offering), offering.catalog
    document["links"] |= {
        "service_plans": {"href": f"{request.base}/v3/service_plans?service_offering_guids={offering.guid}"},
        "service_broker": {"href": f"{request.base}/v3/service_brokers/{offering.broker_guid}"},
    }
    metadata = details.get("metadata") or {}
    return document | {
        "name": offering.name,
        "description": details.get("description", ""),
        "available": bool(offering.available),
        "tags": details.get("tags", []),
        "requires": details.get("requires", []),
        "shareable": metadata.get("shareable") is True,
        "documentation_url": _text(metadata.get("documentationUrl")),
        "broker_catalog": {
            "id": offering.unique_id,
            "metadata": metadata,
            "features": {
                "plan_updateable": bool(details.get("plan_updateable")),
                "bindable": bool(details.get("bindable")),
                "instances_retrievable": bool(details.get("instances_retrievable")),
                "bindings_retrievable": bool(details.get("bindings_retrievable")),
                "allow_context_updates": bool(details.get("allow_context_updates")),
            },
        },
        "relationships": {"service_broker": to_one(str(offering.broker_guid))},
    }


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


@endpoints("GET", "/v3/service_offerings")
def index(request: Request) -> Answer:
    seen = visibility.sight(caller(request))
    what = listing(request, seen.lists(ServiceOffering.KIND), *FILTERS, *field_parameters(FIELDS))
    what = available(request, what).having(visibility.offering_test(seen, usable(request)))
    what = narrowed(request, what, service_broker_guids="broker_guid")
    what = belonging(request, what, service_broker_names=(ServiceBroker, "broker_guid"))
    found = page(ServiceOffering, what)
    wanted = fields(request, FIELDS)
    return paginated(request, found, render, included(request, found.items, WAYS, wanted) if wanted else None)


@endpoints("GET", "/v3/service_offerings/{guid}")
def show(request: Request, guid: str) -> Answer:
    request.only(*field_parameters(FIELDS))
    offering = visibility.offering_for(caller(request), guid)
    document = render(request, offering)
    if wanted := fields(request, FIELDS):
        document["included"] = included(request, [offering], WAYS, wanted)
    return Answer(document)


@endpoints("PATCH", "/v3/service_offerings/{guid}")
def update(request: Request, guid: str) -> Answer:
    offering = visibility.offering_for(request.actor, guid)
    return Answer(render(request, described(request, offering)))


@endpoints("DELETE", "/v3/service_offerings/{guid}")
def delete(request: Request, guid: str) -> Answer:
    request.only("purge")
    purge = request.query.get("purge", "false")
    if purge not in ("true", "false"):
        raise BadQuery("Purge only accepts values 'true' or 'false'")
    offering = visibility.offering_for(request.actor, guid)
    visibility.require_change(request.actor, offering)
    if purge == "true":
        purging.purge_offering(request.world, request.actor, offering, request.trace)
    else:
        offerings.delete(request.world, request.actor, offering, request.trace)
    return Answer(None, 204)
