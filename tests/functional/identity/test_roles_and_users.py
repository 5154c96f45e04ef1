"""Roles and users: who gives what to whom, by guid and by name, and what clients match in the answers."""

import re
from typing import Any

import pytest

from tests.functional.client import Client
from tests.functional.identity.test_organizations_and_spaces import make_org, make_space


def role(kind: str, target: str, **user: str) -> dict[str, Any]:
    where = kind.partition("_")[0]
    return {"type": kind, "relationships": {"user": {"data": user}, where: {"data": {"guid": target}}}}


def test_a_role_is_given_by_name_and_listed_with_its_user(api: Client, org: str, space: str) -> None:
    dora = api.user("dora")
    first = api.admin.post("/v3/roles", json=role("organization_user", org, username="DORA", origin="uaa"))
    assert first.status == 201, first.text
    second = api.admin.post("/v3/roles", json=role("space_developer", space, username="dora"))
    assert second.status == 201, second.text
    assert second.json["relationships"]["space"]["data"]["guid"] == space
    assert second.json["relationships"]["organization"]["data"] is None
    listed = api.admin.get("/v3/roles", space_guids=space, include="user,space").json
    assert [item["type"] for item in listed["resources"]] == ["space_developer"]
    (user,) = listed["included"]["users"]
    assert (user["username"], user["presentation_name"], user["origin"]) == ("dora", "dora", "uaa")
    assert listed["included"]["spaces"][0]["guid"] == space
    assert api.admin.get("/v3/roles", user_guids=dora.user_guid, types="organization_user").guids == [first.guid]
    assert api.admin.get("/v3/roles", organization_guids=org, include="organization").json["included"]
    assert dora.get("/v3/spaces").guids == [space]


def test_the_same_role_twice_says_what_clients_match(api: Client, org: str, space: str) -> None:
    api.user("dora", organization_user=org, space_manager=space)
    for body in (role("organization_user", org, username="dora"), role("space_manager", space, username="dora")):
        answered = api.admin.post("/v3/roles", json=body)
        assert answered.status == 422
        assert re.search(r"User '.*' already has '.*' role.*", answered.error[2]), answered.error


def test_a_space_wants_members_of_its_organization(api: Client, space: str) -> None:
    api.user("dora")
    answered = api.admin.post("/v3/roles", json=role("space_developer", space, username="dora"))
    assert answered.status == 422
    assert "do not have a role in that space's organization" in answered.error[2]


def test_a_role_that_is_taken_away_counts_no_more(api: Client, org: str, space: str) -> None:
    dora = api.user("dora", organization_user=org)
    guid = dora.grant("space_developer", space)
    assert dora.get("/v3/spaces").guids == [space]
    (user_role,) = api.admin.get("/v3/roles", user_guids=dora.user_guid, types="organization_user").guids
    assert api.admin.delete(f"/v3/roles/{user_role}").status == 422, "he still has one in a space of it"
    gone = api.admin.delete(f"/v3/roles/{guid}")
    assert api.admin.finish(gone)["state"] == "COMPLETE"
    assert dora.get("/v3/spaces").guids == []
    assert dora.get(f"/v3/spaces/{space}").status == 404
    assert dora.grant("space_developer", space), "and can be given again"
    assert api.admin.delete("/v3/roles/nobody-knows").error[2] == "Role not found"


def test_managers_give_roles_in_what_is_theirs(api: Client, org: str, space: str) -> None:
    other_org = make_org(api, "other")
    other_space = make_space(api, "dev", other_org)
    api.user("dora")
    manager = api.user("manager", organization_manager=org)
    lead = api.user("lead", organization_user=org, space_manager=space)
    developer = api.user("developer", organization_user=org, space_developer=space)
    assert manager.post("/v3/roles", json=role("organization_user", org, username="dora")).status == 201
    assert lead.post("/v3/roles", json=role("space_developer", space, username="dora")).status == 201
    assert manager.post("/v3/roles", json=role("space_auditor", space, username="dora")).status == 201
    assert developer.post("/v3/roles", json=role("space_manager", space, username="dora")).status == 403
    assert lead.post("/v3/roles", json=role("organization_manager", org, username="lead")).status == 403
    for foreign in (
        role("organization_user", other_org, username="dora"),
        role("space_auditor", other_space, username="dora"),
    ):
        answered = manager.post("/v3/roles", json=foreign)
        assert (answered.status, answered.error[0]) == (422, 10008), "as if it did not exist"
    (given,) = api.admin.get("/v3/roles", space_guids=space, types="space_auditor").guids
    assert developer.delete(f"/v3/roles/{given}").status == 403
    assert manager.delete(f"/v3/roles/{given}").status == 202
    stranger = api.user("stranger")
    (one,) = api.admin.get("/v3/roles", organization_guids=org, types="organization_manager").guids
    assert stranger.get(f"/v3/roles/{one}").status == 404
    assert stranger.delete(f"/v3/roles/{one}").status == 404
    assert stranger.get("/v3/roles").guids == []
    assert developer.get("/v3/roles", space_guids=space).json["pagination"]["total_results"] == 3
    assert stranger.get("/v3/roles", space_guids=space, organization_guids=org).guids == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"type": "king", "relationships": {}},
        {"type": 7},
        {"type": "space_developer"},
        {"type": "space_developer", "relationships": 7},
        {"type": "space_developer", "relationships": {"space": {"data": {"guid": "x"}}}},
        {"type": "space_developer", "relationships": {"space": {"data": {"guid": "x"}}, "user": 7}},
        {
            "type": "organization_user",
            "relationships": {"organization": {"data": {"guid": 7}}, "user": {"data": {"guid": "x"}}},
        },
        role("organization_user", "nobody-knows", username="admin"),
        role("space_developer", "", username="admin"),
        role("organization_user", "x", guid="nobody-knows"),
        role("organization_user", "x", guid=""),
        role("organization_user", "x", username="nobody"),
        role("organization_user", "x", username="admin", origin="ldap"),
        role("organization_user", "x", username="x" * 5000),
        {**role("organization_user", "x", username="admin"), "colour": "blue"},
    ],
)
def test_a_wrong_role_is_refused(api: Client, body: dict[str, Any]) -> None:
    answered = api.admin.post("/v3/roles", json=body)
    assert (answered.status, answered.json["errors"][0]["code"]) == (422, 10008), answered.text


