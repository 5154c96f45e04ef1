"""Buildpacks as administrators install them: their order, their names, their bits, and what builds make of them."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.contracts.staging import InstalledBuildpack
from chalicelib.core.lifecycle import BUILDPACKS
from chalicelib.services import buildpacks, listing
from chalicelib.tables.apps import Build
from tests.functional.apps.conftest import zipped
from tests.functional.packages.conftest import Desk

BUILT_IN = [f"{name}_buildpack" for name in BUILDPACKS]
GOOD = zipped({"bin/detect": b"#!/bin/sh", "bin/compile": b"#!/bin/sh"})


def names(desk: Desk, **query: Any) -> list[str]:
    return [item["name"] for item in desk.api.get("/v3/buildpacks", **query).json["resources"]]


def made(desk: Desk, name: str, **more: Any) -> str:
    answered = desk.api.post("/v3/buildpacks", json={"name": name} | more)
    assert answered.status == 201, answered.text
    return answered.guid


def ready(desk: Desk, name: str, **more: Any) -> str:
    guid = made(desk, name, **more)
    assert desk.job(desk.upload("buildpacks", guid, GOOD))["state"] == "COMPLETE"
    return guid


def chosen(desk: Desk, **draft: Any) -> list[InstalledBuildpack]:
    build = Build(**{"buildpacks": [], "stack": "cflinuxfs4"} | draft)
    return list(buildpacks.installed_for(desk.world, build))


def test_the_built_in_ones_are_listed_and_new_ones_shift_the_others(desk: Desk) -> None:
    assert names(desk) == BUILT_IN
    first = made(desk, "ours")
    made(desk, "last", position=99, enabled=False, locked=True, stack="cflinuxfs4")
    assert names(desk, order_by="position") == ["ours", *BUILT_IN, "last"]
    assert names(desk, order_by="-position")[0] == "last"
    shown = desk.api.get(f"/v3/buildpacks/{first}").json
    assert shown | {"created_at": "", "updated_at": "", "guid": "", "links": {}} == {
        "guid": "", "created_at": "", "updated_at": "", "links": {}, "name": "ours", "stack": None, "filename": None,
        "state": "AWAITING_UPLOAD", "position": 1, "enabled": True, "locked": False, "lifecycle": "buildpack",
        "metadata": {"labels": {}, "annotations": {}},
    }  # fmt: skip
    assert shown["links"]["upload"]["href"].endswith(f"/v3/buildpacks/{first}/upload")
    assert desk.api.patch(f"/v3/buildpacks/{first}", json={"position": 3}).json["position"] == 3
    assert names(desk) == [*BUILT_IN[:2], "ours", *BUILT_IN[2:], "last"]
    assert names(desk, names="ours,last") == ["ours", "last"]
    assert names(desk, stacks="") == ["ours"]
    assert names(desk, lifecycle="cnb") == []
    assert desk.job(desk.api.delete(f"/v3/buildpacks/{first}"))["state"] == "COMPLETE"
    assert names(desk) == [*BUILT_IN, "last"]
    positions = [item["position"] for item in desk.api.get("/v3/buildpacks").json["resources"]]
    assert positions == list(range(1, len(BUILT_IN) + 2))


def test_of_two_creations_of_one_name_one_wins_and_positions_stay_without_gaps(desk: Desk) -> None:
    def create(name: str) -> int:
        return desk.api.post("/v3/buildpacks", json={"name": name, "position": 2}).status

    with ThreadPoolExecutor(4) as threads:
        statuses = list(threads.map(create, ["twin", "twin", "other", "third"]))
    assert sorted(statuses[:2]) == [201, 422]
    positions = [item["position"] for item in desk.api.get("/v3/buildpacks").json["resources"]]
    assert positions == list(range(1, len(positions) + 1))
    refused = desk.api.post("/v3/buildpacks", json={"name": "twin"})
    assert refused.error[2] == "Buildpack with name 'twin' and an unassigned stack already exists"
    assert desk.api.post("/v3/buildpacks", json={"name": "twin", "stack": "cflinuxfs4"}).status == 201
    again = desk.api.post("/v3/buildpacks", json={"name": "twin", "stack": "cflinuxfs4"})
    assert again.error[2] == "Buildpack with name 'twin' and stack 'cflinuxfs4' already exists"


def test_everybody_sees_them_and_administrators_change_them(desk: Desk) -> None:
    dora, guid = desk.stage.member("dora", "space_developer"), made(desk, "ours")
    assert dora.get("/v3/buildpacks").status == dora.get(f"/v3/buildpacks/{guid}").status == 200
    for answered in (
        dora.post("/v3/buildpacks", json={"name": "x"}),
        dora.patch(f"/v3/buildpacks/{guid}", json={}),
        dora.delete(f"/v3/buildpacks/{guid}"),
        desk.begin("buildpacks", guid, api=dora),
    ):
        assert answered.status == 403
    assert desk.api.get("/v3/buildpacks/nobody").error == (10010, "CF-ResourceNotFound", "Buildpack not found")
    assert dora.delete("/v3/buildpacks/nobody").status == 404
    assert desk.api.with_token("").get("/v3/buildpacks").status == 401


@pytest.mark.parametrize(
    "body",
    [
        {}, {"name": None}, {"name": 7}, {"name": ""}, {"name": "a b"}, {"name": "ü"}, {"name": "x" * 251},
        {"name": "a", "position": 0}, {"name": "a", "position": "first"}, {"name": "a", "position": 10**12},
        {"name": "a", "enabled": "yes"}, {"name": "a", "locked": 1}, {"name": "a", "stack": "windows"},
        {"name": "a", "stack": 7}, {"name": "a", "lifecycle": "cnb"}, {"name": "a", "colour": "blue"},
        {"name": "a", "metadata": {"labels": {"a b": "c"}}},
    ],
    ids=repr,
)  # fmt: skip
def test_bad_buildpacks_are_refused(desk: Desk, body: Any) -> None:
    assert desk.api.post("/v3/buildpacks", json=body).status == 422
    if body and "colour" not in body and "lifecycle" not in body:
        guid = listing.members(["buildpacks"])[0].guid
        assert desk.api.patch(f"/v3/buildpacks/{guid}", json=body).status == 422
    assert names(desk) == BUILT_IN


def test_bits_make_it_ready_and_tell_its_stack(desk: Desk) -> None:
    guid = made(desk, "ours")
    bits = zipped({"bin/supply": b"", "manifest.yml": b"stack: cflinuxfs4\n"})
    answered = desk.upload("buildpacks", guid, bits, filename="C:\\packs\\ours-1.0.zip")
    assert (answered.status, answered.json["guid"]) == (202, guid)
    assert desk.job(answered)["operation"] == "buildpack.upload"
    shown = desk.api.get(f"/v3/buildpacks/{guid}").json
    assert (shown["state"], shown["stack"], shown["filename"]) == ("READY", "cflinuxfs4", "ours-1.0.zip")
    (former,) = [item for item in chosen(desk) if item.name == "ours"]
    assert desk.job(desk.upload("buildpacks", guid, GOOD))["state"] == "COMPLETE"
    (now,) = [item for item in chosen(desk) if item.name == "ours"]
    assert now.digest != former.digest
    key = f"buildpacks/{guid}/{str(former.digest).removeprefix('sha256:')}.zip"
    assert desk.exists(key)  # a build may be about to fetch it
    desk.run_jobs()
    assert not desk.exists(key)
    assert desk.api.patch(f"/v3/buildpacks/{guid}", json={"stack": None}).status == 422
    desk.api.patch(f"/v3/buildpacks/{guid}", json={"locked": True})
    assert desk.begin("buildpacks", guid).error[2] == "Buildpack is locked"


@pytest.mark.parametrize(
    ("bits", "code", "text"),
    [
        (b"no zip", 390013, "Buildpack zip error: the upload is not a zip archive"),
        (zipped({"../bin/compile": b""}), 390013, "leads out"),
        (zipped({"README": b""}), 390013, "it has none of bin/detect"),
        (zipped({"bin/compile": b"", "manifest.yml": b"stack: moon"}), 390012, "stack (moon) does not exist"),
        (zipped({"bin/compile": b"", "manifest.yml": b"a: [" * 500}), 390013, "manifest.yml cannot be read"),
        (zipped({"bin/compile": b"", "manifest.yml": b"stack: cflinuxfs4"}), 290000, "already in use for the stack"),
    ],
)
def test_bits_that_are_none_fail_the_job_with_the_code_that_clients_know(
    desk: Desk, bits: bytes, code: int, text: str
) -> None:
    made(desk, "ours", stack="cflinuxfs4")
    guid = made(desk, "ours")
    job = desk.job(desk.upload("buildpacks", guid, bits))
    assert job["state"] == "FAILED"
    assert job["errors"][0]["code"] == code
    assert text in job["errors"][0]["detail"]
    assert desk.api.get(f"/v3/buildpacks/{guid}").json["state"] == "AWAITING_UPLOAD"


def test_the_end_of_an_upload_may_be_told_twice_and_a_job_done_twice(desk: Desk) -> None:
    guid = made(desk, "ours")
    begun = desk.begin("buildpacks", guid, len(GOOD)).json
    desk.stage.send(begun, GOOD)
    first, second = (desk.complete(begun["upload"], len(GOOD)) for _ in range(2))
    assert first.headers["location"] == second.headers["location"]
    assert [desk.job(first)["state"], desk.job(second)["state"]] == ["COMPLETE", "COMPLETE"]
    assert desk.complete(desk.begin("buildpacks", guid).json["upload"], 0).status == 422


def test_builds_use_what_is_ready_and_enabled_in_its_order(desk: Desk) -> None:
    ours = ready(desk, "ours")
    made(desk, "empty")
    ready(desk, "off", enabled=False)
    found = chosen(desk)
    assert [item.name for item in found] == ["ours", *BUILT_IN]
    assert (bool(found[0].url), found[0].builtin, found[1].builtin) == (True, None, "staticfile")
    assert [item.name for item in chosen(desk, buildpacks=["python", "ours", "https://x.org/y"])] == [
        "ours", "python_buildpack",
    ]  # fmt: skip
    app = str(desk.stage.create(lifecycle={"type": "buildpack", "data": {"buildpacks": ["ours"]}})["guid"])
    package = desk.stage.ready_package(app)
    for name in ("off", "empty", "cobol"):
        body = {"package": {"guid": package}, "lifecycle": {"type": "buildpack", "data": {"buildpacks": [name]}}}
        text = f'Buildpack "{name}" must be an existing admin buildpack or a valid git URI'
        assert desk.api.post("/v3/builds", json=body).error[2] == text
    assert desk.api.post("/v3/apps", json=desk.stage.app_body("two") | {
        "lifecycle": {"type": "buildpack", "data": {"buildpacks": ["cobol"]}}
    }).error[2] == 'Buildpack "cobol" must be an existing admin buildpack or a valid git URI'  # fmt: skip
    assert desk.api.post("/v3/builds", json={"package": {"guid": package}}).status == 201
    desk.job(desk.api.delete(f"/v3/buildpacks/{ours}"))
    assert "ours" not in [item.name for item in chosen(desk)]
