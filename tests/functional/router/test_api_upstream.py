"""The API behind TLS, a name and a stage, as API Gateway is: a real Envoy, a real uploader, certificates of our own."""

import datetime
import http.client
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from chalicelib.adapters.bus import Bus
from infra.local import authority
from tests.functional.router.cloud import ROOT, ControlPlane, Router, eventually
from tests.functional.router.test_uploader import HEADERS, PATH, Store
from tests.support.certificates import authority_pem, bundle
from tests.support.tls_front import TlsFront

STAGE = "/cf"


@pytest.fixture(scope="module")
def front(plane: ControlPlane) -> Iterator[TlsFront]:
    front = TlsFront(plane.port, "localhost")
    yield front
    front.close()


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    file.write_bytes(authority_pem())
    return file


@pytest.fixture(scope="module")
def far(plane: ControlPlane, bus: Bus, front: TlsFront, ca: Path) -> Iterator[Router]:
    """A router whose API is far away, and its uploader."""
    upstream = {"ZF_API_UPSTREAM": f"https://localhost:{front.port}{STAGE}", "ZF_API_CA": str(ca)}
    router = Router(plane, bus.prefix, "router-far", **upstream)
    ready = router.dir / "uploader.json"
    uploader = subprocess.Popen(
        [sys.executable, "-m", "router.uploader"],
        cwd=ROOT,
        env=router.environment | {"ZF_READY_FILE": str(ready)},
        stderr=(router.dir / "uploader.log").open("wb"),
    )
    try:
        router.start()
        eventually(ready.exists)
        yield router
    finally:
        uploader.send_signal(signal.SIGTERM)
        uploader.wait(10)
        router.close()


def test_the_api_hears_its_own_name_and_who_was_asked(far: Router, plane: ControlPlane, front: TlsFront) -> None:
    forged = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "gopher", "X-Envoy-Original-Path": "/evil"}
    answer = far.get("api.localhost", "/v3/apps?names=a%2Fb,c&x=//", headers=forged)
    assert (answer.status_code, answer.text) == (200, f"cc GET {STAGE}/v3/apps?names=a%2Fb,c&x=//")
    assert plane.heard["host"] == f"localhost:{front.port}"
    assert (plane.heard["x-forwarded-host"], plane.heard["x-forwarded-proto"]) == ("api.localhost", "http")
    assert not [name for name in plane.heard if name.startswith("x-envoy")]
    for asked, there in (("/", "/"), ("//v3//apps///x", "/v3/apps/x"), ("/v3/apps/", "/v3/apps"), ("/?a=/", "/?a=/")):
        connection = http.client.HTTPConnection("127.0.0.1", far.port, timeout=10)
        connection.request("GET", asked, headers={"Host": "login.localhost"})
        assert connection.getresponse().read() == f"cc GET {STAGE}{there}".encode()


def test_connections_are_kept(far: Router, front: TlsFront) -> None:
    far.get("api.localhost")
    before = front.connections
    assert {far.get("api.localhost").status_code for _ in range(5)} == {200}
    assert front.connections == before


def test_head_is_get_without_its_body(far: Router, plane: ControlPlane) -> None:
    with httpx.Client(base_url=far.url, headers={"Host": "api.localhost"}, timeout=10) as client:
        for _ in range(2):
            head = client.head("/v3/info")
            assert (head.status_code, head.content) == (200, b"")
            assert plane.seen[-1][:2] == ("GET", f"{STAGE}/v3/info")
            assert client.get("/v3/info").text == f"cc GET {STAGE}/v3/info"


