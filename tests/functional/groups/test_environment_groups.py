"""Environment variable groups: what all apps find in their environment beneath their own variables."""

import json

import pytest

from chalicelib.bootstrap import World
from chalicelib.services.placements import run_spec_key
from tests.functional.client import Client
from tests.functional.quotas.conftest import Tenant

RUNNING = "/v3/environment_variable_groups/running"
STAGING = "/v3/environment_variable_groups/staging"


def test_an_administrator_merges_variables_that_everybody_sees(api: Client) -> None:
    reader = api.user("rita")
    empty = reader.get(RUNNING).json
    assert (empty["name"], empty["var"], empty["updated_at"]) == ("running", {}, None)
    changed = api.admin.patch(RUNNING, json={"var": {"PROXY": "http://p", "REGION": "eu"}})
    assert changed.json["var"] == {"PROXY": "http://p", "REGION": "eu"}
    assert changed.json["updated_at"].endswith("Z")
    assert api.admin.patch(RUNNING, json={"var": {"REGION": None}}).json["var"] == {"PROXY": "http://p"}
    assert reader.get(RUNNING).json["var"] == {"PROXY": "http://p"}
    assert reader.get(STAGING).json["var"] == {}
    assert reader.patch(STAGING, json={"var": {}}).status == 403
    assert reader.get("/v3/environment_variable_groups/other").error[2] == "Environment variable group not found"
    assert api.admin.patch("/v3/environment_variable_groups/other", json={"var": {}}).status == 404
    assert api.get(RUNNING).status == 401


@pytest.mark.parametrize(
    "var",
    [None, [], "x", {"VCAP_X": "1"}, {"PORT": "1"}, {"": "1"}, {"A=B": "1"}, {"A": 1}, {"A": {}}, {"A": "x" * 200_000}],
)
def test_bad_variables_are_refused_without_naming_a_value(api: Client, var: object) -> None:
    refused = api.admin.patch(STAGING, json={"var": var})
    assert refused.status == 422, refused.text
    assert "xxx" not in refused.text
    assert api.admin.get(STAGING).json["var"] == {}
    assert api.admin.patch(STAGING, json={"var": {}, "bogus": 1}).status == 422


@pytest.fixture
def tenant(api: Client, world: World, org: str, space: str) -> Tenant:
    return Tenant(api, world, org, space)


def test_running_apps_find_the_group_beneath_their_own_variables(tenant: Tenant, world: World) -> None:
    api = tenant.api
    api.patch(RUNNING, json={"var": {"REGION": "eu", "LEVEL": "info"}})
    app = tenant.app("shop")
    api.patch(f"/v3/apps/{app}/environment_variables", json={"var": {"LEVEL": "debug"}})
    assert tenant.start(app).status == 200
    spec = json.loads(world.blobs.get_bytes(run_spec_key(app, 1)))
    assert spec["env"]["REGION"] == "eu"
    assert spec["env"]["LEVEL"] == "debug"
    told = api.get(f"/v3/apps/{app}/env").json
    assert told["running_env_json"] == {"REGION": "eu", "LEVEL": "info"}
