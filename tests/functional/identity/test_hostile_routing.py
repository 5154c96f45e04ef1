"""Whatever is sent to the endpoints of routes, domains and manifests: a refusal in words, never a failure."""

from typing import Any

import pytest

from chalicelib.bootstrap import World
from tests.functional.client import Client
from tests.functional.cloud import Cloud
from tests.functional.identity.running import make_app, new_route, to
from tests.functional.identity.test_routes import make_route

#: In place of any field.
ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    10**30,
    "",
    "\0",
    "é" * 3000,
    [],
    [None],
    [[]],
    {},
    {"a": {}},
    {"guid": 7},
)

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(8)
)

MANIFESTS: tuple[str | bytes, ...] = (
    b"\xff\xfe\x00",
    "\x00",
    BOMB + "applications: [{name: a, env: {A: *i}}]",
    "applications: &a [{name: x, env: *a}]",
    "x: &x {<<: *x}\napplications: [{name: x}]",
    "applications:\n" + "- {name: a}\n" * 60,
    "a" * 6_000_000,
    "applications: [{name: a, name: b, env: {A: 1, A: 2}}]",
    "applications: [{name: a, ? [x, y] : z}]",
    "applications: [{name: a, 7: 8, null: 9, 1.5: x, 2020-01-01: y}]",
    "applications: [{name: !!binary aGVsbG8=}]",
    "applications: [{name: a, env: !!set {x, y}}]",
    "applications: [{name: a, env: {A: !!binary aGVsbG8=, B: .inf, C: .nan, D: 0x1F, E: 1_000}}]",
    "applications: [{name: a, instances: .inf}]",
    "applications: [{name: a, memory: .nan}]",
    "applications: [{name: a, processes: [[]]}]",
    "applications: [{name: a, processes: [{type: [web]}]}]",
    "applications: [{name: a, sidecars: [[]]}]",
    "applications: [{name: a, sidecars: [{name: [x]}]}]",
    "applications: [{name: a, services: [[], null, 7]}]",
    "applications: [{name: a, routes: [{route: [a.b]}]}]",
    "applications: [{name: a, routes: [{route: a.b, options: {[x]: y}}]}]",
    "applications: [{name: a, routes: [{route: a.b, options: {7: y}}]}]",
    "applications: [{name: a, routes: [{route: a.b, protocol: [http1]}]}]",
    "applications: [{name: a, routes: [{route: '*'}, {route: '...'}, {route: '/'}, {route: a..b}]}]",
    "applications: [{name: a, routes: [{route: '*.localhost'}, {route: 'api.localhost'}, {route: '-.localhost'}]}]",
    "applications: [{name: a, features: {ssh: 1}}]",
    "applications: [{name: a, features: [ssh]}]",
    "applications: [{name: a, docker: {image: [x]}}]",
    "applications: [{name: a, buildpacks: {a: b}}]",
    "applications: [{name: a, stack: [x]}]",
    "applications: [{name: a, metadata: {labels: [x]}}]",
    "applications: [{name: a, lifecycle: [x]}]",
    "applications: [{name: a, lifecycle: {type: docker}}]",
    "applications: [{name: 'é', default-route: true}]",
    "applications: [{name: '~', random-route: true}]",
    "version: [1]\napplications: [{name: a}]",
    "--- {applications: [{name: a}]}\n--- {applications: [{name: b}]}",
)


@pytest.mark.parametrize("what", ["actions/apply_manifest", "manifest_diff"])
def test_hostile_manifests_are_refused_in_words(api: Client, space: str, what: str) -> None:
    for manifest in MANIFESTS:
        answered = api.admin.request("POST", f"/v3/spaces/{space}/{what}", body=manifest)
        assert answered.status in (201, 202, 400, 422), (manifest[:80], answered.text)
        if answered.status in (400, 422):
            assert all(0 < len(detail) < 1000 for detail in answered.details), manifest[:80]


def test_odd_values_anywhere_are_refused_in_words(
    api: Client, world: World, cloud: Cloud, org: str, space: str, domain: str
) -> None:
    assert api.admin.patch("/v3/feature_flags/route_sharing", json={"enabled": True}).status == 200
    app, route = make_app(api, world, "shop", space), make_route(api.admin, space, domain, host="shop")
    own = f"/v3/routes/{route}"
    end = api.admin.post(f"{own}/destinations", json=to(app)).json["destinations"][0]
    bodies: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/v3/routes", new_route(space, domain, host="x", path="/p", port=1, options={}, metadata={})),
        ("PATCH", own, {"options": {"loadbalancing": "x"}, "metadata": {"labels": {"a": "b"}}}),
        ("POST", f"{own}/destinations", {"destinations": [{"app": {"guid": app, "process": {"type": "web"}}}]}),
        ("PATCH", f"{own}/destinations", {"destinations": [{"app": {"guid": app}, "weight": 100, "port": 8080}]}),
        ("PATCH", f"{own}/destinations/{end['guid']}", {"protocol": "http1"}),
        ("POST", f"{own}/relationships/shared_spaces", {"data": [{"guid": "x"}]}),
        ("PATCH", f"{own}/relationships/space", {"data": {"guid": "x"}}),
        ("POST", f"/v3/domains/{domain}/relationships/shared_organizations", {"data": [{"guid": "x"}]}),
        ("PATCH", f"/v3/domains/{domain}", {"metadata": {"annotations": {"a": "b"}}}),
        (
            "POST",
            "/v3/domains",
            {
                "name": "x.example",
                "internal": False,
                "router_group": {"guid": "g"},
                "relationships": {"organization": {"data": {"guid": org}}, "shared_organizations": {"data": []}},
            },
        ),
    ]
    for method, path, body in bodies:
        for spoiled in _spoiled(body):
            answered = api.admin.request(method, path, json=spoiled)
            assert answered.status < 500, (method, path, spoiled, answered.text)
            if answered.status >= 400:
                assert answered.details, (method, path, spoiled)
    for query in ("hosts=%00", "paths=" + "x" * 3000, "ports=http", "include=planet", "domain_guids=,,", "per_page=0"):
        assert api.admin.get(f"/v3/routes?{query}").status in (200, 400), query
    assert api.admin.get(f"/v3/domains/{domain}/route_reservations?host=%00&path={'x' * 2000}").status == 200
    assert api.admin.get("/v3/routes?colour=blue").error[0] == 10005
    assert cloud.rows("outbox") == 0


def _spoiled(body: Any) -> list[Any]:
    """The body with each of its values, at any depth, in turn replaced by something odd."""
    if isinstance(body, dict):
        found = [{**body, key: odd} for key in body for odd in ODD] + [{**body, "colour": 1}]
        return found + [{**body, key: deeper} for key, value in body.items() for deeper in _spoiled(value)]
    if isinstance(body, list) and body:
        return [[odd] for odd in ODD] + [[deeper] for deeper in _spoiled(body[0])]
    return []
