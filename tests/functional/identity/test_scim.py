"""The UAA's users and groups, as cf and operators' tools ask for them."""

from typing import Any

from tests.functional.client import Client
from tests.functional.identity.test_uaa import claims_of, log_in


def found(api: Client, text: str) -> list[str]:
    answered = api.admin.get("/Users", filter=text)
    assert answered.status == 200, answered.text
    return [user["userName"] for user in answered.json["resources"]]


def make_login(api: Client, username: str, **more: Any) -> str:
    answered = api.admin.post("/Users", json={"userName": username, "password": "sesame-open", **more})
    assert answered.status == 201, answered.text
    return str(answered.json["id"])


def test_users_are_found_by_what_a_filter_says(api: Client) -> None:
    dora = make_login(api, "Dora", name={"givenName": "Dora", "familyName": "Marsh"}, emails=[{"value": "d@x.org"}])
    make_login(api, "eve", active=False)
    make_login(api, "dora", origin="ldap", password=None)
    assert found(api, 'userName eq "dora"') == ["Dora", "dora"]
    assert found(api, 'userName eq "dora" and origin eq "uaa"') == ["Dora"]
    assert found(api, 'origin eq "ldap"') == ["dora"]
    assert found(api, f'id eq "{dora}"') == ["Dora"]
    assert found(api, f'id eq "{dora}" or userName eq "eve"') == ["Dora", "eve"]
    assert found(api, "active eq false") == ["eve"]
    assert found(api, 'emails.value eq "D@X.ORG" and name.familyName sw "mar"') == ["Dora"]
    assert found(api, 'userName eq "nobody"') == []
    page = api.admin.get("/Users", startIndex=2, count=2).json
    assert [user["userName"] for user in page["resources"]] == ["Dora", "eve"]
    assert (page["totalResults"], page["startIndex"], page["itemsPerPage"]) == (4, 2, 2)
    shown = api.admin.get(f"/Users/{dora}").json
    assert shown["name"] == {"givenName": "Dora", "familyName": "Marsh"}
    assert shown["emails"] == [{"value": "d@x.org", "primary": True}]
    for query in (
        {"filter": "x"},
        {"count": "-1"},
        {"startIndex": "0"},
        {"count": "501"},
        {"filter": 'password eq "x"'},
    ):
        assert api.admin.get("/Users", **query).json["error"] == "scim", query


def test_a_user_is_renamed_and_changed(api: Client) -> None:
    guid = make_login(api, "dora", name={"givenName": "Dora"})
    make_login(api, "eve")
    api.admin.post("/v3/users", json={"guid": guid})
    path = f"/Users/{guid}"
    assert api.admin.patch(path, json={"userName": "eve"}).status == 409
    assert api.admin.patch(path, json={"userName": "thea"}).json["userName"] == "thea"
    assert log_in(api, "thea", "sesame-open").status == 200
    assert log_in(api, "dora", "sesame-open").status == 401
    assert api.admin.get("/v3/users", usernames="thea").guids == [guid]
    assert api.admin.get("/v3/users", partial_usernames="HE").guids == [guid]
    assert api.admin.get(path).json["name"]["givenName"] == "Dora"
    replaced = api.admin.put(path, json={"userName": "Thea", "emails": [{"value": "t@x.org"}]})
    assert (replaced.json["name"]["givenName"], replaced.json["emails"][0]["value"]) == ("", "t@x.org")
    assert api.admin.put(path, json={"name": {}}).json["error"] == "invalid_scim_resource"
    assert api.admin.patch(path, json={"origin": "ldap"}).status == 400
    dora = api.acting_as("thea")
    assert dora.patch(path, json={"active": False}).json["error"] == "insufficient_scope"
    assert api.admin.patch(f"/Users/{api.admin.user_guid}", json={"active": False}).status == 400
    assert api.admin.delete(f"/Users/{api.admin.user_guid}").status == 400
    assert make_login(api, "dora"), "the name is free again"


