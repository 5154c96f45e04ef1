"""/routing/v1: what the field's routing API tells of its routers for TCP. This platform has none."""

from chalicelib.api.base import Answer, Endpoints, Request

endpoints = Endpoints(__name__)


@endpoints("GET", "/routing/v1/router_groups")
def index(request: Request) -> Answer:
    """A bare list, with filter ``name``. Whoever has a token may ask."""
    request.actor  # noqa: B018 (asking who it is refuses strangers)
    return Answer([])
