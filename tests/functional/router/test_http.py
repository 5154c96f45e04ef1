"""What the router does to requests and answers, seen from both ends of a real Envoy."""

import asyncio
import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import websockets
from websockets.sync.client import connect
from websockets.sync.server import serve

from tests.functional.router import raw
from tests.functional.router.cloud import ControlPlane, Dea, Instance, Router, eventually

MIB = 1024 * 1024


@contextlib.contextmanager
def behaving(manners: raw.Manners, router: Router, dea: Dea, host: str) -> Iterator[None]:
    """An app at ``host`` that behaves so."""
    instance = raw.RawInstance(manners)
    dea.register(dea.endpoint(f"{host}-1", instance.port, host))
    eventually(lambda: dea.name and host in _hosts(router))
    try:
        yield
    finally:
        instance.close()


def _hosts(router: Router) -> str:
    """Envoy's own word on what it routes."""
    transport = httpx.HTTPTransport(uds=str(router.dir / "admin.sock"))
    with httpx.Client(transport=transport) as client:
        return client.get("http://envoy/config_dump?resource=dynamic_route_configs").text


def memory_mb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) // 1024
    raise AssertionError("no such process")


def test_an_instance_learns_where_the_request_came_from(router: Router, dea: Dea, instance: Instance) -> None:
    dea.register(dea.endpoint("fwd-1", instance.port, "fwd.localhost"))
    eventually(lambda: router.get("fwd.localhost").status_code == 200)
    spoofed = {
        "X-Forwarded-For": "192.0.2.7",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil",
        "X-Forwarded-Port": "1",
        "X-Vcap-Request-Id": "spoofed",
        "X-Request-Id": "spoofed",
        "X-Envoy-Original-Path": "/evil",
    }
    answer = router.get("fwd.localhost", headers=spoofed)
    seen = instance.requests[-1]
    assert seen["x-forwarded-for"] == "192.0.2.7,127.0.0.1"
    assert seen["x-forwarded-proto"] == "http"
    assert seen["x-forwarded-host"] == "fwd.localhost"
    assert seen["x-forwarded-port"] == str(router.port)
    assert "spoofed" not in seen["x-vcap-request-id"]
    assert answer.headers["x-vcap-request-id"] == seen["x-vcap-request-id"]
    assert abs(int(seen["x-request-start"]) / 1000 - time.time()) < 10
    assert not [name for name in seen if name.startswith("x-envoy")]


def test_a_request_id_of_a_client_on_this_host_is_replaced_too(router: Router, dea: Dea, instance: Instance) -> None:
    dea.register(dea.endpoint("rid-1", instance.port, "rid.localhost"))
    eventually(lambda: router.get("rid.localhost").status_code == 200)
    router.get("rid.localhost", headers={"X-Request-Id": "spoofed", "X-Vcap-Request-Id": "spoofed"})
    assert "spoofed" not in json.dumps(instance.requests[-1])


def test_a_path_is_normalised_before_it_is_routed(router: Router, dea: Dea, instance: Instance) -> None:
    dea.register(dea.endpoint("norm-1", instance.port, "norm.localhost/open"))
    eventually(lambda: router.get("norm.localhost", "/open").status_code == 200)
    with socket.create_connection(("127.0.0.1", router.port)) as client:
        client.sendall(b"GET /open/../closed HTTP/1.1\r\nHost: norm.localhost\r\nConnection: close\r\n\r\n")
        assert b"404 Not Found" in client.makefile("rb").read()


def test_headers_up_to_64_kb_pass(router: Router, dea: Dea, instance: Instance) -> None:
    dea.register(dea.endpoint("head-1", instance.port, "head.localhost"))
    eventually(lambda: router.get("head.localhost").status_code == 200)
    assert router.get("head.localhost", headers={"X-Big": "x" * 50_000}).status_code == 200
    assert router.get("head.localhost", headers={"X-Big": "x" * 70_000}).status_code == 431


