"""Domains: shared ones, private ones, and names that nobody may take."""

from typing import Any

import pytest

from tests.functional.client import Client
from tests.functional.identity.test_organizations_and_spaces import make_org


def private(name: str, org: str) -> dict[str, Any]:
    return {"name": name, "relationships": {"organization": {"data": {"guid": org}}}}


def test_the_platforms_own_domain_is_shared_with_everybody(api: Client, org: str, domain: str) -> None:
    member = api.user("member", organization_user=org)
    assert member.get("/v3/domains").guids == [domain]
    shown = member.get(f"/v3/domains/{domain}").json
    assert (shown["name"], shown["internal"], shown["supported_protocols"]) == ("localhost", False, ["http"])
    assert shown["relationships"]["organization"]["data"] is None
    assert member.get(f"/v3/organizations/{org}/domains").guids == [domain]
    assert member.get(f"/v3/organizations/{org}/domains/default").guid == domain


def test_a_private_domain_is_its_organizations(api: Client, org: str, domain: str) -> None:
    manager, stranger = api.user("manager", organization_manager=org), api.user("stranger")
    made = manager.post("/v3/domains", json=private("Shop.Example", org))
    assert made.status == 201, made.text
    assert made.json["name"] == "shop.example"
    assert manager.get("/v3/domains", names="shop.example").guids == [made.guid]
    assert manager.get(f"/v3/organizations/{org}/domains").guids == [domain, made.guid]
    assert manager.get("/v3/domains", organization_guids=org).guids == [made.guid]
    assert stranger.get("/v3/domains").guids == [domain]
    assert stranger.get("/v3/domains", names="shop.example").guids == []
    assert stranger.get(f"/v3/domains/{made.guid}").error[2] == "Domain not found"
    assert stranger.delete(f"/v3/domains/{made.guid}").status == 404
    member = api.user("member", organization_user=org)
    assert member.delete(f"/v3/domains/{made.guid}").status == 404, "who only belongs to it does not see its domains"
    changed = manager.patch(f"/v3/domains/{made.guid}", json={"metadata": {"labels": {"a": "b"}}})
    assert changed.json["metadata"]["labels"] == {"a": "b"}
    assert manager.finish(manager.delete(f"/v3/domains/{made.guid}"))["state"] == "COMPLETE"
    assert manager.get("/v3/domains", names="shop.example").guids == []
    assert manager.post("/v3/domains", json=private("shop.example", org)).status == 201


def test_only_administrators_make_shared_domains(api: Client, org: str, domain: str) -> None:
    manager = api.user("manager", organization_manager=org)
    assert manager.post("/v3/domains", json={"name": "apps.example"}).status == 403
    made = api.admin.post("/v3/domains", json={"name": "apps.example"})
    assert manager.get("/v3/domains").guids == [domain, made.guid]
    assert manager.patch(f"/v3/domains/{made.guid}", json={}).status == 403
    member = api.user("member", organization_user=org)
    assert member.post("/v3/domains", json=private("mine.example", org)).status == 403
    assert api.user("stranger").post("/v3/domains", json=private("mine.example", org)).status == 422


def test_a_name_is_taken_once_and_with_all_that_is_below_it(api: Client, org: str) -> None:
    other = make_org(api, "other")
    assert api.admin.post("/v3/domains", json=private("shop.example", org)).status == 201
    again = api.admin.post("/v3/domains", json=private("shop.example", other))
    assert again.error[2] == 'The domain name "shop.example" is already in use'
    below = api.admin.post("/v3/domains", json=private("eu.shop.example", other))
    assert "already reserved by another domain" in below.error[2]
    assert api.admin.post("/v3/domains", json=private("eu.shop.example", org)).status == 201


def test_no_organization_gets_a_domain_above_what_is_not_its_own(api: Client, org: str) -> None:
    other = make_org(api, "other")
    assert api.admin.post("/v3/domains", json={"name": "apps.cloud.example"}).status == 201
    assert api.admin.post("/v3/domains", json=private("eu.shop.example", other)).status == 201
    manager = api.user("manager", organization_manager=org)
    for name in ("cloud.example", "shop.example"):
        assert "already reserved by another domain" in manager.post("/v3/domains", json=private(name, org)).error[2]
    assert api.admin.post("/v3/domains", json=private("shop.example", other)).status == 201
    assert api.admin.post("/v3/domains", json={"name": "cloud.example"}).status == 201


