"""A service instance on its way at its broker while the control plane is killed."""

from collections.abc import Iterator

import pytest

from tests.faults.test_control_plane import back, kill
from tests.functional.services.broker import PASSWORD, USER, Broker, offering, plan, serving
from tests.support.platform import Platform, eventually


@pytest.fixture
def broker() -> Iterator[Broker]:
    made = Broker([offering("db", plan("small"))], slow={"provision"})
    with serving(made.answer) as made.url:
        yield made


def done(platform: Platform, method: str, path: str, body: object = None) -> None:
    """A request that is answered by a job, to that job's good end."""
    answered = platform.api(method, path, json=body)
    assert answered.status_code == 202, answered.text
    job = f"/v3/jobs/{answered.headers['location'].rpartition('/')[2]}"
    eventually(lambda: platform.api("GET", job).json()["state"] == "COMPLETE", within_s=60)


def test_a_provision_goes_on_where_it_was_and_is_asked_for_once(platform: Platform, broker: Broker) -> None:
    broker.states = ["in progress"] * 5
    basic = {"type": "basic", "credentials": {"username": USER, "password": PASSWORD}}
    done(platform, "POST", "/v3/service_brokers", {"name": "faulty", "url": broker.url, "authentication": basic})
    (owner,) = platform.api("GET", "/v3/service_brokers", params={"names": "faulty"}).json()["resources"]
    plan_guid = platform.api("GET", "/v3/service_plans").json()["resources"][0]["guid"]
    space = platform.api("GET", "/v3/spaces", params={"names": "dev"}).json()["resources"][0]["guid"]
    ends = {"space": {"data": {"guid": space}}, "service_plan": {"data": {"guid": plan_guid}}}
    made = platform.api(
        "POST", "/v3/service_instances", json={"type": "managed", "name": "faulty", "relationships": ends}
    )
    assert made.status_code == 202, made.text
    for _ in range(3):
        kill(platform, "cc-api", "cc")
        eventually(lambda: back(platform))

    def last() -> dict[str, str]:
        (one,) = platform.api("GET", "/v3/service_instances", params={"names": "faulty"}).json()["resources"]
        return dict(one["last_operation"])

    eventually(lambda: last()["state"] == "succeeded", within_s=90)
    assert last()["type"] == "create"
    assert len(broker.instances) == 1, "asked for again, it is the same one"
    assert "deprovision" not in broker.verbs()
    (one,) = platform.api("GET", "/v3/service_instances", params={"names": "faulty"}).json()["resources"]
    done(platform, "DELETE", f"/v3/service_instances/{one['guid']}")
    assert broker.instances == {}
    done(platform, "DELETE", f"/v3/service_brokers/{owner['guid']}")