def test_an_unknown_user_is_named(api: Client, org: str) -> None:
    answered = api.admin.post("/v3/roles", json=role("organization_user", org, username="nobody", origin="uaa"))
    assert answered.error[2] == "No user exists with the username 'nobody' and origin 'uaa'."


def test_a_login_becomes_a_user_and_stops_being_one(api: Client, org: str) -> None:
    guid = api.admin.post("/Users", json={"userName": "eve", "password": "sesame"}).json["id"]
    assert api.admin.get("/v3/users", usernames="eve").guids == []
    assert api.admin.get(f"/v3/users/{guid}").error[2] == "User not found"
    assert api.admin.post("/v3/users", json={"guid": guid}).status == 201
    assert api.admin.post("/v3/users", json={"guid": guid}).error[2] == f"User with guid '{guid}' already exists."
    assert api.admin.get("/v3/users", usernames="Eve", origins="uaa").guids == [guid]
    assert api.admin.get("/v3/users", usernames="eve", origins="ldap").guids == []
    eve = api.acting_as("eve")
    eve.grant("organization_user", org)
    assert api.admin.finish(api.admin.delete(f"/v3/users/{guid}"))["state"] == "COMPLETE"
    assert api.admin.get(f"/v3/users/{guid}").error[2] == "User not found"
    assert api.admin.get("/v3/roles", user_guids=guid).guids == []
    assert api.admin.delete(f"/Users/{guid}").status == 200
    assert api.admin.post("/Users", json={"userName": "eve", "password": "again"}).status == 201


def test_a_user_of_whom_only_a_guid_is_known(api: Client) -> None:
    made = api.admin.post("/v3/users", json={"guid": "robot-7", "metadata": {"labels": {"kind": "robot"}}})
    assert made.status == 201, made.text
    assert (made.json["username"], made.json["presentation_name"]) == (None, "robot-7")
    assert api.admin.get("/v3/users", label_selector="kind=robot").guids == ["robot-7"]
    assert api.admin.patch("/v3/users/robot-7", json={"metadata": {"labels": {"kind": None}}}).status == 200
    assert api.admin.delete("/v3/users/robot-7").status == 202
    assert api.admin.get("/v3/users/robot-7").status == 404


@pytest.mark.parametrize("guid", [None, "", 7, "a b", "a#b", "a/b", "x" * 300])
def test_a_wrong_guid_for_a_user_is_refused(api: Client, guid: Any) -> None:
    assert api.admin.post("/v3/users", json={"guid": guid}).status == 422


def test_users_see_those_of_their_organizations_only(api: Client, org: str) -> None:
    dora, stranger = api.user("dora", organization_user=org), api.user("stranger")
    lead = api.user("lead", organization_manager=org)
    assert set(lead.get("/v3/users").guids) == {dora.user_guid, lead.user_guid}
    assert stranger.get("/v3/users").guids == [stranger.user_guid]
    assert stranger.get("/v3/users", usernames="dora").guids == []
    assert stranger.get(f"/v3/users/{dora.user_guid}").status == 404
    assert lead.get(f"/v3/users/{dora.user_guid}").status == 200
    assert lead.delete(f"/v3/users/{dora.user_guid}").status == 403
    assert lead.post("/v3/users", json={"guid": "x"}).status == 403
    assert api.admin.delete(f"/v3/users/{api.admin.user_guid}").status == 422


def test_who_may_give_no_role_does_not_learn_who_exists(api: Client, org: str, space: str) -> None:
    api.user("dora")
    member = api.user("member", organization_user=org, space_developer=space)
    answers = [
        member.post("/v3/roles", json=role("space_auditor", space, username=name)) for name in ("dora", "nobody")
    ]
    assert [answered.status for answered in answers] == [403, 403]
