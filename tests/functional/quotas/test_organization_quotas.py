"""Organization quotas through the API: their documents, their names, who has them."""

import pytest

from tests.functional.client import Client
from tests.functional.quotas.conftest import Tenant

SECTIONS: dict[str, dict[str, object]] = {
    "apps": {
        "total_memory_in_mb": 2048,
        "per_process_memory_in_mb": 512,
        "total_instances": 10,
        "per_app_tasks": 3,
        "log_rate_limit_in_bytes_per_second": None,
    },
    "services": {"paid_services_allowed": False, "total_service_instances": 4, "total_service_keys": 5},
    "routes": {"total_routes": 6, "total_reserved_ports": 7},
    "domains": {"total_domains": 8},
}
EMPTY: dict[str, dict[str, object]] = {
    "apps": dict.fromkeys(SECTIONS["apps"]),
    "services": {"paid_services_allowed": True, "total_service_instances": None, "total_service_keys": None},
    "routes": {"total_routes": None, "total_reserved_ports": None},
    "domains": {"total_domains": None},
}


def test_every_organization_has_the_default_quota_until_it_is_given_another(tenant: Tenant) -> None:
    api = tenant.api
    (default,) = api.get("/v3/organization_quotas").json["resources"]
    assert default["name"] == "default"
    assert default["relationships"]["organizations"]["data"] == [{"guid": tenant.org}]
    made = api.post("/v3/organization_quotas", json={"name": "small", **SECTIONS})
    assert made.status == 201
    assert {key: made.json[key] for key in SECTIONS} == SECTIONS
    given = api.post(f"/v3/organization_quotas/{made.guid}/relationships/organizations", json=tenant.data(tenant.org))
    assert (given.status, given.json["data"]) == (200, [{"guid": tenant.org}])
    org = api.get(f"/v3/organizations/{tenant.org}").json
    assert org["relationships"]["quota"] == {"data": {"guid": made.guid}}
    of_default = api.get(f"/v3/organization_quotas/{default['guid']}").json
    assert of_default["relationships"]["organizations"]["data"] == []
    assert api.get("/v3/organization_quotas", organization_guids=tenant.org).guids == [made.guid]
    assert api.get("/v3/organization_quotas", names="default").guids == [default["guid"]]


def test_a_quota_shows_all_sections_and_changes_what_is_named(tenant: Tenant) -> None:
    api = tenant.api
    made = api.post("/v3/organization_quotas", json={"name": "wide"})
    assert {key: made.json[key] for key in EMPTY} == EMPTY
    path = f"/v3/organization_quotas/{made.guid}"
    changed = api.patch(
        path, json={"name": "Wider", "apps": {"total_instances": 3}, "metadata": {"labels": {"a": "b"}}}
    )
    assert changed.json["apps"] == {**EMPTY["apps"], "total_instances": 3}
    assert (changed.json["name"], changed.json["metadata"]["labels"]) == ("Wider", {"a": "b"})
    again = api.patch(path, json={"apps": {"total_instances": None}, "routes": {"total_routes": 0}})
    assert (again.json["apps"], again.json["routes"]["total_routes"]) == (EMPTY["apps"], 0)
    assert api.get(path).json == again.json


def test_names_are_unique_and_a_quota_in_use_stays(tenant: Tenant) -> None:
    api = tenant.api
    used = tenant.limit()
    refused = api.post("/v3/organization_quotas", json={"name": "DEFAULT"})
    assert (refused.status, refused.error[2]) == (422, "Organization Quota 'DEFAULT' already exists.")
    in_use = api.delete(f"/v3/organization_quotas/{used}")
    assert (in_use.status, in_use.error[2]) == (
        422,
        "This quota is applied to one or more organizations. Apply different quotas to those organizations before "
        "deleting.",
    )
    default = api.get("/v3/organization_quotas", names="default").guids[0]
    assert api.delete(f"/v3/organization_quotas/{default}").status == 422
    spare = api.post("/v3/organization_quotas", json={"name": "spare"}).guid
    assert api.finish(api.delete(f"/v3/organization_quotas/{spare}"))["state"] == "COMPLETE"
    assert api.get(f"/v3/organization_quotas/{spare}").error == (
        10010,
        "CF-ResourceNotFound",
        "Organization quota not found",
    )
    assert api.post("/v3/organization_quotas", json={"name": "spare"}).status == 201


