"""/v3/audit_events: who did what. The index behind it may lag a moment behind the deed."""

from typing import Any

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.render import MOMENT_PARAMETERS, listing, paginated, when
from chalicelib.api.scoped import narrowed
from chalicelib.services import events
from chalicelib.services.listing import sliced
from chalicelib.tables.ledger import AuditEvent

endpoints = Endpoints(__name__)

PARAMETERS = (
    "page",
    "per_page",
    "order_by",
    *MOMENT_PARAMETERS,
    "types",
    "target_guids",
    "target_guids[not]",
    "space_guids",
    "organization_guids",
    "guids",
)


def render(request: Request, event: AuditEvent) -> dict[str, Any]:
    def reference(guid: str) -> dict[str, str] | None:
        return None if guid == "none" else {"guid": guid}

    return {
        "guid": event.guid,
        "created_at": when(event.created_at),
        "updated_at": when(event.created_at),
        "type": event.type,
        "actor": event.actor,
        "target": event.target,
        "data": event.data,
        "space": reference(str(event.space_guid)),
        "organization": reference(str(event.org_guid)),
        "links": {"self": {"href": f"{request.base}/v3/audit_events/{event.guid}"}},
    }


@endpoints("GET", "/v3/audit_events")
def index(request: Request) -> Answer:
    request.only(*PARAMETERS)
    what = listing(request, [], *PARAMETERS)
    filters = {"target_guids": "target_guid", "space_guids": "space_guid", "organization_guids": "org_guid"}
    found = events.search(request.actor, *(request.values(name) for name in filters))
    what = narrowed(request, what, types="type", **filters)
    if (others := request.values("target_guids[not]")) is not None:
        what = what.having(lambda event: event.target_guid not in others)
    return paginated(request, sliced(found, what), render)


@endpoints("GET", "/v3/audit_events/{guid}")
def show(request: Request, guid: str) -> Answer:
    return Answer(render(request, events.find(request.actor, guid)))
