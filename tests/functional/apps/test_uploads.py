"""Bits on their way into a package: who may, how much, once, and what becomes of them."""

import hashlib
import io
import zipfile
from typing import Any

import pytest

from chalicelib.adapters.clock import now
from chalicelib.services import deadlines, jobs, listing, packages
from chalicelib.services.assembly import pool_key
from chalicelib.tables.apps import Package
from chalicelib.tables.base import Due
from chalicelib.tables.ledger import Job
from tests.functional.apps.conftest import Stage, zipped

BIG = bytes(range(256)) * 512  # 128 KiB: large enough for the pool


def resource(path: str, data: bytes, **more: Any) -> dict[str, Any]:
    return {"path": path, "mode": "755", "checksum": {"value": sha1(data)}, "size_in_bytes": len(data)} | more


def sha1(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def contents(stage: Stage, package: str) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(stage.world.blobs.get_bytes(f"packages/{package}.zip"))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def leftovers(stage: Stage, package: str) -> list[str]:
    """Of the package's uploads, what still lies in the bucket."""
    prefix = f"uploads/{package}/"
    listed = stage.world.blobs.s3.list_objects_v2(Bucket=stage.world.config.bucket, Prefix=prefix)
    return [item["Key"] for item in listed.get("Contents", [])]


@pytest.fixture
def package(stage: Stage) -> str:
    return stage.package(stage.create()["guid"])


def test_a_small_package_is_ready_in_the_answer(stage: Stage, package: str) -> None:
    answered = stage.upload(package, zipped({"a.txt": b"hello", "b/c.txt": b"x"}))

    assert (answered.status, answered.json["state"]) == (200, "READY")
    data = stage.world.blobs.get_bytes(f"packages/{package}.zip")
    assert answered.json["data"]["checksum"] == {"type": "sha256", "value": hashlib.sha256(data).hexdigest()}
    assert contents(stage, package)["a.txt"] == b"hello"
    assert leftovers(stage, package) == []
    assert list(Due.query("packages")) == []


def test_a_large_package_is_assembled_by_a_job(stage: Stage, package: str) -> None:
    bits = zipped({"large.bin": b"x" * (3 * 1024 * 1024)})

    answered = stage.upload(package, bits)

    assert (answered.status, answered.json["state"]) == (200, "PROCESSING_UPLOAD")
    (message,) = [item for item in stage.cloud.taken("queue:jobs") if item.subject == "job.run"]
    jobs.run(stage.world, message.body["job_guid"])
    assert stage.api.get(f"/v3/packages/{package}").json["state"] == "READY"
    jobs.run(stage.world, message.body["job_guid"])
    assert stage.api.get(f"/v3/packages/{package}").json["state"] == "READY"


def test_parts_arrive_in_the_order_of_their_urls(stage: Stage, package: str) -> None:
    begun = stage.begin(package, 20 * 1024 * 1024).json

    assert len(begun["part_urls"]) == -(-20 * 1024 * 1024 // begun["part_size"])
    assert all(url.startswith("http") for url in [*begun["part_urls"], begun["complete_url"], begun["abort_url"]])


def test_files_that_the_pool_has_need_not_be_sent(stage: Stage) -> None:
    app = stage.create()["guid"]
    first = stage.package(app)
    stage.upload(first, zipped({"big.bin": BIG, "small.txt": b"s"}))
    known = stage.api.post("/v3/resource_matches", json={"resources": [resource("big.bin", BIG), resource("no", b"n")]})
    assert known.json == {"resources": [resource("big.bin", BIG)]}
    assert stage.world.blobs.exists(pool_key(sha1(BIG), len(BIG)))

    second = stage.package(app)
    answered = stage.upload(second, zipped({"small.txt": b"t"}), known.json["resources"])

    assert answered.json["state"] == "READY"
    assert contents(stage, second) == {"big.bin": BIG, "small.txt": b"t"}


def test_a_package_may_come_from_the_pool_alone(stage: Stage) -> None:
    app = stage.create()["guid"]
    stage.upload(stage.package(app), zipped({"big.bin": BIG}))
    package = stage.package(app)

    answered = stage.upload(package, b"", [resource("other.bin", BIG)])

    assert answered.json["state"] == "READY"
    assert contents(stage, package) == {"other.bin": BIG}


def test_bits_are_taken_once(stage: Stage, package: str) -> None:
    first, second = stage.begin(package, 200).json, stage.begin(package, 200).json
    bits = zipped({"a": b"first"})
    stage.send(first, bits)
    stage.send(second, zipped({"a": b"second"}))
    assert stage.complete(first["upload"], bits).status == 200

    assert stage.complete(second["upload"], bits).error[:2] == (150004, "CF-PackageBitsAlreadyUploaded")
    assert stage.begin(package, 200).error[:2] == (150004, "CF-PackageBitsAlreadyUploaded")
    assert contents(stage, package) == {"a": b"first"}
    assert leftovers(stage, package) == []


def test_the_end_of_an_upload_may_be_told_twice(stage: Stage, package: str) -> None:
    bits = zipped({"large.bin": b"x" * (3 * 1024 * 1024)})
    begun = stage.begin(package, len(bits)).json
    stage.send(begun, bits)

    answers = [stage.complete(begun["upload"], bits) for _ in range(2)]

    assert [answer.json["state"] for answer in answers] == ["PROCESSING_UPLOAD"] * 2
    (message,) = [item for item in stage.cloud.taken("queue:jobs") if item.subject == "job.run"]
    jobs.run(stage.world, message.body["job_guid"])
    assert stage.complete(begun["upload"], bits).json["state"] == "READY"


def test_refusals_come_before_the_body(stage: Stage, package: str) -> None:
    assert stage.begin(package, 100, stage.api.with_token("")).status == 401
    assert stage.begin(package, 100, stage.api.with_token("forged.token.here")).error[0] == 1000
    assert stage.begin(package, None).status == 411
    assert stage.begin(package, 2 * 1024**3).status == 413
    assert stage.begin("nobody", 100).error == (10010, "CF-ResourceNotFound", "Package not found")
    assert stage.begin(package, 100, stage.member("audrey", "space_auditor")).status == 403
    assert stage.begin(package, 100, stage.api.user("sam")).status == 404


def test_a_forged_claim_completes_nothing(stage: Stage, package: str) -> None:
    bits = zipped({"a": b"b"})
    access_token = stage.api.token

    assert stage.complete("forged", bits).error[0] == 1000
    assert stage.complete(access_token, bits).error[0] == 1000
    assert stage.api.get(f"/v3/packages/{package}").json["state"] == "AWAITING_UPLOAD"


@pytest.mark.parametrize(
    "bits",
    [b"this is no zip at all", zipped({"../evil": b"x"}), zipped({"/etc/passwd": b"x"}), zipped({})],
    ids=["no zip", "traversal", "absolute", "empty"],
)
def test_a_hostile_archive_fails_the_package_with_a_reason(stage: Stage, package: str, bits: bytes) -> None:
    answered = stage.upload(package, bits)

    assert answered.json["state"] == "FAILED"
    assert answered.json["data"]["error"].startswith("The package is invalid: ")
    assert not stage.world.blobs.exists(f"packages/{package}.zip")
    assert list(Due.query("packages")) == []


@pytest.mark.parametrize(
    "resources",
    [[7], [{}], [{"path": "../x"}], [resource("a", BIG, mode="9")], [resource("/etc/x", BIG)], "all"],
    ids=repr,
)
def test_a_malformed_list_of_files_is_refused_and_the_package_still_waits(
    stage: Stage, package: str, resources: Any
) -> None:
    answered = stage.upload(package, b"", resources)

    assert answered.status == 422
    assert stage.api.get(f"/v3/packages/{package}").json["state"] == "AWAITING_UPLOAD"


def test_nothing_at_all_is_refused(stage: Stage, package: str) -> None:
    answered = stage.upload(package, b"", [])

    assert answered.error[2] == "Upload must include either resources or bits"


def test_a_file_that_has_left_the_pool_fails_the_package(stage: Stage, package: str) -> None:
    answered = stage.upload(package, b"", [resource("big.bin", BIG[1:])])

    assert answered.json["state"] == "FAILED"
    assert "not in the resource pool any more" in answered.json["data"]["error"]


def test_a_package_that_nobody_assembles_fails_at_its_deadline(stage: Stage, package: str) -> None:
    row = listing.get(Package, package)
    unit = stage.world.unit()
    packages.take_bits(unit, row, "uploads/x", None, 0)
    unit.commit()
    packages.expired(stage.world, package)
    deadlines.sweep(stage.world)

    document = stage.api.get(f"/v3/packages/{package}").json
    assert document["state"] == "FAILED"
    assert "not put together in its time" in document["data"]["error"]


def test_the_request_that_dies_while_assembling_leaves_the_job_to_the_queue(stage: Stage, package: str) -> None:
    bits = zipped({"a": b"b"})
    begun = stage.begin(package, len(bits)).json
    stage.send(begun, bits)
    key = stage.world.keys.verify(begun["upload"])["key"]  # type: ignore[index]
    unit = stage.world.unit()
    job = packages.take_bits(unit, listing.get(Package, package), key, None, 30)
    unit.commit()

    jobs.run(stage.world, str(job.guid))

    assert stage.api.get(f"/v3/packages/{package}").json["state"] == "READY"
    assert listing.get(Job, str(job.guid)).state == "COMPLETE"
    assert float(job.deadline) > now()


def test_matches_are_bounded_and_checked(stage: Stage) -> None:
    def answer(resources: Any) -> tuple[int, str]:
        answered = stage.api.post("/v3/resource_matches", json={"resources": resources})
        return answered.status, answered.text

    assert answer([])[0] == 201
    assert answer([resource("tiny", b"x")]) == (201, '{"resources": []}')
    for wrong in (
        7,
        "x",
        [7],
        [{}],
        [resource("a", BIG, mode="rwx")],
        [{"checksum": {"value": "zz"}}],
        [resource("a", b"")] * 5001,
    ):
        assert answer(wrong)[0] == 422
    assert answer([resource("a", BIG) | {"size_in_bytes": 10**30}])[0] == 201
    assert stage.api.with_token("").post("/v3/resource_matches", json={"resources": []}).status == 401


def test_a_package_is_downloaded_by_a_signed_link_and_deleted_with_its_blob(stage: Stage) -> None:
    app = stage.create()["guid"]
    package = stage.ready_package(app)

    answered = stage.api.get(f"/v3/packages/{package}/download")
    assert (answered.status, answered.text) == (302, "")
    assert f"packages/{package}.zip" in answered.headers["location"]

    assert stage.api.finish(stage.api.delete(f"/v3/packages/{package}"))["state"] == "COMPLETE"
    assert stage.api.get(f"/v3/packages/{package}").error[2] == "Package not found"
    assert not stage.world.blobs.exists(f"packages/{package}.zip")
