"""Counters never drift: after whatever happened they say what desired state adds up to."""

import random

import pytest

from chalicelib.core.quotas import UNLIMITED
from tests.functional.quotas.conftest import Tenant


class Life:
    """Things that happen to a space, by chance. Some are refused, and must leave no trace then."""

    def __init__(self, tenant: Tenant, domain: str, chance: random.Random) -> None:
        self.tenant, self.domain, self.chance = tenant, domain, chance
        self.apps = [tenant.app(f"app-{i}", web="run", worker="work") for i in range(3)]
        self.routes: list[str] = []

    def step(self) -> None:
        weighted = [
            self.scale,
            self.scale,
            self.start,
            self.stop,
            self.restart,
            self.route,
            self.unroute,
            self.limit,
            self.deploy,
        ]
        self.chance.choice(weighted)()

    def app(self) -> str:
        return self.chance.choice(self.apps)

    def start(self) -> None:
        self.tenant.start(self.app())

    def stop(self) -> None:
        self.tenant.stop(self.app())

    def restart(self) -> None:
        self.tenant.api.post(f"/v3/apps/{self.app()}/actions/restart")

    def deploy(self) -> None:
        body = {"relationships": {"app": {"data": {"guid": self.app()}}}}
        self.tenant.api.post("/v3/deployments", json=body)

    def scale(self) -> None:
        size = {
            "instances": self.chance.randrange(6),
            "memory_in_mb": self.chance.choice([32, 64, 128]),
            "log_rate_limit_in_bytes_per_second": self.chance.choice([-1, 0, 100]),
        }
        kept = {name: value for name, value in size.items() if self.chance.random() < 0.6}
        self.tenant.scale(self.app(), self.chance.choice(["web", "worker"]), **kept)

    def route(self) -> None:
        spaces = {"space": {"data": {"guid": self.tenant.space}}, "domain": {"data": {"guid": self.domain}}}
        body = {"host": f"h{self.chance.randrange(9)}", "relationships": spaces}
        made = self.tenant.api.post("/v3/routes", json=body)
        if made.status == 201:
            self.routes.append(made.guid)

    def unroute(self) -> None:
        if self.routes:
            guid = self.routes.pop(self.chance.randrange(len(self.routes)))
            assert self.tenant.api.delete(f"/v3/routes/{guid}").status == 202

    def limit(self) -> None:
        apps = {"total_memory_in_mb": self.chance.choice([None, 256, 1024])}
        give = self.chance.choice([self.tenant.limit, self.tenant.limit_space])
        give(apps=apps, routes={"total_routes": self.chance.choice([None, 2])})


@pytest.mark.parametrize("seed", [1, 2])
def test_counters_are_the_sum_over_desired_state_whatever_happens(tenant: Tenant, domain: str, seed: int) -> None:
    life = Life(tenant, domain, random.Random(seed))
    for _ in range(20):
        life.step()
        assert tenant.used() == tenant.used(space=True) == tenant.wanted()
    counter = tenant.counter()
    assert counter.used["instances"] + counter.left["instances"] == UNLIMITED  # no digit is lost
    for app in life.apps:
        tenant.api.finish(tenant.api.delete(f"/v3/apps/{app}"))
    assert tenant.used() == tenant.wanted()
    tenant.api.finish(tenant.api.delete(f"/v3/spaces/{tenant.space}"))
    assert tenant.used() == {}
