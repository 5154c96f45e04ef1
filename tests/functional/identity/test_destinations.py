"""Mapping routes to apps: what processes serve, and what their instances are told."""

from typing import Any

import pytest

from chalicelib.bootstrap import World
from chalicelib.contracts.auction import Update
from chalicelib.contracts.health import HmRoutes, RouteCheck
from chalicelib.core import routing as core
from chalicelib.services import complaints, routing
from chalicelib.tables.running import OPEN, Process
from tests.functional.client import Client
from tests.functional.cloud import Cloud
from tests.functional.identity.running import make_app, placement, pretend_running, to
from tests.functional.identity.test_organizations_and_spaces import make_space
from tests.functional.identity.test_routes import make_route


@pytest.fixture
def app(api: Client, world: World, space: str) -> str:
    return make_app(api, world, "shop", space)


@pytest.fixture
def route(api: Client, space: str, domain: str) -> str:
    return make_route(api.admin, space, domain, host="shop")


def destinations(route: str) -> str:
    return f"/v3/routes/{route}/destinations"


def updates(cloud: Cloud) -> list[Update]:
    return [envelope.read(Update) for envelope in cloud.taken("topic:dea") if envelope.subject == "dea.update"]


def test_a_mapped_route_is_the_apps_and_its_process_serves_it(api: Client, app: str, route: str) -> None:
    answered = api.admin.post(destinations(route), json=to(app))
    assert answered.status == 200, answered.text
    (destination,) = answered.json["destinations"]
    assert destination["app"] == {"guid": app, "process": {"type": "web"}}
    assert (destination["port"], destination["weight"], destination["protocol"]) == (8080, None, "http1")
    assert api.admin.get(f"/v3/apps/{app}/routes").guids == [route]
    assert api.admin.get("/v3/routes", app_guids=app).guids == [route]
    process = Process.get(app)
    assert (process.routes, process.routes_version) == (["shop.localhost"], 1)


def test_mapping_again_keeps_the_destination(api: Client, app: str, route: str) -> None:
    first = api.admin.post(destinations(route), json=to(app)).json["destinations"]
    assert api.admin.post(destinations(route), json=to(app, app)).json["destinations"] == first
    assert api.admin.patch(destinations(route), json=to(app)).json["destinations"] == first
    assert Process.get(app).routes_version == 1


def test_a_destination_is_taken_away(api: Client, app: str, route: str) -> None:
    (end,) = api.admin.post(destinations(route), json=to(app)).json["destinations"]
    assert api.admin.delete(f"{destinations(route)}/{end['guid']}").status == 204
    assert api.admin.get(destinations(route)).json["destinations"] == []
    assert api.admin.get(f"/v3/apps/{app}/routes").guids == []
    assert Process.get(app).routes == []
    again = api.admin.delete(f"{destinations(route)}/{end['guid']}")
    assert again.error[2].startswith("Unable to unmap route from destination.")


def test_replacing_the_destinations_changes_both_apps(
    api: Client, world: World, space: str, app: str, route: str
) -> None:
    blue = make_app(api, world, "blue", space)
    api.admin.post(destinations(route), json=to(app))
    api.admin.patch(destinations(route), json=to(blue))
    assert (Process.get(app).routes, Process.get(blue).routes) == ([], ["shop.localhost"])
    assert api.admin.get("/v3/routes", app_guids=f"{app},{blue}").guids == [route]


def test_a_running_app_is_told_its_routes_with_a_grant_for_each_instance(
    api: Client, world: World, cloud: Cloud, space: str, domain: str, app: str, route: str
) -> None:
    guids = pretend_running(world, app, instances=3)
    deep = make_route(api.admin, space, domain, host="shop", path="/cart")
    cloud.taken("topic:dea")
    api.admin.post(destinations(route), json=to(app))
    api.admin.post(destinations(deep), json=to(app))
    first, second = updates(cloud)
    assert (first.routes, first.routes_version) == (("shop.localhost",), 1)
    assert (second.routes, second.routes_version) == (("shop.localhost", "shop.localhost/cart"), 2)
    assert sorted(second.grants) == sorted(guids)
    claims = world.keys.verify(second.grants[guids[0]])
    assert claims == {
        "typ": "route",
        "sub": guids[0],
        "app": app,
        "routes": ["shop.localhost", "shop.localhost/cart"],
        "rv": 2,
        "iss": "zf",
    }
    api.admin.delete(f"/v3/routes/{route}")
    assert updates(cloud)[0].routes == ("shop.localhost/cart",)
    assert cloud.rows("outbox") == 0


