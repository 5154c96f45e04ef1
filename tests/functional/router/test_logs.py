"""Lines posted by DEAs and access lines of Envoy, read as Cloud Foundry's clients read them."""

import base64
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from chalicelib.adapters.bus import Bus
from chalicelib.contracts.codec import to_json
from chalicelib.contracts.logs import AppLines, LogBatch, LogEntry
from chalicelib.core.rendezvous import owners
from tests.functional.router.cloud import ControlPlane, Dea, Instance, Router, eventually


def lines(texts: list[str], first: int = 0, instance: str = "i-1", start: int = 1000) -> tuple[LogEntry, ...]:
    return tuple(
        LogEntry(instance, first + n, start + first + n, "OUT", "APP/PROC/WEB", "0", text)
        for n, text in enumerate(texts)
    )


def post(router: Router, grant: str, source: str, entries: tuple[LogEntry, ...]) -> int:
    url = f"{router.facts['logs']}/logs"
    body = to_json(LogBatch(source, entries))
    return httpx.post(url, json=body, headers={"Authorization": f"Bearer {grant}"}).status_code


def log_grant(plane: ControlPlane, source: str) -> str:
    return plane.sign({"typ": "log", "sub": source})


def read(router: Router, source: str, prefix: str = "/api/v1", token: str = "bearer t", **query: Any) -> httpx.Response:
    return router.get("log-cache.localhost", f"{prefix}/read/{source}", params=query, headers={"Authorization": token})


