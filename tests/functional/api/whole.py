"""A cloud with one of everything, made once and put back as often as a test likes."""

import time
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.bootstrap import World
from chalicelib.core.addresses import Allowed
from chalicelib.tables.actual import Dea
from tests.functional.apps.conftest import Stage
from tests.functional.client import Answered, Client
from tests.functional.cloud import Cloud
from tests.functional.services.broker import Broker, offering, plan, serving
from tests.functional.services.conftest import Services

#: Who asks, but for those who see everything and those who are nobody: a role in the organization or in the space.
ROLES = (
    "organization_manager",
    "organization_auditor",
    "organization_billing_manager",
    "organization_user",
    "space_manager",
    "space_developer",
    "space_auditor",
    "space_supporter",
)
#: Users with a scope: admin is made by the bootstrap.
SCOPES = ("admin_read_only", "global_auditor")
STRANGER, NOBODY = "stranger", "nobody"


@dataclass(frozen=True)
class Whole:
    """guids: collection (``apps``), or variable (``org_guid``) -> the one that is there. callers: by role."""

    cloud: Cloud
    callers: dict[str, Client]
    guids: dict[str, str]
    snapshot: dict[str, Any]

    def restore(self) -> None:
        self.cloud.restore(self.snapshot)

    def address(self, template: str) -> str:
        """``/v3/apps/{guid}`` of the app that is there."""
        return "/".join(self._filled(template.split("/")))

    def _filled(self, parts: list[str]) -> list[str]:
        return [
            self.guids[parts[index - 1] if part == "{guid}" else part[1:-1]] if part.startswith("{") else part
            for index, part in enumerate(parts)
        ]


def made(cloud: Cloud, world: World, api: Client, org: str, space: str) -> Whole:
    """Makes it, as an administrator does."""
    admin = api.admin
    for flag in ("route_sharing", "service_instance_sharing"):
        assert admin.patch(f"/v3/feature_flags/{flag}", json={"enabled": True}).status == 200
    callers = {NOBODY: api, "admin": admin, STRANGER: api.user("stranger")}
    for scope in SCOPES:
        callers[scope] = _with_scope(api, scope)
    for role in ROLES:
        member = {} if role.startswith("organization_") else {"organization_user": org}
        callers[role] = api.user(role, **member, **{role: org if role.startswith("organization_") else space})
    stage = Stage(api, world, cloud, space)
    other = _guid(admin.post("/v3/organizations", json={"name": "other"}))
    ours, here, there = {"data": {"guid": org}}, {"data": {"guid": space}}, {"data": [{"guid": space}]}
    domain = _guid(admin.post("/v3/domains", json={"name": "ours.example", "relationships": {"organization": ours}}))
    admin.post(f"/v3/domains/{domain}/relationships/shared_organizations", json={"data": [{"guid": other}]})
    app = stage.started("shop")
    ends = {"space": here, "domain": {"data": {"guid": domain}}}
    route = _guid(admin.post("/v3/routes", json={"host": "shop", "relationships": ends}))
    destinations = admin.post(f"/v3/routes/{route}/destinations", json={"destinations": [{"app": {"guid": app}}]}).json
    guids = {
        "apps": app,
        "organizations": org,
        "spaces": space,
        "domains": domain,
        "routes": route,
        "destination_guid": destinations["destinations"][0]["guid"],
        "org_guid": other,
        "space_guid": space,
        "user_guid": callers["space_auditor"].user_guid,
        "users": callers["space_auditor"].user_guid,
        "Users": callers["space_auditor"].user_guid,
        "user": callers["space_auditor"].user_guid,
        "Groups": "scim.read",
        "clients": "cf",
        "revoke": "0123456789abcdef",
        "log_access": app,
        "name": "ssh",
        "type": "web",
        "index": "0",
        "environment_variable_groups": "running",
        "feature_flags": "diego_docker",
        "hosts": _host(cloud),
    }
    guids["unbound_route"] = _guid(admin.post("/v3/routes", json={"host": "free", "relationships": ends}))
    guids |= _parts_of(admin, app)
    guids |= _for_operators(admin, org, there)
    guids |= _services(Services(cloud, _reaching(world), api, space), app, route)
    guids |= _found(admin, callers["space_auditor"], app)
    return Whole(cloud, callers, guids, cloud.snapshot())


def _host(cloud: Cloud) -> str:
    """One that beats, and will for as long as the tests last."""
    queue = cloud.make_queue("dea-0").removeprefix("url:")
    at = {"seen_at": time.time() + 3600, "host": "127.0.0.1", "http": "", "queue_url": queue, "stack": "s", "arch": "a"}
    Dea("all", "dea-0", boot="boot", seq=1, **at).save()
    return "dea-0"


