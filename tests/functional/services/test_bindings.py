"""Bindings at their edges: failures, sharing, route services, roles, and bodies that are wrong."""

import threading

import pytest

from chalicelib.core.errors import Unprocessable
from chalicelib.services import access, listing
from chalicelib.services.brokering import bindings, operations
from chalicelib.services.brokering.bindings import bind_app
from chalicelib.services.service_env import vcap_services
from chalicelib.tables.apps import App
from chalicelib.tables.identity import Space
from chalicelib.tables.services import ServiceBinding, ServiceBroker, ServiceInstance
from tests.functional.client import Client
from tests.functional.services.broker import Asked, Broker, offering, plan
from tests.functional.services.conftest import Services


def test_a_binding_that_failed_gives_way_to_the_next_try(services: Services, broker: Broker, dora: Client) -> None:
    services.register(broker)
    guid, app = services.instance(dora), services.app(dora)
    broker.answers["bind"] = [(500, {"description": "no logins left"}, {})]
    job = services.finish(services.bind(dora, guid, app, name="main"))
    assert (job["state"], job["errors"][0]["detail"]) == ("FAILED", "Service broker error: no logins left")
    assert vcap_services(services.world, app) == {}
    (failed,) = dora.get("/v3/service_credential_bindings").guids
    assert dora.get(f"/v3/service_credential_bindings/{failed}/details").status == 404
    assert services.finish(services.bind(dora, guid, app, name="main"))["state"] == "COMPLETE"
    (binding,) = dora.get("/v3/service_credential_bindings", names="main", service_instance_guids=guid).guids
    assert binding != failed
    assert list(broker.bindings) == [binding]
    more = services.bind(dora, guid, app, name="second", strategy="multiple")
    assert services.finish(more)["state"] == "COMPLETE"
    assert len(vcap_services(services.world, app)["db"]) == 2
    assert (
        "App binding names must be unique" in services.bind(dora, guid, app, name="main", strategy="multiple").error[2]
    )
    # A broker that cannot unbind keeps its instance, and both say why.
    broker.answers["unbind"] = [(500, {"description": "not now"}, {}), (500, {"description": "not now"}, {})]
    job = services.finish(dora.delete(f"/v3/service_instances/{guid}"))
    assert job["state"] == "FAILED"
    assert "not now" in job["errors"][0]["detail"]
    assert services.finish(dora.delete(f"/v3/service_instances/{guid}"))["state"] == "COMPLETE"
    assert broker.bindings == broker.instances == {}


def test_a_slow_bind_is_fetched_and_one_that_fails_is_taken_back(
    services: Services, broker: Broker, dora: Client
) -> None:
    services.register(broker)
    guid, app = services.instance(dora), services.app(dora)
    broker.slow.add("bind")
    broker.states = ["in progress", (200, {"state": "failed", "description": "full"}, {})]
    job = services.finish(services.bind(dora, guid, app))
    assert job["errors"][0]["detail"] == "bind could not be completed: full"
    assert broker.bindings == {}
    assert services.finish(services.bind(dora, guid, app))["state"] == "COMPLETE"
    assert "fetch-binding" in broker.verbs()
    assert vcap_services(services.world, app)["db"][0]["credentials"]["password"]


def test_an_operation_whose_worker_is_lost_is_ended_by_the_sweep(
    services: Services, broker: Broker, dora: Client
) -> None:
    services.register(broker)
    services.ask_instance(dora, "db1")
    services.cloud.taken("queue:jobs")
    (guid,) = dora.get("/v3/service_instances").guids
    instance = listing.get(ServiceInstance, guid)
    operations.expired(services.world, "service_instances", guid)
    assert listing.get(ServiceInstance, guid).is_busy
    unit = services.world.unit()
    instance.pending = {**instance.pending, "until": 1}
    unit.put(instance)
    unit.commit()
    operations.expired(services.world, "service_instances", guid)
    shown = dora.get(f"/v3/service_instances/{guid}").json
    assert shown["last_operation"]["state"] == "failed"
    services.work()
    assert "deprovision" in broker.verbs()
    assert services.finish(dora.delete(f"/v3/service_instances/{guid}"))["state"] == "COMPLETE"


