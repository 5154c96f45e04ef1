"""Brokers, what they offer, and who sees it."""

from dataclasses import replace

from chalicelib.core.addresses import Allowed
from tests.functional.client import Client
from tests.functional.services.broker import PASSWORD, Broker, offering, plan
from tests.functional.services.conftest import Services


def test_a_catalog_becomes_a_marketplace_for_whoever_may_see_it(
    services: Services, broker: Broker, api: Client, dora: Client, org: str, space: str
) -> None:
    guid = services.register(broker, public=False)
    shown = api.admin.get(f"/v3/service_brokers/{guid}")
    assert PASSWORD not in shown.text
    assert dora.get(f"/v3/service_brokers/{guid}").status == 404
    assert dora.get("/v3/service_brokers").guids == []
    assert dora.get("/v3/service_plans").guids == dora.get("/v3/service_offerings").guids == []
    (db,) = api.admin.get("/v3/service_offerings").json["resources"]
    assert db["broker_catalog"]["features"] == {
        "plan_updateable": True,
        "bindable": True,
        "instances_retrievable": True,
        "bindings_retrievable": True,
        "allow_context_updates": False,
    }
    assert (db["tags"], db["shareable"], db["documentation_url"]) == (["sql"], True, "https://docs.example")
    small, large = services.plan("small"), services.plan("large")
    assert api.admin.get(f"/v3/service_plans/{large}").json["broker_catalog"]["maximum_polling_duration"] == 600

    visibility = f"/v3/service_plans/{small}/visibility"
    only = {"type": "organization", "organizations": [{"guid": org}]}
    assert dora.patch(visibility, json=only).status == 404
    assert api.admin.patch(visibility, json=only).json["organizations"] == [{"guid": org, "name": "local"}]
    assert dora.get("/v3/service_plans").guids == [small]
    assert dora.patch(visibility, json={"type": "public"}).status == 403
    assert api.get("/v3/service_plans").guids == []
    assert dora.get("/v3/service_plans", space_guids=space).guids == [small]
    assert api.admin.get("/v3/service_plans", organization_guids="other").guids == []
    assert api.admin.delete(f"{visibility}/{org}").status == 204
    assert dora.get("/v3/service_plans").guids == []
    assert api.admin.post(visibility, json={"type": "public"}).status == 200

    asked = api.get(
        "/v3/service_plans",
        include="service_offering",
        available="true",
        per_page=5000,
        **{"fields[service_offering.service_broker]": "name,guid"},
    ).json
    assert [item["guid"] for item in asked["resources"]] == [small]
    assert asked["included"]["service_offerings"][0]["name"] == "db"
    assert asked["included"]["service_brokers"] == [{"guid": guid, "name": "b1"}]
    for query in (
        {"names": "small"},
        {"service_broker_names": "b1"},
        {"service_offering_names": "db"},
        {"broker_catalog_ids": "small-id"},
        {"service_offering_guids": db["guid"], "service_broker_guids": guid},
    ):
        assert api.get("/v3/service_plans", **query).guids == [small], query
    assert api.get("/v3/service_plans", service_offering_names="other").guids == []
    assert api.get("/v3/service_offerings", service_broker_names="b1").guids == [db["guid"]]
    assert api.get("/v3/service_plans", fish="1").error[0] == 10005
    assert api.get("/v3/service_plans", available="maybe").error[0] == 10005

    api.admin.patch("/v3/feature_flags/hide_marketplace_from_unauthenticated_users", json={"enabled": True})
    assert api.get("/v3/service_plans").status == 401
    assert dora.get("/v3/service_plans").guids == [small]
    labels = {"metadata": {"labels": {"a": "b"}}}
    assert dora.patch(f"/v3/service_plans/{small}", json=labels).status == 403
    assert api.admin.patch(f"/v3/service_offerings/{db['guid']}", json=labels).json["metadata"]["labels"] == {"a": "b"}
    assert api.admin.get("/v3/service_offerings", label_selector="a=b").guids == [db["guid"]]


