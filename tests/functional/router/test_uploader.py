"""Bits on their way from a client through Envoy and the uploader to S3, as CC allows."""

import hashlib
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
import requests

from chalicelib.adapters.bus import Bus
from tests.functional.router.cloud import JOB, ROOT, ControlPlane, Router, eventually

MIB = 1024 * 1024
BUCKET = "zft-blobs"
PATH = "/v3/packages/p-1/upload"
HEADERS = {"Host": "api.localhost", "Authorization": "bearer good"}


class Store:
    """S3, and CC's side of uploads in front of it."""

    def __init__(self, plane: ControlPlane) -> None:
        self.s3 = boto3.client("s3")
        self.s3.create_bucket(Bucket=BUCKET)
        self.plane = plane
        self.completed: list[dict[str, Any]] = []
        plane.answers["/internal/uploads"] = self._begin
        plane.answers["/internal/uploads/complete"] = self._complete

    def _begin(self, body: bytes) -> tuple[int, bytes]:
        asked = json.loads(body)
        key = f"uploads/{asked['guid']}"
        upload = self.s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
        where = {"Bucket": BUCKET, "Key": key, "UploadId": upload}

        def sign(operation: str, **more: Any) -> str:
            return str(self.s3.generate_presigned_url(operation, where | more))

        parts = range(1, (asked["content_length"] or 0) // (5 * MIB) + 2)
        answer = {
            "upload": key,
            "part_size": 5 * MIB,
            "part_urls": [sign("upload_part", PartNumber=number) for number in parts],
            "complete_url": sign("complete_multipart_upload"),
            "abort_url": sign("abort_multipart_upload"),
            "resources_url": self.s3.generate_presigned_url("put_object", {"Bucket": BUCKET, "Key": f"{key}.json"}),
            "user": "u-1",
        }
        return 201, json.dumps(answer).encode()

    def _complete(self, body: bytes) -> tuple[int, bytes]:
        self.completed.append(json.loads(body))
        return 200, b'{"guid":"p-1","state":"READY"}'

    def stored(self, key: str = "uploads/p-1") -> bytes:
        return bytes(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())

    def traces(self) -> int:
        """Objects and uploads that are not finished."""
        objects = self.s3.list_objects_v2(Bucket=BUCKET).get("KeyCount", 0)
        return int(objects) + len(self.s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []))


@pytest.fixture(scope="module")
def uploader(router: Router, bus: Bus) -> Iterator[subprocess.Popen[bytes]]:
    ready = router.dir / "uploader.json"
    process = subprocess.Popen(
        [sys.executable, "-m", "router.uploader"],
        cwd=ROOT,
        env=router.environment | {"ZF_READY_FILE": str(ready)},
        stderr=(router.dir / "uploader.log").open("wb"),
    )
    eventually(ready.exists)
    yield process
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


@pytest.fixture
def store(plane: ControlPlane, uploader: subprocess.Popen[bytes]) -> Iterator[Store]:
    store = Store(plane)
    yield store
    for listed in store.s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        store.s3.delete_object(Bucket=BUCKET, Key=listed["Key"])
    plane.answers.clear()


def numbers(router: Router) -> dict[str, float]:
    http_address = json.loads((router.dir / "uploader.json").read_text())["http"]
    answer: dict[str, float] = httpx.get(f"{http_address}/varz").json()
    return answer


def forbid(plane: ControlPlane) -> bytes:
    body = b'{"errors":[{"code":1000,"title":"CF-InvalidAuthToken","detail":"Invalid Auth Token"}]}'
    plane.answers["/internal/uploads"] = (401, body)
    return body


def test_bits_and_resources_arrive(router: Router, store: Store) -> None:
    bits = random.Random(1).randbytes(12 * MIB + 17)
    resources = [{"path": "a", "mode": "644", "checksum": {"value": "x" * 40}, "size_in_bytes": 3}]
    files = {"resources": (None, json.dumps(resources)), "bits": ("package.zip", bits, "application/octet-stream")}
    answer = httpx.post(router.url + PATH, headers=HEADERS, files=files, timeout=30)
    assert (answer.status_code, answer.json()["state"]) == (200, "READY")
    assert store.stored() == bits
    assert store.completed == [
        {
            "upload": "uploads/p-1",
            "size": len(bits),
            "sha256": hashlib.sha256(bits).hexdigest(),
            "filename": "package.zip",
            "resources": resources,
            "resources_stored": False,
        }
    ]
    asked = [seen for seen in store.plane.seen if seen[1] == "/internal/uploads"][-1]
    assert asked[2] == "bearer good"
    assert json.loads(asked[3])["kind"] == "packages"
    assert json.loads(asked[3])["content_length"] > len(bits)


