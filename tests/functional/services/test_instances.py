"""Service instances and bindings, from the request through the jobs function to the broker and back."""

from chalicelib.services import environment
from chalicelib.services.service_env import vcap_services
from tests.functional.client import Client
from tests.functional.services.broker import PASSWORD, Broker
from tests.functional.services.conftest import Services


def test_an_app_gets_the_credentials_of_an_instance_that_its_broker_made(
    services: Services, broker: Broker, api: Client, dora: Client, org: str, space: str
) -> None:
    services.register(broker)
    asked = services.ask_instance(dora, "db1", parameters={"size": "very-secret-size"}, tags=["mine"])
    assert asked.status == 202
    assert broker.verbs() == ["catalog"], "no broker is called while a client waits"
    guid = dora.get("/v3/service_instances", names="db1").guids[0]
    shown = dora.get(f"/v3/service_instances/{guid}").json
    assert shown["last_operation"]["state"] == "in progress"
    assert dora.patch(f"/v3/service_instances/{guid}", json={"tags": []}).error[:2] == (
        60016,
        "CF-AsyncServiceInstanceOperationInProgress",
    )
    assert services.finish(asked)["state"] == "COMPLETE"

    (put,) = [item for item in broker.asked if item.method == "PUT"]
    assert put.path == f"/v2/service_instances/{guid}"
    assert put.query == {"accepts_incomplete": "true"}
    assert put.body["parameters"] == {"size": "very-secret-size"}
    assert put.body["service_id"] == "db-id"
    assert put.body["plan_id"] == "small-id"
    assert put.body["context"]["platform"] == "cloudfoundry"
    assert put.body["context"]["instance_name"] == "db1"
    assert put.body["organization_guid"] == org
    assert put.headers["x-broker-api-version"] == "2.16"
    assert put.headers["x-broker-api-originating-identity"].startswith("cloudfoundry ")
    assert put.headers["x-broker-api-request-identity"]

    shown = dora.get(f"/v3/service_instances/{guid}").json
    assert shown["last_operation"]["state"] == "succeeded"
    assert shown["dashboard_url"] == f"https://dash.example/{guid}"
    assert shown["tags"] == ["mine"]
    assert all(link["href"].startswith("http") for link in shown["links"].values())

    app = services.app(dora)
    assert services.finish(services.bind(dora, guid, app, name="main"))["state"] == "COMPLETE"
    again = services.bind(dora, guid, app)
    assert again.error == (10008, "CF-UnprocessableEntity", "The app is already bound to the service instance")
    (binding,) = dora.get("/v3/service_credential_bindings", app_guids=app, include="app,service_instance").guids
    details = dora.get(f"/v3/service_credential_bindings/{binding}/details").json
    assert details["credentials"]["uri"] == f"db://login-{binding}"
    (entry,) = dora.get(f"/v3/apps/{app}/env").json["system_env_json"]["VCAP_SERVICES"]["db"]
    assert entry == {
        "label": "db",
        "name": "main",
        "instance_guid": guid,
        "instance_name": "db1",
        "binding_guid": binding,
        "binding_name": "main",
        "credentials": details["credentials"],
        "plan": "small",
        "provider": None,
        "tags": ["sql", "mine"],
        "syslog_drain_url": None,
        "volume_mounts": [],
    }
    assert dora.get(f"/v3/apps/{app}").status == 200
    assert vcap_services(services.world, app)["db"][0]["credentials"] == details["credentials"]
    assert environment.read(services.world, app) == {}

    events = api.admin.get("/v3/audit_events", per_page=100).json["resources"]
    kinds = {event["type"] for event in events}
    assert {"audit.service_instance.start_create", "audit.service_instance.create"} <= kinds
    assert {
        "audit.service_binding.start_create",
        "audit.service_binding.create",
        "audit.service_broker.create",
    } <= kinds
    assert "very-secret" not in str(events)

    job = services.finish(dora.delete(f"/v3/service_instances/{guid}"))
    assert job["state"] == "COMPLETE", job
    assert broker.instances == broker.bindings == {}
    assert dora.get(f"/v3/service_credential_bindings/{binding}").status == 404
    assert dora.get("/v3/service_instances").guids == []
    assert vcap_services(services.world, app) == {}
    assert services.cloud.rows("service-orphans") == 0


def test_what_a_slow_broker_does_is_followed_until_it_ends(services: Services, broker: Broker, dora: Client) -> None:
    services.register(broker)
    broker.slow |= {"provision", "bind", "deprovision", "unbind", "update"}
    broker.states = ["in progress", (500, {}, {}), (200, {"state": "in progress"}, {"Retry-After": "3"}), "succeeded"]
    guid = services.instance(dora, plan_name="large")
    polls = [item for item in broker.asked if item.path.endswith("/last_operation")]
    assert len(polls) == 4
    assert polls[0].query == {"service_id": "db-id", "plan_id": "large-id", "operation": "provision"}

    key = services.finish(services.bind(dora, guid, name="key1"))
    assert key["state"] == "COMPLETE"
    (binding,) = dora.get("/v3/service_credential_bindings", type="key").guids
    assert dora.get(f"/v3/service_credential_bindings/{binding}/details").json["credentials"]["password"]
    same = services.bind(dora, guid, name="KEY1")
    assert "Key binding names must be unique" in same.error[2]

    update = dora.patch(
        f"/v3/service_instances/{guid}",
        json={"relationships": {"service_plan": {"data": {"guid": services.plan("small")}}}, "parameters": {"a": 1}},
    )
    assert services.finish(update)["state"] == "COMPLETE"
    (patch,) = [item for item in broker.asked if item.method == "PATCH"]
    assert (patch.body["plan_id"], patch.body["previous_values"]["plan_id"]) == ("small-id", "large-id")
    shown = dora.get(f"/v3/service_instances/{guid}").json
    assert shown["relationships"]["service_plan"]["data"]["guid"] == services.plan("small")
    assert dora.get("/v3/service_instances", service_plan_names="small").guids == [guid]

    assert services.finish(dora.delete(f"/v3/service_instances/{guid}"))["state"] == "COMPLETE"
    assert broker.bindings == broker.instances == {}