def test_what_leaves_the_catalog_stays_while_it_is_used(
    services: Services, broker: Broker, api: Client, dora: Client
) -> None:
    guid = services.register(broker)
    instance = services.instance(dora)
    broker.services = [offering("db2", plan("tiny"))]
    job = services.finish(api.admin.patch(f"/v3/service_brokers/{guid}", json={"url": broker.url}))
    assert job["state"] == "COMPLETE", job
    plans = {item["name"]: item["available"] for item in api.admin.get("/v3/service_plans").json["resources"]}
    assert plans == {"small": False, "tiny": True}
    assert dora.get(f"/v3/service_instances/{instance}").status == 200
    assert dora.get(f"/v3/service_plans/{services.plan('small')}").status == 200
    refused = api.admin.delete(f"/v3/service_brokers/{guid}")
    assert refused.error[2] == "Can not remove brokers that have associated service instances: b1"
    renamed = api.admin.patch(f"/v3/service_brokers/{guid}", json={"name": "b2"})
    assert (renamed.status, renamed.json["name"], "location" in renamed.headers) == (200, "b2", False)
    assert services.finish(dora.delete(f"/v3/service_instances/{instance}"))["state"] == "COMPLETE"
    assert services.finish(api.admin.delete(f"/v3/service_brokers/{guid}"))["state"] == "COMPLETE"
    for kind in ("service_brokers", "service_offerings", "service_plans"):
        assert api.admin.get(f"/v3/{kind}").guids == []
    services.register(broker, "b2")


def test_a_broker_that_is_gone_is_purged(services: Services, broker: Broker, api: Client, dora: Client) -> None:
    services.register(broker)
    instance = services.instance(dora)
    app = services.app(dora)
    services.finish(services.bind(dora, instance, app))
    (db,) = api.admin.get("/v3/service_offerings").guids
    before = len(broker.asked)
    assert dora.delete(f"/v3/service_offerings/{db}?purge=true").status == 403
    assert "Please delete the service_plans" in api.admin.delete(f"/v3/service_offerings/{db}").error[2]
    assert dora.delete(f"/v3/service_instances/{instance}?purge=true").status == 403
    assert api.admin.delete(f"/v3/service_offerings/{db}?purge=true").status == 204
    assert dora.get("/v3/service_instances").guids == dora.get("/v3/service_credential_bindings").guids == []
    services.work()
    assert len(broker.asked) == before


def test_a_space_has_a_broker_of_its_own(
    services: Services, broker: Broker, api: Client, dora: Client, org: str, space: str
) -> None:
    body = services.broker_body(broker, "mine", relationships={"space": {"data": {"guid": space}}})
    assert services.finish(dora.post("/v3/service_brokers", json=body))["state"] == "COMPLETE"
    other = api.user("otto", organization_user=org)
    assert other.get("/v3/service_plans").guids == api.get("/v3/service_plans").guids == []
    assert sorted(item["name"] for item in dora.get("/v3/service_plans").json["resources"]) == ["large", "small"]
    assert dora.get("/v3/service_plans", include="space.organization").json["included"]["spaces"][0]["guid"] == space
    plan_guid = services.plan("small")
    assert api.admin.patch(f"/v3/service_plans/{plan_guid}/visibility", json={"type": "public"}).status == 400
    services.instance(dora)
    api.admin.patch("/v3/feature_flags/space_scoped_private_broker_creation", json={"enabled": False})
    assert dora.post("/v3/service_brokers", json={**body, "name": "more"}).error[0] == 330002
    services.finish(api.admin.delete(f"/v3/spaces/{space}"))
    assert api.admin.get("/v3/service_brokers").guids == []
    assert broker.instances == {}
    assert services.cloud.rows("service-orphans") == 0


#: URL, status, what is said.
ADDRESSES = [
    ("http://169.254.169.254", 202, "not a public address"),
    ("http://10.1.2.3:8080", 202, "not a public address"),
    ("http://[::1]:80", 202, "not a public address"),
    ("http://localhost:9", 202, "not a public address"),
    ("http://broker.localhost:9", 202, "not a public address"),
    ("http://0x7f000001", 202, "not a public address"),
    ("http://user:pw@example.com", 422, "must not contain authentication"),
    ("ftp://example.com", 422, "must be a valid url"),
    ("http://", 422, "must be a valid url"),
    ("http://[", 422, "must be a valid url"),
    ("http://a:99999", 422, "must be a valid url"),
    ("http://example.com/?a=b", 422, "query"),
    ("http://exa\nmple.com", 422, "valid url"),
]


