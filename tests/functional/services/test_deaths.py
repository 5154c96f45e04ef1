"""What brokers hold is what the platform knows, whenever the workers that call them die."""

from itertools import groupby

import pytest

from chalicelib.services import jobs
from tests.functional.client import Answered, Client
from tests.functional.services.broker import Answer, Asked, Broker
from tests.functional.services.conftest import Services
from tests.functional.services.dying import Dying

VERBS = {"provision", "update", "bind", "unbind", "deprovision"}


@pytest.fixture
def dying(services: Services, broker: Broker) -> Dying:
    services.register(broker)
    return Dying(services)


def ended(dying: Dying, dora: Client, answered: Answered) -> str:
    """The state in which the job ended, with workers that die all the way."""
    assert answered.status == 202, answered.text
    before = dying.deaths
    dying.work()
    assert dying.deaths > before
    return str(dora.get(answered.headers["location"]).json["state"])


@pytest.mark.parametrize("slow", [VERBS, set()], ids=["the broker takes its time", "the broker answers at once"])
def test_every_operation_ends_well_and_is_there_once(
    services: Services, broker: Broker, dora: Client, dying: Dying, slow: set[str]
) -> None:
    broker.slow = slow
    app = services.app(dora)
    broker.states = ["in progress", "succeeded"]
    assert ended(dying, dora, services.ask_instance(dora, "db1", "large")) == "COMPLETE"
    (guid,) = dora.get("/v3/service_instances").guids
    small = {"relationships": {"service_plan": {"data": {"guid": services.plan("small")}}}}
    broker.states = ["in progress", "succeeded"]
    assert ended(dying, dora, dora.patch(f"/v3/service_instances/{guid}", json=small)) == "COMPLETE"
    broker.states = ["in progress", "succeeded"]
    assert ended(dying, dora, services.bind(dora, guid, app)) == "COMPLETE"
    (binding,) = dora.get("/v3/service_credential_bindings").guids
    assert (list(broker.instances), list(broker.bindings)) == ([guid], [binding])
    broker.states = ["in progress", "succeeded"]
    assert ended(dying, dora, dora.delete(f"/v3/service_credential_bindings/{binding}")) == "COMPLETE"
    assert broker.bindings == {}
    broker.states = ["in progress", "succeeded"]
    assert ended(dying, dora, dora.delete(f"/v3/service_instances/{guid}")) == "COMPLETE"
    assert broker.instances == {}
    assert dora.get("/v3/service_instances").guids == []
    assert services.cloud.rows("service-orphans") == 0


@pytest.mark.parametrize("how", ["at once", "later"])
def test_what_fails_is_asked_back(services: Services, broker: Broker, dora: Client, dying: Dying, how: str) -> None:
    """The broker may have made what it says has failed: provision, then bind."""
    app = services.app(dora)
    _fail(broker, "provision", how)
    assert ended(dying, dora, services.ask_instance(dora, "db1", "large")) == "FAILED"
    assert broker.instances == {}, "asked back"
    (failed,) = dora.get("/v3/service_instances").json["resources"]
    assert failed["last_operation"]["state"] == "failed"
    _mend(broker)
    assert ended(dying, dora, dora.delete(f"/v3/service_instances/{failed['guid']}")) == "COMPLETE"
    guid = services.instance(dora, "db2")
    _fail(broker, "bind", how)
    assert ended(dying, dora, services.bind(dora, guid, app)) == "FAILED"
    assert broker.bindings == {}, "asked back"
    assert list(broker.instances) == [guid]
    assert services.cloud.rows("service-orphans") == 0


@pytest.mark.parametrize("how", ["at once", "later"])
def test_what_cannot_be_changed_or_removed_stays_until_it_can(
    services: Services, broker: Broker, dora: Client, dying: Dying, how: str
) -> None:
    """Update, unbind and deprovision fail at the broker: both sides know of what is there, and the next try ends it."""
    app, guid = services.app(dora), services.instance(dora, "db1", "large")
    path = f"/v3/service_instances/{guid}"
    small = {"relationships": {"service_plan": {"data": {"guid": services.plan("small")}}}}
    had = dora.get(path).json["relationships"]["service_plan"]["data"]["guid"]
    _fail(broker, "update", how)
    assert ended(dying, dora, dora.patch(path, json=small)) == "FAILED"
    assert dora.get(path).json["relationships"]["service_plan"]["data"]["guid"] == had
    _mend(broker)
    assert ended(dying, dora, dora.patch(path, json=small)) == "COMPLETE"
    assert ended(dying, dora, services.bind(dora, guid, app)) == "COMPLETE"
    (binding,) = dora.get("/v3/service_credential_bindings").guids
    for verb, one, store in (
        ("unbind", f"/v3/service_credential_bindings/{binding}", broker.bindings),
        ("deprovision", path, broker.instances),
    ):
        _fail(broker, verb, how, done=False)
        assert ended(dying, dora, dora.delete(one)) == "FAILED"
        operation = dora.get(one).json["last_operation"]
        assert (operation["type"], operation["state"]) == ("delete", "failed")
        assert list(store) == [one.rpartition("/")[2]]
        _mend(broker)
        assert ended(dying, dora, dora.delete(one)) == "COMPLETE"
        assert (store, dora.get(one).status) == ({}, 404)
    assert services.cloud.rows("service-orphans") == 0


def _mend(broker: Broker) -> None:
    broker.slow, broker.states, broker.answers = set(), [], {}


def _fail(broker: Broker, verb: str, how: str, done: bool = True) -> None:
    """``done``: the broker has done what it says has failed."""
    if how == "later" and done:
        broker.slow, broker.states = {verb}, ["in progress", "failed"]
        return
    if how == "later":
        # A broker that was asked, took its time and did nothing.
        broker.answers[verb] = [(202, {"operation": verb}, {})] * 5
        broker.states = ["in progress", "failed"]
        return

    def fails(asked: Asked) -> Answer:
        if done:
            broker.do(verb, asked)
        return 500, {"description": "no space left"}, {}

    # As often as a worker that died asks again.
    broker.answers[verb] = [fails] * 5


@pytest.mark.parametrize(("last", "state"), [("succeeded", "COMPLETE"), ("failed", "FAILED")])
def test_a_job_that_waits_for_its_broker_is_polling(
    services: Services, broker: Broker, dora: Client, last: str, state: str
) -> None:
    services.register(broker)
    broker.slow, broker.states = {"provision"}, ["in progress", last]
    answered = services.ask_instance(dora, "db1", "large")
    seen = [_state(dora, answered)]
    while envelopes := services.cloud.taken("queue:jobs"):
        for message in (envelope.read(jobs.RunJob) for envelope in envelopes):
            jobs.run(services.world, message.job_guid, message.turn)
            seen.append(_state(dora, answered))
    assert [one for one, _ in groupby(seen)] == ["PROCESSING", "POLLING", state]


def _state(dora: Client, answered: Answered) -> str:
    return str(dora.get(answered.headers["location"]).json["state"])