def test_a_stopped_app_is_told_nothing(api: Client, cloud: Cloud, app: str, route: str) -> None:
    api.admin.post(destinations(route), json=to(app))
    assert updates(cloud) == []


def test_places_without_an_instance_and_earlier_versions_get_no_grant(
    api: Client, world: World, cloud: Cloud, app: str, route: str
) -> None:
    pretend_running(world, app, instances=1, version=2)
    placement(app, 1, "open", 2, OPEN).save()
    placement(app, 2, "old", 1).save()
    api.admin.post(destinations(route), json=to(app))
    (update,) = updates(cloud)
    assert list(update.grants) == [f"{app}-0"]


def test_many_instances_are_told_in_messages_that_fit_on_the_bus(
    api: Client, world: World, cloud: Cloud, space: str, domain: str, app: str
) -> None:
    pretend_running(world, app, instances=130)
    route = make_route(api.admin, space, domain, host="x" * 63, path="/" + "y" * 120)
    cloud.taken("queue:cc")
    api.admin.post(destinations(route), json=to(app))
    assert updates(cloud) == [], "too much for the transaction of the change"
    (later,) = [envelope for envelope in cloud.taken("queue:cc") if envelope.subject == "hm.routes"]
    complaints.routes(world, later.read(HmRoutes), "")
    told = updates(cloud)
    assert [len(update.grants) for update in told] == [60, 60, 10]
    assert len({guid for update in told for guid in update.grants}) == 130


def test_two_changes_at_once_lose_neither(api: Client, space: str, domain: str, app: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    admin = api.admin
    made = [make_route(admin, space, domain, host=f"h{i}") for i in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda guid: admin.post(destinations(guid), json=to(app)).status, made))
    assert answers == [200] * 4
    process = Process.get(app)
    assert sorted(process.routes) == [f"h{i}.localhost" for i in range(4)]  # in the order in which they won
    assert process.routes_version == 4


def test_apps_of_other_spaces_are_no_destinations(api: Client, world: World, org: str, route: str) -> None:
    foreign = make_app(api, world, "foreign", make_space(api, "elsewhere", org))
    only_shared = "Routes destinations must be in either the route's space or the route's shared spaces"
    for guid, said in ((foreign, only_shared), ("nobody-knows", 'App(s) with guid(s) "{guid}" do not exist.')):
        answered = api.admin.post(destinations(route), json=to(guid))
        assert answered.error[2] == said.format(guid=guid)
    assert api.admin.get(destinations(route)).json["destinations"] == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"destinations": None},
        {"destinations": {}},
        {"destinations": [7]},
        {"destinations": [{}]},
        {"destinations": [{"app": 7}]},
        {"destinations": [{"app": {"guid": 7}}]},
        {"destinations": [{"app": {"guid": ""}}]},
        {"destinations": [{"app": {"guid": "x", "process": 7}}]},
        {"destinations": [{"app": {"guid": "x", "process": {"type": 7}}}]},
        {"destinations": [{"app": {"guid": "x"}, "port": 99999999999}]},
        {"destinations": [{"app": {"guid": "x"}, "port": "http"}]},
        {"destinations": [{"app": {"guid": "x"}, "weight": 50}]},
        {"destinations": [{"app": {"guid": "x"}, "protocol": "http3"}]},
        {"destinations": [{"app": {"guid": "x"}, "protocol": ["http2"]}]},
        {"destinations": [{"app": {"guid": "x"}, "port": 80}]},
        {"destinations": [{"app": {"guid": "x", "process": {"type": ""}}}]},
        {"destinations": []},
        {"destinations": [{"app": {"guid": "x"}, "colour": "blue"}]},
        {"destinations": [{"app": {"guid": "x", "colour": "blue"}}]},
        {"destinations": [], "colour": "blue"},
        {"destinations": [{"app": {"guid": f"x{i}"}} for i in range(101)]},
    ],
)
def test_wrong_destinations_are_refused(api: Client, route: str, body: dict[str, Any]) -> None:
    answered = api.admin.post(destinations(route), json=body)
    assert (answered.status, answered.json["errors"][0]["code"]) == (422, 10008), answered.text


