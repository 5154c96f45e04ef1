"""Packages of both types: made, copied, listed, downloaded; what is kept of them after many builds."""

import json
from typing import Any

import pytest

from chalicelib.contracts.auction import IMAGES
from chalicelib.contracts.codec import from_json
from chalicelib.contracts.runspec import Image, RunSpec, StagingSpec
from chalicelib.contracts.staging import DropletMade, StagingFinished
from chalicelib.services import builds, droplets, listing, packages, tasks
from chalicelib.services.assembly import package_key
from chalicelib.services.placements import run_spec_key, staging_spec_key
from chalicelib.tables.apps import Droplet, Package, Pooled
from chalicelib.tables.base import Due
from chalicelib.tables.identity import Secret
from tests.functional.packages.conftest import Desk, relationships

IMAGE = "registry.example.com:5000/a/b:1"
DOCKER = {"type": "docker", "data": {"image": IMAGE, "username": "me", "password": "hunter2"}}


@pytest.fixture
def app(desk: Desk) -> str:
    return str(desk.stage.create()["guid"])


def copied(desk: Desk, source: str, app: str) -> Any:
    return desk.api.post(f"/v3/packages?source_guid={source}", json=relationships(app))


def test_a_copy_is_made_by_a_job_and_may_be_staged(desk: Desk, app: str) -> None:
    source, other = desk.stage.ready_package(app), str(desk.stage.create("other")["guid"])
    answered = copied(desk, source, other)
    assert (answered.status, answered.json["state"]) == (201, "COPYING")
    refused = desk.api.post("/v3/builds", json={"package": {"guid": answered.guid}})
    assert refused.error == (1004, "CF-BadRequest", "Bad request: Cannot stage package whose state is not ready.")
    desk.run_jobs()
    shown = desk.api.get(f"/v3/packages/{answered.guid}").json
    assert shown["state"] == "READY"
    assert shown["data"]["checksum"] == desk.api.get(f"/v3/packages/{source}").json["data"]["checksum"]
    assert list(Due.query("packages")) == []
    assert desk.api.get(f"/v3/packages/{answered.guid}/download").status == 302
    assert desk.api.post("/v3/builds", json={"package": {"guid": answered.guid}}).status == 201
    assert copied(desk, source, app).error[2] == "Source and destination app cannot be the same"
    text = "Source package is invalid. Ensure it exists and you have access to it."
    assert copied(desk, "nobody", other).error[2] == text
    assert copied(desk, source, "nobody").error[2] == "App is invalid. Ensure it exists and you have access to it."
    assert copied(desk, desk.stage.package(app), other).status == 422
    audrey = desk.stage.member("audrey", "space_auditor")
    assert audrey.post(f"/v3/packages?source_guid={source}", json=relationships(other)).error[2] == text
    lost = copied(desk, source, other).guid
    desk.world.blobs.delete(package_key(source))
    desk.run_jobs()
    assert desk.api.get(f"/v3/packages/{lost}").json["data"]["error"] == "The source package has no bits any more."


