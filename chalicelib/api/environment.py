"""/v3/apps/{guid}/environment_variables and what else an app finds in its environment; its features."""

from typing import Any

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import Body
from chalicelib.core.errors import NotFound
from chalicelib.core.roles import READ_SECRETS, WRITE
from chalicelib.services import access, apps, environment, listing, routing
from chalicelib.services.owned import owned
from chalicelib.tables.apps import App
from chalicelib.tables.identity import Organization

endpoints = Endpoints(__name__)

#: What an app could switch on elsewhere; here none of it can be.
FEATURES = {
    "ssh": "Enable SSHing into the app.",
    "revisions": "Enable versioning of an application",
}


def _variables(request: Request, guid: str, variables: dict[str, str]) -> dict[str, Any]:
    own = f"{request.base}/v3/apps/{guid}"
    return {
        "var": variables,
        "links": {"self": {"href": f"{own}/environment_variables"}, "app": {"href": own}},
    }


@endpoints("GET", "/v3/apps/{guid}/environment_variables")
def show(request: Request, guid: str) -> Answer:
    owned(request.actor, App, guid, READ_SECRETS)
    return Answer(_variables(request, guid, environment.read(request.world, guid)))


@endpoints("PATCH", "/v3/apps/{guid}/environment_variables")
def update(request: Request, guid: str) -> Answer:
    app, space = owned(request.actor, App, guid, WRITE)
    body = Body(request.json())
    changes = body.take("var", required=True)
    if changes is not None and not isinstance(changes, dict):
        body.wrong("Var must be an object")
    body.done()
    variables = apps.set_variables(request.world, request.actor, app, space, changes, request.trace)
    return Answer(_variables(request, guid, variables))


@endpoints("GET", "/v3/apps/{guid}/env")
def everything(request: Request, guid: str) -> Answer:
    app, space = owned(request.actor, App, guid, READ_SECRETS)
    org = listing.get(Organization, str(space.org_guid))
    web = routing.process_of(guid, "web")
    return Answer(
        {
            "staging_env_json": {},
            "running_env_json": {},
            "environment_variables": environment.read(request.world, guid),
            "system_env_json": {"VCAP_SERVICES": {}},
            "application_env_json": {
                "VCAP_APPLICATION": environment.vcap_application(request.world, app, space, org, web)
            },
        }
    )


@endpoints("GET", "/v3/apps/{guid}/permissions")
def permissions(request: Request, guid: str) -> Answer:
    _, space = owned(request.actor, App, guid)
    sensitive = access.may_read_secrets(request.actor, space)
    return Answer({"read_basic_data": True, "read_sensitive_data": sensitive})


@endpoints("GET", "/v3/apps/{guid}/features")
def features(request: Request, guid: str) -> Answer:
    owned(request.actor, App, guid)
    return Answer({"resources": [_feature(name) for name in FEATURES]})


@endpoints("GET", "/v3/apps/{guid}/features/{name}")
def feature(request: Request, guid: str, name: str) -> Answer:
    owned(request.actor, App, guid)
    if name not in FEATURES:
        raise NotFound("Feature")
    return Answer(_feature(name))


def _feature(name: str) -> dict[str, Any]:
    return {"name": name, "description": FEATURES[name], "enabled": False}


@endpoints("GET", "/v3/apps/{guid}/ssh_enabled")
def ssh_enabled(request: Request, guid: str) -> Answer:
    owned(request.actor, App, guid)
    return Answer({"enabled": False, "reason": "Disabled globally"})
