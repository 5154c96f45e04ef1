"""Routes: made, found, refused, and unique among everybody."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.bootstrap import World
from tests.functional.client import Client
from tests.functional.cloud import Cloud
from tests.functional.identity.running import make_app, new_route, to
from tests.functional.identity.test_domains import private
from tests.functional.identity.test_organizations_and_spaces import make_org, make_space


@pytest.fixture
def developer(api: Client, org: str, space: str) -> Client:
    return api.user("developer", organization_user=org, space_developer=space)


def make_route(caller: Client, space: str, domain: str, **fields: Any) -> str:
    answered = caller.post("/v3/routes", json=new_route(space, domain, **fields))
    assert answered.status == 201, answered.text
    return answered.guid


def test_a_route_is_shown_with_its_url(developer: Client, space: str, domain: str) -> None:
    made = developer.post("/v3/routes", json=new_route(space, domain, host="Shop", path="/cart"))
    assert made.status == 201, made.text
    assert "location" not in made.headers, "clients take any Location for a job"
    route = made.json
    assert (route["url"], route["host"], route["path"]) == ("shop.localhost/cart", "shop", "/cart")
    assert (route["port"], route["protocol"], route["destinations"]) == (None, "http", [])
    assert route["relationships"]["domain"]["data"]["guid"] == domain
    assert developer.get(f"/v3/routes/{made.guid}").json == route
    shown = developer.get(f"/v3/routes/{made.guid}", include="domain,space.organization").json["included"]
    assert shown["domains"][0]["name"] == "localhost"
    assert shown["organizations"][0]["name"] == "local"


def test_an_empty_filter_means_those_that_have_none(developer: Client, space: str, domain: str) -> None:
    plain = make_route(developer, space, domain, host="shop")
    deep = make_route(developer, space, domain, host="shop", path="/cart")
    other = make_route(developer, space, domain, host="blog")

    def found(**query: str) -> list[str]:
        return developer.get("/v3/routes", **query).guids

    assert found(domain_guids=domain, hosts="shop", paths="") == [plain]
    assert found(domain_guids=domain, hosts="shop", paths="/cart") == [deep]
    assert found(domain_guids=domain, hosts="shop,blog", paths="") == [plain, other]
    assert found(domain_guids=domain, hosts="", paths="") == []
    assert found(hosts="shop") == [plain, deep]
    assert found(paths="") == [plain, other]
    assert found(space_guids=space, hosts="blog") == [other]
    assert found(ports="80") == []
    assert found(domain_guids="nobody-knows", hosts="shop", paths="") == []
    assert found(order_by="-created_at", per_page="1") == [other]


def test_urls_are_unique_among_everybody(api: Client, developer: Client, org: str, space: str, domain: str) -> None:
    make_route(developer, space, domain, host="shop")
    make_route(developer, space, domain, host="shop", path="/cart")
    again = developer.post("/v3/routes", json=new_route(space, domain, host="SHOP"))
    assert again.error == (
        10008,
        "CF-UnprocessableEntity",
        "Route already exists with host 'shop' for domain 'localhost'.",
    )
    deep = developer.post("/v3/routes", json=new_route(space, domain, host="shop", path="/Cart"))
    assert deep.error[2] == "Route already exists with host 'shop' and path '/Cart' for domain 'localhost'."
    elsewhere = make_space(api, "elsewhere", org)
    assert (
        "Route already exists" in api.admin.post("/v3/routes", json=new_route(elsewhere, domain, host="shop")).error[2]
    )


def test_a_host_belongs_to_one_space_with_all_its_paths(
    api: Client, developer: Client, org: str, space: str, domain: str
) -> None:
    elsewhere = make_space(api, "elsewhere", org)
    first = make_route(developer, space, domain, host="shop")
    second = make_route(developer, space, domain, host="shop", path="/cart")
    stolen = api.admin.post("/v3/routes", json=new_route(elsewhere, domain, host="shop", path="/login"))
    assert stolen.error[2] == "Routes for this host and domain have been reserved for another space."
    for guid in (first, second):
        assert developer.delete(f"/v3/routes/{guid}").status == 202
    assert make_route(api.admin, elsewhere, domain, host="shop", path="/login")


def test_the_platforms_own_hosts_are_refused(api: Client, space: str, domain: str) -> None:
    for host in ("api", "login", "uaa", "logs", "log-cache", "API"):
        answered = api.admin.post("/v3/routes", json=new_route(space, domain, host=host))
        assert answered.error[2] == "Route conflicts with a reserved system route."
    with_path = api.admin.post("/v3/routes", json=new_route(space, domain, host="api", path="/v3"))
    assert with_path.status == 422


def test_a_shared_domain_wants_a_host_and_gives_all_hosts_to_administrators_only(
    api: Client, developer: Client, org: str, space: str, domain: str
) -> None:
    bare = developer.post("/v3/routes", json=new_route(space, domain))
    assert bare.error[2] == "Missing host. Routes in shared domains must have a host defined."
    everything = developer.post("/v3/routes", json=new_route(space, domain, host="*"))
    assert everything.error[2].startswith("You do not have sufficient permissions to create a route with a wildcard")
    assert api.admin.post("/v3/routes", json=new_route(space, domain, host="*")).json["url"] == "*.localhost"
    own = api.admin.post("/v3/domains", json=private("shop.example", org)).guid
    assert developer.post("/v3/routes", json=new_route(space, own)).json["url"] == "shop.example"
    assert developer.post("/v3/routes", json=new_route(space, own, host="*")).json["url"] == "*.shop.example"


def test_a_private_domain_is_of_use_in_its_organization_only(
    api: Client, developer: Client, org: str, space: str
) -> None:
    other = make_org(api, "other")
    foreign = api.admin.post("/v3/domains", json=private("other.example", other)).guid
    assert "not available" in api.admin.post("/v3/routes", json=new_route(space, foreign, host="x")).error[2]
    hidden = developer.post("/v3/routes", json=new_route(space, foreign, host="x"))
    assert hidden.error[2].startswith("Invalid domain.")
    above = api.admin.post("/v3/domains", json=private("eu.other.example", other)).guid
    conflict = api.admin.post("/v3/routes", json=new_route(make_space(api, "s", other), foreign, host="eu"))
    assert "conflicts with domain" in conflict.error[2]
    assert above


@pytest.mark.parametrize(
    "fields",
    [
        {"host": "a.b"},
        {"host": "a b"},
        {"host": "-a"},
        {"host": "a/b"},
        {"host": "*a"},
        {"host": "é"},
        {"host": "x" * 64},
        {"host": 7},
        {"host": ["a"]},
        {"host": "a", "path": "cart"},
        {"host": "a", "path": "/"},
        {"host": "a", "path": "/a?b"},
        {"host": "a", "path": "/a#b"},
        {"host": "a", "path": "/a b"},
        {"host": "a", "path": "//a"},
        {"host": "a", "path": "/../a"},
        {"host": "a", "path": "/a%zz"},
        {"host": "a", "path": "/a\n"},
        {"host": "a", "path": "/" + "x" * 128},
        {"host": "a", "path": {}},
        {"host": "a", "port": 80},
        {"host": "a", "port": "eighty"},
        {"host": "a", "options": {"loadbalancing": "fastest"}},
        {"host": "a", "options": {"loadbalancing": "hash"}},
        {"host": "a", "options": {"hash_header": "x"}},
        {"host": "a", "options": []},
        {"host": "a", "options": {"loadbalancing": ["round-robin"]}},
        {"host": "a", "colour": "blue"},
        {"host": "a", "metadata": []},
    ],
)
def test_a_wrong_route_is_refused(api: Client, cloud: Cloud, space: str, domain: str, fields: dict[str, Any]) -> None:
    before = cloud.rows("names")
    answered = api.admin.post("/v3/routes", json=new_route(space, domain, **fields))
    assert (answered.status, answered.json["errors"][0]["code"]) == (422, 10008), answered.text
    assert cloud.rows("names") == before


@pytest.mark.parametrize(("space_is", "domain_is"), [("known", "x"), ("x", "known"), ("", "known"), ("known", "")])
def test_what_is_not_there_is_told(api: Client, space: str, domain: str, space_is: str, domain_is: str) -> None:
    body = new_route(
        space if space_is == "known" else space_is, domain if domain_is == "known" else domain_is, host="a"
    )
    answered = api.admin.post("/v3/routes", json=body)
    assert answered.error[0] == 10008
    assert answered.error[2].startswith("Invalid ")


def test_others_do_not_see_a_route_and_auditors_do_not_change_it(
    api: Client, world: World, developer: Client, org: str, space: str, domain: str
) -> None:
    route = make_route(developer, space, domain, host="shop")
    app = make_app(api, world, "shop", space)
    stranger = api.user("stranger", organization_user=org)
    auditor = api.user("auditor", organization_user=org, space_auditor=space)
    supporter = api.user("supporter", organization_user=org, space_supporter=space)
    everything = [
        ("PATCH", f"/v3/routes/{route}", {}),
        ("POST", f"/v3/routes/{route}/destinations", to(app)),
        ("PATCH", f"/v3/routes/{route}/destinations", to()),
        ("DELETE", f"/v3/routes/{route}/destinations/x", {}),
        ("PATCH", f"/v3/routes/{route}/destinations/x", {"protocol": "http2"}),
        ("POST", f"/v3/routes/{route}/relationships/shared_spaces", {"data": [{"guid": space}]}),
        ("DELETE", f"/v3/routes/{route}/relationships/shared_spaces/{space}", {}),
        ("PATCH", f"/v3/routes/{route}/relationships/space", {"data": {"guid": space}}),
        ("DELETE", f"/v3/routes/{route}", {}),
    ]
    for method, path, body in [("GET", f"/v3/routes/{route}", {}), *everything]:
        answered = stranger.request(method, path, json=body)
        assert (answered.status, answered.error[2]) == (404, "Route not found"), (method, path)
    for method, path, body in everything:
        assert auditor.request(method, path, json=body).status == 403, (method, path)
    watcher = api.user("watcher", organization_auditor=org)
    assert watcher.get(f"/v3/routes/{route}").guid == route, "of a space that he does not see himself"
    assert watcher.get("/v3/routes").guids == watcher.get("/v3/routes", hosts="shop").guids == [route]
    assert watcher.delete(f"/v3/routes/{route}").status == 403
    assert stranger.get("/v3/routes").guids == []
    assert stranger.get("/v3/routes", domain_guids=domain, hosts="shop", paths="").guids == []
    assert stranger.get(f"/v3/domains/{domain}/route_reservations", host="shop").json == {"matching_route": True}
    assert stranger.post("/v3/routes", json=new_route(space, domain, host="x")).error[0] == 10008
    assert auditor.post("/v3/routes", json=new_route(space, domain, host="x")).status == 403
    assert auditor.get("/v3/routes", domain_guids=domain, hosts="shop", paths="").guids == [route]
    assert supporter.post("/v3/routes", json=new_route(space, domain, host="x")).status == 201
    assert supporter.post(f"/v3/routes/{route}/destinations", json=to(app)).status == 200
    assert stranger.get(f"/v3/apps/{app}/routes").status == 404


def test_a_reservation_is_told_by_host_and_path(developer: Client, space: str, domain: str) -> None:
    make_route(developer, space, domain, host="shop", path="/cart")

    def reserved(**query: str) -> bool:
        answered = developer.request("GET", f"/v3/domains/{domain}/route_reservations", query=query)
        return bool(answered.json["matching_route"])

    assert reserved(host="shop", path="/cart")
    assert not reserved(host="shop")
    assert not reserved()


def test_unmapped_routes_go_together_and_only_when_it_says_so(
    api: Client, world: World, developer: Client, space: str, domain: str
) -> None:
    app = make_app(api, world, "shop", space)
    used, unused = (make_route(developer, space, domain, host=host) for host in ("used", "unused"))
    developer.post(f"/v3/routes/{used}/destinations", json=to(app))
    assert developer.delete(f"/v3/spaces/{space}/routes").status == 422
    assert developer.finish(developer.delete(f"/v3/spaces/{space}/routes?unmapped=true"))["state"] == "COMPLETE"
    assert developer.get("/v3/routes").guids == [used]
    assert developer.get(f"/v3/routes/{unused}").status == 404


def test_labels_of_a_route_change(developer: Client, space: str, domain: str) -> None:
    route = make_route(developer, space, domain, host="shop")
    changed = developer.patch(f"/v3/routes/{route}", json={"metadata": {"labels": {"tier": "front"}}})
    assert changed.json["metadata"]["labels"] == {"tier": "front"}
    assert developer.get("/v3/routes", label_selector="tier=front").guids == [route]


def test_of_many_who_want_a_url_at_once_one_gets_it(developer: Client, space: str, domain: str) -> None:
    body = new_route(space, domain, host="shop")
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: developer.post("/v3/routes", json=body), range(6)))
    assert sorted(answered.status for answered in answers) == [201, 422, 422, 422, 422, 422]
    assert len(developer.get("/v3/routes").guids) == 1