def test_a_docker_package_is_staged_by_a_host_pinned_to_its_digest_and_run_by_that(desk: Desk, app: str) -> None:
    refused = desk.api.post("/v3/packages", json=DOCKER | relationships(app))
    assert refused.error == (330002, "CF-FeatureDisabled", "Feature Disabled: diego_docker")
    desk.api.patch("/v3/feature_flags/diego_docker", json={"enabled": True})
    answered = desk.api.post("/v3/packages", json=DOCKER | relationships(app))
    assert (answered.status, answered.json["state"]) == (201, "READY")
    assert answered.json["data"] == {"image": IMAGE, "username": "me", "password": "***"}
    assert set(answered.json["links"]) == {"self", "app"}
    assert "hunter2" not in answered.text + desk.api.get("/v3/packages").text
    sealed = Secret.get(answered.guid).sealed
    assert desk.world.keys.unseal(bytes(sealed)) == {"password": "hunter2"}
    assert desk.begin("packages", answered.guid).error[2] == "Package type must be bits."
    assert desk.api.get(f"/v3/packages/{answered.guid}/download").status == 422
    build = desk.api.post("/v3/builds", json={"package": {"guid": answered.guid}}).json
    assert (build["state"], build["lifecycle"]) == ("STAGING", {"type": "docker", "data": {}})
    spec = from_json(StagingSpec, desk.spec(staging_spec_key(build["guid"])))
    assert spec.image == Image(IMAGE, "me", "hunter2")
    digest = f"sha256:{'d' * 64}"
    made = DropletMade(digest, 7, IMAGES, "x86_64", {"web": "serve it"}, port=9000)
    builds.finished(desk.world, desk.stage.finished(build["guid"], droplet=made), "")
    build = desk.api.get(f"/v3/builds/{build['guid']}").json
    droplet = desk.api.get(f"/v3/droplets/{build['droplet']['guid']}").json
    assert (build["state"], droplet["image"], droplet["lifecycle"]["type"]) == ("STAGED", IMAGE, "docker")
    assert (droplet["checksum"]["value"], droplet["stack"], droplet["process_types"]) == (
        "d" * 64,
        None,
        made.process_types,
    )
    assert desk.api.get(f"/v3/droplets/{droplet['guid']}/download").status == 422
    assert desk.stage.assign(app, droplet["guid"]).status == 200
    assert desk.api.post(f"/v3/apps/{app}/actions/start").status == 200
    process = desk.api.get(f"/v3/apps/{app}/processes/web").json
    ran = from_json(RunSpec, desk.spec(run_spec_key(process["guid"], 1)))
    assert (ran.command, ran.image) == ("", Image(f"{IMAGE.rpartition(':')[0]}@{digest}", "me", "hunter2", 9000))
    task = desk.api.post(f"/v3/apps/{app}/tasks", json={"command": "look around"})
    done = from_json(RunSpec, desk.spec(tasks.spec_key(task.guid)))
    assert (done.command, done.image) == ("look around", ran.image)
    assert droplets.source(desk.world, listing.get(Droplet, droplet["guid"]), 60) == ("", "")
    other = str(desk.stage.create("other")["guid"])
    copy = copied(desk, answered.guid, other)
    assert (copy.json["state"], copy.json["data"]["username"]) == ("READY", "me")
    assert Secret.get(copy.guid).sealed
    desk.job(desk.api.delete(f"/v3/packages/{copy.guid}"))
    assert list(Secret.query(copy.guid)) == []
    assert desk.api.get("/v3/packages", types="docker").guids == [answered.guid]


@pytest.mark.parametrize(
    "body",
    [
        {"type": None}, {"type": "tarball"}, {"type": 7}, {"type": "bits", "data": {"image": "x"}},
        {"type": "docker"}, {"type": "docker", "data": {}}, {"type": "docker", "data": {"image": ""}},
        {"type": "docker", "data": {"image": "a b"}}, {"type": "docker", "data": {"image": "x" * 2000}},
        {"type": "docker", "data": {"image": "a", "username": 7}}, {"type": "docker", "data": {"image": "a", "x": 1}},
        {"type": "docker", "data": {"image": "a", "password": "x" * 6000}}, {"type": "bits", "colour": "blue"},
        {"type": "bits", "metadata": []},
    ],
    ids=lambda body: repr(body)[:60],
)  # fmt: skip
def test_bad_packages_are_refused(desk: Desk, app: str, body: Any) -> None:
    desk.api.patch("/v3/feature_flags/diego_docker", json={"enabled": True})
    assert desk.api.post("/v3/packages", json=relationships(app) | body).status == 422
    assert desk.api.get("/v3/packages").guids == []
    assert desk.api.post("/v3/packages?colour=blue", json={"type": "bits"} | relationships(app)).status == 400


def test_lists_are_narrowed_by_every_filter(desk: Desk, app: str) -> None:
    ready, waiting = desk.stage.ready_package(app), desk.stage.package(app)
    org = desk.api.get("/v3/organizations", names="local").guids[0]
    for query, expected in (
        ({"states": "READY"}, [ready]),
        ({"guids": f"{waiting},x"}, [waiting]),
        ({"types": "bits", "app_guids": app}, [ready, waiting]),
        ({"space_guids": desk.stage.space, "organization_guids": org}, [ready, waiting]),
        ({"space_guids": "x"}, []),
        ({"app_guids": ""}, []),
        ({"order_by": "-created_at", "per_page": 1}, [waiting]),
    ):
        assert desk.api.get("/v3/packages", **query).guids == expected, query
    assert desk.api.get(f"/v3/apps/{app}/packages", states="AWAITING_UPLOAD").guids == [waiting]
    unknown = desk.api.get("/v3/packages", colour="blue")
    assert (unknown.status, unknown.error[0]) == (400, 10005)
    label = {"metadata": {"labels": {"a": "b"}}}
    assert desk.api.patch(f"/v3/packages/{ready}", json=label).json["metadata"]["labels"] == {"a": "b"}
    assert desk.api.get("/v3/packages", label_selector="a=b").guids == [ready]


