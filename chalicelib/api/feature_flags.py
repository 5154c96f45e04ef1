"""/v3/feature_flags: everybody may see them, administrators change them."""

from typing import Any

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import Body
from chalicelib.api.render import listing, paginated, when
from chalicelib.core.errors import BadQuery
from chalicelib.services import flags
from chalicelib.services.listing import Page

endpoints = Endpoints(__name__)


def _document(request: Request, name: str, flag: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "enabled": flag["enabled"],
        "updated_at": when(flag["updated_at"]),
        "custom_error_message": flag["error_message"],
        "links": {"self": {"href": f"{request.base}/v3/feature_flags/{name}"}},
    }


@endpoints("GET", "/v3/feature_flags")
def index(request: Request) -> Answer:
    request.actor  # noqa: B018  a token is enough
    request.only("page", "per_page", "order_by", "updated_ats")
    if request.query.get("order_by", "name").lstrip("+-") != "name":
        raise BadQuery("Order by can only be: 'name'")
    what = listing(request, [])
    every = list(flags.every().items())
    if what.order_by == "-name":
        every.reverse()
    start = (what.page - 1) * what.per_page
    shown: Any = every[start : start + what.per_page]
    return paginated(request, Page(shown, len(every)), lambda request, item: _document(request, *item))


@endpoints("GET", "/v3/feature_flags/{guid}")
def show(request: Request, guid: str) -> Answer:
    request.actor  # noqa: B018  a token is enough
    return Answer(_document(request, guid, flags.show(guid)))


@endpoints("PATCH", "/v3/feature_flags/{guid}")
def update(request: Request, guid: str) -> Answer:
    actor, body = request.actor, Body(request.json())
    changes: dict[str, Any] = {}
    if body.has("enabled"):
        changes["enabled"] = body.boolean("enabled")
        if body.data["enabled"] is None:
            body.wrong("Enabled must be a boolean")
    if body.has("custom_error_message"):
        changes["error_message"] = body.text("custom_error_message")
        if changes["error_message"] == "":
            body.wrong("Custom error message is too short (minimum is 1 character)")
    flags.check(actor, guid)
    body.done()
    return Answer(_document(request, guid, flags.update(request.world, guid, changes, request.trace)))
