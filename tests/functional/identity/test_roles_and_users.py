"""Roles and users: who gives what to whom, by guid and by name, and what clients match in the answers."""

from concurrent.futures import ThreadPoolExecutor
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
    assert api.admin.get("/v3/roles", guids=first.guid, order_by="-updated_at").guids == [first.guid]
    with_user = api.admin.get(f"/v3/roles/{first.guid}", include="user,organization").json["included"]
    assert [user["guid"] for user in with_user["users"]] == [dora.user_guid]
    assert [item["guid"] for item in with_user["organizations"]] == [org]
    assert api.admin.get("/v3/roles", include="moon").error[0] == 10005
    assert api.admin.get("/v3/roles", organization_guids=org, include="organization").json["included"]
    assert dora.get("/v3/spaces").guids == [space]


def test_the_same_role_twice_says_what_clients_match(api: Client, org: str, space: str) -> None:
    api.user("dora", organization_user=org, space_manager=space)
    for kind, target, where in (
        ("organization_user", org, "organization 'local'"),
        ("space_manager", space, "space 'dev'"),
    ):
        answered = api.admin.post("/v3/roles", json=role(kind, target, username="dora"))
        assert answered.error == (
            10008,
            "CF-UnprocessableEntity",
            f"User 'dora' already has '{kind}' role in {where}.",
        )


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
    assert api.admin.delete(f"/v3/roles/{user_role}").error[2] == (
        "Cannot delete organization_user role while user has roles in spaces in that organization."
    )
    gone = api.admin.delete(f"/v3/roles/{guid}")
    assert api.admin.finish(gone)["state"] == "COMPLETE"
    assert dora.get("/v3/spaces").guids == []
    assert dora.get(f"/v3/spaces/{space}").status == 404
    again = dora.grant("space_developer", space)
    assert api.admin.delete(f"/v3/roles/{again}").status == 202
    assert api.admin.delete(f"/v3/roles/{user_role}").status == 202, "with none left in its spaces he may go"
    refused = api.admin.post("/v3/roles", json=role("space_developer", space, username="dora"))
    assert "do not have a role in that space's organization" in refused.error[2]
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
        role("organization_user", "x", guid="x", username="admin"),
        role("organization_user", "x", guid="x", origin="uaa"),
        role("organization_user", "x", origin="uaa"),
        role("organization_user", "x", username="admin", colour="blue"),
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


def test_a_user_who_logs_in_elsewhere_is_known_by_name_and_origin(api: Client, org: str) -> None:
    made = api.admin.post("/v3/users", json={"username": "Lara", "origin": "LDAP", "metadata": {"labels": {"a": "b"}}})
    assert (made.status, made.json["username"], made.json["origin"]) == (201, "Lara", "LDAP"), made.text
    again = api.admin.post("/v3/users", json={"username": "lara", "origin": "ldap"})
    assert again.error[2] == "User with username 'lara' and origin 'ldap' already exists."
    local = api.user("lara")
    assert set(api.admin.get("/v3/users", usernames="LARA").guids) == {made.guid, local.user_guid}
    assert api.admin.get("/v3/users", usernames="lara", origins="LDAP").guids == [made.guid]
    ambiguous = api.admin.post("/v3/roles", json=role("organization_user", org, username="lara"))
    assert ambiguous.error[2] == (
        "Ambiguous user. User with username 'lara' exists in the following origins: LDAP, uaa. "
        "Specify an origin to disambiguate."
    )
    given = api.admin.post("/v3/roles", json=role("organization_user", org, username="lara", origin="ldap"))
    assert given.json["relationships"]["user"]["data"]["guid"] == made.guid
    assert api.admin.delete(f"/v3/users/{made.guid}").status == 202
    assert api.admin.get("/v3/users", usernames="lara").guids == [local.user_guid]
    assert api.admin.post("/v3/users", json={"username": "lara", "origin": "ldap"}).status == 201


