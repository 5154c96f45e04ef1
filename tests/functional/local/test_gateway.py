"""What clients of the API get through the local gateway, over real sockets."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from chalice import Blueprint, Chalice, Response

from infra.local.gateway import BODY_LIMIT, Gateway
from tests.functional.serving import serving

blueprint = Blueprint(__name__)


@blueprint.route("/v3/apps", methods=["GET", "POST"])
def apps() -> Any:
    request = blueprint.current_request
    query = request.query_params
    return {
        "host": request.headers["host"],
        "asked": request.headers.get("x-forwarded-host"),
        "scheme": request.headers["x-forwarded-proto"],
        "query": {key: query.getlist(key) for key in query or ()},
        "body": (request.raw_body or b"").decode(),
    }


@blueprint.route("/v3/apps/{guid}", methods=["GET", "DELETE"])
def app_of(guid: str) -> Any:
    if blueprint.current_request.method == "DELETE":
        return Response("", status_code=204)
    return {"guid": guid}


@blueprint.route("/v3/apps/{guid}/env")
def env_of(guid: str) -> Any:
    return {"env_of": guid}


@blueprint.route("/v3/apps/known")
def known() -> Any:
    return {"known": True}


#: Nobody leaves it before six are there at once.
MEETING = threading.Barrier(6)


@blueprint.route("/slow/{name}")
def slow(name: str) -> Any:
    MEETING.wait(30)
    return {
        "name": name,
        "seen": blueprint.current_request.uri_params["name"],
        "id": blueprint.lambda_context.aws_request_id,
    }


@blueprint.route("/binary")
def binary() -> Any:
    return Response(b"\x00\xff", headers={"Content-Type": "application/octet-stream"})


@blueprint.route("/cookies")
def cookies() -> Any:
    return Response("ok", headers={"Set-Cookie": ["a=1", "b=2"], "Content-Type": "text/plain"})


@blueprint.route("/broken")
def broken() -> Any:
    raise RuntimeError


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    app = Chalice("test")
    app.register_blueprint(blueprint)
    with serving(Gateway(app)) as address:
        yield address


def test_an_unknown_path_and_an_unknown_method_are_cloud_foundrys_404(address: str) -> None:
    for answer in (httpx.get(f"{address}/v3/nothing"), httpx.patch(f"{address}/v3/apps")):
        assert answer.status_code == 404
        assert answer.json() == {"errors": [{"code": 10000, "title": "CF-NotFound", "detail": "Unknown request"}]}


def test_an_unknown_path_with_an_odd_token_is_a_404_too(address: str) -> None:
    assert (
        httpx.get(f"{address}/nothing", headers={"Authorization": "bearer \xfc".encode("latin-1")}).status_code == 404
    )


def test_chunked_bodies_arrive_and_the_connection_stays(address: str) -> None:
    with httpx.Client() as client:
        for _ in range(2):
            answer = client.post(f"{address}/v3/apps", content=iter([b'{"a":', b" 1}"]))
            assert answer.json()["body"] == '{"a": 1}'


def test_head_is_get_without_its_body(address: str) -> None:
    with httpx.Client() as client:
        head = client.head(f"{address}/v3/apps/x")
        assert (head.status_code, head.content) == (200, b"")
        assert client.get(f"{address}/v3/apps/x").json() == {"guid": "x"}


def test_doubled_and_trailing_slashes_change_nothing(address: str) -> None:
    for path in ("//v3//apps/x", "/v3/apps/x/", "///v3/apps///x"):
        assert httpx.get(address + path).json() == {"guid": "x"}


def test_literal_segments_win_over_variables(address: str) -> None:
    assert httpx.get(f"{address}/v3/apps/known").json() == {"known": True}
    assert httpx.get(f"{address}/v3/apps/known/env").json() == {"env_of": "known"}


def test_an_empty_segment_is_no_variable(address: str) -> None:
    assert httpx.get(f"{address}/v3/apps//env").json() == {"guid": "env"}


def test_path_variables_stay_encoded_and_queries_are_decoded_once(address: str) -> None:
    assert httpx.get(f"{address}/v3/apps/a%2Fb%20c").json() == {"guid": "a%2Fb%20c"}
    answer = httpx.get(f"{address}/v3/apps?names=a%252Cb,c&x=1&x=2&empty=").json()
    assert answer["query"] == {"names": ["a%2Cb,c"], "x": ["1", "2"], "empty": [""]}


def test_what_the_router_says_of_host_and_scheme_arrives(address: str) -> None:
    headers = {"Host": "api.localhost:8080", "X-Forwarded-Proto": "https"}
    answer = httpx.get(f"{address}/v3/apps", headers=headers).json()
    assert (answer["host"], answer["scheme"]) == ("api.localhost:8080", "https")
    answer = httpx.get(f"{address}/v3/apps", headers={"X-Forwarded-Host": "api.example.org"}).json()
    assert (answer["asked"], answer["scheme"]) == ("api.example.org", "http")


def test_a_type_that_no_route_names_does_not_matter(address: str) -> None:
    for content_type in ("application/x-www-form-urlencoded", "application/json; charset=utf-8", "odd"):
        answer = httpx.post(f"{address}/v3/apps", content=b"{}", headers={"Content-Type": content_type})
        assert answer.status_code == 200


def test_a_body_over_the_limit_is_refused_as_a_document(address: str) -> None:
    answer = httpx.post(f"{address}/v3/apps", content=b"x" * (BODY_LIMIT + 1))
    assert answer.status_code == 413
    assert "larger than" in answer.json()["errors"][0]["detail"]


def test_an_empty_answer_has_no_length_and_the_connection_stays(address: str) -> None:
    with httpx.Client() as client:
        answer = client.delete(f"{address}/v3/apps/x")
        assert answer.status_code == 204
        assert "content-length" not in answer.headers
        assert client.get(f"{address}/v3/apps/x").status_code == 200


def test_binary_answers_and_repeated_headers_survive(address: str) -> None:
    answer = httpx.get(f"{address}/binary", headers={"Accept": "application/octet-stream"})
    assert answer.content == b"\x00\xff"
    assert httpx.get(f"{address}/cookies").headers.get_list("set-cookie") == ["a=1", "b=2"]


def test_a_defect_of_a_view_is_a_500_and_the_next_request_is_served(address: str) -> None:
    with httpx.Client() as client:
        assert client.get(f"{address}/broken").status_code == 500
        assert client.get(f"{address}/v3/apps/x").status_code == 200


def test_requests_side_by_side_see_their_own_request_and_context(address: str) -> None:
    def ask(name: str) -> dict[str, str]:
        return dict(httpx.get(f"{address}/slow/{name}", timeout=60).json())

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(ask, "abcdef"))
    assert [(answer["name"], answer["seen"]) for answer in answers] == [(n, n) for n in "abcdef"]
    assert len({answer["id"] for answer in answers}) == 6


def test_keep_alive_requests_are_not_held_up(address: str) -> None:
    host, _, port = address.removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port))
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    took = []
    for _ in range(20):
        began = time.monotonic()
        connection.request("GET", "/v3/apps/x")
        assert json.loads(connection.getresponse().read()) == {"guid": "x"}
        took.append(time.monotonic() - began)
    assert min(took) < 0.03, "with Nagle's algorithm none takes less than 40 ms"