def test_an_operation_whose_broker_is_gone_fails(services: Services, broker: Broker, dora: Client) -> None:
    guid = services.register(broker)
    services.instance(dora, "db1")
    asked = services.ask_instance(dora, "db2")
    row = listing.get(ServiceBroker, guid)
    unit = services.world.unit()
    unit.remove(row)
    unit.commit()
    job = services.finish(asked)
    assert (job["state"], job["errors"][0]["detail"]) == ("FAILED", "The service broker is gone.")
    states = {
        one["name"]: one["last_operation"]["state"] for one in dora.get("/v3/service_instances").json["resources"]
    }
    assert states == {"db1": "succeeded", "db2": "failed"}


def test_what_is_purged_while_it_is_made_does_not_stay_at_the_broker(
    services: Services, broker: Broker, api: Client, dora: Client
) -> None:
    services.register(broker)

    def purge(asked: Asked) -> tuple[int, object, dict[str, str]]:
        (guid,) = api.admin.get("/v3/service_instances").guids
        broker.instances[guid] = {}
        assert api.admin.delete(f"/v3/service_instances/{guid}?purge=true").status == 204
        return 201, {}, {}

    broker.answers["provision"] = [purge]
    assert services.finish(services.ask_instance(dora, "db1"))["state"] == "COMPLETE"
    assert broker.instances == {}
    assert services.cloud.rows("service-orphans") == 0


def test_an_instance_is_used_in_a_space_that_it_is_shared_with(
    services: Services, broker: Broker, api: Client, dora: Client, org: str
) -> None:
    services.register(broker)
    guid = services.instance(dora)
    target = api.admin.post(
        "/v3/spaces", json={"name": "other", "relationships": {"organization": {"data": {"guid": org}}}}
    ).guid
    shared = f"/v3/service_instances/{guid}/relationships/shared_spaces"
    data = {"data": [{"guid": target}]}
    assert dora.post(shared, json=data).error[0] == 330002
    api.admin.patch("/v3/feature_flags/service_instance_sharing", json={"enabled": True})
    assert "Ensure the spaces exist" in dora.post(shared, json=data).error[2]
    dora.grant("space_developer", target)
    own = dora.post(shared, json={"data": [{"guid": services.space}]})
    assert "cannot be shared into the space where they were created" in own.error[2]
    assert dora.post(shared, json={"data": "x"}).status == 422
    assert dora.post(shared, json=data).json["data"] == [{"guid": target}]
    assert dora.get("/v3/service_instances", space_guids=target).guids == [guid]
    fields = {"fields[space]": "name,guid", "fields[space.organization]": "name"}
    assert dora.get(shared, **fields).json["included"]["spaces"] == [{"guid": target, "name": "other"}]
    app = dora.post("/v3/apps", json={"name": "a", "relationships": {"space": {"data": {"guid": target}}}}).guid
    assert services.finish(services.bind(dora, guid, app))["state"] == "COMPLETE"
    usage = dora.get(f"{shared}/usage_summary").json["usage_summary"]
    assert usage == [{"space": {"guid": target}, "bound_app_count": 1}]
    assert "Renaming shared" in dora.patch(f"/v3/service_instances/{guid}", json={"name": "x"}).error[2]
    tess = api.user("tess", organization_user=org, space_developer=target)
    assert tess.get(f"/v3/service_instances/{guid}").status == 200
    assert tess.delete(f"/v3/service_instances/{guid}").status == 403
    assert dora.delete(f"{shared}/{target}").status == 204
    services.work()
    assert broker.bindings == {}
    assert vcap_services(services.world, app) == {}
    assert "Unable to unshare" in dora.delete(f"{shared}/{target}").error[2]
    assert tess.get(f"/v3/service_instances/{guid}").status == 404
    assert (
        "User-provided services cannot be shared"
        in dora.post(
            f"/v3/service_instances/{services.provided(dora, 'mine')}/relationships/shared_spaces", json=data
        ).text
    )


