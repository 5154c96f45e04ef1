"""Organizations and spaces through the API: made, named, listed, taken away; who sees what."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.bootstrap import World
from tests.functional.client import Client
from tests.functional.cloud import Cloud
from tests.functional.identity.running import make_app


def make_org(api: Client, name: str) -> str:
    answered = api.admin.post("/v3/organizations", json={"name": name})
    assert answered.status == 201, answered.text
    return answered.guid


def new_space(name: Any, org: Any) -> dict[str, Any]:
    return {"name": name, "relationships": {"organization": {"data": {"guid": org}}}}


def make_space(api: Client, name: str, org: str) -> str:
    answered = api.admin.post("/v3/spaces", json=new_space(name, org))
    assert answered.status == 201, answered.text
    return answered.guid


def test_what_was_just_made_is_found_by_its_name(api: Client) -> None:
    guid = make_org(api, "Umbrella, Inc.")
    assert api.admin.get("/v3/organizations", names="Umbrella%2C Inc.").guids == [guid]
    assert api.admin.get("/v3/organizations", names="no such").json["resources"] == []
    space = make_space(api, "prod", guid)
    assert api.admin.get("/v3/spaces", names="prod", organization_guids=guid).guids == [space]
    shown = api.admin.get(f"/v3/spaces/{space}").json
    assert shown["relationships"]["organization"]["data"]["guid"] == guid
    assert shown["links"]["organization"]["href"].endswith(guid)


def test_a_space_is_listed_with_its_organization_when_asked(api: Client, org: str, space: str) -> None:
    listed = api.admin.get("/v3/spaces", include="organization").json
    assert [item["guid"] for item in listed["included"]["organizations"]] == [org]
    assert api.admin.get(f"/v3/spaces/{space}", include="organization").json["included"]["organizations"]
    assert api.admin.get("/v3/spaces", include="moon").error[0] == 10005


def test_names_are_unique_without_case(api: Client, org: str) -> None:
    assert api.admin.post("/v3/organizations", json={"name": "LOCAL"}).error == (
        10008,
        "CF-UnprocessableEntity",
        "Organization 'LOCAL' already exists.",
    )
    assert api.admin.post("/v3/spaces", json=new_space("Dev", org)).details == ["Name must be unique per organization"]
    other = make_org(api, "other")
    assert api.admin.post("/v3/spaces", json=new_space("dev", other)).status == 201


def test_of_a_name_taken_by_several_at_once_one_wins(api: Client, org: str) -> None:
    for path, body, detail in [
        ("/v3/organizations", {"name": "new"}, "Organization 'new' already exists."),
        ("/v3/spaces", new_space("new", org), "Name must be unique per organization"),
        (
            "/v3/isolation_segments",
            {"name": "new"},
            "Isolation Segment names are case insensitive and must be unique",
        ),
        ("/v3/users", {"guid": "new"}, "User with guid 'new' already exists."),
        (
            "/v3/users",
            {"username": "new", "origin": "ldap"},
            "User with username 'new' and origin 'ldap' already exists.",
        ),
    ]:
        with ThreadPoolExecutor(3) as pool:
            answers = [one.result() for one in [pool.submit(api.admin.post, path, json=body) for _ in range(3)]]
        assert sorted(answered.status for answered in answers) == [201, 422, 422], path
        assert {answered.error[2] for answered in answers if answered.status == 422} == {detail}


def test_a_rename_frees_the_old_name_and_shows_everywhere(api: Client, org: str, space: str) -> None:
    assert api.admin.patch(f"/v3/organizations/{org}", json={"name": "home"}).json["name"] == "home"
    assert api.admin.patch(f"/v3/spaces/{space}", json={"name": "attic"}).json["name"] == "attic"
    assert api.admin.get("/v3/organizations", names="home").guids == [org]
    assert api.admin.get("/v3/organizations", names="local").guids == []
    assert api.admin.get("/v3/spaces", names="attic").guids == [space]
    assert make_org(api, "local")
    assert api.admin.patch(f"/v3/organizations/{org}", json={"name": "Local"}).status == 422


def test_metadata_is_merged_and_selects(api: Client, org: str) -> None:
    path = f"/v3/organizations/{org}"
    api.admin.patch(path, json={"metadata": {"labels": {"env": "prod", "team": "a"}, "annotations": {"n": "1"}}})
    changed = api.admin.patch(path, json={"metadata": {"labels": {"team": None}}}).json
    assert changed["metadata"] == {"labels": {"env": "prod"}, "annotations": {"n": "1"}}
    assert api.admin.get("/v3/organizations", label_selector="env in (prod,dev),!team").guids == [org]
    assert api.admin.get("/v3/organizations", label_selector="env!=prod").guids == []


def test_pages_follow_their_links_to_the_end(api: Client) -> None:
    for i in range(5):
        make_org(api, f"org-{i}")
    page = api.admin.get("/v3/organizations", per_page=2, order_by="-name", names="org-0,org-1,org-2,org-3,org-4")
    assert page.json["pagination"]["total_results"] == 5
    assert page.json["pagination"]["total_pages"] == 3
    names = [resource["name"] for resource in page.json["resources"]]
    while page.json["pagination"]["next"]:
        page = api.admin.get(page.json["pagination"]["next"]["href"])
        names += [resource["name"] for resource in page.json["resources"]]
    assert names == ["org-4", "org-3", "org-2", "org-1", "org-0"]
    assert page.json["pagination"]["previous"] is not None
    assert api.admin.get("/v3/organizations", page=9).json["resources"] == []
    oldest = api.admin.get("/v3/organizations", order_by="created_at").json["resources"][0]
    assert oldest["name"] == "local"


@pytest.mark.parametrize(
    "query",
    [
        {"page": "0"},
        {"page": "-1"},
        {"page": "x"},
        {"page": "99999999999999999999"},
        {"per_page": "0"},
        {"per_page": "5001"},
        {"per_page": "²"},
        {"order_by": "colour"},
        {"colour": "blue"},
        {"label_selector": "!"},
    ],
)
def test_a_wrong_query_is_refused(api: Client, query: dict[str, str]) -> None:
    code, title, detail = api.admin.get("/v3/organizations", **query).error
    assert (code, title) == (10005, "CF-BadQueryParameter")
    assert detail.startswith("The query parameter is invalid: ")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("{", 1001),
        ("[]", 1001),
        ('"x"', 1001),
        ("null", 1001),
        (b"\xff\xfe{}", 1001),
        ('{"name": NaN}', 1001),
        ('{"name": "\\ud800"}', 1001),
        ('{"name": ' + "9" * 5000 + "}", 1001),
        ("[" * 100_000, 1001),
        ("", 10008),
        ("{}", 10008),
        ('{"name": null}', 10008),
        ('{"name": 7}', 10008),
        ('{"name": {}}', 10008),
        ('{"name": "  "}', 10008),
        ('{"name": "a\\u0000b"}', 10008),
        ('{"name": "a\\nb"}', 10008),
        ('{"name": "' + "x" * 251 + '"}', 10008),
        ('{"name": "x", "colour": "blue"}', 10008),
        ('{"name": "x", "suspended": "yes"}', 10008),
        ('{"name": "x", "metadata": 7}', 10008),
        ('{"name": "x", "metadata": {"labels": []}}', 10008),
        ('{"name": "x", "metadata": {"labels": {"a b": "c"}}}', 10008),
        ('{"name": "x", "metadata": {"labels": {"a": 7}}}', 10008),
        ('{"name": "x", "metadata": {"labels": {"a": "b c"}}}', 10008),
        ('{"name": "x", "metadata": {"annotations": {"a": {}}}}', 10008),
        ('{"name": "x", "metadata": {"colours": {}}}', 10008),
        ('{"name": 1e999}', 10008),
    ],
)
def test_a_wrong_body_is_refused_and_leaves_nothing(api: Client, cloud: Cloud, body: str | bytes, code: int) -> None:
    before = cloud.rows("organizations"), cloud.rows("names"), cloud.rows("members")
    answered = api.admin.request("POST", "/v3/organizations", body=body)
    assert answered.status == {1001: 400, 10008: 422}[code], answered.text
    assert {error["code"] for error in answered.json["errors"]} == {code}
    assert (cloud.rows("organizations"), cloud.rows("names"), cloud.rows("members")) == before


@pytest.mark.parametrize("name", ["ümläut 🚀", "a,b", "50%", "x/y", "'; --", "<b>", "a" * 250])
def test_odd_names_are_kept_as_they_are(api: Client, name: str) -> None:
    guid = make_org(api, name)
    assert api.admin.get(f"/v3/organizations/{guid}").json["name"] == name


@pytest.mark.parametrize(
    "relationships",
    [None, {}, {"organization": {}}, {"organization": {"data": None}}, {"organization": {"data": {"guid": 7}}}, 7, []],
)
def test_a_space_wants_an_organization(api: Client, relationships: Any) -> None:
    answered = api.admin.post("/v3/spaces", json={"name": "x", "relationships": relationships})
    assert answered.status == 422, answered.text


@pytest.mark.parametrize("org_guid", ["nobody-knows", "", "x" * 5000, "a/b", "\N{SNOWMAN}"])
def test_an_unknown_organization_is_told(api: Client, org_guid: str) -> None:
    answered = api.admin.post("/v3/spaces", json=new_space("x", org_guid))
    assert answered.status == 422, answered.text


@pytest.mark.parametrize("guid", ["nobody-knows", "x" * 3000, "%00", "%FF", "..", "%2e%2e"])
def test_an_unknown_guid_is_not_found(api: Client, guid: str) -> None:
    answered = api.admin.get(f"/v3/organizations/{guid}")
    assert (answered.status, answered.json["errors"][0]["code"]) == (404, 10010), answered.text


def test_what_somebody_may_not_see_is_not_found_and_what_he_may_not_do_forbidden(
    api: Client, org: str, space: str
) -> None:
    stranger = api.user("stranger")
    assert stranger.get("/v3/organizations").guids == []
    assert stranger.get("/v3/spaces").guids == []
    for method, path, what in [
        ("GET", f"/v3/organizations/{org}", "Organization"),
        ("PATCH", f"/v3/organizations/{org}", "Organization"),
        ("DELETE", f"/v3/organizations/{org}", "Organization"),
        ("GET", f"/v3/spaces/{space}", "Space"),
        ("PATCH", f"/v3/spaces/{space}", "Space"),
        ("DELETE", f"/v3/spaces/{space}", "Space"),
        ("GET", f"/v3/spaces/{space}/relationships/isolation_segment", "Space"),
        ("GET", f"/v3/organizations/{org}/relationships/default_isolation_segment", "Organization"),
    ]:
        answered = stranger.request(method, path, json={})
        assert (answered.status, answered.error[2]) == (404, f"{what} not found"), (method, path)
    assert stranger.post("/v3/spaces", json=new_space("x", org)).error[0] == 10008

    member = api.user("member", organization_user=org)
    auditor = api.user("auditor", organization_user=org, space_auditor=space)
    assert member.get("/v3/organizations").guids == [org]
    assert member.get("/v3/spaces").guids == []
    assert auditor.get("/v3/spaces").guids == [space]
    for caller, method, path in [
        (member, "PATCH", f"/v3/organizations/{org}"),
        (member, "DELETE", f"/v3/organizations/{org}"),
        (auditor, "PATCH", f"/v3/spaces/{space}"),
        (auditor, "DELETE", f"/v3/spaces/{space}"),
        (auditor, "DELETE", f"/v3/spaces/{space}/routes?unmapped=true"),
    ]:
        answered = caller.request(method, path, json={})
        assert (answered.status, answered.error[0]) == (403, 10003), (method, path)
    assert member.post("/v3/spaces", json=new_space("x", org)).status == 403
    assert member.post("/v3/organizations", json={"name": "x"}).status == 403

    manager = api.user("manager", organization_manager=org)
    assert manager.get("/v3/spaces").guids == [space]
    assert manager.post("/v3/spaces", json=new_space("x", org)).status == 201
    assert manager.patch(f"/v3/organizations/{org}", json={"name": "ours"}).status == 200
    assert manager.patch(f"/v3/organizations/{org}", json={"suspended": True}).status == 403
    assert manager.delete(f"/v3/organizations/{org}").status == 403


def test_an_organization_goes_with_all_that_is_in_it(api: Client, world: World, cloud: Cloud) -> None:
    tables = ("organizations", "spaces", "apps", "processes", "routes", "domains", "roles", "names", "members")
    api.user("dora")
    empty = {table: cloud.rows(table) for table in tables}
    org = make_org(api, "doomed")
    space = make_space(api, "dev", org)
    dora = api.acting_as("dora")
    for role, target in [("organization_user", org), ("space_developer", space), ("space_auditor", space)]:
        dora.grant(role, target)
    domain = api.admin.post(
        "/v3/domains",
        json={"name": "doomed.example", "relationships": {"organization": {"data": {"guid": org}}}},
    ).guid
    app = make_app(api, world, "web", space)
    route = api.admin.post(
        "/v3/routes",
        json={
            "host": "www",
            "relationships": {"space": {"data": {"guid": space}}, "domain": {"data": {"guid": domain}}},
        },
    ).guid
    mapped = api.admin.post(f"/v3/routes/{route}/destinations", json={"destinations": [{"app": {"guid": app}}]})
    assert mapped.status == 200, mapped.text
    assert api.admin.finish(api.admin.delete(f"/v3/organizations/{org}"))["state"] == "COMPLETE"
    assert api.admin.get(f"/v3/organizations/{org}").status == 404
    left = {table: cloud.rows(table) for table in tables}
    # What stays: the counter of the host's routes, and the list of jobs.
    assert left.pop("names") == empty.pop("names") + 1
    assert left.pop("members") - empty.pop("members") <= 2
    assert left == empty


def test_deleting_twice_is_the_same_as_once(api: Client, world: World, org: str, space: str) -> None:
    make_app(api, world, "web", space)
    first, second = api.admin.delete(f"/v3/spaces/{space}"), api.admin.delete(f"/v3/spaces/{space}")
    assert api.admin.finish(first)["state"] == "COMPLETE"
    assert api.admin.finish(second)["state"] == "COMPLETE"
    assert api.admin.get("/v3/spaces").guids == []
    assert make_space(api, "dev", org)


def test_everybody_makes_organizations_while_the_flag_is_on(api: Client) -> None:
    dora = api.user("dora")
    assert dora.post("/v3/organizations", json={"name": "hers"}).error[0] == 10003
    assert api.admin.patch("/v3/feature_flags/user_org_creation", json={"enabled": True}).status == 200
    made = dora.post("/v3/organizations", json={"name": "hers"})
    assert made.status == 201, made.text
    roles = api.admin.get("/v3/roles", organization_guids=made.guid).json["resources"]
    assert {item["type"] for item in roles} == {"organization_user", "organization_manager"}
    assert {item["relationships"]["user"]["data"]["guid"] for item in roles} == {dora.user_guid}
    assert dora.post("/v3/spaces", json=new_space("dev", made.guid)).status == 201
    assert api.admin.post("/v3/organizations", json={"name": "ours"}).status == 201
    assert dora.post("/v3/organizations", json={"name": "OURS"}).status == 422


def test_a_login_that_makes_an_organization_becomes_a_user(api: Client) -> None:
    guid = api.admin.post("/Users", json={"userName": "eve", "password": "sesame"}).json["id"]
    api.admin.patch("/v3/feature_flags/user_org_creation", json={"enabled": True})
    assert api.acting_as("eve").post("/v3/organizations", json={"name": "hers"}).status == 201
    assert api.admin.get("/v3/users", usernames="eve").guids == [guid]


def test_names_are_looked_up_without_case(api: Client, org: str, space: str) -> None:
    assert api.admin.get("/v3/organizations", names="LOCAL,nobody").guids == [org]
    assert api.admin.get("/v3/spaces", names="DEV").guids == [space]
    assert api.admin.get("/v3/spaces", names="Dev", organization_guids=org, guids=space).guids == [space]
    assert api.admin.get("/v3/spaces", names="dev", organization_guids="nobody").guids == []
    assert api.user("stranger").get("/v3/spaces", names="dev").guids == []


def test_ssh_is_a_feature_of_a_space(api: Client, org: str, space: str) -> None:
    path = f"/v3/spaces/{space}/features"
    developer = api.user("developer", organization_user=org, space_developer=space)
    lead = api.user("lead", organization_user=org, space_manager=space)
    assert [one["name"] for one in developer.get(path).json["resources"]] == ["ssh"]
    assert developer.get(f"{path}/ssh").json["enabled"] is True
    assert developer.patch(f"{path}/ssh", json={"enabled": False}).error[0] == 10003
    assert lead.patch(f"{path}/ssh", json={"enabled": False}).json["enabled"] is False
    assert developer.get(f"{path}/ssh").json["enabled"] is False
    assert lead.get(f"{path}/moon").error[2] == "Feature not found"
    assert lead.patch(f"{path}/moon", json={"enabled": True}).error[2] == "Feature not found"
    assert api.user("stranger").get(path).error[2] == "Space not found"
    for body in ({}, {"enabled": None}, {"enabled": "yes"}, {"enabled": True, "colour": "blue"}):
        assert lead.patch(f"{path}/ssh", json=body).status == 422, body
    assert developer.get(f"{path}/ssh").json["enabled"] is False


def test_use_is_summed_up_for_who_may_see_it(api: Client, org: str, space: str) -> None:
    for path, back in ((f"/v3/organizations/{org}", "organization"), (f"/v3/spaces/{space}", "space")):
        summary = api.admin.get(f"{path}/usage_summary").json
        assert (summary["usage_summary"]["started_instances"], summary["usage_summary"]["memory_in_mb"]) == (0, 0)
        assert summary["links"][back]["href"].endswith(path)
        assert api.user(f"stranger-{back}").get(f"{path}/usage_summary").status == 404


def test_annotations_too_large_for_a_row_are_refused(api: Client, org: str) -> None:
    notes = {f"note-{i}": "\N{ROCKET}" * 3000 for i in range(20)}
    answered = api.admin.patch(f"/v3/organizations/{org}", json={"metadata": {"annotations": notes}})
    assert (answered.status, answered.error[0]) == (422, 10008)
    fitting = dict.fromkeys(notes, "🚀" * 500)
    answered = api.admin.patch(f"/v3/organizations/{org}", json={"metadata": {"annotations": fitting}})
    assert answered.json["metadata"]["annotations"] == fitting