def test_a_password_is_changed_to_another_one(api: Client) -> None:
    guid = make_login(api, "dora")
    dora = api.with_token(log_in(api, "dora", "sesame-open").json["access_token"])
    same = dora.put(f"/Users/{guid}/password", json={"oldPassword": "sesame-open", "password": "sesame-open"})
    assert (same.status, same.json["error"]) == (422, "invalid_password")
    assert dora.put(f"/Users/{api.admin.user_guid}/password", json={"password": "taken over"}).status == 403
    assert api.admin.put(f"/Users/{guid}/password", json={"password": "second one"}).status == 200
    assert log_in(api, "dora", "second one").status == 200
    elsewhere = make_login(api, "lara", origin="ldap", password=None)
    assert api.admin.put(f"/Users/{elsewhere}/password", json={"password": "second one"}).status == 400
    assert log_in(api, "lara", "second one").status == 401


def test_who_is_put_into_a_group_gets_its_scope(api: Client) -> None:
    guid = make_login(api, "dora")
    group = "cloud_controller.global_auditor"
    (listed,) = api.admin.get("/Groups", filter=f'displayName eq "{group}"').json["resources"]
    assert (listed["id"], listed["members"]) == (group, [])
    assert "scim.read" in [one["displayName"] for one in api.admin.get("/Groups", count=500).json["resources"]]
    assert api.admin.post(f"/Groups/{group}/members", json={"value": guid, "type": "USER"}).status == 201
    assert api.admin.post(f"/Groups/{group}/members", json={"value": guid}).status == 201, "twice is once"
    assert [one["value"] for one in api.admin.get(f"/Groups/{group}/members").json] == [guid]
    assert api.admin.get(f"/Groups/{group}").json["members"][0]["value"] == guid
    tokens = log_in(api, "dora", "sesame-open").json
    assert group in claims_of(api, tokens["access_token"])["scope"]
    dora = api.with_token(tokens["access_token"])
    assert dora.get("/v3/organizations").json["pagination"]["total_results"] == 1
    assert dora.post("/Groups/scim.write/members", json={"value": guid}).json["error"] == "insufficient_scope"
    assert dora.get("/Groups").json["error"] == "insufficient_scope"
    assert api.admin.delete(f"/Groups/{group}/members/{guid}").status == 200
    assert api.admin.get(f"/Groups/{group}/members").json == []
    assert group not in log_in(api, "dora", "sesame-open").json["scope"]
    for path, body, status in [
        ("/Groups/no.such/members", {"value": guid}, 404),
        (f"/Groups/{group}/members", {"value": "nobody"}, 404),
        (f"/Groups/{group}/members", {}, 400),
    ]:
        assert api.admin.post(path, json=body).status == status
    assert api.admin.get("/Groups", filter='members eq "x"').json["error"] == "scim"
    assert api.admin.post(f"/Groups/{group}/members", json={"value": guid}).status == 201
    assert api.admin.delete(f"/Users/{guid}").status == 200
    assert api.admin.get(f"/Groups/{group}/members").json == [], "who is gone is in no group"


def test_a_wrong_login_is_refused(api: Client) -> None:
    good = {"userName": "dora", "password": "sesame-open"}
    wrong: list[dict[str, Any]] = [
        {"userName": None},
        {"userName": ""},
        {"userName": " x"},
        {"userName": 'a"b'},
        {"userName": "x" * 251},
        {"userName": "a\nb"},
        {"origin": 7},
        {"origin": "a b"},
        {"active": "yes"},
        {"name": {"givenName": 7}},
        {"name": {"familyName": "x" * 256}},
        {"emails": [{"value": 7}]},
        {"emails": [7]},
    ]
    for change in wrong:
        answered = api.admin.post("/Users", json=good | change)
        assert (answered.status, answered.json["error"]) == (400, "invalid_scim_resource"), (change, answered.text)
    for password in (None, "", 7, "x" * 256):
        assert api.admin.post("/Users", json={**good, "password": password}).json["error"] == "invalid_password"
    assert found(api, 'userName eq "dora"') == []