def _guid(answered: Answered) -> str:
    assert answered.status in (201, 202), (answered.status, answered.text)
    return answered.guid


def _with_scope(api: Client, scope: str) -> Client:
    client = api.user(scope)
    value = {"value": client.user_guid, "type": "USER", "origin": "uaa"}
    answered = api.admin.post(f"/Groups/cloud_controller.{scope}/members", json=value)
    assert answered.status == 201, answered.text
    return client.acting_as(scope)


def _parts_of(admin: Client, app: str) -> dict[str, str]:
    to_app = {"relationships": {"app": {"data": {"guid": app}}}}
    sidecar = {"name": "side", "command": "help", "process_types": ["web"]}
    return {
        "sidecars": _guid(admin.post(f"/v3/apps/{app}/sidecars", json=sidecar)),
        "tasks": _guid(admin.post(f"/v3/apps/{app}/tasks", json={"command": "work"})),
        "deployments": _guid(admin.post("/v3/deployments", json=to_app)),
    }


def _for_operators(admin: Client, org: str, spaces: dict[str, Any]) -> dict[str, str]:
    """What administrators alone make, and the organization and the space have."""
    quota = {"name": "q", "relationships": {"organizations": {"data": [{"guid": org}]}}}
    ours = {"organization": {"data": {"guid": org}}, "spaces": spaces}
    segment = _guid(admin.post("/v3/isolation_segments", json={"name": "segment"}))
    entitled = f"/v3/isolation_segments/{segment}/relationships/organizations"
    assert admin.post(entitled, json={"data": [{"guid": org}]}).status == 200
    group = {"name": "g", "rules": [], "relationships": {"running_spaces": spaces, "staging_spaces": spaces}}
    return {
        "organization_quotas": _guid(admin.post("/v3/organization_quotas", json=quota)),
        "space_quotas": _guid(admin.post("/v3/space_quotas", json={"name": "q", "relationships": ours})),
        "isolation_segments": segment,
        "security_groups": _guid(admin.post("/v3/security_groups", json=group)),
        "joined_hosts": str(admin.post("/admin/joined_hosts", json={"name": "lab-1"}).json["id"]),
        "buildpacks": _guid(admin.post("/v3/buildpacks", json={"name": "mine"})),
        "stacks": _guid(admin.post("/v3/stacks", json={"name": "another"})),
    }


def _reaching(world: World) -> World:
    """A world that may call brokers on this machine."""
    return replace(world, config=replace(world.config, allowed_addresses=Allowed.parse("127.0.0.1")))


def _services(services: Services, app: str, route: str) -> dict[str, str]:
    admin = services.api.admin
    broker = Broker([offering("db", plan("small"))])
    with serving(broker.answer) as broker.url:
        broker_guid = services.register(broker)
        managed = services.instance(admin, "managed")
    provided = services.provided(admin, "provided", route_service_url="https://service.example")
    ends = {"service_instance": {"data": {"guid": provided}}, "route": {"data": {"guid": route}}}
    return {
        "service_brokers": broker_guid,
        "service_plans": services.plan("small"),
        "service_offerings": admin.get("/v3/service_offerings").guids[0],
        "service_instances": provided,
        "managed": managed,
        "route_service": services.provided(admin, "other", route_service_url="https://other.example"),
        "service_credential_bindings": _guid(services.bind(admin, provided, app)),
        "service_route_bindings": _guid(admin.post("/v3/service_route_bindings", json={"relationships": ends})),
    }


def _found(admin: Client, auditor: Client, app: str) -> dict[str, str]:
    """What came to be by itself."""
    deleted = admin.delete(f"/v3/apps/{_other_app(admin, app)}")
    return {
        "processes": admin.get(f"/v3/apps/{app}/processes").guids[0],
        "packages": admin.get(f"/v3/apps/{app}/packages").guids[0],
        "builds": admin.get(f"/v3/apps/{app}/builds").guids[0],
        "droplets": admin.get(f"/v3/apps/{app}/droplets").guids[0],
        "revisions": admin.get(f"/v3/apps/{app}/revisions").guids[0],
        "roles": admin.get("/v3/roles", user_guids=auditor.user_guid, types="space_auditor").guids[0],
        "audit_events": admin.get("/v3/audit_events", target_guids=app).guids[0],
        "app_usage_events": admin.get("/v3/app_usage_events").guids[0],
        "service_usage_events": admin.get("/v3/service_usage_events").guids[0],
        "jobs": deleted.headers["location"].rpartition("/")[2],
    }


def _other_app(admin: Client, app: str) -> str:
    space = admin.get(f"/v3/apps/{app}").json["relationships"]["space"]
    return _guid(admin.post("/v3/apps", json={"name": "short-lived", "relationships": {"space": space}}))
