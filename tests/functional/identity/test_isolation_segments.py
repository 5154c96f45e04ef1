"""Isolation segments: made, entitled, assigned, in the order that Cloud Foundry demands; who sees which."""

from typing import Any

from tests.functional.client import Client
from tests.functional.cloud import Cloud
from tests.functional.identity.test_organizations_and_spaces import make_org, make_space

SEGMENTS = "/v3/isolation_segments"


def make_segment(api: Client, name: str, *orgs: str) -> str:
    guid = api.admin.post(SEGMENTS, json={"name": name}).guid
    if orgs:
        entitled = api.admin.post(f"{SEGMENTS}/{guid}/relationships/organizations", json=many(*orgs))
        assert entitled.status == 200, entitled.text
    return guid


def many(*guids: Any) -> dict[str, Any]:
    return {"data": [{"guid": guid} for guid in guids]}


def one(guid: Any) -> dict[str, Any]:
    return {"data": {"guid": guid} if guid else None}


def test_a_segment_is_made_named_and_removed(api: Client, cloud: Cloud) -> None:
    before = cloud.rows("members"), cloud.rows("names")
    body = {"name": "Vault", "metadata": {"labels": {"tier": "gold"}}}
    made = api.admin.post(SEGMENTS, json=body)
    assert made.status == 201, made.text
    assert "x-cf-warnings" not in made.headers
    guid = made.guid
    again = api.admin.post(SEGMENTS, json={"name": "VAULT"})
    assert again.error == (
        10008,
        "CF-UnprocessableEntity",
        "Isolation Segment names are case insensitive and must be unique",
    )
    other = make_segment(api, "other")
    assert api.admin.patch(f"{SEGMENTS}/{other}", json={"name": "vault"}).status == 422
    assert api.admin.patch(f"{SEGMENTS}/{guid}", json={"name": "safe"}).json["name"] == "safe"
    assert api.admin.get(SEGMENTS, names="safe").guids == [guid]
    assert api.admin.get(SEGMENTS, label_selector="tier=gold", order_by="-name").guids == [guid]
    assert api.admin.get(SEGMENTS, colour="blue").error[0] == 10005
    for gone in (guid, other):
        assert api.admin.delete(f"{SEGMENTS}/{gone}").status == 204
    assert api.admin.get(f"{SEGMENTS}/{guid}").error[2] == "Isolation segment not found"
    assert (cloud.rows("members"), cloud.rows("names")) == before


def test_an_entitlement_comes_before_what_leans_on_it_and_goes_after_it(api: Client, org: str, space: str) -> None:
    guid = make_segment(api, "vault")
    entitled, default = f"{SEGMENTS}/{guid}/relationships/organizations", f"/v3/organizations/{org}/relationships/"
    default += "default_isolation_segment"
    assigned = f"/v3/spaces/{space}/relationships/isolation_segment"
    for path, rest in ((default, "organization."), (assigned, "organization that this space belongs to.")):
        assert api.admin.get(path).json["data"] is None
        assert api.admin.patch(path, json=one(guid)).error[2] == (
            f"Unable to assign isolation segment with guid '{guid}'. Ensure it has been entitled to the {rest}"
        )
        assert api.admin.patch(path, json=one("nobody-knows")).status == 422
    other = make_org(api, "other")
    answered = api.admin.post(entitled, json=many(org, other, org))
    assert [item["guid"] for item in answered.json["data"]] == [org, other]
    for path in (default, assigned):
        answered = api.admin.patch(path, json=one(guid))
        assert (answered.status, answered.json["data"]) == (200, {"guid": guid}), answered.text
        assert answered.json["links"]["related"]["href"].endswith(guid)
        assert "x-cf-warnings" not in answered.headers
        assert api.admin.get(path).json["data"] == {"guid": guid}
    assert api.admin.get(f"{SEGMENTS}/{guid}/relationships/spaces").json["data"] == [{"guid": space}]
    assert api.admin.get(f"{SEGMENTS}/{guid}/organizations").guids == [org, other]
    assert api.admin.delete(f"{SEGMENTS}/{guid}").error[2] == (
        "Revoke the Organization entitlements for your Isolation Segment."
    )
    assert api.admin.delete(f"{entitled}/{org}").error[2] == (
        "Cannot remove the entitlement while this Isolation Segment is assigned as the Default Isolation Segment for "
        "the Organization."
    )
    assert api.admin.patch(default, json={"data": None}).json["data"] is None
    assert api.admin.delete(f"{entitled}/{org}").error[2] == (
        "Cannot remove the entitlement while this Isolation Segment is assigned to any Spaces. Currently assigned to: "
        "['dev']"
    )
    assert api.admin.patch(assigned, json={"data": {"guid": None}}).json["data"] is None
    for guid_of_org in (org, other, other):
        assert api.admin.delete(f"{entitled}/{guid_of_org}").status == 204
    assert api.admin.delete(f"{entitled}/nobody-knows").error[2] == "Organization not found"
    assert api.admin.delete(f"{SEGMENTS}/{guid}").status == 204