def test_the_order_of_the_fields_does_not_matter(router: Router, store: Store) -> None:
    files = {"bits": ("x.zip", b"bits"), "other": (None, "ignored"), "resources": (None, "[]")}
    assert requests.post(router.url + PATH, headers=HEADERS, files=files, timeout=30).status_code == 200
    assert store.stored() == b"bits"
    assert store.completed[0]["resources"] == []


def test_resources_alone_store_no_object(router: Router, store: Store) -> None:
    files = {"resources": (None, '[{"path":"a"}]')}
    assert httpx.post(router.url + PATH, headers=HEADERS, files=files, timeout=30).status_code == 200
    (told,) = store.completed
    assert (told["size"], told["sha256"], told["resources"]) == (0, None, [{"path": "a"}])
    assert store.traces() == 0


def test_a_long_list_of_known_files_does_not_go_through_the_front_door(router: Router, store: Store) -> None:
    resources = [
        {"path": f"{number}/" + "x" * 90, "mode": "644", "checksum": {"value": "a" * 40}, "size_in_bytes": 70_000}
        for number in range(50_000)
    ]
    files: dict[str, Any] = {"resources": (None, json.dumps(resources)), "bits": ("x.zip", b"bits")}
    assert httpx.post(router.url + PATH, headers=HEADERS, files=files, timeout=60).status_code == 200
    assert (store.completed[0]["resources"], store.completed[0]["resources_stored"]) == (None, True)
    assert json.loads(store.stored("uploads/p-1.json")) == resources


def test_the_job_that_goes_on_is_told_to_the_client(router: Router, store: Store) -> None:
    store.plane.answers["/internal/uploads/complete"] = (202, b"{}")
    answer = httpx.post(router.url + "/v3/droplets/d-1/upload", headers=HEADERS, files={"bits": ("d.tgz", b"bits")})
    assert (answer.status_code, answer.headers["location"]) == (202, JOB)


