"""Applying manifests: apps, processes, variables and routes as they say, or nothing at all."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.core.manifest_diff import HIDDEN
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
    assert re.fullmatch(r"shop-[a-z]+-[a-z]+-[a-z]{2}\.localhost", first)
    assert re.fullmatch(r"shop-2-[a-z]+-[a-z]+-[a-z]{2}\.localhost", second)
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
        {"op": "replace", "path": "/applications/0/memory", "was": "1024M", "value": "2048M"},
        {"op": "replace", "path": "/applications/0/env/A", "was": HIDDEN, "value": HIDDEN},
        {"op": "add", "path": "/applications/0/env/B", "value": HIDDEN},
        {"op": "add", "path": "/applications/0/routes/0", "value": {"route": "w.localhost"}},
        {"op": "add", "path": "/applications/0/processes/0", "value": {"type": "worker", "memory": "64M"}},
    ]
    apply(stage, manifest)
    assert diff(stage, manifest) == []
    assert diff(stage, "applications: [{name: new, memory: 1G}]") == [
        {"op": "add", "path": "/applications/0/name", "value": "new"},
        {"op": "add", "path": "/applications/0/memory", "value": "1024M"},
    ]


def test_routes_have_protocols_and_options_and_a_default_route_is_for_who_has_none(stage: Stage) -> None:
    apply(
        stage,
        "applications: [{name: shop, default-route: true, routes: [{route: 'https://a.localhost', protocol: http2,"
        " options: {loadbalancing: least-connection}}]}]",
    )
    assert urls_of(stage, "shop") == ["a.localhost"]

    def route() -> Any:
        return stage.api.get(f"/v3/apps/{app_of(stage, 'shop')['guid']}/routes").json["resources"][0]

    assert route()["options"] == {"loadbalancing": "least-connection"}
    assert [end["protocol"] for end in route()["destinations"]] == ["http2"]
    change = "applications: [{name: shop, routes: [{route: a.localhost, protocol: http1}]}]"
    assert diff(stage, change) == [
        {"op": "replace", "path": "/applications/0/routes/0/protocol", "was": "http2", "value": "http1"}
    ]
    assert apply(stage, change)["state"] == "COMPLETE"
    assert [end["protocol"] for end in route()["destinations"]] == ["http1"]
    assert route()["options"] == {"loadbalancing": "least-connection"}
    tcp = apply(stage, "applications: [{name: shop, routes: [{route: b.localhost, protocol: tcp}]}]")
    assert tcp["errors"][0]["detail"].startswith("For application 'shop': For route 'b.localhost': Cannot use 'tcp'")


def test_sidecars_and_features_are_set_and_told_again(stage: Stage) -> None:
    manifest = (
        "applications: [{name: shop, features: {ssh: true}, sidecars:"
        " [{name: proxy, command: run, process_types: [web], memory: 64M}]}]"
    )
    assert diff(stage, manifest)
    assert apply(stage, manifest)["errors"] == []
    assert diff(stage, manifest) == []
    text = stage.api.get(f"/v3/apps/{app_of(stage, 'shop')['guid']}/manifest").text
    assert "ssh: true" in text
    assert "name: proxy" in text
    assert diff(stage, text) == []
    too_much = apply(stage, manifest.replace("64M", "256M"))
    assert too_much["errors"][0]["detail"].startswith("For application 'shop': The memory allocation defined")


def test_services_that_there_are_not_keep_everything_from_being_made(stage: Stage) -> None:
    job = apply(stage, "applications: [{name: a}, {name: b, services: [db, {name: mq}]}]")
    assert [error["detail"] for error in job["errors"]] == [
        "For application 'b': Service instance 'db' not found",
        "For application 'b': Service instance 'mq' not found",
    ]
    assert stage.api.get("/v3/apps", space_guids=stage.space).json["resources"] == []


def test_a_service_is_bound_by_the_job_and_once(stage: Stage) -> None:
    related = {"space": {"data": {"guid": stage.space}}}
    body = {"type": "user-provided", "name": "db", "credentials": {"a": "b"}, "relationships": related}
    made = stage.api.post("/v3/service_instances", json=body)
    assert made.status == 201, made.text
    manifest = "applications: [{name: shop, services: [{name: db, binding_name: main}]}]"
    path = f"/v3/spaces/{stage.space}/actions/apply_manifest"
    for _ in range(2):
        answered = stage.api.request("POST", path, body=manifest)
        assert stage.api.finish(answered)["state"] == "COMPLETE"
    listed = stage.api.get("/v3/service_credential_bindings", app_guids=app_of(stage, "shop")["guid"]).json
    assert [binding["name"] for binding in listed["resources"]] == ["main"]
    assert diff(stage, manifest) == []
    text = stage.api.get(f"/v3/apps/{app_of(stage, 'shop')['guid']}/manifest").text
    assert "binding_name: main" in text


def test_docker_apps_want_the_flag_and_stay_docker_apps(stage: Stage) -> None:
    manifest = "applications: [{name: shop, docker: {image: nginx}}]"
    refused_by_flag = apply(stage, manifest)["errors"][0]["detail"]
    assert refused_by_flag == "For application 'shop': Feature Disabled: diego_docker"
    assert stage.api.admin.patch("/v3/feature_flags/diego_docker", json={"enabled": True}).status == 200
    assert apply(stage, manifest)["errors"] == []
    assert app_of(stage, "shop")["lifecycle"]["type"] == "docker"
    mixed = apply(stage, "applications: [{name: shop, buildpack: python_buildpack}]")
    assert mixed["errors"][0]["detail"].endswith("Buildpacks cannot be configured for a docker lifecycle app.")


def test_many_apply_one_manifest_at_once_and_one_app_is_made(stage: Stage) -> None:
    manifest = "applications: [{name: shop, instances: 2, env: {A: 1}, routes: [{route: shop.localhost}]}]"
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: apply(stage, manifest), range(4)))
    assert "COMPLETE" in [job["state"] for job in found]
    assert len(stage.api.get("/v3/apps", names="shop").json["resources"]) == 1
    assert urls_of(stage, "shop") == ["shop.localhost"]
    assert apply(stage, manifest)["state"] == "COMPLETE"


def test_anchors_and_merge_keys_are_followed(stage: Stage) -> None:
    apply(
        stage,
        "defaults: &d {memory: 64M, instances: 2}\napplications:\n"
        "- {name: a, <<: *d}\n- {name: b, <<: *d, instances: 1}",
    )
    assert [process_of(stage, name)["instances"] for name in "ab"] == [2, 1]


def test_a_wrong_version_and_a_diff_of_nothing_are_refused(stage: Stage) -> None:
    assert refused(stage, "version: 2\napplications: [{name: a}]") == (
        422,
        ["Unsupported manifest schema version. Currently supported versions: [1]."],
    )
    assert refused(stage, "{}") == (422, ["Cannot parse manifest with no 'applications' field."])
    assert refused(stage, "applications: [{memory: 1G}]") == (
        422,
        ["For application at index 0: Name must not be empty"],
    )
    path = f"/v3/spaces/{stage.space}/manifest_diff"
    assert stage.api.request("POST", path, body="applications: [").status == 400
    assert stage.api.request("POST", path, body="{}").status == 422
    assert stage.api.request("POST", "/v3/spaces/nobody/manifest_diff", body="{}").error[2] == "Space not found"
    assert stage.api.get("/v3/apps/nobody/manifest").error[2] == "App not found"