def test_a_route_leads_to_a_hundred_destinations_and_to_no_more(
    api: Client, world: World, cloud: Cloud, space: str, app: str, route: str
) -> None:
    apps = [app, *(make_app(api, world, f"shop-{number}", space) for number in range(20))]
    for one in apps:
        pretend_running(world, one, instances=1)
    ends: list[dict[str, Any]] = [{"app": {"guid": one}} for one in apps]
    ends += [{"app": {"guid": app, "process": {"type": f"kind-{number}"}}} for number in range(79)]
    added = api.admin.post(destinations(route), json={"destinations": ends})
    assert added.status == 200, added.text
    assert len({end["guid"] for end in added.json["destinations"]}) == 100
    assert [Process.get(one).routes for one in apps] == [["shop.localhost"]] * 21
    mapped = api.admin.get("/v3/audit_events", types="audit.app.map-route").json
    assert mapped["pagination"]["total_results"] == 100
    one_more = api.admin.post(destinations(route), json={"destinations": [{"app": {"guid": app}, "port": 9000}]})
    assert one_more.error[2] == "Routes can be mapped to at most 100 destinations."

    # A change of the route itself reaches all of its processes, a moment later.
    cloud.taken("topic:dea")
    cloud.taken("queue:cc")
    assert api.admin.patch(f"/v3/routes/{route}", json={"options": {"loadbalancing": "round-robin"}}).status == 200
    (later,) = [envelope for envelope in cloud.taken("queue:cc") if envelope.subject == "route.check"]
    for _ in range(2):
        routing.check(world, later.read(RouteCheck), "")
    assert len(updates(cloud)) == 21, "told once"
    assert {Process.get(one).route_rules["shop.localhost"]["balance"] for one in apps} == {"round-robin"}

    # And it goes, with all that it led to.
    api.admin.finish(api.admin.delete(f"/v3/routes/{route}"))
    assert [Process.get(one).routes for one in apps] == [[]] * 21
    assert routing.mapped_routes(app) == []
    routing.check(world, later.read(RouteCheck), "")


def test_what_destinations_name_is_open_in_the_next_version(
    api: Client, world: World, space: str, domain: str, app: str, route: str
) -> None:
    named = {"destinations": [{"app": {"guid": app}, "port": port} for port in (9000, 8443)]}
    answered = api.admin.post(destinations(route), json=named)
    assert [end["port"] for end in answered.json["destinations"]] == [9000, 8443]
    process = Process.get(app)
    assert process.route_rules == {"shop.localhost": {"ports": [8443, 9000]}}
    assert core.open_ports(process.routes, process.route_rules) == (8443, 9000)
    plain = make_route(api.admin, space, domain, host="plain")
    api.admin.post(destinations(plain), json=to(app))
    process.refresh()
    assert core.open_ports(process.routes, process.route_rules) == (8080, 8443, 9000), "$PORT is the first"
    weighted = [{"app": {"guid": app}, "port": 9000, "weight": 30}, {"app": {"guid": app}, "weight": 70}]
    api.admin.patch(destinations(route), json={"destinations": weighted})
    process.refresh()
    rule = {"ports": [8080, 9000], "weights": [70, 30], "weight": 100, "group": f"{app}/web"}
    assert process.route_rules == {"shop.localhost": rule}
    many = {"destinations": [{"app": {"guid": app}, "port": 9000 + number} for number in range(11)]}
    refused = api.admin.patch(destinations(route), json=many)
    assert (refused.status, refused.error[2]) == (422, "Maximum of 10 app ports allowed.")


def test_an_app_that_goes_leaves_its_routes_behind(api: Client, app: str, route: str) -> None:
    api.admin.post(destinations(route), json=to(app))
    api.admin.finish(api.admin.delete(f"/v3/apps/{app}"))
    assert api.admin.get(destinations(route)).json["destinations"] == []
    assert routing.mapped_routes(app) == []


def test_a_process_that_is_made_later_serves_what_was_mapped_before(api: Client, app: str, route: str) -> None:
    api.admin.post(destinations(route), json={"destinations": [{"app": {"guid": app, "process": {"type": "api"}}}]})
    late, web = (Process("later", app_guid=app, type=kind) for kind in ("api", "web"))
    assert routing.serve(late, routing.mapped_routes(app))
    assert late.routes == ["shop.localhost"]
    assert not routing.serve(web, routing.mapped_routes(app))


