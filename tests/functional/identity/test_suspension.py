"""A suspended organization: everything can be seen and goes on running, only administrators change anything."""

from chalicelib.bootstrap import World
from tests.functional.client import Client
from tests.functional.identity.running import make_app
from tests.functional.identity.test_organizations_and_spaces import make_org, new_space
from tests.functional.identity.test_roles_and_users import role

SUSPENDED = (10017, "CF-OrgSuspended", "The organization is suspended")


def test_only_administrators_change_a_suspended_organization(api: Client, world: World, org: str, space: str) -> None:
    app = make_app(api, world, "shop", space)
    manager = api.user("manager", organization_manager=org)
    developer = api.user("developer", organization_user=org, space_developer=space)
    private = {"name": "shop.example", "relationships": {"organization": {"data": {"guid": org}}}}
    domain = manager.post("/v3/domains", json=private).guid
    given = api.user("dora", organization_user=org).grant("space_auditor", space)
    path = f"/v3/organizations/{org}"
    assert manager.patch(path, json={"suspended": True}).error[0] == 10003
    assert api.admin.patch(path, json={"suspended": True}).json["suspended"] is True
    for caller, method, target, body in [
        (manager, "PATCH", path, {"name": "ours"}),
        (manager, "POST", "/v3/spaces", new_space("new", org)),
        (manager, "PATCH", f"/v3/spaces/{space}", {"name": "new"}),
        (manager, "DELETE", f"/v3/spaces/{space}", None),
        (manager, "PATCH", f"/v3/spaces/{space}/features/ssh", {"enabled": False}),
        (manager, "PATCH", f"{path}/relationships/default_isolation_segment", {"data": None}),
        (manager, "PATCH", f"/v3/spaces/{space}/relationships/isolation_segment", {"data": None}),
        (manager, "POST", "/v3/roles", role("organization_user", org, username="developer")),
        (manager, "POST", "/v3/roles", role("space_manager", space, username="developer")),
        (manager, "DELETE", f"/v3/roles/{given}", None),
        (manager, "POST", "/v3/domains", private | {"name": "other.example"}),
        (manager, "PATCH", f"/v3/domains/{domain}", {}),
        (manager, "DELETE", f"/v3/domains/{domain}", None),
        (developer, "PATCH", f"/v3/apps/{app}", {"name": "store"}),
        (developer, "POST", f"/v3/apps/{app}/actions/start", None),
        (developer, "DELETE", f"/v3/apps/{app}", None),
        (developer, "DELETE", f"/v3/spaces/{space}/routes?unmapped=true", None),
    ]:
        answered = caller.request(method, target, json=body)
        assert (answered.status, answered.error) == (403, SUSPENDED), (method, target, answered.text)
    for caller, target in [
        (manager, path),
        (manager, f"/v3/spaces/{space}"),
        (developer, f"/v3/apps/{app}"),
        (developer, f"/v3/apps/{app}/env"),
    ]:
        assert caller.get(target).status == 200, target
    assert developer.get("/v3/apps").guids == [app]
    assert api.admin.patch(f"/v3/apps/{app}", json={"name": "store"}).status == 200
    assert api.admin.post("/v3/spaces", json=new_space("new", org)).status == 201
    elsewhere = make_org(api, "elsewhere")
    manager.grant("organization_manager", elsewhere)
    assert manager.post("/v3/spaces", json=new_space("new", elsewhere)).status == 201
    assert api.admin.patch(path, json={"suspended": False}).status == 200
    assert manager.patch(path, json={"name": "ours"}).status == 200


def test_an_organization_made_suspended_is_an_administrators(api: Client, world: World) -> None:
    made = api.admin.post("/v3/organizations", json={"name": "resting", "suspended": True})
    assert made.json["suspended"] is True
    assert api.admin.patch("/v3/feature_flags/user_org_creation", json={"enabled": True}).status == 200
    dora = api.user("dora")
    refused = dora.post("/v3/organizations", json={"name": "hers", "suspended": True})
    assert refused.error[0] == 10003
    assert api.admin.get("/v3/organizations", names="hers").guids == []
