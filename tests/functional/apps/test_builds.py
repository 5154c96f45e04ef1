"""Builds: one at a time, ended by the attempt that counts, with Cloud Foundry's words."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import boto3
import pytest

from chalicelib.adapters.clock import stamp
from chalicelib.services import builds, deadlines, droplets, listing
from chalicelib.tables.apps import Build, Droplet
from chalicelib.tables.base import Due
from tests.functional.apps.conftest import Stage


@pytest.fixture
def app(stage: Stage) -> str:
    return str(stage.create()["guid"])


def state(stage: Stage, build: str) -> tuple[str, Any]:
    document = stage.api.get(f"/v3/builds/{build}").json
    return document["state"], document["error"]


def test_a_build_begins_with_an_auction_and_what_the_app_wants(stage: Stage, app: str) -> None:
    stage.api.patch(f"/v3/apps/{app}", json={"lifecycle": {"type": "buildpack", "data": {"buildpacks": ["nodejs"]}}})

    answered = stage.api.post(
        "/v3/builds", json={"package": {"guid": stage.ready_package(app)}, "staging_memory_in_mb": 512}
    )

    assert answered.status == 201
    assert answered.json["state"] == "STAGING"
    assert answered.json["droplet"] is None
    assert answered.json["lifecycle"]["data"]["buildpacks"] == ["nodejs"]
    (discover,) = stage.said("dea.discover")
    assert (discover["work"], discover["limits"]["memory_mb"]) == ("staging", 512)


def test_a_package_that_is_not_ready_cannot_be_staged(stage: Stage, app: str) -> None:
    answered = stage.api.post("/v3/builds", json={"package": {"guid": stage.package(app)}})

    assert answered.status == 400
    assert answered.error == (1004, "CF-BadRequest", "Bad request: Cannot stage package whose state is not ready.")


def test_an_app_has_one_build_at_a_time(stage: Stage, app: str) -> None:
    package = stage.ready_package(app)
    first = stage.build(package)

    answered = stage.api.post("/v3/builds", json={"package": {"guid": package}})

    assert (answered.status, answered.error[:2]) == (422, (170017, "CF-StagingInProgress"))
    stage.staged_build(first)
    assert stage.api.post("/v3/builds", json={"package": {"guid": package}}).status == 201


def test_of_two_builds_at_once_one_begins(stage: Stage, app: str) -> None:
    package = stage.ready_package(app)

    def build(_: int) -> int:
        return stage.api.post("/v3/builds", json={"package": {"guid": package}}).status

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(build, range(2))) == [201, 422]


def test_success_makes_a_droplet_once(stage: Stage, app: str) -> None:
    build = stage.build(stage.ready_package(app))
    result = stage.finished(build)

    for _ in range(3):
        builds.finished(stage.world, result, "trace")

    droplet = stage.api.get(f"/v3/builds/{build}").json["droplet"]["guid"]
    assert stage.api.get("/v3/droplets", app_guids=app).guids == [droplet]
    document = stage.api.get(f"/v3/droplets/{droplet}").json
    assert document["state"] == "STAGED"
    assert document["process_types"] == {"web": "python server.py"}
    assert document["buildpacks"][0]["name"] == "python"
    assert document["checksum"] == {"type": "sha256", "value": "0" * 64}
    assert list(Due.query("builds")) == []
    events = stage.api.get("/v3/audit_events", target_guids=app, types="audit.app.droplet.create").json
    assert len(events["resources"]) == 1


def test_what_an_earlier_attempt_says_changes_nothing(stage: Stage, app: str) -> None:
    build = stage.build(stage.ready_package(app))
    stale = replace(stage.finished(build), instance_guid="an earlier attempt")

    builds.finished(stage.world, stale, "trace")
    builds.finished(stage.world, replace(stale, droplet=None, error_id="StagingError"), "trace")
    builds.finished(stage.world, replace(stale, build_guid="nobody"), "trace")

    assert state(stage, build) == ("STAGING", None)


@pytest.mark.parametrize(
    ("error_id", "detail", "expected"),
    [
        (
            "NoAppDetectedError",
            "",
            "NoAppDetectedError - An app was not successfully detected by any available buildpack",
        ),
        (
            "BuildpackCompileFailed",
            "no matching distribution found for flsk\x1b",
            "BuildpackCompileFailed - App staging failed in the buildpack compile phase: "
            "no matching distribution found for flsk",
        ),
        ("StagingTimeExpired", "Staging time expired", "StagingTimeExpired - Staging time expired"),
        ("SomethingNew", "odd", "StagingError - Staging error: odd"),
    ],
)
def test_failures_have_the_texts_that_clients_print(
    stage: Stage, app: str, error_id: str, detail: str, expected: str
) -> None:
    build = stage.build(stage.ready_package(app))

    result = stage.finished(build, droplet=None, error_id=error_id, error_detail=detail)
    builds.finished(stage.world, result, "trace")

    assert state(stage, build) == ("FAILED", expected)
    assert stage.api.get("/v3/droplets", app_guids=app).guids == []


@pytest.mark.parametrize("types", [{"": "run"}, {"web": ""}, {f"t{i}": "run" for i in range(17)}])
def test_a_droplet_that_nobody_could_run_fails_the_build(stage: Stage, app: str, types: dict[str, str]) -> None:
    build = stage.build(stage.ready_package(app))

    builds.finished(stage.world, stage.finished(build, types), "trace")

    assert state(stage, build)[0] == "FAILED"


def test_a_build_ends_at_its_deadline_or_with_its_host(stage: Stage, app: str) -> None:
    package = stage.ready_package(app)
    expired = stage.build(package)
    builds.expired(stage.world, expired)
    lost = stage.build(package)
    builds.failed(stage.world, lost, "StagingError", "The host dea-0 was lost while it staged the app")
    deadlines.sweep(stage.world)

    assert state(stage, expired) == ("FAILED", "StagingTimeExpired - Staging time expired")
    assert "dea-0 was lost" in state(stage, lost)[1]
    builds.failed(stage.world, lost, "StagingTimeExpired", "")
    assert "dea-0 was lost" in state(stage, lost)[1]


def test_a_build_that_cannot_be_ended_keeps_no_other_from_its_end(stage: Stage, app: str) -> None:
    table, unreadable = f"{stage.world.config.prefix}-builds", {"guid": {"S": "broken"}, "state": {"N": "1"}}
    boto3.client("dynamodb").put_item(TableName=table, Item=unreadable)
    build = stage.build(stage.ready_package(app))
    for guid, at in (("broken", stamp(1_000_000.0)), (build, stamp(2_000_000.0))):
        Due("builds", f"{at}#{guid}").save()

    deadlines.sweep(stage.world)

    assert state(stage, build)[0] == "FAILED"
    assert [due.guid for due in Due.query("builds", Due.key > stamp())] == ["broken"], "tried again after the others"


def test_success_after_the_deadline_does_not_count(stage: Stage, app: str) -> None:
    build = stage.build(stage.ready_package(app))
    result = stage.finished(build)
    builds.expired(stage.world, build)

    builds.finished(stage.world, result, "trace")

    assert state(stage, build)[0] == "FAILED"
    assert listing.find(Droplet, result.instance_guid) is None


def test_each_attempt_writes_a_droplet_of_its_own(stage: Stage, app: str) -> None:
    build = stage.build(stage.ready_package(app))
    attempt = stage.claim(build)

    assert builds.droplet_key(listing.get(Build, build)) == droplets.key(attempt)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"package": None},
        {"package": {"guid": 7}},
        {"package": {"guid": "nobody"}},
        {"package": {"guid": "x"}, "staging_memory_in_mb": 10**12},
        {"package": {"guid": "x"}, "lifecycle": {"type": "docker"}},
        {"package": {"guid": "x"}, "lifecycle": {"data": {"buildpacks": ["cobol"]}}},
        {"package": {"guid": "x"}, "colour": "blue"},
    ],
    ids=repr,
)
def test_bad_builds_are_refused(stage: Stage, body: Any) -> None:
    assert stage.api.post("/v3/builds", json=body).status == 422


def test_droplets_are_listed_without_their_commands_and_downloaded_by_link(stage: Stage, app: str) -> None:
    droplet = stage.staged(app, {"web": "run --password=x"})

    (listed,) = stage.api.get(f"/v3/apps/{app}/droplets").json["resources"]
    assert listed["process_types"] == {"web": "[PRIVATE DATA HIDDEN IN LISTS]"}
    assert stage.api.get(f"/v3/apps/{app}/droplets/current").error[2] == "Droplet not found"
    answered = stage.api.get(f"/v3/droplets/{droplet}/download")
    assert answered.status == 302
    assert f"droplets/{droplet}.tgz" in answered.headers["location"]


def test_the_current_droplet_cannot_be_deleted_others_can(stage: Stage, app: str) -> None:
    first, second = stage.staged(app), stage.staged(app)
    stage.assign(app, second)

    assert stage.api.delete(f"/v3/droplets/{second}").status == 422
    assert stage.api.finish(stage.api.delete(f"/v3/droplets/{first}"))["state"] == "COMPLETE"
    assert stage.api.get(f"/v3/apps/{app}/droplets").guids == [second]
    assert not stage.world.blobs.exists(droplets.key(first))


def test_a_droplet_that_still_runs_is_kept_for_healing(stage: Stage) -> None:
    app = stage.started()
    running = stage.api.get(f"/v3/apps/{app}/droplets/current").guid
    assert stage.assign(app, stage.staged(app)).status == 200
    assert "still runs this droplet" in stage.api.delete(f"/v3/droplets/{running}").error[2]
    stage.api.post(f"/v3/apps/{app}/actions/restart")
    assert stage.api.delete(f"/v3/droplets/{running}").status == 202


def test_only_a_staged_droplet_of_the_app_can_become_current(stage: Stage, app: str) -> None:
    other = stage.staged(str(stage.create("other")["guid"]))

    for guid in (other, "nobody"):
        answered = stage.assign(app, guid)
        assert answered.error == (
            10008,
            "CF-UnprocessableEntity",
            "Unable to assign current droplet. Ensure the droplet exists and belongs to this app.",
        )
    none = stage.api.patch(f"/v3/apps/{app}/relationships/current_droplet", json={"data": None})
    assert none.error[2] == "Current droplet cannot be removed. Replace it with a preferred droplet."
    for body in ({}, {"data": {}}, {"data": {"guid": 7}}, {"data": []}):
        assert stage.api.patch(f"/v3/apps/{app}/relationships/current_droplet", json=body).status == 422


def test_packages_show_their_droplets(stage: Stage, app: str) -> None:
    package = stage.ready_package(app)
    droplet = stage.staged_build(stage.build(package))
    stage.staged(app)

    assert stage.api.get(f"/v3/packages/{package}/droplets", states="STAGED").guids == [droplet]
    assert stage.api.get("/v3/packages", guids=package, app_guids=app, per_page=1, page=1).guids == [package]
    assert stage.api.get("/v3/builds", app_guids=app, package_guids=package).json["pagination"]["total_results"] == 1