def test_brokers_are_not_sought_inside(services: Services, api: Client) -> None:
    config = replace(services.world.config, allowed_addresses=Allowed())
    services.world = replace(services.world, config=config)
    for number, (url, status, says) in enumerate(ADDRESSES):
        body = services.broker_body(Broker([], url=url), f"b{number}")
        answered = api.admin.post("/v3/service_brokers", json=body)
        assert answered.status == status, (url, answered.text)
        text = str(services.finish(answered)["errors"]) if status == 202 else answered.text
        assert says in text, (url, text)


def test_catalogs_that_are_wrong_are_refused_line_by_line(services: Services, broker: Broker, api: Client) -> None:
    broker.services = [
        offering("a", plan("p"), plan("p")),
        {"id": "a-id", "name": "", "bindable": "yes", "plans": []},
        offering("c", {"id": 7, "name": "x", "description": None, "free": 1}, requires=["everything"]),
        offering("d", plan("q", schemas={"service_instance": {"update": {"parameters": {"type": "object"}}}})),
    ]
    job = services.finish(api.admin.post("/v3/service_brokers", json=services.broker_body(broker)))
    (error,) = job["errors"]
    assert (error["code"], error["title"]) == (270012, "CF-ServiceBrokerCatalogInvalid")
    assert error["detail"].startswith("Service broker catalog is invalid: \n")
    for line in (
        "Service ids must be unique: a-id",
        "Plan ids must be unique: p-id",
        "  Plan names must be unique: p",
        "  Service name is required",
        "  At least one plan is required",
        "    Plan id must be a string, but has value 7",
        '    Plan "free" field must be a boolean, but has value 1',
        "    Schemas",
        "      Schema service_instance.update.parameters is not valid. Schema must have $schema key but was not"
        " present",
    ):
        assert line in error["detail"].splitlines() or line in error["detail"], (line, error["detail"])
    (guid,) = api.admin.get("/v3/service_brokers").guids
    assert api.admin.get("/v3/service_offerings").guids == []
    hostile = [
        (200, b"\xff\xfe", {}),
        (200, b'{"services": ' + b"[" * 100_000, {}),
        (200, {"services": {"a": 1}}, {}),
        (200, {"services": [7]}, {}),
        (200, b'{"services": NaN}', {}),
        (200, b'"\\ud800"', {}),
        (200, {"services": [offering(f"o{i}") for i in range(201)]}, {}),
        (200, {"services": [offering("big", plan("p", metadata={"a": "x" * 300_000}))]}, {}),
        (200, b" " * (3 * 1024 * 1024), {}),
        (302, {}, {"Location": "http://169.254.169.254/latest"}),
        (500, {"description": ["no", "text"]}, {}),
        (401, {}, {}),
    ]
    for answer in hostile:
        broker.answers["catalog"] = [answer]
        job = services.finish(api.admin.patch(f"/v3/service_brokers/{guid}", json={"url": broker.url}))
        assert job["state"] == "FAILED", answer
        assert job["errors"][0]["detail"], answer
    assert "169.254" not in "".join(broker.verbs())
    broker.services = [offering("db", plan("small"))]
    assert (
        services.finish(api.admin.patch(f"/v3/service_brokers/{guid}", json={"url": broker.url}))["state"] == "COMPLETE"
    )


def test_bad_bodies_make_no_broker(services: Services, broker: Broker, api: Client, dora: Client) -> None:
    good = services.broker_body(broker)
    bad = [
        {},
        {**good, "name": 7},
        {**good, "name": " "},
        {**good, "name": "x" * 300},
        {**good, "authentication": None},
        {**good, "authentication": {"type": "bearer", "credentials": {"username": "a", "password": "b"}}},
        {**good, "authentication": {"type": "basic", "credentials": {"username": "a"}}},
        {**good, "authentication": {"type": "basic", "credentials": []}},
        {**good, "fish": 1},
        {**good, "relationships": {"space": {"data": {"guid": "no-such"}}}},
        {**good, "url": "x" * 3000},
    ]
    for body in bad:
        answered = api.admin.post("/v3/service_brokers", json=body)
        assert answered.status == 422, (body, answered.text)
    assert dora.post("/v3/service_brokers", json=good).status == 403
    assert api.post("/v3/service_brokers", json=good).status == 401
    assert api.admin.get("/v3/service_brokers").guids == []
    services.register(broker)
    assert api.admin.post("/v3/service_brokers", json={**good, "name": "B1"}).error[2] == "Name must be unique"