def test_segments_are_seen_by_who_is_entitled_and_changed_by_administrators(api: Client, org: str, space: str) -> None:
    other = make_org(api, "other")
    ours, theirs = make_segment(api, "ours", org, other), make_segment(api, "theirs", other)
    manager = api.user("manager", organization_manager=org)
    lead = api.user("lead", organization_user=org, space_manager=space)
    assert manager.get(SEGMENTS).guids == [ours]
    assert api.admin.get(SEGMENTS, organization_guids=other).guids == [ours, theirs]
    assert manager.get(SEGMENTS, organization_guids=other).guids == []
    assert manager.get(f"{SEGMENTS}/{ours}/relationships/organizations").json["data"] == [{"guid": org}]
    assert manager.get(f"{SEGMENTS}/{ours}/organizations").guids == [org]
    assert manager.get(f"{SEGMENTS}/{theirs}").status == 404
    for method, path, body in [
        ("POST", SEGMENTS, {"name": "x"}),
        ("PATCH", f"{SEGMENTS}/{ours}", {"name": "x"}),
        ("DELETE", f"{SEGMENTS}/{ours}", None),
        ("POST", f"{SEGMENTS}/{ours}/relationships/organizations", many(org)),
        ("DELETE", f"{SEGMENTS}/{ours}/relationships/organizations/{org}", None),
    ]:
        assert manager.request(method, path, json=body).error[0] == 10003, path
    assigned = f"/v3/spaces/{space}/relationships/isolation_segment"
    assert lead.patch(assigned, json=one(ours)).status == 403
    assert manager.patch(assigned, json=one(ours)).status == 200
    assert manager.get(f"{SEGMENTS}/{ours}/relationships/spaces").json["data"] == [{"guid": space}]
    default = f"/v3/organizations/{org}/relationships/default_isolation_segment"
    assert lead.patch(default, json=one(ours)).status == 403
    assert manager.patch(default, json=one(ours)).status == 200
    stranger = api.user("stranger")
    assert stranger.get(SEGMENTS).guids == []
    assert stranger.patch(assigned, json=one(ours)).error[2] == "Space not found"


def test_an_organization_and_a_space_that_go_leave_their_segment(api: Client) -> None:
    org = make_org(api, "doomed")
    space = make_space(api, "dev", org)
    guid = make_segment(api, "vault", org)
    assigned = f"/v3/spaces/{space}/relationships/isolation_segment"
    assert api.admin.patch(assigned, json=one(guid)).status == 200
    assert api.admin.finish(api.admin.delete(f"/v3/organizations/{org}"))["state"] == "COMPLETE"
    assert api.admin.get(f"{SEGMENTS}/{guid}/relationships/spaces").json["data"] == []
    assert api.admin.delete(f"{SEGMENTS}/{guid}").status == 204


def test_wrong_entitlements_are_refused_and_nobody_is_entitled(api: Client, org: str) -> None:
    guid = make_segment(api, "vault")
    wrong: list[dict[str, Any]] = [
        {},
        {"data": None},
        {"data": {}},
        {"data": "x"},
        {"data": [{"guid": org}, 7]},
        {"data": [{"guid": org}, {"guid": 7}]},
        {"data": [{"guid": org, "colour": 1}]},
        {"data": [], "colour": "blue"},
        many(org, "nobody-knows"),
        many(org, ""),
        many(org, "x" * 5000),
        many(org, *map(str, range(500))),
    ]
    for body in wrong:
        answered = api.admin.post(f"{SEGMENTS}/{guid}/relationships/organizations", json=body)
        assert answered.status == 422, body
    missing = api.admin.post(f"{SEGMENTS}/{guid}/relationships/organizations", json=many("nobody", org))
    assert missing.error[2] == (
        "Unable to entitle organizations ['nobody'] for isolation segment. Ensure the organizations exist and that you "
        "have access to them."
    )
    assert api.admin.get(f"{SEGMENTS}/{guid}/organizations").guids == []


def test_wrong_assignments_and_names_are_refused(api: Client, space: str, org: str) -> None:
    for path in (
        f"/v3/spaces/{space}/relationships/isolation_segment",
        f"/v3/organizations/{org}/relationships/default_isolation_segment",
    ):
        for data in (7, {}, {"guid": 7}, {"guid": "x", "a": 1}):
            assert api.admin.patch(path, json={"data": data}).status == 422, data
        assert api.admin.patch(path, json={}).status == 422
    for wrong in (
        {},
        {"name": None},
        {"name": 7},
        {"name": ""},
        {"name": "x" * 251},
        {"name": "a\nb"},
        {"name": "x", "a": 1},
    ):
        assert api.admin.post(SEGMENTS, json=wrong).status == 422, wrong
    assert api.admin.get(SEGMENTS).guids == []