def test_a_large_upload_passes_in_bounded_memory(
    router: Router, store: Store, uploader: subprocess.Popen[bytes]
) -> None:
    head = b"--b\r\nContent-Disposition: form-data; name=bits; filename=big\r\n\r\n"
    pieces = [head, *[b"x" * MIB] * 200, b"\r\n--b--\r\n"]
    headers = {
        "Content-Type": "multipart/form-data; boundary=b",
        "Content-Length": str(sum(len(piece) for piece in pieces)),
    }
    client = http.client.HTTPConnection("127.0.0.1", router.port, timeout=100)
    client.request("POST", "/v3/droplets/d-1/upload", body=iter(pieces), headers=HEADERS | headers)
    assert client.getresponse().status == 200
    assert store.completed[0]["size"] == 200 * MIB
    peak = next(
        int(line.split()[1])
        for line in Path(f"/proc/{uploader.pid}/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )
    assert peak < 120 * 1024


def curl(router: Router, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["curl", "-sS", "-i", "-H", "Host: api.localhost", *arguments, router.url + PATH],
        capture_output=True,
        timeout=100,
    )


@pytest.mark.skipif(shutil.which("curl") is None, reason="asks curl")
@pytest.mark.parametrize("expect", ["Expect: 100-continue", "Expect:"])
def test_a_gigabyte_with_a_forged_token_stores_nothing_and_curl_sees_why(
    router: Router, store: Store, plane: ControlPlane, tmp_path: Path, expect: str
) -> None:
    body = forbid(plane)
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(1024 * MIB)
    done = curl(router, "-H", expect, "-F", f"bits=@{big}")
    assert b"401 Unauthorized" in done.stdout
    assert done.stdout.endswith(body)
    assert store.traces() == 0


def test_other_clients_see_the_refusal_too(router: Router, store: Store, plane: ControlPlane) -> None:
    body = forbid(plane)
    files = {"bits": ("x", b"x" * 50 * MIB)}
    for client in (httpx.post, requests.post):
        answer = client(router.url + PATH, headers=HEADERS, files=files, timeout=30)
        assert (answer.status_code, answer.content) == (401, body)
    plain = http.client.HTTPConnection("127.0.0.1", router.port, timeout=30)
    plain.request("POST", PATH, body=b"x" * 50 * MIB, headers=HEADERS)
    assert plain.getresponse().status == 401
    assert store.traces() == 0


def test_a_refusal_of_the_control_plane_is_passed_on_as_it_is(
    router: Router, store: Store, plane: ControlPlane
) -> None:
    plane.answers["/internal/uploads"] = (411, b'{"errors":[{"code":10008}]}')
    answer = requests.post(router.url + PATH, headers=HEADERS, data=iter([b"x"]), timeout=30)
    assert (answer.status_code, answer.json()) == (411, {"errors": [{"code": 10008}]})
    asked = [seen for seen in plane.seen if seen[1] == "/internal/uploads"][-1]
    assert json.loads(asked[3])["content_length"] is None


BAD = {
    "no boundary": ("multipart/form-data", b"x"),
    "another type": ("application/zip", b"PK"),
    "no end": ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data; name=bits\r\n\r\nx"),
    "nothing in it": ("multipart/form-data; boundary=b", b"--b--\r\n"),
    "no name": ("multipart/form-data; boundary=b", b"--b\r\nContent-Type: a/b\r\n\r\nx\r\n--b--\r\n"),
    "giant header": ("multipart/form-data; boundary=b", b"--b\r\nX: " + b"y" * 100_000),
    "resources no JSON": (
        "multipart/form-data; boundary=b",
        b"--b\r\nContent-Disposition: form-data; name=resources\r\n\r\n{\r\n--b--\r\n",
    ),
    "resources no list": (
        "multipart/form-data; boundary=b",
        b"--b\r\nContent-Disposition: form-data; name=resources\r\n\r\n{}\r\n--b--\r\n",
    ),
    "resources too large": (
        "multipart/form-data; boundary=b",
        b"--b\r\nContent-Disposition: form-data; name=resources\r\n\r\n[" + b" " * 9 * MIB,
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_hostile_body_is_a_v3_error_and_leaves_nothing(router: Router, store: Store, case: str) -> None:
    content_type, body = BAD[case]
    answer = httpx.post(router.url + PATH, headers=HEADERS | {"Content-Type": content_type}, content=body, timeout=30)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["title"] == "CF-UnprocessableEntity"
    assert store.traces() == 0
    assert store.completed == []


def test_an_upload_that_breaks_off_is_aborted(router: Router, store: Store) -> None:
    broken = numbers(router)["broken_total"]
    head = f"POST {PATH} HTTP/1.1\r\nHost: api.localhost\r\nContent-Length: {20 * MIB}\r\n"
    head += "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    with socket.create_connection(("127.0.0.1", router.port)) as client:
        client.sendall(head.encode() + b"--b\r\nContent-Disposition: form-data; name=bits\r\n\r\n" + b"x" * 11 * MIB)
        eventually(lambda: store.traces() == 1)
    eventually(lambda: numbers(router)["broken_total"] == broken + 1)
    eventually(lambda: store.traces() == 0)


def test_a_store_that_fails_is_a_503_and_leaves_nothing(router: Router, store: Store, plane: ControlPlane) -> None:
    begin = plane.answers["/internal/uploads"]

    def with_bad_parts(body: bytes) -> tuple[int, bytes]:
        status, text = begin(body)  # type: ignore[operator]
        target = json.loads(text) | {"part_urls": [f"{os.environ['AWS_ENDPOINT_URL']}/nowhere/x"]}
        return status, json.dumps(target).encode()

    plane.answers["/internal/uploads"] = with_bad_parts
    answer = httpx.post(router.url + PATH, headers=HEADERS, files={"bits": ("x", b"bits")}, timeout=30)
    assert answer.status_code == 503
    assert answer.json()["errors"][0]["title"] == "CF-ServiceUnavailable"
    assert store.traces() == 0


def test_an_upload_waits_for_a_control_plane_that_restarts(router: Router, store: Store, plane: ControlPlane) -> None:
    plane.close()
    timer = threading.Timer(1, plane.serve, [plane.port])
    timer.start()
    answer = httpx.post(router.url + PATH, headers=HEADERS, files={"bits": ("x", b"bits")}, timeout=30)
    timer.join()
    assert answer.status_code == 200


def test_the_uploader_tells_of_itself(router: Router, store: Store) -> None:
    http_address = json.loads((router.dir / "uploader.json").read_text())["http"]
    assert httpx.get(f"{http_address}/healthz").text == "ok\n"
    assert "zf_uploader_uploads_total" in httpx.get(f"{http_address}/metrics").text
