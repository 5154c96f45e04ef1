"""What can be switched on for one app, and what its environment is told to whom."""

from typing import Any

import pytest

from tests.functional.apps.conftest import Stage


def test_features_are_listed_switched_and_kept(stage: Stage) -> None:
    guid = stage.create()["guid"]
    listed = stage.api.get(f"/v3/apps/{guid}/features").json
    assert {item["name"]: item["enabled"] for item in listed["resources"]} == {"ssh": False, "revisions": True}
    assert listed["pagination"]["total_results"] == 2

    on = stage.api.patch(f"/v3/apps/{guid}/features/ssh", json={"enabled": True})
    off = stage.api.patch(f"/v3/apps/{guid}/features/revisions", json={"enabled": False})

    assert (on.status, on.json["name"], on.json["enabled"]) == (200, "ssh", True)
    assert "no+SSH+into+apps" in on.headers["x-cf-warnings"]
    assert (off.status, off.json["enabled"], "x-cf-warnings" in off.headers) == (200, False, False)
    assert stage.api.get(f"/v3/apps/{guid}/features/ssh").json["enabled"] is True
    assert stage.api.get(f"/v3/apps/{guid}/features/revisions").json["enabled"] is False
    assert stage.api.get(f"/v3/apps/{guid}/ssh_enabled").json == {"enabled": False, "reason": "Disabled globally"}
    told = stage.api.get("/v3/audit_events", target_guids=guid, types="audit.app.update").json["resources"]
    assert [event["data"]["request"]["features"] for event in told] in (
        [{"ssh": True}, {"revisions": False}],
        [{"revisions": False}, {"ssh": True}],
    )


@pytest.mark.parametrize("body", [{}, {"enabled": None}, {"enabled": "yes"}, {"enabled": 1}, {"enabled": True, "x": 1}])
def test_bad_switches_are_refused(stage: Stage, body: Any) -> None:
    guid = stage.create()["guid"]
    assert stage.api.patch(f"/v3/apps/{guid}/features/ssh", json=body).status == 422
    assert stage.api.get(f"/v3/apps/{guid}/features/ssh").json["enabled"] is False


def test_an_unknown_feature_is_not_found(stage: Stage) -> None:
    guid = stage.create()["guid"]
    for answered in (
        stage.api.get(f"/v3/apps/{guid}/features/magic"),
        stage.api.patch(f"/v3/apps/{guid}/features/magic", json={"enabled": True}),
    ):
        assert answered.error == (10010, "CF-ResourceNotFound", "Feature not found")


def test_the_environment_tells_whom_it_may(stage: Stage) -> None:
    guid = stage.create(environment_variables={"A": "s3cr3t"})["guid"]
    stage.api.patch("/v3/environment_variable_groups/running", json={"var": {"HTTP_PROXY": "p"}})
    supporter, developer = stage.member("sue", "space_supporter"), stage.member("dora", "space_developer")

    env = developer.get(f"/v3/apps/{guid}/env").json
    assert (env["environment_variables"], env["running_env_json"]) == ({"A": "s3cr3t"}, {"HTTP_PROXY": "p"})
    redacted = supporter.get(f"/v3/apps/{guid}/env").json
    assert redacted["system_env_json"] == {"redacted_message": "[PRIVATE DATA HIDDEN]"}
    assert redacted | {"system_env_json": {"VCAP_SERVICES": {}}} == env
    assert redacted["application_env_json"]["VCAP_APPLICATION"]["application_id"] == guid

    stage.api.patch("/v3/feature_flags/space_developer_env_var_visibility", json={"enabled": False})
    assert developer.get(f"/v3/apps/{guid}/env").error[:2] == (330002, "CF-FeatureDisabled")
    assert developer.get(f"/v3/apps/{guid}/environment_variables").status == 403
    assert stage.api.get(f"/v3/apps/{guid}/env").status == 200
    stage.api.patch("/v3/feature_flags/env_var_visibility", json={"enabled": False})
    assert stage.api.get(f"/v3/apps/{guid}/env").status == 403


def test_the_build_cache_is_forgotten(stage: Stage) -> None:
    guid = stage.create()["guid"]
    stage.world.blobs.put_bytes(f"buildcache/{guid}.tgz", b"x")

    answered = stage.api.post(f"/v3/apps/{guid}/actions/clear_buildpack_cache")

    assert answered.status == 202
    assert stage.api.get(answered.headers["location"]).json["state"] == "COMPLETE"
    assert not stage.world.blobs.exists(f"buildcache/{guid}.tgz")


def test_docker_apps_wait_for_their_flag_and_keep_their_lifecycle(stage: Stage) -> None:
    body = stage.app_body("image") | {"lifecycle": {"type": "docker", "data": {}}}
    assert stage.api.post("/v3/apps", json=body).error == (
        330002,
        "CF-FeatureDisabled",
        "Feature Disabled: diego_docker",
    )
    assert stage.api.get("/v3/apps", names="image").guids == []

    stage.api.patch("/v3/feature_flags/diego_docker", json={"enabled": True})
    made = stage.api.post("/v3/apps", json=body)

    assert (made.status, made.json["lifecycle"]) == (201, {"type": "docker", "data": {}})
    changed = stage.api.patch(f"/v3/apps/{made.guid}", json={"lifecycle": {"type": "buildpack", "data": {}}})
    assert changed.error == (10008, "CF-UnprocessableEntity", "Lifecycle type cannot be changed")
    assert stage.api.get("/v3/apps", lifecycle_type="docker").guids == [made.guid]
    refused = stage.api.post("/v3/apps", json=stage.app_body("cloud") | {"lifecycle": {"type": "cnb", "data": {}}})
    assert (refused.status, "'cnb' is not enabled" in refused.details[0]) == (422, True)
