"""/v3/app_usage_events and /v3/service_usage_events: for who makes bills. They may lag a moment behind."""

from collections.abc import Callable
from typing import Any

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.render import MOMENT_PARAMETERS, Render, listing, paginated, when
from chalicelib.core.errors import BadQuery, NotFound, Unprocessable
from chalicelib.services import access, usage_events
from chalicelib.services.listing import Page
from chalicelib.tables.usage import APP, SERVICE, UsageEvent

endpoints = Endpoints(__name__)

MOMENTS = tuple(name for name in MOMENT_PARAMETERS if name.startswith("created_ats"))
PARAMETERS = ("page", "per_page", "order_by", "guids", "after_guid", *MOMENTS)
#: Further filters of service usage events, and what of the event they look at.
SERVICE_FILTERS = {
    "service_instance_types": ("service_instance", "type"),
    "service_offering_guids": ("service_offering", "guid"),
}
NOBODY = {"guid": None, "name": None}


def _common(request: Request, event: UsageEvent) -> dict[str, Any]:
    return {
        "guid": event.guid,
        "created_at": when(event.created_at),
        "updated_at": when(event.created_at),
        "links": {"self": {"href": f"{request.base}/v3/{event.kind}_usage_events/{event.guid}"}},
    }


def _app_event(request: Request, event: UsageEvent) -> dict[str, Any]:
    about = event.about
    return _common(request, event) | {
        "state": {"current": event.state, "previous": about.get("previous_state")},
        "app": about["app"],
        "process": about.get("process", {"guid": None, "type": None}),
        "space": about["space"],
        "organization": about["organization"],
        "buildpack": about.get("buildpack", NOBODY),
        "task": about.get("task", NOBODY),
        "memory_in_mb_per_instance": about["memory"],
        "instance_count": about["instances"],
    }


def _service_event(request: Request, event: UsageEvent) -> dict[str, Any]:
    document: dict[str, Any] = _common(request, event) | {"state": event.state} | event.about
    return document


RENDERERS: dict[str, Render] = {APP: _app_event, SERVICE: _service_event}


def _index(request: Request, kind: str, *filters: str) -> Answer:
    sees_all = request.actor.sees_all
    request.only(*PARAMETERS, *filters)
    if request.query.get("order_by", "created_at").lstrip("+- ") != "created_at":
        raise BadQuery("Order by can only be: 'created_at'")
    what = listing(request, [], *PARAMETERS, *filters)
    after = request.query.get("after_guid")
    if after is not None and "," in after:
        raise Unprocessable("After guid filter accepts only one guid")
    if not sees_all:
        return paginated(request, Page(), RENDERERS[kind])
    page = usage_events.page(
        kind,
        what.page,
        what.per_page,
        what.order_by.startswith("-"),
        after,
        what.guids,
        what.created,
        _filter(request, *filters),
    )
    return paginated(request, page, RENDERERS[kind])


def _filter(request: Request, *filters: str) -> Callable[[UsageEvent], bool] | None:
    wanted = [(SERVICE_FILTERS[name], values) for name in filters if (values := request.values(name)) is not None]
    if not wanted:
        return None
    return lambda event: all(event.about[part][field] in values for (part, field), values in wanted)


def _show(request: Request, kind: str, guid: str) -> Answer:
    if not request.actor.sees_all:
        raise NotFound(f"{kind.capitalize()} usage event")
    return Answer(RENDERERS[kind](request, usage_events.find(kind, guid)))


def _reseed(request: Request, kind: str) -> Answer:
    access.require_admin(request.actor)
    usage_events.reseed(kind)
    return Answer({})


@endpoints("GET", "/v3/app_usage_events")
def app_events(request: Request) -> Answer:
    return _index(request, APP)


@endpoints("GET", "/v3/app_usage_events/{guid}")
def app_event(request: Request, guid: str) -> Answer:
    return _show(request, APP, guid)


@endpoints("POST", "/v3/app_usage_events/actions/destructively_purge_all_and_reseed")
def reseed_app_events(request: Request) -> Answer:
    return _reseed(request, APP)


@endpoints("GET", "/v3/service_usage_events")
def service_events(request: Request) -> Answer:
    return _index(request, SERVICE, *SERVICE_FILTERS)


@endpoints("GET", "/v3/service_usage_events/{guid}")
def service_event(request: Request, guid: str) -> Answer:
    return _show(request, SERVICE, guid)


@endpoints("POST", "/v3/service_usage_events/actions/destructively_purge_all_and_reseed")
def reseed_service_events(request: Request) -> Answer:
    return _reseed(request, SERVICE)
