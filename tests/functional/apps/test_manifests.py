"""Applying manifests: apps, processes, variables and routes as they say, or nothing at all."""

from typing import Any

import pytest

from chalicelib.core.manifest_document import HIDDEN
from tests.functional.apps.conftest import Stage


def apply(stage: Stage, manifest: str, api: Any = None) -> dict[str, Any]:
    """The job, as it is when the request has been answered."""
    api = api or stage.api
    path = f"/v3/spaces/{stage.space}/actions/apply_manifest"
    answered = api.request("POST", path, body=manifest, headers={"Content-Type": "application/x-yaml"})
    assert answered.status == 202, answered.text
    return dict(api.get(answered.headers["location"]).json)


def refused(stage: Stage, manifest: str) -> tuple[int, list[str]]:
    path = f"/v3/spaces/{stage.space}/actions/apply_manifest"
    answered = stage.api.request("POST", path, body=manifest, headers={"Content-Type": "application/x-yaml"})
    return answered.status, answered.details


def app_of(stage: Stage, name: str) -> dict[str, Any]:
    (app,) = stage.api.get("/v3/apps", names=name, space_guids=stage.space).json["resources"]
    return dict(app)


def process_of(stage: Stage, name: str, kind: str = "web") -> dict[str, Any]:
    return dict(stage.api.get(f"/v3/apps/{app_of(stage, name)['guid']}/processes/{kind}").json)


def urls_of(stage: Stage, name: str) -> list[str]:
    listed = stage.api.get(f"/v3/apps/{app_of(stage, name)['guid']}/routes").json
    return sorted(route["url"] for route in listed["resources"])


def test_an_app_is_made_as_the_manifest_says(stage: Stage) -> None:
    job = apply(
        stage,
        """
        applications:
        - name: shop
          memory: 1G
          disk_quota: 512M
          instances: 3
          command: python -m shop
          health-check-type: http
          health-check-http-endpoint: /up
          timeout: 90
          buildpacks: [python_buildpack]
          env: {COLOUR: blue, LEVEL: 3, ON: true, NESTED: {a: 1}}
          metadata: {labels: {team: a}}
          default-route: true
          processes:
          - type: worker
            instances: 2
            memory: 64M
        """,
    )

    assert (job["state"], job["operation"], job["errors"]) == ("COMPLETE", "space.apply_manifest", [])
    app = app_of(stage, "shop")
    assert app["state"] == "STOPPED"
    assert app["lifecycle"]["data"]["buildpacks"] == ["python_buildpack"]
    assert app["metadata"]["labels"] == {"team": "a"}
    web = process_of(stage, "shop")
    assert (web["memory_in_mb"], web["disk_in_mb"], web["instances"]) == (1024, 512, 3)
    assert web["command"] == "python -m shop"
    assert web["health_check"]["type"] == "http"
    assert web["health_check"]["data"]["endpoint"] == "/up"
    assert web["health_check"]["data"]["timeout"] == 90
    worker = process_of(stage, "shop", "worker")
    assert (worker["memory_in_mb"], worker["instances"], worker["health_check"]["type"]) == (64, 2, "process")
    variables = stage.api.get(f"/v3/apps/{app['guid']}/environment_variables").json["var"]
    assert variables == {"COLOUR": "blue", "LEVEL": "3", "ON": "true", "NESTED": '{"a": 1}'}
    assert urls_of(stage, "shop") == ["shop.localhost"]


def test_applying_again_merges_and_changes_nothing_that_is_not_said(stage: Stage) -> None:
    apply(stage, "applications: [{name: shop, memory: 1G, env: {A: '1', B: '2'}, default-route: true, command: run}]")

    job = apply(stage, "applications: [{name: shop, instances: 2, env: {B: '3', A: null}, default-route: true}]")

    assert job["state"] == "COMPLETE"
    web = process_of(stage, "shop")
    assert (web["memory_in_mb"], web["instances"], web["command"]) == (1024, 2, "run")
    guid = app_of(stage, "shop")["guid"]
    assert stage.api.get(f"/v3/apps/{guid}/environment_variables").json["var"] == {"A": "1", "B": "3"}
    assert urls_of(stage, "shop") == ["shop.localhost"]


@pytest.mark.parametrize("command", ["null", "'null'", "default"])
def test_a_command_of_null_returns_to_the_droplets(stage: Stage, command: str) -> None:
    apply(stage, "applications: [{name: shop, command: run}]")

    apply(stage, f"applications: [{{name: shop, command: {command}}}]")

    assert process_of(stage, "shop")["command"] is None


def test_scaling_a_started_app_opens_auctions(stage: Stage) -> None:
    stage.started("shop")
    stage.said("any")

    apply(stage, "applications: [{name: shop, instances: 3}]")

    (discover,) = stage.said("dea.discover")
    assert [want["index"] for want in discover["wants"]] == [1, 2]


def test_routes_are_made_and_mapped(stage: Stage) -> None:
    manifest = """
        applications:
        - name: shop
          routes: [{route: www.localhost}, {route: www.localhost/api}]
        """
    apply(stage, manifest)
    job = apply(stage, manifest)

    assert job["state"] == "COMPLETE"
    assert urls_of(stage, "shop") == ["www.localhost", "www.localhost/api"]


def test_no_route_takes_the_routes_away(stage: Stage) -> None:
    apply(stage, "applications: [{name: shop, default-route: true}]")

    apply(stage, "applications: [{name: shop, no-route: true}]")

    assert urls_of(stage, "shop") == []


