"""/v3/apps/{guid}/environment_variables, and what else an app finds in its environment."""

from typing import Any

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import Body
from chalicelib.core.roles import OPERATE, READ_VARIABLES
from chalicelib.services import access, apps, env_groups, environment, flags, listing, processes, routing
from chalicelib.services.owned import owned
from chalicelib.services.service_env import vcap_services
from chalicelib.tables.apps import App
from chalicelib.tables.identity import Organization

endpoints = Endpoints(__name__)

#: Operators can close what apps find in their environment to everybody, or to those who only develop.
VISIBILITY = ("env_var_visibility", "space_developer_env_var_visibility")

#: In the place of what services say, for who may read an app's variables and not its secrets.
HIDDEN = {"redacted_message": "[PRIVATE DATA HIDDEN]"}


def _variables(request: Request, guid: str, variables: dict[str, str]) -> dict[str, Any]:
    own = f"{request.base}/v3/apps/{guid}"
    return {
        "var": variables,
        "links": {"self": {"href": f"{own}/environment_variables"}, "app": {"href": own}},
    }


@endpoints("GET", "/v3/apps/{guid}/environment_variables")
def show(request: Request, guid: str) -> Answer:
    owned(request.actor, App, guid, READ_VARIABLES)
    flags.require(request.actor, *VISIBILITY)
    return Answer(_variables(request, guid, environment.read(request.world, guid)))


@endpoints("PATCH", "/v3/apps/{guid}/environment_variables")
def update(request: Request, guid: str) -> Answer:
    app, space = owned(request.actor, App, guid, OPERATE)
    body = Body(request.json())
    changes = body.take("var", required=True)
    if changes is not None and not isinstance(changes, dict):
        body.wrong("Var must be an object")
    body.done()
    variables = apps.set_variables(request.world, request.actor, app, space, changes, request.trace)
    return Answer(_variables(request, guid, variables))


@endpoints("GET", "/v3/apps/{guid}/env")
def everything(request: Request, guid: str) -> Answer:
    """Of what services tell the app, who only operates it sees no more than that there is something."""
    world, actor = request.world, request.actor
    app, space = owned(actor, App, guid, READ_VARIABLES)
    may_see = access.may_read_secrets(actor, space)
    flags.require(actor, *VISIBILITY)
    org = listing.get(Organization, str(space.org_guid))
    web = routing.process_of(guid, processes.WEB)
    document: dict[str, Any] = {
        "staging_env_json": env_groups.staging(world),
        "running_env_json": env_groups.running(world),
        "environment_variables": environment.read(world, guid),
        "system_env_json": {"VCAP_SERVICES": vcap_services(world, guid)} if may_see else HIDDEN,
        "application_env_json": {"VCAP_APPLICATION": environment.vcap_application(world, app, space, org, web)},
    }
    return Answer(document)


@endpoints("GET", "/v3/apps/{guid}/permissions")
def permissions(request: Request, guid: str) -> Answer:
    _, space = owned(request.actor, App, guid)
    sensitive = access.may_read_secrets(request.actor, space)
    return Answer({"read_basic_data": True, "read_sensitive_data": sensitive})
