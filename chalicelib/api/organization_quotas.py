"""/v3/organization_quotas."""

from collections.abc import Sequence
from typing import Any

from chalicelib.api import quota_fields
from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import Body
from chalicelib.api.quota_fields import ORG_SECTIONS
from chalicelib.api.relationships import answered, body_guids, related, to_many
from chalicelib.api.render import Render, accepted, common, listing, paginated
from chalicelib.services import access, organization_quotas
from chalicelib.services.listing import get, load, page
from chalicelib.tables.identity import Organization
from chalicelib.tables.quotas import OrganizationQuota

endpoints = Endpoints(__name__)


def _renderer(request: Request, quotas: Sequence[Any]) -> Render:
    """The organizations of all the quotas are looked up together."""
    holders = organization_quotas.holders_seen(request.actor, quotas)

    def render(request: Request, quota: OrganizationQuota) -> dict[str, Any]:
        return (
            common(request, quota)
            | {"name": quota.name}
            | quota_fields.render(quota.fields, ORG_SECTIONS)
            | {"relationships": {"organizations": to_many(holders[str(quota.guid)])}}
        )

    return render


def _document(request: Request, quota: OrganizationQuota) -> dict[str, Any]:
    return _renderer(request, [quota])(request, quota)


@endpoints("GET", "/v3/organization_quotas")
def index(request: Request) -> Answer:
    actor = request.actor
    what = listing(request, [OrganizationQuota.KIND], "organization_guids")
    if (orgs := request.values("organization_guids")) is not None:
        seen = sorted(guid for guid in orgs if actor.may_in_org("read", guid))
        what = what.within(str(org.quota_guid) for org in load(Organization, seen))
    found = page(OrganizationQuota, what)
    return paginated(request, found, _renderer(request, found.items))


@endpoints("POST", "/v3/organization_quotas")
def create(request: Request) -> Answer:
    access.require_admin(request.actor)
    body = Body(request.json())
    quota = OrganizationQuota(name=body.name(), fields=quota_fields.parse(body, ORG_SECTIONS))
    part = body.part("relationships")
    orgs = related(part, "organizations")
    part.finish()
    body.metadata(quota)
    body.done()
    organization_quotas.create(request.world, request.actor, quota, orgs, request.trace)
    return Answer(_document(request, quota), 201)


@endpoints("GET", "/v3/organization_quotas/{guid}")
def show(request: Request, guid: str) -> Answer:
    request.only()
    request.actor  # noqa: B018  everybody with a token may see every quota
    return Answer(_document(request, get(OrganizationQuota, guid)))


@endpoints("PATCH", "/v3/organization_quotas/{guid}")
def update(request: Request, guid: str) -> Answer:
    access.require_admin(request.actor)
    quota = get(OrganizationQuota, guid)
    body = Body(request.json())
    name = body.name() if body.has("name") else None
    changes = quota_fields.parse(body, ORG_SECTIONS)
    body.metadata(quota)
    body.done()
    organization_quotas.update(request.world, request.actor, quota, name, changes, request.trace)
    return Answer(_document(request, quota))


@endpoints("DELETE", "/v3/organization_quotas/{guid}")
def delete(request: Request, guid: str) -> Answer:
    access.require_admin(request.actor)
    quota = get(OrganizationQuota, guid)
    return accepted(request, organization_quotas.delete(request.world, request.actor, quota, request.trace))


@endpoints("POST", "/v3/organization_quotas/{guid}/relationships/organizations")
def assign(request: Request, guid: str) -> Answer:
    access.require_admin(request.actor)
    quota = get(OrganizationQuota, guid)
    organization_quotas.assign(request.world, request.actor, quota, body_guids(request), request.trace)
    holders = organization_quotas.holders_seen(request.actor, [quota])[guid]
    return answered(request, f"organization_quotas/{guid}/relationships/organizations", holders)
