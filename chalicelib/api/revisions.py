"""/v3/revisions, and an app's revisions: what it was at each start that changed something."""

from typing import Any

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.droplets import HIDDEN
from chalicelib.api.render import common, listing, paginated, to_one
from chalicelib.api.scoped import relabelled
from chalicelib.core.errors import BadQuery
from chalicelib.core.roles import READ_SECRETS
from chalicelib.services import access, revisions
from chalicelib.services.listing import Listing, page
from chalicelib.services.owned import owned
from chalicelib.tables.apps import App
from chalicelib.tables.deployments import Revision
from chalicelib.tables.identity import Space

endpoints = Endpoints(__name__)


def render(request: Request, revision: Revision, deployable: bool, shows_commands: bool) -> dict[str, Any]:
    document = common(request, revision, "environment_variables")
    document["links"]["app"] = {"href": f"{request.base}/v3/apps/{revision.app_guid}"}

    def shown(command: str | None) -> str | None:
        return command if shows_commands or command is None else HIDDEN

    return document | {
        "version": int(revision.version),
        "droplet": {"guid": revision.droplet_guid},
        "processes": {kind: {"command": shown(command)} for kind, command in revision.commands.items()},
        "sidecars": [{**sidecar, "command": shown(sidecar["command"])} for sidecar in revision.sidecars],
        "description": revision.description,
        "deployable": deployable,
        "relationships": {"app": to_one(revision.app_guid)},
    }


@endpoints("GET", "/v3/apps/{guid}/revisions")
def of_app(request: Request, guid: str) -> Answer:
    _, space = owned(request.actor, App, guid)
    what = listing(request, [f"app/{guid}/{Revision.KIND}"], "versions", "deployable")
    versions = request.values("versions")
    if versions is not None:
        what = what.having(lambda revision: revision.list_name in versions)
    if (asked := request.query.get("deployable")) is not None:
        if asked not in ("true", "false"):
            raise BadQuery("Deployable must be a boolean")
        usable = revisions.deployable(revisions.of_app(guid))
        what = what.having(lambda revision: (revision.guid in usable) == (asked == "true"))
    return _listed(request, what, space)


@endpoints("GET", "/v3/apps/{guid}/revisions/deployed")
def deployed(request: Request, guid: str) -> Answer:
    """Those that run now."""
    _, space = owned(request.actor, App, guid)
    what = listing(request, [f"app/{guid}/{Revision.KIND}"]).within(revisions.deployed(guid))
    return _listed(request, what, space)


def _listed(request: Request, what: Listing, space: Space) -> Answer:
    found = page(Revision, what)
    deployable = revisions.deployable(found.items)
    shows = access.may_read_secrets(request.actor, space)
    return paginated(request, found, lambda request, one: render(request, one, one.guid in deployable, shows))


@endpoints("GET", "/v3/revisions/{guid}")
def show(request: Request, guid: str) -> Answer:
    return _shown(request, *owned(request.actor, Revision, guid))


@endpoints("PATCH", "/v3/revisions/{guid}")
def update(request: Request, guid: str) -> Answer:
    relabelled(request, Revision, guid)
    return _shown(request, *owned(request.actor, Revision, guid))


def _shown(request: Request, revision: Revision, space: Space) -> Answer:
    shows = access.may_read_secrets(request.actor, space)
    return Answer(render(request, revision, bool(revisions.deployable([revision])), shows))


@endpoints("GET", "/v3/revisions/{guid}/environment_variables")
def variables(request: Request, guid: str) -> Answer:
    revision, space = owned(request.actor, Revision, guid, READ_SECRETS)
    own = f"{request.base}/v3/revisions/{guid}"
    links = {
        "self": {"href": f"{own}/environment_variables"},
        "revision": {"href": own},
        "app": {"href": f"{request.base}/v3/apps/{revision.app_guid}"},
    }
    shown = revisions.show_variables(request.world, request.actor, revision, space, request.trace)
    return Answer({"var": shown, "links": links})
