"""Registrations on the bus become routes in a real Envoy."""

import contextlib
import socket
from collections.abc import Iterator

import httpx
import pytest

from chalicelib.adapters.bus import Bus
from chalicelib.contracts.routing import Register
from tests.functional.router.cloud import ControlPlane, Dea, Instance, Router, RSAKey, eventually, free_port


def reached(router: Router, host: str, path: str = "/") -> str:
    """Name of the instance that answers, or the router's own word."""
    answer = router.get(host, path)
    return answer.text.split()[0] if answer.status_code == 200 else answer.headers.get("x-cf-routererror", "?")


@contextlib.contextmanager
def instances(*names: str) -> Iterator[list[Instance]]:
    made = [Instance(name) for name in names]
    try:
        yield made
    finally:
        for one in made:
            one.close()


def test_a_registered_instance_answers_and_an_unregistered_one_does_not(
    router: Router, dea: Dea, instance: Instance
) -> None:
    dea.register(dea.endpoint("basic-1", instance.port, "basic.localhost"))
    eventually(lambda: reached(router, "basic.localhost") == "one")
    dea.unregister("basic-1")
    eventually(lambda: reached(router, "basic.localhost") == "no_endpoints")
    eventually(lambda: reached(router, "basic.localhost") == "unknown_route")


def test_hosts_are_compared_without_case_and_port(router: Router, dea: Dea, instance: Instance) -> None:
    dea.register(dea.endpoint("case-1", instance.port, "Case.localhost"))
    eventually(lambda: reached(router, "CASE.localhost:8080") == "one")
    assert instance.requests[-1]["host"] == "CASE.localhost:8080"


def test_the_longest_context_path_wins_on_segment_borders(router: Router, dea: Dea) -> None:
    with instances("root", "api", "deep") as (root, api, deep):
        dea.register(
            dea.endpoint("path-1", root.port, "path.localhost"),
            dea.endpoint("path-2", api.port, "path.localhost/api"),
            dea.endpoint("path-3", deep.port, "path.localhost/api/deep"),
        )
        eventually(lambda: reached(router, "path.localhost", "/api/deep") == "deep")
        asked = {"/": "root", "/apix": "root", "/API": "root", "/api": "api", "/api?q=1": "api", "/api/x": "api"}
        asked |= {"/api/deep/x": "deep", "/api/deeper": "api"}
        assert {path: reached(router, "path.localhost", path) for path in asked} == asked
        assert router.get("path.localhost", "/api/x?y=1").text == "api GET /api/x?y=1 0"


def test_a_host_with_context_paths_only_has_no_other_paths(router: Router, dea: Dea, instance: Instance) -> None:
    dea.register(dea.endpoint("only-1", instance.port, "only.localhost/here"))
    eventually(lambda: reached(router, "only.localhost", "/here") == "one")
    assert reached(router, "only.localhost", "/") == "unknown_route"


def test_a_wildcard_answers_for_what_no_nearer_route_matches(router: Router, dea: Dea) -> None:
    with instances("any", "near", "exact") as (anything, near, exact):
        dea.register(
            dea.endpoint("wild-1", anything.port, "*.wild.localhost"),
            dea.endpoint("wild-2", near.port, "*.near.wild.localhost"),
            dea.endpoint("wild-3", exact.port, "exact.wild.localhost/only"),
        )
        eventually(lambda: reached(router, "exact.wild.localhost", "/only") == "exact")
        assert reached(router, "x.wild.localhost") == "any"
        assert reached(router, "x.near.wild.localhost") == "near"
        assert reached(router, "exact.wild.localhost", "/other") == "any"
        assert reached(router, "wild.localhost") == "unknown_route"
        dea.unregister("wild-1")
        eventually(lambda: reached(router, "exact.wild.localhost", "/other") == "unknown_route", 15)


def test_an_instance_with_several_routes_loses_one_at_once(router: Router, dea: Dea, instance: Instance) -> None:
    dea.register(dea.endpoint("many-1", instance.port, "many-a.localhost", "many-b.localhost"))
    eventually(lambda: reached(router, "many-b.localhost") == "one")
    dea.register(dea.endpoint("many-1", instance.port, "many-a.localhost"))
    eventually(lambda: reached(router, "many-b.localhost") == "unknown_route")
    assert reached(router, "many-a.localhost") == "one"


def test_two_versions_share_a_route(router: Router, dea: Dea) -> None:
    with instances("old", "new") as (old, new):
        dea.register(dea.endpoint("roll-1", old.port, "roll.localhost"))
        dea.register(dea.endpoint("roll-2", new.port, "roll.localhost"))
        seen = set()
        eventually(lambda: seen.add(reached(router, "roll.localhost")) or seen == {"old", "new"})


