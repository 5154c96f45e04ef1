"""/v3/space_quotas."""

from collections.abc import Sequence
from typing import Any

from chalicelib.api import quota_fields
from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import Body
from chalicelib.api.quota_fields import SPACE_SECTIONS
from chalicelib.api.relationships import answered, body_guids, related, related_one, to_many
from chalicelib.api.render import Render, accepted, common, listing, paginated, to_one
from chalicelib.services import space_quotas
from chalicelib.services.listing import load, page
from chalicelib.tables.identity import Space
from chalicelib.tables.quotas import SpaceQuota

endpoints = Endpoints(__name__)


def _renderer(request: Request, quotas: Sequence[Any]) -> Render:
    """The spaces of all the quotas are looked up together."""
    holders = space_quotas.holders_seen(request.actor, quotas)

    def render(request: Request, quota: SpaceQuota) -> dict[str, Any]:
        document = common(request, quota)
        document["links"]["organization"] = {"href": f"{request.base}/v3/organizations/{quota.org_guid}"}
        relationships = {"organization": to_one(str(quota.org_guid)), "spaces": to_many(holders[str(quota.guid)])}
        limits = quota_fields.render(quota.fields, SPACE_SECTIONS)
        return document | {"name": quota.name, **limits, "relationships": relationships}

    return render


def _document(request: Request, quota: SpaceQuota) -> dict[str, Any]:
    return _renderer(request, [quota])(request, quota)


@endpoints("GET", "/v3/space_quotas")
def index(request: Request) -> Answer:
    actor, orgs = request.actor, request.values("organization_guids")
    lists = [SpaceQuota.KIND] if orgs is None else [space_quotas.scope(guid) for guid in sorted(orgs)]
    what = listing(request, lists, "organization_guids", "space_guids")
    if (visible := space_quotas.readable(actor)) is not None:
        what = what.within(visible)
    if (spaces := request.values("space_guids")) is not None:
        what = what.within(str(space.quota_guid) for space in load(Space, sorted(spaces)) if space.quota_guid)
    found = page(SpaceQuota, what)
    return paginated(request, found, _renderer(request, found.items))


@endpoints("POST", "/v3/space_quotas")
def create(request: Request) -> Answer:
    actor, body = request.actor, Body(request.json())
    quota = SpaceQuota(name=body.name(), fields=quota_fields.parse(body, SPACE_SECTIONS))
    part = body.part("relationships", required=True)
    quota.org_guid, spaces = related_one(part, "organization"), related(part, "spaces")
    part.finish()
    body.metadata(quota)
    body.done()
    space_quotas.create(request.world, actor, quota, spaces, request.trace)
    return Answer(_document(request, quota), 201)


@endpoints("GET", "/v3/space_quotas/{guid}")
def show(request: Request, guid: str) -> Answer:
    request.only()
    return Answer(_document(request, space_quotas.find(request.actor, guid)))


@endpoints("PATCH", "/v3/space_quotas/{guid}")
def update(request: Request, guid: str) -> Answer:
    quota = space_quotas.find(request.actor, guid, writes=True)
    body = Body(request.json())
    name = body.name() if body.has("name") else None
    changes = quota_fields.parse(body, SPACE_SECTIONS)
    body.metadata(quota)
    body.done()
    space_quotas.update(request.world, request.actor, quota, name, changes, request.trace)
    return Answer(_document(request, quota))


@endpoints("DELETE", "/v3/space_quotas/{guid}")
def delete(request: Request, guid: str) -> Answer:
    quota = space_quotas.find(request.actor, guid, writes=True)
    return accepted(request, space_quotas.delete(request.world, request.actor, quota, request.trace))


@endpoints("POST", "/v3/space_quotas/{guid}/relationships/spaces")
def assign(request: Request, guid: str) -> Answer:
    quota = space_quotas.find(request.actor, guid, writes=True)
    space_quotas.assign(request.world, request.actor, quota, body_guids(request), request.trace)
    holders = space_quotas.holders_seen(request.actor, [quota])[guid]
    return answered(request, f"space_quotas/{guid}/relationships/spaces", holders)


@endpoints("DELETE", "/v3/space_quotas/{guid}/relationships/spaces/{space_guid}")
def unassign(request: Request, guid: str, space_guid: str) -> Answer:
    quota = space_quotas.find(request.actor, guid, writes=True)
    space_quotas.unassign(request.world, request.actor, quota, space_guid, request.trace)
    return Answer(status=204)