def test_a_host_that_has_routes_by_path_alone_becomes_nobodys_domain(
    api: Client, org: str, space: str, domain: str
) -> None:
    related = {"space": {"data": {"guid": space}}, "domain": {"data": {"guid": domain}}}
    made = api.admin.post("/v3/routes", json={"host": "shop", "path": "/till", "relationships": related})
    manager = api.user("manager", organization_manager=make_org(api, "other"))
    body = private("shop.localhost", manager.get("/v3/organizations").guids[0])
    assert "already reserved by a route" in manager.post("/v3/domains", json=body).error[2]
    api.admin.delete(f"/v3/routes/{made.guid}")
    assert manager.post("/v3/domains", json=body).status == 201


def test_the_platforms_hosts_are_no_domains(api: Client, org: str, space: str, domain: str) -> None:
    for name in ("api.localhost", "login.localhost", "uaa.localhost", "logs.localhost", "log-cache.localhost"):
        assert api.admin.post("/v3/domains", json=private(name, org)).status == 422
    route = {"space": {"data": {"guid": space}}, "domain": {"data": {"guid": domain}}}
    assert api.admin.post("/v3/routes", json={"host": "shop", "relationships": route}).status == 201
    taken = api.admin.post("/v3/domains", json=private("shop.localhost", org))
    assert "already reserved by a route" in taken.error[2]
    assert api.admin.delete(f"/v3/domains/{domain}").status == 422


@pytest.mark.parametrize(
    "name",
    [
        *(None, "", 7, "localhost", "a..b", ".a.b", "a.b.", "-a.b", "a-.b", "a b.c", "a_b.c", "1.2.3.4", "é.example"),
        *("x" * 64 + ".b", "*.example", "a.b/c", "a.b:80", ".".join(["abcdefgh"] * 30)),
    ],
)
def test_a_wrong_name_is_refused(api: Client, name: Any) -> None:
    answered = api.admin.post("/v3/domains", json={"name": name})
    assert (answered.status, answered.json["errors"][0]["code"]) == (422, 10008), answered.text


@pytest.mark.parametrize(
    "more",
    [
        {"internal": True, "relationships": {"organization": {"data": {"guid": "x"}}}},
        {"internal": 7},
        {"router_group": {"guid": "x"}},
        {"colour": 1},
        {"relationships": []},
        {"relationships": {"organization": 7}},
        {"relationships": {"organization": {"data": None}}},
        {"relationships": {"shared_organizations": {"data": [{"guid": "x"}]}}},
    ],
)
def test_what_there_is_not_is_refused(api: Client, more: dict[str, Any]) -> None:
    assert api.admin.post("/v3/domains", json={"name": "a.example", **more}).status == 422


def test_a_domain_takes_its_routes_with_it(api: Client, org: str, space: str) -> None:
    domain = api.admin.post("/v3/domains", json=private("shop.example", org)).guid
    relationships = {"space": {"data": {"guid": space}}, "domain": {"data": {"guid": domain}}}
    route = api.admin.post("/v3/routes", json={"host": "www", "relationships": relationships}).guid
    assert api.admin.finish(api.admin.delete(f"/v3/domains/{domain}"))["state"] == "COMPLETE"
    assert api.admin.get(f"/v3/routes/{route}").status == 404