def test_a_random_route_differs_from_app_to_app(stage: Stage) -> None:
    apply(stage, "applications: [{name: shop, random-route: true}, {name: Shop 2, random-route: true}]")

    (first,), (second,) = urls_of(stage, "shop"), urls_of(stage, "Shop 2")
    assert first.startswith("shop-")
    assert second.startswith("shop-2-")
    apply(stage, "applications: [{name: shop, random-route: true}]")
    assert urls_of(stage, "shop") == [first]


def test_one_route_that_cannot_be_keeps_all_apps_from_being_made(stage: Stage) -> None:
    job = apply(
        stage,
        "applications: [{name: first}, {name: second, routes: [{route: second.example.org}]}]",
    )

    assert job["state"] == "FAILED"
    assert [error["detail"] for error in job["errors"]] == [
        "For application 'second': The route 'second.example.org' did not match any existing domains."
    ]
    assert stage.api.get("/v3/apps", space_guids=stage.space).json["resources"] == []


def test_unknown_keys_are_told_as_warnings(stage: Stage) -> None:
    job = apply(stage, "applications: [{name: shop, memroy: 1G, path: .}]")

    assert job["warnings"] == [{"detail": "For application 'shop': the key 'memroy' is not known and was ignored"}]


def test_all_mistakes_are_told_and_nothing_is_made(stage: Stage) -> None:
    status, details = refused(
        stage,
        """
        applications:
        - name: good
        - name: shop
          memory: 99999G
          disk_quota: lots
          instances: -1
          env: {PORT: 80}
          processes: [{type: worker, memory: 0M}]
        """,
    )

    assert status == 422
    assert details == [
        "For application 'shop': Memory must be less than or equal to 1048576MB",
        "For application 'shop': Disk quota must use a supported unit: B, K, KB, M, MB, G, GB, T, or TB",
        "For application 'shop': Instances must be greater than or equal to 0",
        "For application 'shop': Process \"worker\": Memory must be greater than 0MB",
        "For application 'shop': Environment variables cannot set PORT",
    ]
    assert stage.api.get("/v3/apps", space_guids=stage.space).json["resources"] == []


@pytest.mark.parametrize("manifest", ["applications: [", "{" * 5000, "- &a [*a]", "a: \0", "!!python/name:os.system x"])
def test_what_is_no_yaml_is_a_parse_error(stage: Stage, manifest: str) -> None:
    status, _ = refused(stage, manifest)

    assert status == 400


@pytest.mark.parametrize("manifest", ["", "[]", "applications: 7", "applications: [7]", "applications: [{memory: 1G}]"])
def test_what_has_no_applications_is_refused(stage: Stage, manifest: str) -> None:
    status, _ = refused(stage, manifest)

    assert status == 422


def test_only_a_developer_may_apply(stage: Stage) -> None:
    auditor = stage.member("audrey", "space_auditor")
    stranger = stage.api.user("sam")
    path = f"/v3/spaces/{stage.space}/actions/apply_manifest"

    assert auditor.request("POST", path, body="applications: [{name: a}]").status == 403
    assert stranger.request("POST", path, body="applications: [{name: a}]").status == 404


def test_a_manifest_can_be_made_of_an_app_and_applied_again(stage: Stage) -> None:
    apply(
        stage,
        "applications: [{name: shop, memory: 1G, env: {A: 'yes'}, default-route: true, health-check-type: http,"
        " health-check-http-endpoint: /up, timeout: 30, processes: [{type: worker, instances: 2}]}]",
    )
    path = f"/v3/apps/{app_of(stage, 'shop')['guid']}/manifest"
    answered = stage.api.get(path)
    assert answered.headers["content-type"] == "application/x-yaml"

    assert apply(stage, answered.text.replace("name: shop", "name: copy").replace("shop.local", "copy.local"))

    copy = stage.api.get(f"/v3/apps/{app_of(stage, 'copy')['guid']}/manifest").text
    assert copy.replace("copy", "shop") == answered.text
    assert diff(stage, answered.text) == []


def diff(stage: Stage, manifest: str) -> list[dict[str, Any]]:
    answered = stage.api.request("POST", f"/v3/spaces/{stage.space}/manifest_diff", body=manifest)
    assert answered.status == 201, answered.text
    return list(answered.json["diff"])


def test_a_diff_tells_what_would_change(stage: Stage) -> None:
    apply(stage, "applications: [{name: shop, memory: 1G, env: {A: s3cr3t}, stack: cflinuxfs4}]")
    manifest = (
        "applications: [{name: shop, memory: 2G, env: {A: oth3r, B: '1'}, stack: cflinuxfs4,"
        " routes: [{route: w.localhost}], processes: [{type: worker, memory: 64M}]}]"
    )

    found = diff(stage, manifest)

    assert found == [
        {"op": "replace", "path": "/applications/0/env/A", "was": HIDDEN, "value": HIDDEN},
        {"op": "add", "path": "/applications/0/env/B", "value": HIDDEN},
        {"op": "add", "path": "/applications/0/routes/0/route", "value": "w.localhost"},
        {"op": "add", "path": "/applications/0/processes/0/memory", "value": "64M"},
        {"op": "replace", "path": "/applications/0/memory", "was": "1024M", "value": "2048M"},
    ]
    apply(stage, manifest)
    assert diff(stage, manifest) == []
    assert diff(stage, "applications: [{name: new, memory: 1G}]") == [
        {"op": "add", "path": "/applications/0/name", "value": "new"},
        {"op": "add", "path": "/applications/0/memory", "value": "1024M"},
    ]
