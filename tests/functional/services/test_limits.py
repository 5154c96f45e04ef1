"""What quotas and names allow, also when several ask at once."""

from concurrent.futures import ThreadPoolExecutor

from tests.functional.client import Client
from tests.functional.services.broker import Broker
from tests.functional.services.conftest import Services


def test_of_many_who_want_one_name_one_gets_it(services: Services, dora: Client) -> None:
    body = {"type": "user-provided", "name": "mine", "relationships": {"space": {"data": {"guid": services.space}}}}
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: dora.post("/v3/service_instances", json=body), range(5)))
    assert sorted(answer.status for answer in answers) == [201, 422, 422, 422, 422]
    refused = {answer.error[2] for answer in answers if answer.status == 422}
    assert refused == {"The service instance name is taken: mine."}
    assert len(dora.get("/v3/service_instances").guids) == 1
    (guid,) = dora.get("/v3/service_instances").guids
    app = services.app(dora)
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: services.bind(dora, guid, app), range(5)))
    assert sorted(answer.status for answer in answers) == [201, 422, 422, 422, 422]
    assert len(dora.get("/v3/service_credential_bindings").guids) == 1


def test_quotas_count_instances_and_keys_and_get_them_back(
    services: Services, broker: Broker, api: Client, dora: Client, org: str
) -> None:
    services.register(broker)
    limits = {"total_service_instances": 1, "total_service_keys": 1, "paid_services_allowed": False}
    relationships = {"organizations": {"data": [{"guid": org}]}}
    quota = api.admin.post(
        "/v3/organization_quotas", json={"name": "small", "services": limits, "relationships": relationships}
    )
    assert quota.status == 201, quota.text
    paid = services.ask_instance(dora, "db1", "large")
    assert paid.error[2] == "The service instance cannot be created because paid service plans are not allowed."
    guid = services.instance(dora)
    full = services.ask_instance(dora, "db2")
    assert full.error[2] == "You have exceeded your organization's services limit."
    other = {"relationships": {"service_plan": {"data": {"guid": services.plan("large")}}}}
    assert dora.patch(f"/v3/service_instances/{guid}", json=other).status == 422
    services.provided(dora, "free of charge")
    assert services.finish(services.bind(dora, guid, name="k1"))["state"] == "COMPLETE"
    assert "service binding of type key" in services.bind(dora, guid, name="k2").error[2]
    (key,) = dora.get("/v3/service_credential_bindings").guids
    services.finish(dora.delete(f"/v3/service_credential_bindings/{key}"))
    assert services.finish(services.bind(dora, guid, name="k2"))["state"] == "COMPLETE"
    services.finish(dora.delete(f"/v3/service_instances/{guid}"))
    guid = services.instance(dora)
    used = api.admin.get(f"/v3/organizations/{org}/usage_summary").json["usage_summary"]
    assert (used["service_instances"], used["service_keys"]) == (1, 0)
