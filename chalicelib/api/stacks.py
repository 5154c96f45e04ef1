"""/v3/stacks: what apps can be built for. Everybody reads them, administrators change them."""

from typing import Any

from chalicelib.api import apps as apps_api
from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.included import included
from chalicelib.api.parsing import Body
from chalicelib.api.render import common, listing, paginated
from chalicelib.api.scoped import scoped
from chalicelib.core.errors import BadQuery
from chalicelib.core.stacks import STATES
from chalicelib.services import access, stacks
from chalicelib.services.listing import get, page
from chalicelib.tables.apps import App
from chalicelib.tables.stacks import Stack

endpoints = Endpoints(__name__)

MAX_DESCRIPTION, MAX_REASON = 250, 1000


def render(request: Request, stack: Stack) -> dict[str, Any]:
    return common(request, stack, "apps") | {
        "name": stack.name,
        "description": stack.description,
        "state": stack.state,
        "state_reason": stack.state_reason,
        # The DEAs' own: an operator says which image a stack is there.
        "build_rootfs_image": stack.name,
        "run_rootfs_image": stack.name,
        "default": stack.name == stacks.DEFAULT,
    }


def _seen(request: Request, guid: str) -> Stack:
    """Raises NotAuthenticated before it says what there is."""
    _ = request.actor
    return get(Stack, guid)


@endpoints("GET", "/v3/stacks")
def index(request: Request) -> Answer:
    _ = request.actor
    what = listing(request, [Stack.KIND], "default")
    default = request.query.get("default")
    if default not in (None, "true", "false"):
        raise BadQuery("Default must be 'true' or 'false'")
    if default:
        what = what.having(lambda stack: (stack.name == stacks.DEFAULT) == (default == "true"))
    return paginated(request, page(Stack, what), render)


@endpoints("POST", "/v3/stacks")
def create(request: Request) -> Answer:
    access.require_admin(request.actor)
    body = Body(request.json())
    stack = Stack(name=body.name(), description=body.text("description", limit=MAX_DESCRIPTION))
    _state(body, stack)
    body.metadata(stack)
    body.done()
    return Answer(render(request, stacks.create(request.world, stack, request.trace)), 201)


@endpoints("GET", "/v3/stacks/{guid}")
def show(request: Request, guid: str) -> Answer:
    return Answer(render(request, _seen(request, guid)))


@endpoints("PATCH", "/v3/stacks/{guid}")
def update(request: Request, guid: str) -> Answer:
    stack = _seen(request, guid)
    access.require_admin(request.actor)
    body = Body(request.json())
    _state(body, stack)
    body.metadata(stack)
    body.done()
    stacks.save(request.world, stack, request.trace)
    return Answer(render(request, stack))


def _state(body: Body, stack: Stack) -> None:
    state = body.choice("state", STATES)
    if state is not None:
        stack.state = state
    if body.has("state_reason"):
        stack.state_reason = body.text("state_reason", limit=MAX_REASON)


@endpoints("DELETE", "/v3/stacks/{guid}")
def delete(request: Request, guid: str) -> Answer:
    stack = _seen(request, guid)
    access.require_admin(request.actor)
    stacks.delete(request.world, stack, request.trace)
    return Answer(None, 204)


@endpoints("GET", "/v3/stacks/{guid}/apps")
def apps(request: Request, guid: str) -> Answer:
    name = _seen(request, guid).name
    what = scoped(request, App.KIND, "lifecycle_type", "include", orders=("state",))
    found = page(App, what.having(lambda app: app.stack == name))
    return paginated(request, found, apps_api.render, included(request, found.items, apps_api.WAYS))
