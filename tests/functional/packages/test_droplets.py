"""Droplets that no build made: uploaded, copied, downloaded, and refused."""

import gzip
import hashlib
import tarfile
from typing import Any

import pytest

from chalicelib.services import deadlines, droplet_bits, droplets, listing
from chalicelib.tables.apps import Droplet
from chalicelib.tables.base import Due
from tests.functional.packages.conftest import Desk, relationships, tgz

INFO = b'{"detected_buildpack": "python", "start_command": "python a.py", "stack": "cflinuxfs4", "arch": "aarch64"}'
GOOD: dict[str, Any] = {"./app/a.py": b"print()", "./staging_info.yml": INFO}


def link(target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo("app/link")
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info


def pipe() -> tarfile.TarInfo:
    info = tarfile.TarInfo("app/pipe")
    info.type = tarfile.FIFOTYPE
    return info


@pytest.fixture
def app(desk: Desk) -> str:
    return str(desk.stage.create()["guid"])


def waiting(desk: Desk, app: str, **more: Any) -> str:
    answered = desk.api.post("/v3/droplets", json=relationships(app) | more)
    assert (answered.status, answered.json["state"]) == (201, "AWAITING_UPLOAD"), answered.text
    return answered.guid


def test_an_uploaded_droplet_is_staged_by_a_job_and_runs(desk: Desk, app: str) -> None:
    guid, bits = waiting(desk, app), tgz(GOOD)
    assert desk.api.get(f"/v3/droplets/{guid}").json["links"]["upload"]["method"] == "POST"
    assert desk.api.get(f"/v3/droplets/{guid}/download").status == 422
    assert desk.stage.assign(app, guid).status == 422
    answered = desk.upload("droplets", guid, bits)
    assert (answered.status, answered.json["state"]) == (202, "PROCESSING_UPLOAD")
    assert desk.job(answered)["operation"] == "droplet.upload"
    shown = desk.api.get(f"/v3/droplets/{guid}").json
    assert shown["state"] == "STAGED"
    assert shown["checksum"] == {"type": "sha256", "value": hashlib.sha256(bits).hexdigest()}
    assert shown["process_types"] == {"web": "python a.py"}
    assert shown["buildpacks"][0]["name"] == "python"
    assert (shown["stack"], shown["image"], shown["lifecycle"]) == (
        "cflinuxfs4",
        None,
        {"type": "buildpack", "data": {}},
    )
    assert listing.get(Droplet, guid).arch == "aarch64"
    assert desk.world.blobs.get_bytes(droplets.key(guid)) == bits
    assert desk.stage.assign(app, guid).status == 200
    assert desk.api.post(f"/v3/apps/{app}/actions/start").status == 200
    assert desk.api.get(f"/v3/apps/{app}/droplets", current="true").guids == [guid]
    assert list(Due.query("droplets")) == []
    again = desk.begin("droplets", guid)
    assert again.error[2] == "Droplet may be uploaded only once. Create a new droplet to upload bits."


def test_process_types_are_the_creators_or_the_procfiles(desk: Desk, app: str) -> None:
    named = waiting(desk, app, process_types={"web": "mine", "worker": "x"})
    desk.job(desk.upload("droplets", named, tgz(GOOD)))
    assert desk.api.get(f"/v3/droplets/{named}").json["process_types"] == {"web": "mine", "worker": "x"}
    written = waiting(desk, app)
    desk.job(desk.upload("droplets", written, tgz(GOOD | {"./app/Procfile": b"worker: go\n"})))
    assert desk.api.get(f"/v3/droplets/{written}").json["process_types"] == {"web": "python a.py", "worker": "go"}
    (listed, _) = desk.api.get("/v3/droplets", guids=f"{named},{written}", states="STAGED").json["resources"]
    assert set(listed["process_types"].values()) == {"[PRIVATE DATA HIDDEN IN LISTS]"}


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        (b"no archive", "is not a tar.gz archive"),
        (gzip.compress(b"x" * 5000), "is not a tar.gz archive"),
        (tgz(GOOD)[:-40], "damaged"),
        (tgz({"README": b"x"}), "no folder 'app'"),
        (tgz({"app/../../etc/passwd": b"x"}), "leads out"),
        (tgz({"/app/x": b"x"}), "absolute"),
        (tgz({"app/a": b"x", "app/link": link("../../../etc")}), "leads out"),
        (tgz({"app/pipe": pipe()}), "device or a pipe"),
        (tgz({"app/a": b"", "app/Procfile": b"nonsense"}), "line 1 of the Procfile"),
        (tgz({"app/a": b"", "staging_info.yml": b"a: ["}), "staging_info.yml cannot be read"),
    ],
)
def test_what_is_no_droplet_fails_with_its_reason_and_leaves_nothing(
    desk: Desk, app: str, bits: bytes, text: str
) -> None:
    guid = waiting(desk, app)
    job = desk.job(desk.upload("droplets", guid, bits))
    assert (job["state"], job["errors"][0]["code"]) == ("FAILED", 10008)
    shown = desk.api.get(f"/v3/droplets/{guid}").json
    assert shown["state"] == "FAILED"
    assert text in shown["error"]
    assert not desk.exists(droplets.key(guid))
    assert not desk.world.blobs.delete_prefix(f"uploads/{guid}/")