def test_events_tell_who_mapped_what(api: Client, app: str, route: str) -> None:
    (end,) = api.admin.post(destinations(route), json=to(app)).json["destinations"]
    api.admin.delete(f"{destinations(route)}/{end['guid']}")
    events = api.admin.get("/v3/audit_events", target_guids=app, order_by="-created_at").json["resources"]
    unmapped, mapped = events[:2]
    assert (mapped["type"], unmapped["type"]) == ("audit.app.map-route", "audit.app.unmap-route")
    assert mapped["actor"]["name"] == "admin"
    assert mapped["data"]["route_guid"] == route


def test_weights_are_of_all_or_none_and_make_a_whole(
    api: Client, world: World, space: str, app: str, route: str
) -> None:
    blue = make_app(api, world, "blue", space)

    def ask(*weights: int | None, verb: str = "PATCH") -> Any:
        ends = [{"app": {"guid": guid}, "weight": weight} for guid, weight in zip((app, blue), weights, strict=False)]
        return api.admin.request(verb, destinations(route), json={"destinations": ends})

    for weights, said in (
        ((70, 40), "Destinations must have weights that sum to 100."),
        ((70, None), "Destinations cannot contain both weighted and unweighted destinations."),
        ((0, 100), "Destinations[0]: weight must be a positive integer between 1 and 100."),
    ):
        assert ask(*weights).details == [said]
    told = ask(100, verb="POST").error[2]
    assert told == "Destinations[0]: weighted destinations can only be used when replacing all destinations."
    weighted = ask(70, 30)
    assert [end["weight"] for end in weighted.json["destinations"]] == [70, 30]
    assert Process.get(app).route_rules == {"shop.localhost": {"weight": 70, "group": f"{app}/web"}}
    end = weighted.json["destinations"][0]["guid"]
    assert api.admin.delete(f"{destinations(route)}/{end}").error[2].startswith("Weighted destinations cannot")
    assert api.admin.post(destinations(route), json=to(app)).error[2].startswith("Destinations cannot be inserted")
    again = ask(20, 80).json["destinations"]
    assert (again[0]["guid"], again[0]["weight"]) == (end, 20)
    assert Process.get(app).routes_version == 2, "routers hear of other weights"
    plain = api.admin.patch(destinations(route), json=to(app))
    assert plain.json["destinations"][0]["weight"] is None
    assert Process.get(app).route_rules == {}
    twice = api.admin.patch(destinations(route), json=to(app, app))
    assert twice.error[2] == "Destinations cannot contain duplicate entries"


def test_a_destination_has_a_protocol_and_a_port(api: Client, app: str, route: str) -> None:
    two = api.admin.post(destinations(route), json=to(app, protocol="http2"))
    (end,) = two.json["destinations"]
    assert end["protocol"] == "http2"
    assert Process.get(app).route_rules == {"shop.localhost": {"protocol": "http2"}}
    other = api.admin.post(destinations(route), json=to(app, protocol="http1"))
    assert "Cannot add destination with protocol: http1. Destination already exists for route" in other.error[2]
    own = f"{destinations(route)}/{end['guid']}"
    assert api.admin.patch(own, json={"protocol": "http1"}).json["protocol"] == "http1"
    assert Process.get(app).route_rules == {}
    assert api.admin.patch(own, json={"protocol": "tcp"}).error[2].startswith("Cannot use 'tcp' protocol for http")
    for wrong in ({}, {"protocol": None}, {"protocol": 7}, {"protocol": "http2", "port": 8080}):
        assert api.admin.patch(own, json=wrong).status == 422
    assert api.admin.patch(f"{destinations(route)}/x", json={"protocol": "http2"}).status == 422
    more = api.admin.post(destinations(route), json=to(app, port=9000))
    assert [one["port"] for one in more.json["destinations"]] == [8080, 9000]
    assert "9000" in more.headers["x-cf-warnings"]
    assert Process.get(app).routes == ["shop.localhost"]


def test_both_web_processes_of_a_deployment_serve_the_routes(
    api: Client, world: World, cloud: Cloud, app: str, route: str
) -> None:
    pretend_running(world, app)
    unit = world.unit()
    newer = Process("newer", app_guid=app, space_guid="s", type="web", state="STARTED", version=1)
    unit.create(newer)
    unit.commit()
    cloud.taken("topic:dea")
    api.admin.post(destinations(route), json=to(app))
    assert [Process.get(guid).routes for guid in (app, "newer")] == [["shop.localhost"]] * 2
    assert {update.process_guid for update in updates(cloud)} == {app}, "the newer one has no instance yet"
    found = routing.process_of(app, "web")
    assert found is not None
    assert found.guid == "newer"