def test_a_route_has_one_route_service(services: Services, dora: Client, domain: str, space: str) -> None:
    relationships = {"domain": {"data": {"guid": domain}}, "space": {"data": {"guid": space}}}
    route = dora.post("/v3/routes", json={"host": "shop", "relationships": relationships}).guid
    guid = services.provided(dora, "proxy", route_service_url="https://proxy.example")
    ends = {"route": {"data": {"guid": route}}, "service_instance": {"data": {"guid": guid}}}
    bound = dora.post("/v3/service_route_bindings", json={"relationships": ends})
    assert (bound.status, bound.json["route_service_url"]) == (201, "https://proxy.example")
    assert "Route+services+are+not+enforced+yet" in bound.headers["x-cf-warnings"]
    again = dora.post("/v3/service_route_bindings", json={"relationships": ends})
    assert again.error[:2] == (130008, "CF-ServiceInstanceAlreadyBoundToSameRoute")
    plain = services.provided(dora, "plain")
    ends["service_instance"]["data"]["guid"] = plain
    no = dora.post("/v3/service_route_bindings", json={"relationships": ends})
    assert no.error[2] == "This service instance does not support route binding."
    listed = dora.get("/v3/service_route_bindings", route_guids=route, include="route,service_instance").json
    assert [len(listed[part]) for part in ("resources",)] == [1]
    assert listed["included"]["routes"][0]["guid"] == route
    assert dora.delete(f"/v3/service_route_bindings/{bound.guid}").status == 204
    ends["service_instance"]["data"]["guid"] = guid
    assert dora.post("/v3/service_route_bindings", json={"relationships": ends}).status == 201
    services.finish(dora.delete(f"/v3/routes/{route}"))
    assert dora.get("/v3/service_route_bindings").guids == []


def test_manifests_bind_at_once_and_only_once(services: Services, broker: Broker, dora: Client) -> None:
    services.register(broker)
    services.instance(dora)
    app = listing.get(App, services.app(dora))
    space = listing.get(Space, services.space)
    actor = access.authenticate(services.world, f"bearer {dora.token}")
    for _ in range(2):
        bind_app(services.world, actor, app, space, "db1", "main", {"a": 1}, "trace")
    assert len(broker.bindings) == 1
    services.work()
    assert len(broker.bindings) == 1
    assert vcap_services(services.world, str(app.guid))["db"][0]["binding_name"] == "main"
    with pytest.raises(Unprocessable, match="Service instance 'nothing' not found"):
        bind_app(services.world, actor, app, space, "nothing")


def test_parameters_are_fetched_by_a_job_while_the_client_waits(
    services: Services, broker: Broker, dora: Client
) -> None:
    services.register(broker)
    guid = services.instance(dora, parameters={"size": 3})
    stop = threading.Event()

    def worker() -> None:
        while not stop.wait(0.01):
            services.work()

    thread = threading.Thread(target=worker, daemon=True)
    thread.start()
    try:
        assert dora.get(f"/v3/service_instances/{guid}/parameters").json == {"size": 3}
        broker.answers["fetch"] = [(500, {"description": "broken"}, {})]
        assert dora.get(f"/v3/service_instances/{guid}/parameters").error[2] == "Service broker error: broken"
    finally:
        stop.set()
        thread.join(10)