def test_a_copy_has_the_bits_and_belongs_to_the_other_app(desk: Desk, app: str) -> None:
    source, other = desk.stage.staged(app), str(desk.stage.create("other")["guid"])
    answered = desk.api.post(f"/v3/droplets?source_guid={source}", json=relationships(other))
    assert (answered.status, answered.json["state"]) == (201, "COPYING")
    assert "location" not in answered.headers
    assert desk.api.post(f"/v3/droplets?source_guid={answered.guid}", json=relationships(app)).status == 422
    desk.run_jobs()
    shown = desk.api.get(f"/v3/droplets/{answered.guid}").json
    assert (shown["state"], shown["process_types"]) == ("STAGED", {"web": "python server.py"})
    assert shown["relationships"]["app"]["data"]["guid"] == other
    assert desk.exists(droplets.key(answered.guid))
    assert desk.stage.assign(other, answered.guid).status == 200
    lost = desk.api.post(f"/v3/droplets?source_guid={source}", json=relationships(other)).guid
    desk.world.blobs.delete(droplets.key(source))
    desk.run_jobs()
    assert desk.api.get(f"/v3/droplets/{lost}").json["error"] == "The source droplet has no bits any more."


def test_roles_on_both_apps_count(desk: Desk, app: str) -> None:
    org = desk.stage.api.get("/v3/organizations", names="local").guids[0]
    space = desk.api.post("/v3/spaces", json={"name": "b", "relationships": {"organization": {"data": {"guid": org}}}})
    source = desk.stage.staged(app)
    dora = desk.api.user("dora", organization_user=org, space_developer=space.guid)
    elsewhere = relationships(str(desk.api.post("/v3/apps", json={
        "name": "x", "relationships": {"space": {"data": {"guid": space.guid}}}
    }).guid))  # fmt: skip
    assert dora.post(f"/v3/droplets?source_guid={source}", json=elsewhere).error[2] == "Droplet not found"
    dora.grant("space_supporter", desk.stage.space)
    dora = dora.acting_as("dora")
    assert dora.post(f"/v3/droplets?source_guid={source}", json=elsewhere).status == 403
    assert dora.get(f"/v3/droplets/{source}/download").status == 403
    assert dora.get(f"/v3/droplets/{source}").json["process_types"] == {"web": "[PRIVATE DATA HIDDEN]"}
    assert dora.post("/v3/droplets", json=relationships(app)).status == 403
    assert dora.post("/v3/droplets", json=elsewhere).status == 201
    assert desk.begin("droplets", waiting(desk, app), api=dora).status == 403
    dora.grant("space_auditor", desk.stage.space)
    dora = dora.acting_as("dora")
    assert dora.get(f"/v3/droplets/{source}/download").status == 302
    assert dora.post(f"/v3/droplets?source_guid={source}", json=elsewhere).status == 201
    assert dora.post("/v3/droplets", json=relationships(app)).status == 403


@pytest.mark.parametrize(
    "body",
    [
        {}, {"relationships": None}, {"relationships": {"app": {"data": None}}}, {"colour": 1}, {"process_types": []},
        {"process_types": {"web": 7}}, {"process_types": {"a b": "x"}}, {"process_types": {"web": ""}},
    ],
    ids=repr,
)  # fmt: skip
def test_bad_droplets_are_refused(desk: Desk, app: str, body: Any) -> None:
    known = {} if "relationships" in body or not body else relationships(app)
    assert desk.api.post("/v3/droplets", json=known | body).status == 422
    assert desk.api.post("/v3/droplets", json=relationships("nobody")).status == 422
    assert desk.api.post("/v3/droplets?colour=blue", json=relationships(app)).status == 400
    assert desk.api.post("/v3/droplets?source_guid=nobody", json=relationships(app)).status == 404
    assert desk.api.get("/v3/droplets").guids == []


def test_the_end_may_be_told_twice_and_a_dead_job_is_ended_by_the_sweep(desk: Desk, app: str) -> None:
    guid, bits = waiting(desk, app), tgz(GOOD)
    begun = desk.begin("droplets", guid, len(bits)).json
    desk.stage.send(begun, bits)
    answers = [desk.complete(begun["upload"], len(bits)) for _ in range(2)]
    assert answers[0].headers["location"] == answers[1].headers["location"]
    droplet_bits.expired(desk.world, guid)
    deadlines.sweep(desk.world)
    assert "not put together in its time" in desk.api.get(f"/v3/droplets/{guid}").json["error"]
    desk.run_jobs()
    assert desk.api.get(f"/v3/droplets/{guid}").json["state"] == "FAILED"
    assert desk.job(desk.api.delete(f"/v3/droplets/{guid}"))["state"] == "COMPLETE"
    assert desk.api.get(f"/v3/droplets/{guid}").error[2] == "Droplet not found"
