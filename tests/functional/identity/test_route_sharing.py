"""Routes in several spaces: shared, unshared, moved."""

import pytest

from chalicelib.bootstrap import World
from tests.functional.client import Client
from tests.functional.identity.running import make_app, new_route, to
from tests.functional.identity.test_organizations_and_spaces import make_space
from tests.functional.identity.test_routes import make_route


@pytest.fixture
def elsewhere(api: Client, org: str) -> str:
    return make_space(api, "elsewhere", org)


@pytest.fixture
def sharing(api: Client) -> None:
    assert api.admin.patch("/v3/feature_flags/route_sharing", json={"enabled": True}).status == 200


def test_a_route_is_shared_with_spaces_whose_apps_it_may_then_lead_to(
    api: Client, world: World, org: str, space: str, elsewhere: str, domain: str
) -> None:
    route = make_route(api.admin, space, domain, host="shop")
    foreign = make_app(api, world, "foreign", elsewhere)
    shared = f"/v3/routes/{route}/relationships/shared_spaces"
    body = {"data": [{"guid": elsewhere}]}
    for answered in (api.admin.post(shared, json=body), api.admin.get(shared), api.admin.delete(f"{shared}/{space}")):
        assert answered.error == (330002, "CF-FeatureDisabled", "Feature Disabled: route_sharing")
    api.admin.patch("/v3/feature_flags/route_sharing", json={"enabled": True})
    one = api.user("one", organization_user=org, space_developer=space)
    other = api.user("other", organization_user=org, space_developer=elsewhere)
    assert other.get(f"/v3/routes/{route}").status == 404
    hidden = one.post(shared, json=body)
    assert hidden.error[2] == (
        f"Unable to share route shop.localhost with spaces ['{elsewhere}']. Ensure the spaces exist and that you have "
        "access to them."
    )
    assert api.admin.post(shared, json=body).json["data"] == [{"guid": elsewhere}]
    assert api.admin.post(shared, json=body).json["data"] == [{"guid": elsewhere}]
    assert other.get(f"/v3/routes/{route}").status == 200
    assert other.get("/v3/routes").guids == [route]
    assert other.get("/v3/routes", domain_guids=domain, hosts="shop", paths="").guids == [route]
    assert other.get("/v3/routes", space_guids=elsewhere).guids == []
    assert other.patch(f"/v3/routes/{route}", json={}).status == 403
    one.grant("space_auditor", elsewhere)
    assert one.post(f"/v3/routes/{route}/destinations", json=to(foreign)).status == 200
    assert other.get(f"/v3/apps/{foreign}/routes").guids == [route]
    assert (
        api.admin.delete(f"{shared}/{space}")
        .error[2]
        .endswith("Routes cannot be removed from the space that owns them.")
    )
    assert api.admin.delete(f"{shared}/{elsewhere}").status == 204
    assert api.admin.get(shared).json["data"] == []
    assert other.get("/v3/routes").guids == []
    assert (
        api.admin.delete(f"{shared}/nobody")
        .error[2]
        .endswith("Ensure the space exists and that you have access to it.")
    )


@pytest.mark.usefixtures("sharing")
def test_a_route_moves_to_another_space_with_its_host(
    api: Client, org: str, space: str, elsewhere: str, domain: str
) -> None:
    route = make_route(api.admin, space, domain, host="shop")
    own = f"/v3/routes/{route}/relationships/space"
    assert api.admin.patch(own, json={"data": {"guid": elsewhere}}).json == {"status": "ok"}
    shown = api.admin.get(f"/v3/routes/{route}").json
    assert shown["relationships"]["space"]["data"]["guid"] == elsewhere
    assert api.admin.get(f"/v3/routes/{route}/relationships/shared_spaces").json["data"] == [{"guid": space}]
    assert api.admin.get("/v3/routes", space_guids=elsewhere).guids == [route]
    assert api.admin.get("/v3/routes", space_guids=space).guids == []
    deeper = make_route(api.admin, elsewhere, domain, host="shop", path="/cart")
    reserved = api.admin.patch(own, json={"data": {"guid": space}})
    assert reserved.error[2].endswith("Routes for this host and domain have been reserved for another space.")
    api.admin.delete(f"/v3/routes/{deeper}")
    assert api.admin.patch(own, json={"data": {"guid": space}}).status == 200
    assert api.admin.patch(own, json={"data": {"guid": "nobody"}}).error[2].startswith("Unable to transfer owner of")
    for wrong in ({}, {"data": None}, {"data": []}, {"data": {"guid": 7}}, {"data": {"guid": space}, "more": 1}):
        assert api.admin.patch(own, json=wrong).status == 422, wrong
    for wrong in ({}, {"data": None}, {"data": [7]}, {"data": [{"guid": 7}]}, {"data": [{"guid": space}]}):
        assert api.admin.post(f"/v3/routes/{route}/relationships/shared_spaces", json=wrong).status == 422, wrong


@pytest.mark.usefixtures("sharing")
def test_a_space_that_goes_is_shared_with_no_more(api: Client, space: str, elsewhere: str, domain: str) -> None:
    route = make_route(api.admin, space, domain, host="shop")
    shared = f"/v3/routes/{route}/relationships/shared_spaces"
    api.admin.post(shared, json={"data": [{"guid": elsewhere}]})
    assert api.admin.finish(api.admin.delete(f"/v3/spaces/{elsewhere}"))["state"] == "COMPLETE"
    assert api.admin.get(shared).json["data"] == []


def test_options_of_a_route_are_merged(api: Client, world: World, space: str, domain: str) -> None:
    body = new_route(space, domain, host="shop", options={"loadbalancing": "least-connection"})
    made = api.admin.post("/v3/routes", json=body)
    assert made.json["options"] == {"loadbalancing": "least-connection"}, made.text
    own = f"/v3/routes/{made.guid}"
    changed = api.admin.patch(own, json={"options": {"loadbalancing": "round-robin"}})
    assert changed.json["options"] == {"loadbalancing": "round-robin"}
    assert api.admin.patch(own, json={"options": {"loadbalancing": None}}).json["options"] == {}
    wrong = api.admin.patch(own, json={"options": {"loadbalancing": "hash"}})
    assert "must be one of 'round-robin, least-connection' if present" in wrong.error[2]


def test_there_are_no_routers_for_tcp(api: Client, space: str, domain: str) -> None:
    assert api.admin.get("/routing/v1/router_groups").json == []
    assert api.get("/routing/v1/router_groups").status == 401
    assert api.get("/").json["links"]["routing"]["href"].endswith("/routing")
    refused = api.admin.post("/v3/domains", json={"name": "tcp.example", "router_group": {"guid": "g"}})
    assert refused.error[2] == "Router group with guid 'g' not found."
    port = api.admin.post("/v3/routes", json=new_route(space, domain, host="a", port=1234))
    assert port.error[2] == "Routes with protocol 'http' do not support ports."


def test_route_creation_may_be_for_administrators_alone(api: Client, org: str, space: str, domain: str) -> None:
    assert api.admin.patch("/v3/feature_flags/route_creation", json={"enabled": False}).status == 200
    developer = api.user("developer", organization_user=org, space_developer=space)
    assert developer.post("/v3/routes", json=new_route(space, domain, host="a")).error[1] == "CF-FeatureDisabled"
    assert api.admin.post("/v3/routes", json=new_route(space, domain, host="a")).status == 201
