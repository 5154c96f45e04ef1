"""/v3/isolation_segments, and what relationships to them have in common."""

from typing import Any

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import Body
from chalicelib.api.render import common, listing, paginated, to_one
from chalicelib.services import access
from chalicelib.services import isolation_segments as service
from chalicelib.services.listing import page
from chalicelib.tables.identity import IsolationSegment

endpoints = Endpoints(__name__)

#: Organizations that one request may entitle.
MAX_ORGS = 500


def render(request: Request, segment: IsolationSegment) -> dict[str, Any]:
    return common(request, segment, "organizations") | {"name": segment.name}


def relationship(request: Request, own: str, segment_guid: str | None) -> dict[str, Any]:
    """The document of a relationship to one segment. ``own``: its path after ``/v3/``."""
    links = {"self": {"href": f"{request.base}/v3/{own}"}}
    if segment_guid:
        links["related"] = {"href": f"{request.base}/v3/isolation_segments/{segment_guid}"}
    return to_one(segment_guid) | {"links": links}


def to_one_of(request: Request) -> str | None:
    """The guid in a body ``{"data": {"guid": ...}}``; None for ``{"data": null}`` and for a guid that is null.

    Raises Unprocessable.
    """
    body = Body(request.json())
    data, guid = body.take("data"), None
    if not body.has("data"):
        body.wrong("Data can't be blank")
    elif data is not None:
        part = body.part("data")
        guid = part.text("guid")
        if not part.has("guid"):
            body.wrong('Data must be structured like this: "data": {"guid": "valid-guid"}')
        part.finish()
    body.done()
    return guid or None


@endpoints("GET", "/v3/isolation_segments")
def index(request: Request) -> Answer:
    """Those that the caller's organizations are entitled to."""
    what = listing(request, ["isolation_segments"], "organization_guids")
    visible = service.visible_to(request.actor)
    if visible is not None:
        what = what.within(visible)
    orgs = request.values("organization_guids")
    if orgs is not None:
        seen = orgs if request.actor.sees_all else orgs & set(request.actor.orgs)
        what = what.within(service.of_orgs(sorted(seen)))
    return paginated(request, page(IsolationSegment, what), render)


@endpoints("POST", "/v3/isolation_segments")
def create(request: Request) -> Answer:
    access.require_admin(request.actor)
    body = Body(request.json())
    segment = IsolationSegment(name=body.name())
    body.metadata(segment)
    body.done()
    service.create(request.world, request.actor, segment, request.trace)
    return Answer(render(request, segment), 201)


@endpoints("GET", "/v3/isolation_segments/{guid}")
def show(request: Request, guid: str) -> Answer:
    return Answer(render(request, service.find_visible(request.actor, guid)))


@endpoints("PATCH", "/v3/isolation_segments/{guid}")
def update(request: Request, guid: str) -> Answer:
    segment = _administered(request, guid)
    body = Body(request.json())
    name = body.name() if body.has("name") else None
    body.metadata(segment)
    body.done()
    return Answer(render(request, service.update(request.world, request.actor, segment, name, request.trace)))


@endpoints("DELETE", "/v3/isolation_segments/{guid}")
def delete(request: Request, guid: str) -> Answer:
    service.delete(request.world, request.actor, _administered(request, guid), request.trace)
    return Answer(None, 204)


@endpoints("GET", "/v3/isolation_segments/{guid}/relationships/organizations")
def organizations(request: Request, guid: str) -> Answer:
    return Answer(_entitled(request, service.find_visible(request.actor, guid)))


@endpoints("POST", "/v3/isolation_segments/{guid}/relationships/organizations")
def entitle(request: Request, guid: str) -> Answer:
    segment = _administered(request, guid)
    body = Body(request.json())
    data = body.take("data", required=True)
    if data is not None and not (isinstance(data, list) and all(_is_guid(item) for item in data)):
        body.wrong('Data must be structured like this: "data": [{"guid": "valid-guid"}]')
    elif data is not None and len(data) > MAX_ORGS:
        body.wrong(f"Data can have at most {MAX_ORGS} organizations")
    body.done()
    guids = list(dict.fromkeys(item["guid"] for item in data))
    service.entitle(request.world, request.actor, segment, guids, request.trace)
    return Answer(_entitled(request, segment))


@endpoints("DELETE", "/v3/isolation_segments/{guid}/relationships/organizations/{org_guid}")
def revoke(request: Request, guid: str, org_guid: str) -> Answer:
    service.revoke(request.world, request.actor, _administered(request, guid), org_guid, request.trace)
    return Answer(None, 204)


@endpoints("GET", "/v3/isolation_segments/{guid}/relationships/spaces")
def spaces(request: Request, guid: str) -> Answer:
    """Those assigned to it, of those that the caller may see."""
    segment = service.find_visible(request.actor, guid)
    visible = access.visible_spaces(request.actor)
    guids = [str(space.guid) for space in service.assigned_spaces(segment)]
    seen = guids if visible is None else [one for one in guids if one in set(visible)]
    return Answer(_to_many(request, segment, "spaces", seen))


def _entitled(request: Request, segment: IsolationSegment) -> dict[str, Any]:
    actor, guids = request.actor, service.entitled_orgs(segment)
    return _to_many(request, segment, "organizations", [one for one in guids if actor.sees_all or one in actor.orgs])


def _to_many(request: Request, segment: IsolationSegment, kind: str, guids: list[str]) -> dict[str, Any]:
    own = f"{request.base}/v3/isolation_segments/{segment.guid}"
    links = {"self": {"href": f"{own}/relationships/{kind}"}}
    if kind == "organizations":
        links["related"] = {"href": f"{own}/organizations"}
    return {"data": [{"guid": guid} for guid in guids], "links": links}


def _administered(request: Request, guid: str) -> IsolationSegment:
    """403 for who is no administrator, whether or not he sees it."""
    access.require_admin(request.actor)
    return service.find_visible(request.actor, guid)


def _is_guid(item: Any) -> bool:
    return isinstance(item, dict) and set(item) == {"guid"} and isinstance(item["guid"], str)