def test_users_of_an_organization_and_of_a_space_are_those_with_roles_there(api: Client, org: str, space: str) -> None:
    dora = api.user("dora", organization_user=org, space_developer=space, space_manager=space)
    eve, stranger = api.user("eve", organization_auditor=org), api.user("stranger")
    assert set(dora.get(f"/v3/organizations/{org}/users").guids) == {dora.user_guid, eve.user_guid}
    assert dora.get(f"/v3/organizations/{org}/users", partial_usernames="EV").guids == [eve.user_guid]
    assert dora.get(f"/v3/spaces/{space}/users").guids == [dora.user_guid]
    assert dora.get(f"/v3/spaces/{space}/users", usernames="eve").guids == []
    assert eve.get(f"/v3/spaces/{space}/users").error[2] == "Space not found"
    assert stranger.get(f"/v3/organizations/{org}/users").error[2] == "Organization not found"
    for query in ({"origins": "uaa"}, {"usernames": "a", "partial_usernames": "b"}, {"colour": "blue"}):
        assert dora.get("/v3/users", **query).error[0] == 10005, query


def test_names_give_roles_only_while_their_flag_is_on(api: Client, org: str) -> None:
    dora, manager = api.user("dora"), api.user("manager", organization_manager=org)
    assert api.admin.patch("/v3/feature_flags/set_roles_by_username", json={"enabled": False}).status == 200
    by_name = role("organization_user", org, username="dora")
    assert manager.post("/v3/roles", json=by_name).error == (
        330002,
        "CF-FeatureDisabled",
        "Feature Disabled: set_roles_by_username",
    )
    assert api.admin.post("/v3/roles", json=by_name).status == 201
    assert manager.post("/v3/roles", json=role("organization_auditor", org, guid=dora.user_guid)).status == 201


def test_a_user_leaves_an_organization_or_comes_into_its_space_but_not_both(api: Client, org: str, space: str) -> None:
    dora = api.user("dora")
    for _ in range(3):
        member = dora.grant("organization_user", org)
        body = role("space_developer", space, username="dora")
        with ThreadPoolExecutor(2) as pool:
            left = pool.submit(api.admin.delete, f"/v3/roles/{member}")
            came = pool.submit(api.admin.post, "/v3/roles", body)
        assert sorted([left.result().status, came.result().status]) in ([202, 422], [201, 422]), came.result().text
        if came.result().status == 201:
            assert api.admin.delete(f"/v3/roles/{came.result().guid}").status == 202
            assert api.admin.delete(f"/v3/roles/{member}").status == 202


def test_of_the_same_role_given_twice_at_once_one_is_given(api: Client, org: str) -> None:
    api.user("dora")
    body = role("organization_user", org, username="dora")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: api.admin.post("/v3/roles", json=body), range(4)))
    assert sorted(answered.status for answered in answers) == [201, 422, 422, 422]
    refused = {answered.error[2] for answered in answers if answered.status == 422}
    assert refused == {"User 'dora' already has 'organization_user' role in organization 'local'."}


def test_a_wrong_user_is_refused(api: Client) -> None:
    for guid in (None, "", 7, "a b", "a#b", "a/b", "x" * 300):
        assert api.admin.post("/v3/users", json={"guid": guid}).status == 422, guid
    for body, detail in [
        ({}, "Guid or 'username' and 'origin' must be provided"),
        ({"username": "x"}, "Username can only be provided together with 'origin'"),
        ({"origin": "x"}, "Origin can only be provided together with 'username'"),
        ({"username": "x", "origin": "uaa"}, "Origin cannot be 'uaa' when creating a user by username"),
        ({"guid": "x", "username": "x"}, "Username cannot be provided with 'guid'"),
        ({"guid": "x", "origin": "x"}, "Origin cannot be provided with 'guid'"),
        ({"username": "a\nb", "origin": "x"}, "Username must be printable, without quotation marks"),
        ({"username": "x", "origin": "a b"}, "Origin must be letters, digits, dots, dashes and underscores"),
        ({"guid": "x", "colour": 1}, "Unknown field(s): 'colour'"),
    ]:
        answered = api.admin.post("/v3/users", json=body)
        assert (answered.status, answered.details) == (422, [detail]), body


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