def test_everybody_sees_quotas_with_his_own_organizations_and_only_administrators_change_them(
    tenant: Tenant, api: Client
) -> None:
    quota = tenant.limit()
    dora = api.user("dora", organization_manager=tenant.org)
    stranger = api.user("stranger")
    path = f"/v3/organization_quotas/{quota}"
    assert dora.get(path).json["relationships"]["organizations"]["data"] == [{"guid": tenant.org}]
    assert stranger.get(path).json["relationships"]["organizations"]["data"] == []
    assert len(stranger.get("/v3/organization_quotas").guids) == 2
    assert stranger.get("/v3/organization_quotas", organization_guids=tenant.org).guids == []
    assert dora.post("/v3/organization_quotas", json={"name": "mine"}).status == 403
    assert dora.patch(path, json={"name": "mine"}).status == 403
    assert dora.delete(path).status == 403
    assert dora.post(f"{path}/relationships/organizations", json=tenant.data(tenant.org)).status == 403
    assert api.get("/v3/organization_quotas").status == 401


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({}, "Name can't be blank"),
        ({"name": 5}, "Name must be a string"),
        ({"name": "x" * 251}, "Name is too long (maximum is 250 characters)"),
        ({"name": "x", "apps": 5}, "Apps must be an object"),
        ({"name": "x", "apps": {"total_instances": -1}}, "Apps.total instances must be greater than or equal to 0"),
        ({"name": "x", "apps": {"total_memory_in_mb": 2**31}}, "must be less than or equal to 2147483647"),
        ({"name": "x", "apps": {"total_memory_in_mb": 1.5}}, "Apps.total memory in mb is not a number"),
        ({"name": "x", "apps": {"total_memory_in_mb": True}}, "Apps.total memory in mb is not a number"),
        (
            {"name": "x", "services": {"paid_services_allowed": "yes"}},
            "Services.paid services allowed must be a boolean",
        ),
        ({"name": "x", "routes": {"bogus": 1}}, "Unknown field(s): 'routes.bogus'"),
        ({"name": "x", "bogus": 1}, "Unknown field(s): 'bogus'"),
        ({"name": "x", "relationships": {"organizations": {"data": {}}}}, "Relationships Organizations must be"),
        (
            {"name": "x", "relationships": {"organizations": {"data": [{"guid": 5}]}}},
            "Relationships Organizations must",
        ),
        ({"name": "x", "relationships": {"spaces": {"data": []}}}, "Unknown field(s): 'relationships.spaces'"),
        ({"name": "x", "relationships": {"organizations": {"data": [{"guid": "no"}]}}}, 'guids ["no"] do not exist'),
    ],
)
def test_bad_bodies_are_refused_and_leave_nothing(tenant: Tenant, body: dict[str, object], detail: str) -> None:
    refused = tenant.api.post("/v3/organization_quotas", json=body)
    assert refused.status == 422
    assert any(detail in text for text in refused.details), refused.details
    assert len(tenant.api.get("/v3/organization_quotas").guids) == 1


def test_bad_relationships_queries_and_paths_are_refused(tenant: Tenant) -> None:
    api, quota = tenant.api, tenant.limit()
    path = f"/v3/organization_quotas/{quota}/relationships/organizations"
    bodies: list[dict[str, object]] = [{}, {"data": None}, {"data": []}, {"data": ["x"]}, {"data": [{"guid": None}]}]
    for body in [*bodies, {"data": {}, "x": 1}]:
        assert api.post(path, json=body).status == 422, body
    missing = api.post(path, json=tenant.data(tenant.org, "gone"))
    assert missing.error[2] == 'Organizations with guids ["gone"] do not exist'
    assert api.post("/v3/organization_quotas/nobody/relationships/organizations", json=tenant.data("x")).status == 404
    assert api.patch("/v3/organization_quotas/nobody", json={}).status == 404
    assert api.get("/v3/organization_quotas", bogus="1").error[0] == 10005
    assert api.patch(f"/v3/organization_quotas/{quota}", body="[]").status == 400


def test_twenty_organizations_are_given_a_quota_at_once(tenant: Tenant) -> None:
    api = tenant.api
    orgs = [api.post("/v3/organizations", json={"name": f"org-{i}"}).guid for i in range(17)]
    quota = api.post("/v3/organization_quotas", json={"name": "many"}).guid
    given = api.post(f"/v3/organization_quotas/{quota}/relationships/organizations", json=tenant.data(*orgs))
    assert given.json["data"] == [{"guid": guid} for guid in orgs]
    assert api.patch(f"/v3/organization_quotas/{quota}", json={"routes": {"total_routes": 1}}).status == 200