def test_roles_decide_who_sees_and_who_changes(services: Services, broker: Broker, api: Client, org: str) -> None:
    services.register(broker)
    guid = services.instance(api.admin)
    app = services.app(api.admin)
    services.finish(services.bind(api.admin, guid, app))
    services.finish(services.bind(api.admin, guid, name="k1"))
    (binding,) = api.admin.get("/v3/service_credential_bindings", type="app").guids
    (key,) = api.admin.get("/v3/service_credential_bindings", type="key").guids
    auditor = api.user("audrey", organization_user=org, space_auditor=services.space)
    supporter = api.user("sue", organization_user=org, space_supporter=services.space)
    stranger = api.user("olga", organization_user=org)
    one, details = f"/v3/service_instances/{guid}", f"/v3/service_credential_bindings/{binding}/details"
    for client, sees, reads, changes in (
        (auditor, 200, 404, 403),
        (supporter, 200, 404, 403),
        (stranger, 404, 404, 404),
    ):
        assert client.get(one).status == sees
        assert client.get(details).status == reads
        assert client.patch(one, json={"tags": []}).status == changes
        assert client.delete(one).status == changes
        assert client.delete(f"/v3/service_credential_bindings/{key}").status == changes
        assert len(client.get("/v3/service_credential_bindings").guids) == (2 if sees == 200 else 0)
    assert auditor.delete(f"/v3/service_credential_bindings/{binding}").status == 403
    assert services.ask_instance(auditor, "no").status == 403
    assert services.ask_instance(stranger, "no").status == 422
    assert services.bind(auditor, guid, app).status == 403
    assert supporter.delete(f"/v3/service_credential_bindings/{binding}").status == 202
    assert services.bind(supporter, guid, name="k2").status == 403
    assert stranger.get(f"{one}/permissions").json == {"read": False, "manage": False}
    assert auditor.get(f"{one}/permissions").json == {"read": True, "manage": False}
    assert api.get("/v3/service_instances").status == 401
    api.admin.patch("/v3/feature_flags/service_instance_creation", json={"enabled": False})
    dora = api.user("dora", organization_user=org, space_developer=services.space)
    assert services.ask_instance(dora, "no").error[0] == 330002


def test_bad_bodies_make_nothing(services: Services, broker: Broker, dora: Client) -> None:
    services.register(broker)
    space = {"space": {"data": {"guid": services.space}}}
    managed = {**space, "service_plan": {"data": {"guid": services.plan("small")}}}
    for body in (
        {},
        {"type": "other", "name": "a", "relationships": space},
        {"type": "user-provided", "relationships": space},
        {"type": "user-provided", "name": "a" * 300, "relationships": space},
        {"type": "user-provided", "name": "a", "relationships": {}},
        {"type": "user-provided", "name": "a", "relationships": {"space": {"data": {"guid": "none"}}}},
        {"type": "user-provided", "name": "a", "relationships": space, "credentials": "text"},
        {"type": "user-provided", "name": "a", "relationships": space, "credentials": {"a": "x" * 200_000}},
        {"type": "user-provided", "name": "a", "relationships": space, "tags": ["x" * 3000]},
        {"type": "user-provided", "name": "a", "relationships": space, "tags": [1]},
        {"type": "user-provided", "name": "a", "relationships": space, "syslog_drain_url": "ftp://x"},
        {"type": "user-provided", "name": "a", "relationships": space, "route_service_url": "http://x"},
        {"type": "user-provided", "name": "a", "relationships": space, "route_service_url": "https://["},
        {"type": "user-provided", "name": "a", "relationships": space, "parameters": {}},
        {"type": "managed", "name": "a", "relationships": space},
        {"type": "managed", "name": "a", "relationships": {**space, "service_plan": {"data": {"guid": "none"}}}},
        {"type": "managed", "name": "a", "relationships": managed, "parameters": []},
        {"type": "managed", "name": "a", "relationships": managed, "credentials": {}},
        {"type": "managed", "name": "a\nb", "relationships": managed},
    ):
        answered = dora.post("/v3/service_instances", json=body)
        assert answered.status == 422, (body, answered.text)
    assert dora.get("/v3/service_instances").guids == []
    mine, app = services.provided(dora, "mine ü"), services.app(dora)
    ends = {"service_instance": {"data": {"guid": mine}}, "app": {"data": {"guid": app}}}
    for body in (
        {},
        {"type": "app"},
        {"type": "app", "relationships": {"app": ends["app"]}},
        {"type": "app", "relationships": {**ends, "app": {"data": {"guid": "none"}}}},
        {"type": "app", "relationships": {**ends, "service_instance": {"data": {"guid": "none"}}}},
        {"type": "app", "relationships": ends, "strategy": "any"},
        {"type": "app", "relationships": ends, "name": 7},
        {"type": "app", "relationships": ends, "parameters": {"a": 1}},
        {"type": "app", "relationships": ends, "fish": 1},
        {"type": "key", "relationships": ends},
        {"type": "key", "name": "k", "relationships": ends},
    ):
        answered = dora.post("/v3/service_credential_bindings", json=body)
        assert answered.status == 422, (body, answered.text)
    assert dora.get("/v3/service_credential_bindings").guids == []
    for path in ("service_instances", "service_credential_bindings", "service_route_bindings"):
        assert dora.get(f"/v3/{path}", fish="1").error[0] == 10005
        assert dora.get(f"/v3/{path}/{'x' * 2000}").status == 404
        assert dora.patch(f"/v3/{path}/none", json={}).status == 404
        assert dora.delete(f"/v3/{path}/none").status == 404
    assert dora.get("/v3/service_instances", type="odd").error[0] == 10005
    assert dora.get("/v3/service_credential_bindings", type="odd").error[0] == 10005
    assert dora.patch(f"/v3/service_instances/{mine}", json={"parameters": {}}).status == 422


