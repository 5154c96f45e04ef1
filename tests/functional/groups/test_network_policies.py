"""Network policies: which app may connect to which, kept for who may change both."""

from typing import Any

import pytest

from tests.functional.client import Client

PATH = "/networking/v1/external/policies"


def policy(source: str, destination: str, **more: Any) -> dict[str, Any]:
    ports = {"start": 8080, "end": 8090}
    return {"source": {"id": source}, "destination": {"id": destination, "protocol": "tcp", "ports": ports} | more}


def app(client: Client, name: str, space: str) -> str:
    body = {"name": name, "relationships": {"space": {"data": {"guid": space}}}}
    return client.post("/v3/apps", json=body).guid


def test_policies_are_kept_listed_and_removed(api: Client, org: str, space: str) -> None:
    dora = api.user("dora", organization_user=org, space_developer=space)
    assert api.get("/").json["links"]["network_policy_v1"]["href"].endswith("/networking/v1/external")
    web, store, other = (app(dora, name, space) for name in ("web", "store", "other"))
    first, second = policy(web, store), policy(other, other, protocol="udp")
    made = dora.post(PATH, json={"policies": [first, second, first]})
    assert (made.status, made.json) == (200, {})
    assert "x-cf-warnings" not in made.headers
    assert dora.post(PATH, json={"policies": [first]}).status == 200
    listed = dora.get(PATH).json
    assert listed["total_policies"] == 2
    assert {item["source"]["id"] for item in listed["policies"]} == {web, other}
    assert dora.get(PATH, id=store).json["policies"] == [first]
    assert dora.get(PATH, id=f"{other},nobody").json["policies"] == [second]
    assert api.user("stranger").get(PATH).json == {"total_policies": 0, "policies": []}
    assert dora.post(f"{PATH}/delete", json={"policies": [second]}).status == 200
    assert dora.get(PATH).json["policies"] == [first]
    dora.finish(dora.delete(f"/v3/apps/{store}"))
    assert api.admin.get(PATH).json["policies"] == []


def test_only_who_may_change_both_apps_makes_policies(api: Client, org: str, space: str) -> None:
    admin = api.admin
    body = {"name": "far", "relationships": {"organization": {"data": {"guid": org}}}}
    far = admin.post("/v3/spaces", json=body).guid
    dora = api.user("dora", organization_user=org, space_developer=space, space_auditor=far)
    mine, theirs = app(admin, "mine", space), app(admin, "theirs", far)
    for wanted in (policy(mine, theirs), policy(theirs, mine), policy(mine, "gone")):
        refused = dora.post(PATH, json={"policies": [wanted]})
        assert refused.error[:2] == (10003, "CF-NotAuthorized")
    assert admin.post(PATH, json={"policies": [policy(mine, theirs)]}).status == 200
    assert dora.get(PATH).json["total_policies"] == 1
    assert dora.post(f"{PATH}/delete", json={"policies": [policy(mine, theirs)]}).status == 403
    assert api.get(PATH).status == 401


@pytest.mark.parametrize(
    "policies",
    [
        None,
        [],
        {},
        [5],
        [{}],
        [policy("", "x")],
        [policy("a#b", "x")],
        [policy("x", "x", protocol="icmp")],
        [policy("x", "x", ports={"start": 2, "end": 1})],
        [policy("x", "x", ports={"start": 0, "end": 1})],
        [policy("x", "x", ports={"start": "a", "end": 1})],
        [policy("x", "x", ports=None)],
        [policy("x" * 2000, "x")],
        [policy("x", "x")] * 201,
    ],
)
def test_bad_policies_are_refused(api: Client, policies: Any) -> None:
    refused = api.admin.post(PATH, json={"policies": policies})
    assert refused.error[:2] == (1004, "CF-BadRequest"), refused.text
    assert api.admin.post(f"{PATH}/delete", json={"policies": policies}).status == 400
