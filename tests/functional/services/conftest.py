"""A world that may reach brokers on this machine, one such broker, and what drives the jobs function."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.bootstrap import World
from chalicelib.core.addresses import Allowed
from chalicelib.core.errors import Conflict
from chalicelib.services import jobs
from tests.functional.client import Answered, Client
from tests.functional.cloud import Cloud
from tests.functional.services.broker import PASSWORD, USER, Broker, offering, plan, serving


@pytest.fixture
def world(cloud: Cloud) -> World:
    world = bootstrap.world()
    return replace(world, config=replace(world.config, allowed_addresses=Allowed.parse("127.0.0.1")))


@pytest.fixture
def broker() -> Iterator[Broker]:
    """Offers ``db`` with the plans ``small`` (free) and ``large``."""
    made = Broker(
        [
            offering(
                "db",
                plan("small"),
                plan("large", free=False, maximum_polling_duration=600),
                plan_updateable=True,
                instances_retrievable=True,
                bindings_retrievable=True,
                tags=["sql"],
                metadata={"shareable": True, "documentationUrl": "https://docs.example"},
            )
        ]
    )
    with serving(made.answer) as made.url:
        yield made


@dataclass
class Services:
    """What tests do with services."""

    cloud: Cloud
    world: World
    api: Client
    space: str

    def work(self) -> list[str]:
        """Do all jobs, and those that they make, until nothing is left; delays are over at once. Their guids."""
        done: list[str] = []
        for _ in range(100):
            envelopes = self.cloud.taken("queue:jobs")
            if not envelopes:
                return done
            for envelope in envelopes:
                message = envelope.read(jobs.RunJob)
                try:
                    jobs.run(self.world, message.job_guid, message.turn)
                except Conflict:
                    jobs.run(self.world, message.job_guid, message.turn)
                done.append(message.job_guid)
        raise AssertionError("jobs go on for ever")

    def finish(self, answered: Answered) -> dict[str, Any]:
        """The job that a 202 names, after all work is done."""
        assert answered.status == 202, (answered.status, answered.text)
        self.work()
        return dict(self.api.admin.get(answered.headers["location"]).json)

    def register(self, broker: Broker, name: str = "b1", public: bool = True, **more: Any) -> str:
        """Register a broker and show its plans to everybody; returns its guid."""
        job = self.finish(self.api.admin.post("/v3/service_brokers", json=self.broker_body(broker, name, **more)))
        assert job["state"] == "COMPLETE", job
        guid = self.api.admin.get("/v3/service_brokers", names=name).guids[0]
        if public:
            for plan_guid in self.api.admin.get("/v3/service_plans", service_broker_guids=guid).guids:
                shown = self.api.admin.patch(f"/v3/service_plans/{plan_guid}/visibility", json={"type": "public"})
                assert shown.status == 200, shown.text
        return guid

    @staticmethod
    def broker_body(broker: Broker, name: str = "b1", **more: Any) -> dict[str, Any]:
        credentials = {"username": USER, "password": PASSWORD}
        return {
            "name": name,
            "url": broker.url,
            "authentication": {"type": "basic", "credentials": credentials},
            **more,
        }

    def plan(self, name: str) -> str:
        return self.api.admin.get("/v3/service_plans", names=name).guids[0]

    def ask_instance(self, client: Client, name: str, plan_name: str = "small", **more: Any) -> Answered:
        relationships = {
            "space": {"data": {"guid": self.space}},
            "service_plan": {"data": {"guid": self.plan(plan_name)}},
        }
        body = {"type": "managed", "name": name, "relationships": relationships, **more}
        return client.post("/v3/service_instances", json=body)

    def instance(self, client: Client, name: str = "db1", plan_name: str = "small", **more: Any) -> str:
        """A managed instance that is there; returns its guid."""
        job = self.finish(self.ask_instance(client, name, plan_name, **more))
        assert job["state"] == "COMPLETE", job
        return client.get("/v3/service_instances", names=name).guids[0]

    def provided(self, client: Client, name: str, **more: Any) -> str:
        body = {"type": "user-provided", "name": name, "relationships": {"space": {"data": {"guid": self.space}}}}
        answered = client.post("/v3/service_instances", json={**body, **more})
        assert answered.status == 201, answered.text
        return answered.guid

    def app(self, client: Client, name: str = "web") -> str:
        relationships = {"space": {"data": {"guid": self.space}}}
        return client.post("/v3/apps", json={"name": name, "relationships": relationships}).guid

    def bind(self, client: Client, instance: str, app: str | None = None, **more: Any) -> Answered:
        ends = {"service_instance": {"data": {"guid": instance}}} | ({"app": {"data": {"guid": app}}} if app else {})
        body = {"type": "app" if app else "key", "relationships": ends, **more}
        return client.post("/v3/service_credential_bindings", json=body)


@pytest.fixture
def services(cloud: Cloud, world: World, api: Client, space: str) -> Services:
    return Services(cloud, world, api, space)


@pytest.fixture
def dora(api: Client, org: str, space: str) -> Client:
    """A developer of the space."""
    return api.user("dora", organization_user=org, space_developer=space)
