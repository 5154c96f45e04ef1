"""What is on its way at its broker while the control plane is killed."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.test_control_plane import back, kill
from tests.functional.services.broker import PASSWORD, USER, Answer, Asked, Broker, offering, plan, serving
from tests.support.platform import Platform, eventually


@pytest.fixture
def broker() -> Iterator[Broker]:
    made = Broker([offering("db", plan("small"), plan("large"), plan_updateable=True)])
    with serving(made.answer) as made.url:
        yield made


def done(platform: Platform, method: str, path: str, body: object = None) -> None:
    """A request that is answered by a job, to that job's good end."""
    answered = platform.api(method, path, json=body)
    assert answered.status_code == 202, answered.text
    job = f"/v3/jobs/{answered.headers['location'].rpartition('/')[2]}"
    eventually(lambda: platform.api("GET", job).json()["state"] == "COMPLETE", within_s=60)


def one(platform: Platform, path: str, **query: str) -> dict[str, Any]:
    (found,) = platform.api("GET", path, params=query).json()["resources"]
    return dict(found)


def registered(platform: Platform, broker: Broker) -> str:
    """The guid of the broker, which offers service ``db`` to everybody."""
    basic = {"type": "basic", "credentials": {"username": USER, "password": PASSWORD}}
    done(platform, "POST", "/v3/service_brokers", {"name": "faulty", "url": broker.url, "authentication": basic})
    return str(one(platform, "/v3/service_brokers", names="faulty")["guid"])


def to_plan(platform: Platform, name: str) -> dict[str, Any]:
    return {"service_plan": {"data": {"guid": one(platform, "/v3/service_plans", names=name)["guid"]}}}


def wanted(platform: Platform, name: str) -> dict[str, Any]:
    """A managed instance of the small plan."""
    space = {"space": {"data": {"guid": one(platform, "/v3/spaces", names="dev")["guid"]}}}
    return {"type": "managed", "name": name, "relationships": space | to_plan(platform, "small")}


class Held:
    """The next request for ``verb``, which is done, and answered to whoever is still there, after :meth:`let_go`."""

    def __init__(self, broker: Broker, verb: str) -> None:
        self._broker, self._verb = broker, verb
        self._here, self._released = threading.Event(), threading.Event()
        broker.answers[verb] = [self._answer]

    def _answer(self, asked: Asked) -> Answer:
        self._here.set()
        assert self._released.wait(60)
        return self._broker.do(self._verb, asked)

    def wait(self) -> None:
        assert self._here.wait(30)

    def let_go(self) -> None:
        self._released.set()


def interrupted(platform: Platform, broker: Broker, verb: str, method: str, path: str, body: object = None) -> str:
    """How the job ends whose worker is killed while the broker works, and whose broker does what it was asked."""
    held = Held(broker, verb)
    answered = platform.api(method, path, json=body)
    assert answered.status_code == 202, answered.text
    held.wait()
    kill(platform, "cc-api", "cc")
    held.let_go()
    eventually(lambda: back(platform))
    job = f"/v3/jobs/{answered.headers['location'].rpartition('/')[2]}"
    ended = ("COMPLETE", "FAILED")
    return str(eventually(lambda: (state := platform.api("GET", job).json()["state"]) in ended and state, within_s=120))


@pytest.mark.timeout(600)
def test_killed_while_its_broker_works_each_operation_is_done_and_done_once(platform: Platform, broker: Broker) -> None:
    owner = registered(platform, broker)
    ended = interrupted(platform, broker, "provision", "POST", "/v3/service_instances", wanted(platform, "held"))
    assert ended == "COMPLETE"
    guid = one(platform, "/v3/service_instances", names="held")["guid"]
    assert list(broker.instances) == [guid]
    path, large = f"/v3/service_instances/{guid}", {"relationships": to_plan(platform, "large")}
    assert interrupted(platform, broker, "update", "PATCH", path, large) == "COMPLETE"
    assert broker.instances[guid]["plan_id"] == "large-id"
    ends = {"service_instance": {"data": {"guid": guid}}}
    key = {"type": "key", "name": "k", "relationships": ends}
    assert interrupted(platform, broker, "bind", "POST", "/v3/service_credential_bindings", key) == "COMPLETE"
    binding = one(platform, "/v3/service_credential_bindings", service_instance_guids=guid)["guid"]
    assert list(broker.bindings) == [binding]
    unbind = f"/v3/service_credential_bindings/{binding}"
    assert interrupted(platform, broker, "unbind", "DELETE", unbind) == "COMPLETE"
    assert broker.bindings == {}
    assert interrupted(platform, broker, "deprovision", "DELETE", path) == "COMPLETE"
    assert broker.instances == {}
    assert platform.api("GET", "/v3/service_instances").json()["resources"] == []
    done(platform, "DELETE", f"/v3/service_brokers/{owner}")


def test_a_provision_goes_on_where_it_was_and_is_asked_for_once(platform: Platform, broker: Broker) -> None:
    broker.slow, broker.states = {"provision"}, ["in progress"] * 5
    owner = registered(platform, broker)
    made = platform.api("POST", "/v3/service_instances", json=wanted(platform, "faulty"))
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
    done(platform, "DELETE", f"/v3/service_brokers/{owner}")
