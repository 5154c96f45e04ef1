"""Feature flags through the API: how they stand, who changes them, and that they count at once."""

import pytest

from chalicelib.core.flags import DEFAULTS
from tests.functional.client import Answered, Client


def switch(api: Client, name: str, enabled: bool, **more: object) -> None:
    answered = api.admin.patch(f"/v3/feature_flags/{name}", json={"enabled": enabled, **more})
    assert answered.status == 200, answered.text


def disabled(answered: Answered) -> str:
    code, title, detail = answered.error
    assert (answered.status, code, title) == (403, 330002, "CF-FeatureDisabled"), answered.text
    return detail


def test_flags_stand_by_default_until_an_administrator_changes_them(api: Client) -> None:
    reader = api.user("rita")
    listed = reader.get("/v3/feature_flags").json
    assert {flag["name"]: flag["enabled"] for flag in listed["resources"]} == DEFAULTS
    assert listed["pagination"]["total_results"] == len(DEFAULTS)
    assert [flag["updated_at"] for flag in listed["resources"]] == [None] * len(DEFAULTS)
    switch(api, "diego_docker", True, custom_error_message="ask Ada")
    shown = reader.get("/v3/feature_flags/diego_docker").json
    assert (shown["enabled"], shown["custom_error_message"]) == (True, "ask Ada")
    assert shown["updated_at"].endswith("Z")
    assert shown["links"]["self"]["href"].endswith("/v3/feature_flags/diego_docker")
    switch(api, "diego_docker", False)
    assert reader.get("/v3/feature_flags/diego_docker").json["custom_error_message"] == "ask Ada"
    page = reader.get("/v3/feature_flags", per_page=2, page=2)
    assert [flag["name"] for flag in page.json["resources"]] == sorted(DEFAULTS)[2:4]
    reverse = reader.get("/v3/feature_flags", order_by="-name", per_page=1)
    assert reverse.json["resources"][0]["name"] == "user_org_creation"


def test_an_unknown_flag_is_not_found_and_others_may_not_change_any(api: Client) -> None:
    reader = api.user("rita")
    assert reader.get("/v3/feature_flags/nonsense").error == (10010, "CF-ResourceNotFound", "Feature flag not found")
    assert api.admin.patch("/v3/feature_flags/nonsense", json={"enabled": True}).status == 404
    assert reader.patch("/v3/feature_flags/diego_docker", json={"enabled": True}).status == 403
    assert api.get("/v3/feature_flags").status == 401
    assert reader.get("/v3/feature_flags", names="x").error[0] == 10005
    assert reader.get("/v3/feature_flags", order_by="created_at").error[0] == 10005


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"enabled": "yes"}, "Enabled must be a boolean"),
        ({"enabled": None}, "Enabled must be a boolean"),
        ({"enabled": True, "custom_error_message": 5}, "Custom error message must be a string"),
        ({"enabled": True, "custom_error_message": ""}, "Custom error message is too short (minimum is 1 character)"),
        ({"enabled": True, "custom_error_message": "x" * 251}, "Custom error message is too long (maximum is 250"),
        ({"enabled": True, "bogus": 1}, "Unknown field(s): 'bogus'"),
    ],
)
def test_bad_bodies_change_nothing(api: Client, body: dict[str, object], detail: str) -> None:
    refused = api.admin.patch("/v3/feature_flags/diego_docker", json=body)
    assert refused.status == 422
    assert any(detail in text for text in refused.details), refused.details
    assert api.admin.get("/v3/feature_flags/diego_docker").json["updated_at"] is None


def test_a_flag_counts_from_the_next_request_on_and_not_for_administrators(
    api: Client, org: str, space: str, domain: str
) -> None:
    dora = api.user("dora", organization_user=org, space_developer=space)
    relationships = {"space": {"data": {"guid": space}}, "domain": {"data": {"guid": domain}}}
    switch(api, "route_creation", False)
    assert disabled(dora.post("/v3/routes", json={"host": "a", "relationships": relationships})) == (
        "Feature Disabled: route_creation"
    )
    assert api.admin.post("/v3/routes", json={"host": "b", "relationships": relationships}).status == 201
    switch(api, "route_creation", True)
    assert dora.post("/v3/routes", json={"host": "a", "relationships": relationships}).status == 201


def test_what_is_switched_off_is_refused_with_the_administrators_words(api: Client, org: str, space: str) -> None:
    dora = api.user("dora", organization_user=org, space_developer=space, organization_manager=org)
    app = dora.post("/v3/apps", json={"name": "shop", "relationships": {"space": {"data": {"guid": space}}}}).guid
    scale = f"/v3/apps/{app}/processes/web/actions/scale"
    switch(api, "app_scaling", False, custom_error_message="no more machines")
    assert disabled(dora.post(scale, json={"instances": 2})) == "Feature Disabled: no more machines"
    assert api.admin.post(scale, json={"instances": 2}).status == 202

    switch(api, "env_var_visibility", False)
    for client in (dora, api.admin):  # it binds administrators, too
        assert disabled(client.get(f"/v3/apps/{app}/env")) == "Feature Disabled: env_var_visibility"
    switch(api, "env_var_visibility", True)
    switch(api, "space_developer_env_var_visibility", False)
    assert disabled(dora.get(f"/v3/apps/{app}/environment_variables")) == (
        "Feature Disabled: space_developer_env_var_visibility"
    )
    assert api.admin.get(f"/v3/apps/{app}/environment_variables").status == 200

    switch(api, "app_bits_upload", False)
    assert disabled(dora.post("/v3/resource_matches", json={"resources": []})) == "Feature Disabled: app_bits_upload"

    switch(api, "private_domain_creation", False)
    body = {"name": "mine.example", "relationships": {"organization": {"data": {"guid": org}}}}
    assert disabled(dora.post("/v3/domains", json=body)) == "Feature Disabled: private_domain_creation"

    switch(api, "task_creation", False)
    assert disabled(dora.post(f"/v3/apps/{app}/tasks", json={"command": "x"})) == "Feature Disabled: task_creation"

    switch(api, "set_roles_by_username", False)
    role = {
        "type": "space_auditor",
        "relationships": {"space": {"data": {"guid": space}}, "user": {"data": {"username": "dora"}}},
    }
    assert disabled(dora.post("/v3/roles", json=role)) == "Feature Disabled: set_roles_by_username"

    docker = {
        "name": "image",
        "lifecycle": {"type": "docker", "data": {}},
        "relationships": {"space": {"data": {"guid": space}}},
    }
    for client in (dora, api.admin):
        assert disabled(client.post("/v3/apps", json=docker)) == "Feature Disabled: diego_docker"


def test_user_org_creation_lets_everybody_make_organizations(api: Client) -> None:
    olga = api.user("olga")
    assert olga.post("/v3/organizations", json={"name": "hers"}).status == 403
    switch(api, "user_org_creation", True)
    made = olga.post("/v3/organizations", json={"name": "hers"})
    assert made.status == 201
    assert olga.get(f"/v3/organizations/{made.guid}").status == 200
