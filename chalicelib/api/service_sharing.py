"""/v3/service_instances/{guid}/relationships/shared_spaces."""

from typing import Any

from chalicelib.api import organizations, spaces
from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.included import Way, field_parameters, fields, included
from chalicelib.api.parsing import Body
from chalicelib.core.roles import WRITE
from chalicelib.services.brokering import lookup, sharing
from chalicelib.services.listing import load
from chalicelib.tables.identity import Organization, Space
from chalicelib.tables.services import ServiceInstance

endpoints = Endpoints(__name__)

FIELDS = {"space": ("guid", "name", "relationships.organization"), "space.organization": ("guid", "name")}
WAYS: dict[str, Way] = {
    "space": (Space, lambda space: str(space.guid), spaces.render),
    "space.organization": (Organization, lambda space: str(space.org_guid), organizations.render),
}


def _document(request: Request, instance: ServiceInstance) -> dict[str, Any]:
    own = f"{request.base}/v3/service_instances/{instance.guid}/relationships/shared_spaces"
    return {"data": [{"guid": guid} for guid in instance.shared_to], "links": {"self": {"href": own}}}


@endpoints("GET", "/v3/service_instances/{guid}/relationships/shared_spaces")
def show(request: Request, guid: str) -> Answer:
    request.only(*field_parameters(FIELDS))
    instance, _ = lookup.instance_for(request.actor, guid)
    document = _document(request, instance)
    if wanted := fields(request, FIELDS):
        document["included"] = included(request, load(Space, list(instance.shared_to)), WAYS, wanted)
    return Answer(document)


@endpoints("POST", "/v3/service_instances/{guid}/relationships/shared_spaces")
def share(request: Request, guid: str) -> Answer:
    instance, space = lookup.instance_for(request.actor, guid, WRITE)
    body = Body(request.json())
    data = body.take("data", required=True)
    if data is not None and not (
        isinstance(data, list)
        and all(isinstance(item, dict) and isinstance(item.get("guid"), str) and len(item) == 1 for item in data)
    ):
        body.wrong("Data must be a list of objects with a guid")
    body.done()
    guids = [item["guid"] for item in data]
    return Answer(
        _document(request, sharing.share(request.world, request.actor, instance, space, guids, request.trace))
    )


@endpoints("DELETE", "/v3/service_instances/{guid}/relationships/shared_spaces/{space_guid}")
def unshare(request: Request, guid: str, space_guid: str) -> Answer:
    instance, space = lookup.instance_for(request.actor, guid, WRITE)
    sharing.unshare(request.world, request.actor, instance, space, space_guid, request.trace)
    return Answer(None, 204)


@endpoints("GET", "/v3/service_instances/{guid}/relationships/shared_spaces/usage_summary")
def usage_summary(request: Request, guid: str) -> Answer:
    instance, _ = lookup.instance_for(request.actor, guid)
    own = f"{request.base}/v3/service_instances/{guid}"
    return Answer(
        {
            "usage_summary": [
                {"space": {"guid": space}, "bound_app_count": count} for space, count in sharing.usage(instance)
            ],
            "links": {
                "self": {"href": f"{own}/relationships/shared_spaces/usage_summary"},
                "shared_spaces": {"href": f"{own}/relationships/shared_spaces"},
                "service_instance": {"href": own},
            },
        }
    )
