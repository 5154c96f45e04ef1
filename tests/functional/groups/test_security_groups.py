"""Security groups through the API: their rules, for whom they hold, who sees them."""

from typing import Any

import pytest

from tests.functional.client import Client

RULE = {"protocol": "tcp", "destination": "10.0.0.0/8", "ports": "443,8443", "log": True, "description": "inside"}


def data(*guids: str) -> dict[str, Any]:
    return {"data": [{"guid": guid} for guid in guids]}


def test_a_group_is_made_changed_and_taken_away(api: Client) -> None:
    admin = api.admin
    made = admin.post("/v3/security_groups", json={"name": "inside", "rules": [RULE]})
    assert made.status == 201
    assert "x-cf-warnings" not in made.headers
    assert made.json["rules"] == [RULE]
    assert made.json["globally_enabled"] == {"running": False, "staging": False}
    assert made.json["relationships"] == {"running_spaces": {"data": []}, "staging_spaces": {"data": []}}
    path = f"/v3/security_groups/{made.guid}"
    changed = admin.patch(path, json={"name": "Inner", "globally_enabled": {"running": True}})
    assert changed.json["name"] == "Inner"
    assert changed.json["globally_enabled"] == {"running": True, "staging": False}
    assert changed.json["rules"] == [RULE]
    assert admin.patch(path, json={"rules": []}).json["rules"] == []
    taken = admin.post("/v3/security_groups", json={"name": "INNER"})
    assert (taken.status, taken.error[2]) == (422, "Security group with name 'INNER' already exists.")
    assert admin.finish(admin.delete(path))["state"] == "COMPLETE"
    assert admin.get(path).error[2] == "Security group not found"
    assert admin.post("/v3/security_groups", json={"name": "INNER"}).status == 201


def test_a_group_is_bound_to_spaces_by_their_managers(api: Client, org: str, space: str) -> None:
    admin = api.admin
    group = admin.post("/v3/security_groups", json={"name": "g", "globally_enabled": {"staging": True}}).guid
    manager = api.user("mona", organization_user=org, space_manager=space)
    developer = api.user("dora", organization_user=org, space_developer=space)
    running = f"/v3/security_groups/{group}/relationships/running_spaces"
    assert developer.post(running, json=data(space)).status == 403
    bound = manager.post(running, json=data(space))
    assert (bound.status, bound.json["data"]) == (200, [{"guid": space}])
    assert manager.post(running, json=data(space)).json["data"] == [{"guid": space}]
    assert developer.get(f"/v3/spaces/{space}/running_security_groups").guids == [group]
    assert developer.get(f"/v3/spaces/{space}/staging_security_groups").guids == [group]
    assert admin.get("/v3/security_groups", running_space_guids=space).guids == [group]
    assert admin.get("/v3/security_groups", staging_space_guids=space).guids == []
    hidden = api.user("stranger").post(running, json=data(space, "gone"))
    assert hidden.error[2].endswith("do not exist, or you do not have access to them.")
    assert developer.delete(f"{running}/{space}").status == 403
    assert manager.delete(f"{running}/{space}").status == 204
    assert manager.delete(f"{running}/{space}").error[2] == (
        f"Unable to unbind security group from space with guid '{space}'. Ensure the space is bound to this security "
        "group."
    )
    staging = f"/v3/security_groups/{group}/relationships/staging_spaces"
    assert manager.post(staging, json=data(space)).status == 200
    admin.finish(admin.delete(f"/v3/spaces/{space}"))
    assert admin.get(f"/v3/security_groups/{group}").json["relationships"]["staging_spaces"]["data"] == []
    assert admin.delete(f"{staging}/{space}").status == 422


def test_only_groups_of_ones_spaces_and_of_all_are_seen(api: Client, org: str, space: str) -> None:
    admin, developer = api.admin, api.user("dora", organization_user=org, space_developer=space)
    relationships = {"running_spaces": data(space)}
    mine = admin.post("/v3/security_groups", json={"name": "mine", "relationships": relationships}).guid
    hidden = admin.post("/v3/security_groups", json={"name": "hidden"}).guid
    everybodys = admin.post("/v3/security_groups", json={"name": "all", "globally_enabled": {"running": True}}).guid
    assert developer.get("/v3/security_groups").guids == [mine, everybodys]
    assert developer.get("/v3/security_groups", globally_enabled_running="true").guids == [everybodys]
    assert developer.get("/v3/security_groups", names="mine").guids == [mine]
    assert developer.get(f"/v3/spaces/{space}/running_security_groups", names="all").guids == [everybodys]
    assert developer.get(f"/v3/security_groups/{hidden}").status == 404
    assert api.user("stranger").get("/v3/security_groups").guids == [everybodys]
    assert api.user("other").get(f"/v3/security_groups/{everybodys}").json["relationships"]["running_spaces"] == data()
    path = f"/v3/security_groups/{mine}"
    assert developer.post("/v3/security_groups", json={"name": "x"}).status == 403
    assert developer.patch(path, json={"name": "x"}).status == developer.delete(path).status == 403
    assert developer.patch(f"/v3/security_groups/{hidden}", json={}).status == 404
    assert admin.get("/v3/security_groups", globally_enabled_running="maybe").error[0] == 10005
    assert api.user("nobody").get(f"/v3/spaces/{space}/running_security_groups").error[2] == "Space not found"


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({}, "Name can't be blank"),
        ({"name": "x", "rules": {}}, "Rules must be an array"),
        ({"name": "x", "rules": [5]}, "Rules[0]: must be an object"),
        ({"name": "x", "rules": [RULE, {**RULE, "ports": "0"}]}, "Rules[1]: ports must be a valid single port"),
        ({"name": "x", "rules": [{**RULE, "destination": "10.0.0.0/8,x"}]}, "Rules[0]: destination must contain valid"),
        ({"name": "x", "globally_enabled": 1}, "Globally enabled must be an object"),
        ({"name": "x", "globally_enabled": {"x": True}}, "Globally enabled only allows keys 'running' or 'staging'"),
        ({"name": "x", "globally_enabled": {"running": 1}}, "Globally enabled values must be booleans"),
        ({"name": "x", "relationships": {"running_spaces": data("no")}}, 'Spaces with guids ["no"] do not exist.'),
        ({"name": "x", "metadata": {}}, "Unknown field(s): 'metadata'"),
        ({"name": "x", "rules": [RULE] * 4000}, "Rules must be at most 262144 bytes together"),
    ],
)
def test_bad_groups_are_refused_and_leave_nothing(api: Client, body: dict[str, Any], detail: str) -> None:
    refused = api.admin.post("/v3/security_groups", json=body)
    assert refused.status == 422
    assert any(detail in text for text in refused.details), refused.details
    assert api.admin.get("/v3/security_groups").guids == []