def texts(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [base64.b64decode(one["log"]["payload"]).decode() for one in answer.json()["envelopes"]["batch"]]


@pytest.fixture
def source(plane: ControlPlane, request: pytest.FixtureRequest) -> Iterator[str]:
    """An app whose logs may be read."""
    name = request.node.name.replace("[", "-").replace("]", "")[:60]
    plane.answers[f"/internal/log_access/{name}"] = (204, b"")
    yield name
    plane.answers.clear()


def test_what_is_posted_can_be_read(router: Router, plane: ControlPlane, source: str) -> None:
    assert post(router, log_grant(plane, source), source, lines(["one", "two\n", "drei ü"])) == 204
    answer = read(router, source)
    assert texts(answer) == ["one", "two", "drei ü"]
    assert answer.json()["envelopes"]["batch"][0] == {
        "timestamp": "1000",
        "source_id": source,
        "instance_id": "0",
        "deprecated_tags": {},
        "tags": {"source_type": "APP/PROC/WEB", "process_instance_id": "i-1"},
        "log": {"payload": "b25l", "type": "OUT"},
    }
    assert texts(read(router, source, prefix="/v1")) == ["one", "two", "drei ü"]


def test_a_read_is_what_was_asked_for(router: Router, plane: ControlPlane, source: str) -> None:
    post(router, log_grant(plane, source), source, lines([str(n) for n in range(150)]))
    assert texts(read(router, source)) == [str(n) for n in range(100)]
    assert texts(read(router, source, start_time=1148)) == ["148", "149"]
    assert texts(read(router, source, start_time=1000, end_time=1002)) == ["0", "1"]
    newest = read(router, source, descending="true", limit=1, start_time=-6795364578871345152)
    assert texts(newest) == ["149"]
    assert texts(read(router, source, descending="true", limit=2, envelope_types="LOG")) == ["149", "148"]
    assert texts(read(router, source, envelope_types="GAUGE")) == []
    for bad in (
        {"limit": 0},
        {"limit": 1001},
        {"start_time": "x"},
        {"start_time": 5, "end_time": 5},
        {"limit": "9" * 99},
    ):
        assert read(router, source, **bad).status_code == 400


def test_a_batch_that_comes_twice_is_kept_once(router: Router, plane: ControlPlane, source: str) -> None:
    grant = log_grant(plane, source)
    post(router, grant, source, lines(["one", "two"]))
    post(router, grant, source, lines(["one", "two"]))
    post(router, grant, source, lines(["two", "three"], first=1))
    assert texts(read(router, source)) == ["one", "two", "three"]


def test_what_the_control_plane_says_on_the_bus_is_read_once_whatever_the_bus_does(
    router: Router, bus: Bus, plane: ControlPlane, source: str
) -> None:
    def say(number: int, grant: str, app: str = source) -> None:
        entry = LogEntry(f"event-{number}", number, number, "OUT", "API", "0", f"did {number}")
        bus.say("topic:routes", "app.lines", AppLines((LogBatch(app, (entry,), grant),)))

    grant, refused = log_grant(plane, source), router.varz()["router"]["log_batches_refused_total"]
    for forged in ("x.y.z", log_grant(plane, "another"), plane.sign({"typ": "route", "app": source})):
        say(1, forged)
    for number in (9, 8, 9, 7, 8):
        say(number, grant)
    eventually(lambda: router.varz()["router"]["log_batches_refused_total"] == refused + 3)
    eventually(lambda: texts(read(router, source)) == ["did 7", "did 8", "did 9"])
    assert read(router, source, limit=1).json()["envelopes"]["batch"][0] == {
        "timestamp": "7",
        "source_id": source,
        "instance_id": "0",
        "deprecated_tags": {},
        "tags": {"source_type": "API", "process_instance_id": "event-7"},
        "log": {"payload": base64.b64encode(b"did 7").decode(), "type": "OUT"},
    }


def test_gauges_are_read_apart_from_lines_and_push_none_out(router: Router, plane: ControlPlane, source: str) -> None:
    grant = log_grant(plane, source)
    assert post(router, grant, source, lines(["a line"])) == 204
    gauges = tuple(
        LogEntry("i-1", 2000 + n, 2000 + n, "GAUGE", "web", "0", f'{{"cpu": 1.5, "memory": {n}}}') for n in range(1100)
    )
    assert post(router, grant, source, gauges) == 204
    assert post(router, grant, source, gauges[-2:]) == 204
    assert texts(read(router, source, envelope_types="LOG")) == ["a line"]
    found = read(router, source, envelope_types="GAUGE", limit=1000).json()["envelopes"]["batch"]
    assert len(found) == 200
    assert found[-1]["gauge"]["metrics"] == {
        "cpu": {"unit": "percentage", "value": 1.5},
        "memory": {"unit": "bytes", "value": 1099},
    }
    both = read(router, source, limit=1000).json()["envelopes"]["batch"]
    assert [("log" in one, "gauge" in one) for one in both[:2]] == [(True, False), (False, True)]
    assert read(router, source, envelope_types="COUNTER").json() == {"envelopes": {"batch": []}}
    for bad in (gauges[:1] + lines(["x"]), lines(["x"]) + gauges[:1], (replace(gauges[0], text='{"cpu": "x"}'),)):
        assert post(router, grant, source, bad) == 400


def test_only_the_holder_of_the_grant_may_post(router: Router, plane: ControlPlane, source: str) -> None:
    entries = lines(["x"])
    route = plane.sign({"typ": "route", "sub": "i-1", "app": source, "routes": [], "rv": 1})
    assert post(router, "x.y.z", source, entries) == 401
    assert post(router, "forged", source, entries) == 401
    assert post(router, plane.sign({"typ": "token", "sub": source}), source, entries) == 401
    assert post(router, log_grant(plane, "another"), source, entries) == 403
    assert post(router, route, source, entries) == 403
    assert texts(read(router, source)) == []


def test_a_batch_that_is_too_large_or_no_batch_is_refused(router: Router, plane: ControlPlane, source: str) -> None:
    headers = {"Authorization": f"Bearer {log_grant(plane, source)}"}
    url = f"{router.facts['logs']}/logs"
    assert httpx.post(url, content=b"x" * 3_000_000, headers=headers).status_code == 413
    for bad in (b"{", b"[]", b'{"source_id":1}', b"\xff", b"[" * 100_000):
        assert httpx.post(url, content=bad, headers=headers).status_code == 400
    good = lines(["x"])[0]
    for entry in (replace(good, timestamp=-1), replace(good, timestamp=2**63), replace(good, type="LOUD")):
        assert post(router, log_grant(plane, source), source, (entry,)) == 400


def test_a_refusal_of_the_control_plane_is_passed_on(router: Router, plane: ControlPlane, source: str) -> None:
    body = b'{"errors":[{"code":10010,"title":"CF-ResourceNotFound","detail":"App not found"}]}'
    plane.answers["/internal/log_access/hidden"] = (404, body)
    answer = read(router, "hidden")
    assert (answer.status_code, answer.content) == (404, body)


def test_the_control_plane_is_asked_once_per_token_and_source(router: Router, plane: ControlPlane, source: str) -> None:
    for _ in range(3):
        read(router, source, token="bearer mine")
    read(router, source, token="bearer other")
    asked = [seen[2] for seen in plane.seen if seen[1] == f"/internal/log_access/{source}"]
    assert asked == ["bearer mine", "bearer other"]


def test_the_version_is_what_clients_parse(router: Router) -> None:
    for path in ("/api/v1/info", "/v1/info"):
        assert router.get("api.localhost", path).json() == {"version": "3.0.0", "vm_uptime": "0"}
    assert router.get("api.localhost", "/api/v1/query").json()["errors"][0]["code"] == 10000


def test_meta_tells_of_the_sources_that_one_may_read(router: Router, plane: ControlPlane, source: str) -> None:
    plane.answers["/internal/log_access/secret"] = (404, b"{}")
    for name in (source, "secret"):
        post(router, log_grant(plane, name), name, lines(["one", "two"]))
    meta = router.get("localhost", "/api/v1/meta", headers={"Authorization": "bearer meta"}).json()["meta"]
    assert meta[source] == {
        "count": "2",
        "expired": "0",
        "oldest_timestamp": "1000",
        "newest_timestamp": "1001",
    }
    assert "secret" not in meta


def test_who_is_nobody_costs_the_control_plane_one_question(router: Router, plane: ControlPlane, source: str) -> None:
    refusal = b'{"errors":[{"code":1000,"title":"CF-InvalidAuthToken","detail":"Invalid Auth Token"}]}'
    names = [source, "meta-1", "meta-2", "meta-3"]
    for name in names:
        post(router, log_grant(plane, name), name, lines(["one"]))
        plane.answers[f"/internal/log_access/{name}"] = (401, refusal)
    answer = router.get("localhost", "/api/v1/meta", headers={"Authorization": "bearer nobody"})
    assert (answer.status_code, answer.content) == (401, refusal)
    assert len([seen for seen in plane.seen if seen[2] == "bearer nobody"]) == 1


def test_a_request_becomes_an_access_line_of_its_app(
    router: Router, plane: ControlPlane, dea: Dea, instance: Instance, source: str
) -> None:
    dea.register(dea.endpoint("rtr-1", instance.port, "rtr.localhost", app=source, index=3))
    eventually(lambda: router.get("rtr.localhost").status_code == 200)
    began = time.time_ns()
    hostile = 'curl"\\ x'
    answer = router.get("rtr.localhost", "/path?q=1", headers={"User-Agent": hostile, "Referer": "http://r/"})
    found = eventually(lambda: [line for line in texts(read(router, source, limit=1000)) if "/path" in line])
    line = found[0]
    assert line.startswith("rtr.localhost - [20")
    assert '] "GET /path?q=1 HTTP/1.1" 200 0 ' in line
    assert '"http://r/" "curl\\"\\\\ x" "127.0.0.1:' in line
    assert f'"127.0.0.1:{instance.port}" x_forwarded_for:"127.0.0.1" x_forwarded_proto:"http"' in line
    assert f'vcap_request_id:"{answer.headers["x-vcap-request-id"]}"' in line
    assert f'app_id:"{source}" app_index:"3" instance_id:"rtr-1"' in line
    newest = read(router, source, descending="true", limit=1).json()["envelopes"]["batch"][0]
    assert newest["tags"]["source_type"] == "RTR"
    assert began <= int(newest["timestamp"]) <= time.time_ns()


def test_a_request_that_reaches_nobody_is_told_too(
    router: Router, plane: ControlPlane, dea: Dea, instance: Instance, source: str
) -> None:
    dea.register(dea.endpoint("rtr-2", instance.port, "rtr-gone.localhost", app=source))
    eventually(lambda: router.get("rtr-gone.localhost").status_code == 200)
    dea.unregister("rtr-2")
    eventually(lambda: router.get("rtr-gone.localhost").status_code == 503)
    found = eventually(lambda: [line for line in texts(read(router, source, limit=1000)) if '" 503 ' in line])
    assert 'x_cf_routererror:"no_endpoints"' in found[0]


@pytest.fixture
def three_routers(router: Router, bus: Bus, plane: ControlPlane) -> Iterator[dict[str, Router]]:
    """With three of them every source has two owners and one who is none."""
    made = {"router-0": router}
    try:
        for name in ("router-1", "router-2"):
            made[name] = Router(plane, bus.prefix, name)
            made[name].start()
        yield made
    finally:
        for name in ("router-1", "router-2"):
            if name in made:
                made[name].close()


def test_any_router_serves_the_lines_of_all_owners_once(
    three_routers: dict[str, Router], plane: ControlPlane, dea: Dea, instance: Instance, source: str
) -> None:
    grant = log_grant(plane, source)
    owning = owners(source, three_routers)
    (stranger,) = set(three_routers) - set(owning)
    for name in owning:
        assert post(three_routers[name], grant, source, lines(["both"])) == 204
    # As after a restart of one of them: only the other has these.
    assert post(three_routers[owning[0]], grant, source, lines(["first only"], first=1)) == 204
    assert post(three_routers[owning[1]], grant, source, lines(["second only"], first=2)) == 204
    for router in three_routers.values():
        eventually(lambda router=router: texts(read(router, source)) == ["both", "first only", "second only"])
        assert texts(read(router, source, descending="true", limit=2)) == ["second only", "first only"]
    # An access line of the router that owns nothing of the app comes to the owners, however long its grant is.
    many = (f"peer{number}.localhost/{'x' * 100}" for number in range(60))
    dea.register(dea.endpoint("peer-1", instance.port, "peer.localhost", *many, app=source))
    eventually(lambda: three_routers[stranger].get("peer.localhost").status_code == 200)
    for name in owning:
        eventually(lambda name=name: [t for t in texts(read(three_routers[name], source)) if "peer.localhost" in t])
    seen = [t for t in texts(read(three_routers[stranger], source)) if "peer.localhost" in t and '" 200 ' in t]
    assert len(seen) == 1