#: What a broker answers, what the user is told, and whether the broker is asked to take back what it may have made.
FAILURES = [
    ((500, {"description": "no space left"}, {}), "Service broker error: no space left", True),
    ((500, b"<html>oops", {}), "invalid response: status code 500", True),
    ((400, {"description": "bad size"}, {}), "Service broker error: bad size", False),
    ((409, {"description": "it exists"}, {}), "Service broker error: it exists", False),
    ((201, b"not json", {}), "invalid response: status code 201", True),
    ((200, b"[1]", {}), "invalid response: status code 200", False),
    ((201, {"dashboard_url": 7}, {}), "dashboard_url must be a string", True),
    ((202, {"operation": {"a": 1}}, {}), "invalid response: status code 202", True),
    ((307, {}, {"Location": "http://169.254.169.254/"}), "invalid response: status code 307", True),
    ((422, {"error": "AsyncRequired"}, {}), "requires client support for asynchronous", False),
    ((422, {"error": "MaintenanceInfoConflict"}, {}), "maintenance information", False),
    ((410, {}, {}), "invalid response: status code 410", False),
    ((200, b"x" * (3 * 1024 * 1024), {}), "is larger than", True),
]


def test_a_provision_that_fails_says_why_and_leaves_nothing_at_the_broker(
    services: Services, broker: Broker, dora: Client
) -> None:
    services.register(broker)
    for answer, says, leaves_orphan in FAILURES:
        broker.asked.clear()
        broker.answers["provision"] = [answer]
        job = services.finish(services.ask_instance(dora, "db1"))
        assert job["state"] == "FAILED"
        assert says in job["errors"][0]["detail"]
        assert ("deprovision" in broker.verbs()) is leaves_orphan, answer[0]
        assert services.cloud.rows("service-orphans") == 0
        (shown,) = dora.get("/v3/service_instances").json["resources"]
        assert (shown["last_operation"]["type"], shown["last_operation"]["state"]) == ("create", "failed")
        assert says in shown["last_operation"]["description"]
        assert PASSWORD not in str(job) + str(shown)
        assert services.finish(dora.delete(f"/v3/service_instances/{shown['guid']}"))["state"] == "COMPLETE"
    services.instance(dora)


def test_user_provided_instances_are_made_and_bound_at_once(services: Services, dora: Client, api: Client) -> None:
    guid = services.provided(
        dora, "mine", credentials={"a": "very-secret"}, tags=["x"], syslog_drain_url="syslog://logs.example:514"
    )
    taken = dora.post(
        "/v3/service_instances",
        json={
            "type": "user-provided",
            "name": "MINE",
            "relationships": {"space": {"data": {"guid": services.space}}},
        },
    )
    assert taken.error[2] == "The service instance name is taken: MINE."
    app = services.app(dora)
    bound = services.bind(dora, guid, app)
    assert (bound.status, "location" in bound.headers) == (201, False)
    assert dora.get(f"/v3/service_instances/{guid}/credentials").json == {"a": "very-secret"}
    assert (
        dora.patch(f"/v3/service_instances/{guid}", json={"credentials": {"a": "new"}, "name": "other"}).status == 200
    )
    (entry,) = vcap_services(services.world, app)["user-provided"]
    assert entry["credentials"] == {"a": "new"}
    assert (entry["name"], entry["syslog_drain_url"], "plan" in entry) == ("other", "syslog://logs.example:514", False)
    assert "not supported for user-provided" in services.bind(dora, guid, name="k").error[2]
    no = dora.get(f"/v3/service_instances/{guid}/parameters")
    assert (no.status, no.error[2]) == (400, "This service does not support fetching service instance parameters.")
    assert dora.delete(f"/v3/service_credential_bindings/{bound.guid}").status == 204
    assert services.bind(dora, guid, app).status == 201
    assert dora.delete(f"/v3/service_instances/{guid}").status == 204
    assert vcap_services(services.world, app) == {}
    services.provided(dora, "mine")


def test_what_is_bound_goes_with_its_app_and_with_its_space(
    services: Services, broker: Broker, dora: Client, api: Client
) -> None:
    services.register(broker)
    guid = services.instance(dora)
    app = services.app(dora)
    services.finish(services.bind(dora, guid, app))
    services.finish(dora.delete(f"/v3/apps/{app}"))
    assert (broker.bindings, len(broker.instances)) == ({}, 1)
    assert dora.get("/v3/service_credential_bindings").guids == []
    services.finish(services.bind(dora, guid, services.app(dora, "other")))
    assert len(broker.bindings) == 1
    # The broker is away for a while: it is asked again by the sweep, until it says that all is gone.
    broker.answers |= {"unbind": [(500, {}, {})], "deprovision": [(503, {}, {})]}
    services.finish(api.admin.delete(f"/v3/spaces/{services.space}"))
    assert services.cloud.rows("service-orphans") == 2
    _sweep_later(services)
    assert broker.bindings == broker.instances == {}
    assert services.cloud.rows("service-orphans") == 0


def _sweep_later(services: Services) -> None:
    from chalicelib.services.brokering import orphans
    from chalicelib.services.listing import all_of
    from chalicelib.tables.services import Orphan

    for orphan in all_of(Orphan, "service_orphans"):
        orphan.update([Orphan.due_at.set(0)])
        orphans.due(services.world, str(orphan.guid))
    services.work()