def test_websockets_pass(router: Router, dea: Dea) -> None:
    def echo(socket: websockets.sync.server.ServerConnection) -> None:
        for text in socket:
            socket.send(text)

    with serve(echo, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        dea.register(dea.endpoint("ws-1", server.socket.getsockname()[1], "ws.localhost"))
        eventually(lambda: "ws.localhost" in _hosts(router))
        with connect(
            f"ws://ws.localhost:{router.port}/", sock=socket.create_connection(("127.0.0.1", router.port))
        ) as ws:
            ws.send("hello")
            assert ws.recv() == "hello"
            ws.send(b"x" * MIB)
            assert len(ws.recv()) == MIB
        server.shutdown()


def test_chunks_pass_both_ways_while_the_request_is_open(router: Router, dea: Dea) -> None:
    async def talk() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", router.port)
        writer.write(b"POST / HTTP/1.1\r\nHost: stream.localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        for text in (b"one", b"two"):
            writer.write(b"%x\r\n%s\r\n" % (len(text), text))
            assert text in await asyncio.wait_for(reader.readuntil(text), 5)
        writer.write(b"0\r\n\r\n")
        await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), 5)
        writer.close()

    with behaving(raw.chunks_on_demand, router, dea, "stream.localhost"):
        asyncio.run(talk())


def test_200_mb_pass_up_in_bounded_memory(router: Router, dea: Dea) -> None:
    with behaving(raw.echo_length, router, dea, "up.localhost"):
        piece = b"x" * MIB
        client = http.client.HTTPConnection("127.0.0.1", router.port, timeout=60)
        client.request(
            "POST",
            "/",
            body=(piece for _ in range(200)),
            headers={"Host": "up.localhost", "Content-Length": str(200 * MIB)},
        )
        assert client.getresponse().read() == str(200 * MIB).encode()
    assert memory_mb(router.envoy_pid()) < 150


def test_200_mb_pass_down_in_bounded_memory(router: Router, dea: Dea) -> None:
    with (
        behaving(raw.large_answer, router, dea, "down.localhost"),
        httpx.stream("GET", router.url, headers={"Host": "down.localhost"}, timeout=60) as answer,
    ):
        total = sum(len(piece) for piece in answer.iter_bytes())
    assert total == 200 * MIB
    assert memory_mb(router.envoy_pid()) < 150


@pytest.mark.parametrize("seconds", [6, pytest.param(60, marks=pytest.mark.slow)])
def test_a_silent_answer_is_waited_for(router: Router, dea: Dea, seconds: int) -> None:
    host = f"silent-{seconds}.localhost"
    with behaving(raw.silent_for(seconds), router, dea, host):
        assert router.get(host, timeout=seconds + 10).text == "late"


def test_an_instance_that_dies_on_a_request_is_a_502(router: Router, dea: Dea) -> None:
    with behaving(raw.dies_on_request, router, dea, "dies.localhost"):
        answer = router.get("dies.localhost")
    assert answer.status_code == 502
    assert answer.headers["x-cf-routererror"] == "endpoint_failure"


def test_an_expecting_client_hears_the_instances_own_continue(router: Router, dea: Dea) -> None:
    async def refuses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await raw.read_head(reader)
        writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()

    with (
        behaving(refuses, router, dea, "expect.localhost"),
        socket.create_connection(("127.0.0.1", router.port)) as client,
    ):
        client.sendall(b"PUT / HTTP/1.1\r\nHost: expect.localhost\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 403")


@pytest.mark.parametrize(
    "path", ["/internal/uploads", "//internal/x", "/%69nternal/x", "/v3/../internal/x", "/internal"]
)
def test_what_is_internal_cannot_be_reached_from_outside(router: Router, path: str) -> None:
    client = http.client.HTTPConnection("127.0.0.1", router.port)
    client.request("GET", path, headers={"Host": "api.localhost"})
    answer = client.getresponse()
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.read())["errors"][0]["code"] == 10000


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "api.localhost", "login.localhost", "uaa.localhost"])
def test_the_platform_answers_on_its_hosts(router: Router, host: str) -> None:
    assert router.get(host, "/oauth/token?x=1").text == "cc GET /oauth/token?x=1"


def test_a_request_waits_for_a_control_plane_that_restarts(router: Router, plane: ControlPlane) -> None:
    plane.close()
    timer = threading.Timer(1.5, plane.serve, [plane.port])
    timer.start()
    answer = router.get("api.localhost", "/v3/apps", timeout=20)
    timer.join()
    assert answer.text == "cc GET /v3/apps"


def test_a_control_plane_that_is_away_is_told_in_the_apis_words(router: Router, plane: ControlPlane) -> None:
    plane.close()
    try:
        answer = router.get("api.localhost", "/v3/apps", timeout=30)
    finally:
        plane.serve(plane.port)
    assert answer.status_code == 503
    assert answer.json()["errors"][0]["title"] == "CF-ServiceUnavailable"
    assert answer.headers["content-type"] == "application/json"
