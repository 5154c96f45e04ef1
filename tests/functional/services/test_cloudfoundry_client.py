"""Cloud Foundry's Python client, unmodified: its five managers of services."""

import threading
from collections.abc import Iterator

import pytest
from cloudfoundry_client.client import CloudFoundryClient

from tests.functional.client import Client
from tests.functional.identity import test_cloudfoundry_client as basics
from tests.functional.services.broker import PASSWORD, USER, Broker
from tests.functional.services.conftest import Services

address, client = basics.address, basics.client


@pytest.fixture
def working(services: Services) -> Iterator[None]:
    """The jobs function, in a thread."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.02):
            services.work()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join(timeout=10)


@pytest.mark.usefixtures("working")
def test_its_managers_of_services(
    client: CloudFoundryClient, services: Services, broker: Broker, api: Client, org: str, space: str
) -> None:
    v3 = client.v3

    def wait(answered: object) -> None:
        v3.jobs.wait_for_job_completion(_job(answered), step=0.05, step_function=lambda step: step)

    wait(v3.service_brokers.create("b1", broker.url, USER, PASSWORD))
    found = v3.service_brokers.get_first(names="b1")
    assert v3.service_brokers.update(found["guid"], name="b2", meta_labels={"a": "b"})["name"] == "b2"
    offering = v3.service_offerings.get_first(service_broker_names="b2")
    assert v3.service_offerings.update(offering["guid"], meta_labels={"a": "b"})["metadata"]["labels"] == {"a": "b"}
    plan = v3.service_plans.get_first(names="small", include="service_offering")
    assert plan.service_offering()["name"] == "db"
    assert v3.service_plans.get_visibility(plan["guid"])["type"] == "admin"
    v3.service_plans.update_visibility(plan["guid"], "organization", [{"guid": org}])
    v3.service_plans.apply_visibility_to_extra_orgs(plan["guid"], [{"guid": org}])
    v3.service_plans.remove_org_from_service_plan_visibility(plan["guid"], org)
    v3.service_plans.update_visibility(plan["guid"], "public")
    assert v3.service_plans.update(plan["guid"], meta_labels={"c": "d"})["metadata"]["labels"] == {"c": "d"}

    wait(v3.service_instances.create("db1", space, plan["guid"], tags=["x"]))
    instance = v3.service_instances.get_first(names="db1")
    assert instance["last_operation"]["state"] == "succeeded"
    assert v3.service_instances.get_permissions(instance["guid"]) == {"read": True, "manage": True}
    v3.service_instances.update(instance["guid"], name="db2", tags=["y"])
    app = services.app(api.admin)
    bindings = v3.service_credential_bindings
    for kind, target in (("app", app), ("key", None)):
        made = bindings.create(f"{kind}-binding", kind, instance["guid"], target, None, None, None)
        wait(made)
    binding = bindings.get_first(app_guids=app, include="app,service_instance")
    assert (binding.app()["name"], binding.service_instance()["name"]) == ("web", "db2")
    assert len(bindings) == 2
    v3.service_instances.remove(instance["guid"], asynchronous=False)
    assert len(v3.service_instances) == len(bindings) == 0
    v3.service_offerings.remove(offering["guid"], purge=True)
    v3.service_brokers.remove(found["guid"], asynchronous=False)
    assert len(v3.service_brokers) == 0
    events = [event["state"] for event in api.admin.get("/v3/service_usage_events").json["resources"]]
    assert events == ["CREATED", "UPDATED", "DELETED"]


def _job(answered: object) -> str:
    """The guid of the job that a 202 named."""
    if isinstance(answered, str):
        return answered
    links = answered["links"]  # type: ignore[index]
    return str(links["job"]["href"]).rpartition("/")[2]