def test_the_unknown_host_is_told_nothing_about_itself(router: Router) -> None:
    one, other = router.get("no-such.localhost"), router.get("other.example.com", "/path")
    assert one.status_code == other.status_code == 404
    assert one.headers["x-cf-routererror"] == "unknown_route"
    assert one.text == other.text
    assert "no-such" not in one.text


def test_the_platforms_hosts_cannot_be_registered(router: Router, dea: Dea, instance: Instance) -> None:
    dea.register(dea.endpoint("sys-1", instance.port, "api.localhost", "127.0.0.1", "sys.localhost"))
    eventually(lambda: reached(router, "sys.localhost") == "one")
    assert router.get("api.localhost", "/v3/info").text == "cc GET /v3/info"
    assert router.get("127.0.0.1:99", "/v3/info").text == "cc GET /v3/info"


def test_a_forged_or_missing_grant_is_dropped(
    router: Router, dea: Dea, instance: Instance, plane: ControlPlane
) -> None:
    good = dea.endpoint("forged-1", instance.port, "forged.localhost")
    before = router.varz()["router"]["refused_endpoints_total"]
    other_key = RSAKey.generate_key(2048)
    claims = {"typ": "route", "sub": "forged-1", "app": good.app_guid, "routes": ["forged.localhost"], "rv": 1}
    for grant in ("", "x.y.z", plane.sign(claims, other_key), plane.sign(claims | {"routes": ["other.localhost"]})):
        dea.register(type(good)(**{name: getattr(good, name) for name in good.__slots__} | {"grant": grant}))
    eventually(lambda: router.varz()["router"]["refused_endpoints_total"] == before + 4)
    assert reached(router, "forged.localhost") == "unknown_route"


@pytest.mark.parametrize("route", ["bad host.localhost", "*", "a..localhost", "x.localhost/a b", "", "ü.localhost"])
def test_a_malformed_route_harms_no_other(router: Router, dea: Dea, instance: Instance, route: str) -> None:
    dea.register(dea.endpoint("odd-1", instance.port, route, "odd.localhost"))
    eventually(lambda: reached(router, "odd.localhost") == "one")
    dea.unregister("odd-1")
    eventually(lambda: reached(router, "odd.localhost") == "no_endpoints")
    assert router.varz()["router"]["xds_nacks_total"] == 0


def test_poison_on_the_bus_is_dropped(router: Router, dea: Dea, instance: Instance, bus: Bus) -> None:
    for text in ("{", "[]", '{"id":1}', '{"v":99}'):
        bus.sns.publish(TopicArn=bus.topic_arn("routes"), Message=text)
    bus.say("topic:routes", "router.register", {"dea": 5})
    dea.register(dea.endpoint("poison-1", instance.port, "poison.localhost"))
    eventually(lambda: reached(router, "poison.localhost") == "one")


def test_a_late_register_of_an_unregistered_instance_is_dropped(
    router: Router, dea: Dea, instance: Instance, bus: Bus
) -> None:
    late = dea.endpoint("late-1", instance.port, "late.localhost")
    dea.seq = 5
    dea.unregister("late-1")
    bus.say("topic:routes", "router.register", Register(dea.name, dea.boot, 1, False, (late,)))
    dea.register(dea.endpoint("late-2", instance.port, "late-2.localhost"))
    eventually(lambda: reached(router, "late-2.localhost") == "one")
    assert reached(router, "late.localhost") == "unknown_route"


def test_a_refusing_instance_is_passed_over(router: Router, dea: Dea, instance: Instance) -> None:
    dea.register(
        dea.endpoint("refuse-1", instance.port, "refuse.localhost"),
        dea.endpoint("refuse-2", free_port(), "refuse.localhost"),
    )
    eventually(lambda: reached(router, "refuse.localhost") == "one")
    body = b"x" * 5_000_000
    with httpx.Client(base_url=router.url, headers={"Host": "refuse.localhost"}) as client:
        answers = {client.post("/", content=body).text for _ in range(20)}
    assert answers == {f"one POST / {len(body)}"}


def test_an_app_whose_only_instance_refuses_is_back_at_once(router: Router, dea: Dea) -> None:
    port = free_port()
    dea.register(dea.endpoint("alone-1", port, "alone.localhost"))
    eventually(lambda: reached(router, "alone.localhost") == "endpoint_failure")
    assert router.get("alone.localhost").status_code == 502
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", port))
        server.listen()
        server.settimeout(5)
        with socket.create_connection(("127.0.0.1", router.port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: alone.localhost\r\n\r\n")
            backend, _ = server.accept()
            backend.recv(65536)
            backend.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            assert client.recv(65536).startswith(b"HTTP/1.1 204")
            backend.close()