def test_a_private_domain_is_shared_with_other_organizations(api: Client, org: str, space: str, domain: str) -> None:
    other = make_org(api, "other")
    owner, guest = api.user("owner", organization_manager=org), api.user("guest", organization_manager=other)
    made = owner.post("/v3/domains", json=private("shop.example", org)).guid
    shared = f"/v3/domains/{made}/relationships/shared_organizations"
    body = {"data": [{"guid": other}]}
    assert guest.get(f"/v3/domains/{made}").status == 404
    assert guest.post(shared, json=body).status == 404
    assert "either does not exist, or you do not have access" in owner.post(shared, json=body).error[2]
    owner.grant("organization_user", other)
    assert owner.post(shared, json=body).error[2] == (
        "You do not have sufficient permissions for organization 'other' to share domain."
    )
    assert (
        owner.post(shared, json={"data": [{"guid": org}]}).error[2]
        == "Domain cannot be shared with owning organization."
    )
    for wrong in ({}, {"data": {}}, {"data": [{"guid": 7}]}, {"data": [{"guid": "nobody"}]}):
        assert owner.post(shared, json=wrong).status == 422
    on_shared = api.admin.post(f"/v3/domains/{domain}/relationships/shared_organizations", json=body)
    assert on_shared.error[2].startswith("Domains cannot be shared with other organizations unless they are scoped")
    answered = api.admin.post(shared, json=body)
    assert answered.json["data"] == [{"guid": other}], answered.text
    assert guest.get(f"/v3/domains/{made}").json["relationships"]["shared_organizations"]["data"] == [{"guid": other}]
    assert guest.get("/v3/domains", names="shop.example").guids == [made]
    assert made in guest.get(f"/v3/organizations/{other}/domains").guids
    assert guest.get("/v3/domains").guids == [domain, made]
    assert guest.patch(f"/v3/domains/{made}", json={}).status == 403
    there = api.admin.post(
        "/v3/spaces", json={"name": "s", "relationships": {"organization": {"data": {"guid": other}}}}
    )
    related = {"space": {"data": {"guid": there.guid}}, "domain": {"data": {"guid": made}}}
    route = api.admin.post("/v3/routes", json={"host": "guest", "relationships": related})
    assert route.status == 201, route.text
    assert owner.delete(f"/v3/domains/{made}").error[2].startswith("This domain is shared with other organizations.")
    assert (
        guest.delete(f"{shared}/{other}").error[2].startswith("This domain has associated routes in this organization.")
    )
    api.admin.delete(f"/v3/routes/{route.guid}")
    assert guest.delete(f"{shared}/{other}").status == 204
    assert "Ensure the domain is shared to this organization" in owner.delete(f"{shared}/{other}").error[2]
    assert owner.delete(f"{shared}/nobody").error[2].startswith("Organization with guid 'nobody' does not exist")
    again = api.admin.post(
        "/v3/domains",
        json={
            "name": "two.example",
            "relationships": {"organization": {"data": {"guid": org}}, "shared_organizations": body},
        },
    )
    assert again.json["relationships"]["shared_organizations"]["data"] == [{"guid": other}], again.text
    assert api.admin.finish(api.admin.delete(f"/v3/organizations/{other}"))["state"] == "COMPLETE"
    assert api.admin.get(f"/v3/domains/{again.guid}/relationships/shared_organizations").json["data"] == []


def test_private_domains_may_be_for_administrators_alone(api: Client, org: str) -> None:
    api.admin.patch("/v3/feature_flags/private_domain_creation", json={"enabled": False})
    manager = api.user("manager", organization_manager=org)
    assert manager.post("/v3/domains", json=private("mine.example", org)).error[1] == "CF-FeatureDisabled"
    assert api.admin.post("/v3/domains", json=private("mine.example", org)).status == 201


def test_an_internal_domain_has_plain_hosts_only(api: Client, org: str, space: str) -> None:
    made = api.admin.post("/v3/domains", json={"name": "apps.internal", "internal": True})
    assert made.json["internal"] is True
    related = {"space": {"data": {"guid": space}}, "domain": {"data": {"guid": made.guid}}}
    for fields, said in (({"host": "*"}, "Wildcard hosts"), ({"host": "a", "path": "/b"}, "Paths")):
        refused = api.admin.post("/v3/routes", json={**fields, "relationships": related})
        assert refused.error[2] == f"{said} are not supported for internal domains."
    assert api.admin.post("/v3/routes", json={"host": "a", "relationships": related}).status == 201
