"""Space quotas through the API: they belong to an organization, whose managers make and give them."""

import pytest

from tests.functional.client import Client
from tests.functional.quotas.conftest import Tenant


def test_a_manager_makes_gives_and_takes_away_a_space_quota(tenant: Tenant, api: Client) -> None:
    manager = api.user("mona", organization_manager=tenant.org)
    relationships = {"organization": {"data": {"guid": tenant.org}}}
    made = manager.post("/v3/space_quotas", json={"name": "tiny", "relationships": relationships})
    assert made.status == 201
    assert made.json["relationships"] == {**relationships, "spaces": {"data": []}}
    assert made.json["services"]["paid_services_allowed"] is True
    assert "domains" not in made.json
    path = f"/v3/space_quotas/{made.guid}"
    given = manager.post(f"{path}/relationships/spaces", json=tenant.data(tenant.space))
    assert (given.status, given.json["data"]) == (200, [{"guid": tenant.space}])
    assert manager.get("/v3/space_quotas", space_guids=tenant.space).guids == [made.guid]
    assert manager.get("/v3/space_quotas", organization_guids=tenant.org, names="tiny").guids == [made.guid]
    assert manager.get("/v3/space_quotas", organization_guids="other").guids == []
    in_use = manager.delete(path)
    assert in_use.error[2] == (
        "This quota is applied to one or more spaces. Remove this quota from all spaces before deleting."
    )
    assert manager.delete(f"{path}/relationships/spaces/{tenant.space}").status == 204
    again = manager.delete(f"{path}/relationships/spaces/{tenant.space}")
    assert again.error[2] == (
        f"Unable to remove quota from space with guid '{tenant.space}'. Ensure the space quota is applied to this "
        "space."
    )
    assert manager.finish(manager.delete(path))["state"] == "COMPLETE"
    assert manager.get(path).error[2] == "Space quota not found"


def test_names_are_unique_within_the_organization(tenant: Tenant) -> None:
    api = tenant.api
    other = api.post("/v3/organizations", json={"name": "other"}).guid
    bodies = [
        {"name": "tiny", "relationships": {"organization": {"data": {"guid": org}}}} for org in (tenant.org, other)
    ]
    made = [api.post("/v3/space_quotas", json=body) for body in bodies]
    assert [answered.status for answered in made] == [201, 201]
    refused = api.post("/v3/space_quotas", json=bodies[0])
    assert (refused.status, refused.error[2]) == (422, "Space Quota 'tiny' already exists.")
    outside = api.post(f"/v3/space_quotas/{made[1].guid}/relationships/spaces", json=tenant.data(tenant.space))
    assert outside.error[2] == "Space quotas cannot be applied outside of their owning organization."
    api.finish(api.delete(f"/v3/organizations/{other}"))
    assert api.get(f"/v3/space_quotas/{made[1].guid}").status == 404


def test_a_space_quota_is_seen_by_managers_and_in_the_spaces_that_have_it(tenant: Tenant, api: Client) -> None:
    quota = tenant.limit_space()
    path = f"/v3/space_quotas/{quota}"
    developer = api.user("dora", organization_user=tenant.org, space_developer=tenant.space)
    member = api.user("mia", organization_user=tenant.org)
    assert developer.get(path).json["relationships"]["spaces"]["data"] == [{"guid": tenant.space}]
    assert developer.get("/v3/space_quotas").guids == [quota]
    assert developer.patch(path, json={"name": "x"}).status == 403
    assert developer.delete(path).status == 403
    assert developer.delete(f"{path}/relationships/spaces/{tenant.space}").status == 403
    assert member.get(path).status == member.patch(path, json={"name": "x"}).status == 404
    assert member.get("/v3/space_quotas").guids == []
    body = {"name": "mine", "relationships": {"organization": {"data": {"guid": tenant.org}}}}
    assert member.post("/v3/space_quotas", json=body).status == 403
    hidden = api.user("stranger").post("/v3/space_quotas", json=body)
    assert hidden.error[2] == (
        f"Organization with guid '{tenant.org}' does not exist, or you do not have access to it."
    )


@pytest.mark.parametrize(
    ("relationships", "detail"),
    [
        (None, "Relationships can't be blank"),
        ({}, "Relationships Organization must be structured like this"),
        ({"organization": {"data": None}}, "Relationships Organization must be structured like this"),
        ({"organization": {"data": {"guid": ["x"]}}}, "Relationships Organization must be structured like this"),
        ({"organization": {"data": {"guid": "no"}}}, "Organization with guid 'no' does not exist"),
    ],
)
def test_a_space_quota_needs_its_organization(tenant: Tenant, relationships: object, detail: str) -> None:
    refused = tenant.api.post("/v3/space_quotas", json={"name": "x", "relationships": relationships})
    assert refused.status == 422
    assert any(detail in text for text in refused.details), refused.details


def test_spaces_of_the_body_must_be_in_the_organization(tenant: Tenant) -> None:
    relationships = {"organization": {"data": {"guid": tenant.org}}, "spaces": tenant.data("gone")}
    refused = tenant.api.post("/v3/space_quotas", json={"name": "x", "relationships": relationships})
    assert refused.error[2] == (
        'Spaces with guids ["gone"] do not exist within the organization specified, or you do not have access to them.'
    )
    assert tenant.api.get("/v3/space_quotas").guids == []