def test_after_a_build_the_secrets_go_and_old_bits_expire(desk: Desk, app: str) -> None:
    made = [desk.stage.staged(app)]
    desk.stage.assign(app, made[0])
    made += [desk.stage.staged(app) for _ in range(7)]
    desk.run_jobs()
    states = {guid: desk.api.get(f"/v3/droplets/{guid}").json["state"] for guid in made}
    assert [states[guid] for guid in made] == ["STAGED", "EXPIRED", "EXPIRED", *["STAGED"] * 5]
    assert [desk.exists(droplets.key(guid)) for guid in made] == [True, False, False, *[True] * 5]
    rows = listing.all_of(Package, f"app/{app}/packages")
    assert [row.state for row in rows] == ["READY", *["EXPIRED"] * 6, "READY"]
    assert [desk.exists(package_key(str(row.guid))) for row in rows] == [row.state == "READY" for row in rows]
    for build in desk.api.get(f"/v3/apps/{app}/builds").guids:
        assert not desk.exists(staging_spec_key(build))
    assert desk.stage.assign(app, made[1]).status == 422
    refused = desk.api.post("/v3/builds", json={"package": {"guid": str(rows[1].guid)}})
    assert refused.error[2] == "Bad request: Cannot stage package whose state is not ready."
    running = desk.stage.build(desk.stage.ready_package(app))
    assert desk.exists(staging_spec_key(running))
    builds.finished(desk.world, _failed(desk, running), "trace")
    desk.run_jobs()
    assert not desk.exists(staging_spec_key(running))


def _failed(desk: Desk, build: str) -> StagingFinished:
    return desk.stage.finished(build, droplet=None, error_id="StagingError", error_detail="")


def test_flags_keep_bits_and_matches_away(desk: Desk, app: str) -> None:
    package, dora = desk.stage.package(app), desk.stage.member("dora", "space_developer")
    files = [{"path": "a", "mode": "644", "checksum": {"value": "a" * 40}, "size_in_bytes": 70_000}]
    Pooled(f"{'a' * 40}-70000").save()
    assert dora.post("/v3/resource_matches", json={"resources": files}).json == {"resources": files}
    desk.api.patch("/v3/feature_flags/resource_matching", json={"enabled": False})
    assert dora.post("/v3/resource_matches", json={"resources": files}).json == {"resources": []}
    desk.api.patch("/v3/feature_flags/app_bits_upload", json={"enabled": False})
    assert desk.begin("packages", package, api=dora).error[:2] == (330002, "CF-FeatureDisabled")
    assert desk.begin("packages", package).status == 201


def test_many_known_files_travel_by_the_bucket(desk: Desk, app: str) -> None:
    guid = desk.stage.package(app)
    begun = desk.begin("packages", guid).json
    resources = [
        {"path": f"{number}", "mode": "644", "checksum": {"value": f"{number:040x}"}, "size_in_bytes": 70_000}
        for number in range(50_001)
    ]
    key = f"{desk.world.keys.verify(begun['upload'])['key']}.json"  # type: ignore[index]
    desk.world.blobs.put_bytes(key, json.dumps(resources).encode())
    refused = desk.complete(begun["upload"], 0, resources_stored=True)
    assert refused.error[2] == "The package has too many files: 50001; 50000 are allowed"
    assert not desk.exists(key)
    desk.world.blobs.put_bytes(key, json.dumps(resources[:50_000]).encode())
    assert desk.complete(begun["upload"], 0, resources_stored=True).json["state"] == packages.PROCESSING
    for text in (b"{", b"{}"):
        begun = desk.begin("packages", desk.stage.package(app)).json
        key = f"{desk.world.keys.verify(begun['upload'])['key']}.json"  # type: ignore[index]
        desk.world.blobs.put_bytes(key, text)
        assert desk.complete(begun["upload"], 0, resources_stored=True).error[2] == "Resources must be an array"