def test_what_api_gateway_renames_has_its_name_again_and_the_rest_of_it_is_hidden(
    far: Router, plane: ControlPlane
) -> None:
    plane.answers[f"{STAGE}/v3/apps"] = (401, b"{}")
    plane.headers = [
        ("x-amzn-RequestId", "r-1"),
        ("x-amz-apigw-id", "g-1"),
        ("X-Amzn-Trace-Id", "t-1"),
        ("x-amzn-Remapped-WWW-Authenticate", 'Bearer realm="uaa", error="unauthorized"'),
        ("x-amzn-Remapped-Date", "yesterday"),
        ("x-amzn-Remapped-Content-Length", "2"),
        ("X-Cf-Warnings", "careful"),
    ]
    try:
        refused = far.get("api.localhost", "/v3/apps")
    finally:
        plane.headers = []
        plane.answers.clear()
    assert (refused.status_code, refused.json()) == (401, {})
    assert refused.headers.get_list("www-authenticate") == ['Bearer realm="uaa", error="unauthorized"']
    assert refused.headers["x-cf-warnings"] == "careful"
    assert [name for name in refused.headers if name.startswith("x-amz")] == []
    assert "www-authenticate" not in far.get("api.localhost", "/v3/apps").headers


def test_what_only_reads_is_asked_again_when_a_connection_is_closed(far: Router, front: TlsFront) -> None:
    for method in ("GET", "HEAD"):
        far.get("api.localhost")
        front.cut()
        assert httpx.request(method, far.url, headers={"Host": "api.localhost"}, timeout=30).status_code == 200
    front.cut()
    answer = httpx.post(far.url, headers={"Host": "api.localhost"}, timeout=30)
    assert (answer.status_code, answer.json()["errors"][0]["title"]) == (503, "CF-ServiceUnavailable")


def test_bits_go_to_the_store_by_the_word_of_the_same_api(far: Router, plane: ControlPlane) -> None:
    store = Store(plane)
    for path in ("/internal/uploads", "/internal/uploads/complete"):
        plane.answers[STAGE + path] = plane.answers.pop(path)
    try:
        answer = httpx.post(far.url + PATH, headers=HEADERS, files={"bits": ("a.zip", b"bits")}, timeout=30)
    finally:
        plane.answers.clear()
    assert (answer.status_code, answer.json()["state"]) == (200, "READY")
    assert store.stored() == b"bits"
    assert plane.seen[-1][1] == f"{STAGE}/internal/uploads/complete"
    assert (plane.heard["x-forwarded-host"], plane.heard["x-forwarded-proto"]) == ("api.localhost", "http")
    assert plane.heard["host"].startswith("localhost:")


def test_the_agent_asks_the_same_api(far: Router, plane: ControlPlane) -> None:
    plane.answers[f"{STAGE}/internal/log_access/app-1"] = (403, b'{"errors":[{"code":10003}]}')
    try:
        refused = far.get("log-cache.localhost", "/api/v1/read/app-1", headers={"Authorization": "bearer x"})
    finally:
        plane.answers.clear()
    assert (refused.status_code, refused.json()) == (403, {"errors": [{"code": 10003}]})


def test_who_cannot_show_that_he_is_the_api_is_told_nothing(far: Router, plane: ControlPlane, front: TlsFront) -> None:
    stranger = authority.certificates("zf.localhost", datetime.datetime.now(datetime.UTC))[1].encode()
    for pem in (stranger, bundle("other.example"), bundle("localhost", starts_days=-9, ends_days=-1)):
        front.present(pem)
        asked = len(plane.seen)
        secret = {"Host": "api.localhost", "Authorization": "bearer secret"}
        answer = httpx.get(f"{far.url}/v3/apps", headers=secret, timeout=30)
        assert answer.status_code == 503, answer.text
        assert answer.json()["errors"][0]["title"] == "CF-ServiceUnavailable"
        assert answer.headers["content-type"] == "application/json"
        upload = httpx.post(far.url + PATH, headers=HEADERS, files={"bits": ("x", b"bits")}, timeout=30)
        assert upload.status_code == 503
        assert len(plane.seen) == asked
    front.present(bundle("localhost"))
    eventually(lambda: far.get("api.localhost").status_code == 200)