def test_a_service_that_cannot_be_bound_says_so(services: Services, broker: Broker, dora: Client) -> None:
    broker.services = [offering("mail", plan("free-mail"), bindable=False)]
    services.register(broker)
    guid = services.instance(dora, "mail", "free-mail")
    assert services.bind(dora, guid, services.app(dora)).error[2] == "Service plan does not allow bindings."
    other = {"relationships": {"service_plan": {"data": {"guid": "none"}}}}
    no = dora.patch(f"/v3/service_instances/{guid}", json=other)
    assert no.error[2] == "The service does not support changing plans."
    no = dora.get(f"/v3/service_instances/{guid}/parameters")
    assert no.error[2] == "This service does not support fetching service instance parameters."
    assert bindings.of_instance(guid) == listing.load(ServiceBinding, [])


def test_bindings_are_found_by_what_they_lead_to(
    services: Services, broker: Broker, dora: Client, domain: str, space: str
) -> None:
    services.register(broker)
    managed = services.instance(dora)
    mine = services.provided(dora, "mine", route_service_url="https://service.example")
    app, other = services.app(dora), services.app(dora, "other")
    services.finish(services.bind(dora, managed, app))
    services.finish(services.bind(dora, managed, name="key"))
    assert services.bind(dora, mine, other).status == 201
    path = "/v3/service_credential_bindings"
    to_app, key, to_mine = dora.get(path).guids
    offering = dora.get("/v3/service_offerings", names="db").guids[0]
    for found, asked in (
        ([to_app], {"app_names": "web"}),
        ([to_app, to_mine], {"app_names": "web,other,none"}),
        ([to_mine], {"service_instance_names": "mine"}),
        ([key], {"service_instance_names": "db1", "type": "key"}),
        ([to_app, key], {"service_plan_names": "small"}),
        ([], {"service_plan_names": "large"}),
        ([to_app, key], {"service_plan_guids": services.plan("small")}),
        ([to_app, key], {"service_offering_names": "db"}),
        ([], {"service_offering_names": "mail"}),
        ([to_app, key], {"service_offering_guids": offering}),
        ([to_app], {"service_offering_guids": offering, "app_names": "web,other", "service_plan_names": "small"}),
    ):
        assert dora.get(path, **asked).guids == found, asked
    relationships = {"domain": {"data": {"guid": domain}}, "space": {"data": {"guid": space}}}
    route = dora.post("/v3/routes", json={"host": "www", "relationships": relationships}).guid
    ends = {"service_instance": {"data": {"guid": mine}}, "route": {"data": {"guid": route}}}
    bound = dora.post("/v3/service_route_bindings", json={"relationships": ends}).guid
    assert dora.get("/v3/service_route_bindings", service_instance_names="mine").guids == [bound]
    assert dora.get("/v3/service_route_bindings", service_instance_names="db1").guids == []
