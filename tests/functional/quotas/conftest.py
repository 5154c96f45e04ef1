"""Apps that can be started at once, and quotas for them."""

from typing import Any

import pytest

from chalicelib.adapters.clock import new_guid
from chalicelib.bootstrap import World
from chalicelib.services import listing
from chalicelib.tables.apps import Droplet
from chalicelib.tables.quotas import Counter
from chalicelib.tables.running import Process
from tests.functional.client import Answered, Client
from tests.functional.quotas.recount import recount


class Tenant:
    """An administrator's hands in the organization and the space of the bootstrap."""

    def __init__(self, api: Client, world: World, org: str, space: str) -> None:
        self.api, self.world, self.org, self.space = api.admin, world, org, space

    def app(self, name: str, **process_types: str) -> str:
        """An app with a droplet that nobody staged."""
        relationships = {"space": {"data": {"guid": self.space}}}
        made = self.api.post("/v3/apps", json={"name": name, "relationships": relationships})
        assert made.status == 201, made.text
        droplet = Droplet(
            new_guid(),
            app_guid=made.guid,
            space_guid=self.space,
            state="STAGED",
            process_types=process_types or {"web": "run"},
        )
        unit = self.world.unit()
        unit.create(droplet)
        unit.commit()
        body = {"data": {"guid": droplet.guid}}
        assigned = self.api.patch(f"/v3/apps/{made.guid}/relationships/current_droplet", json=body)
        assert assigned.status == 200, assigned.text
        return made.guid

    def started(self, name: str, **process_types: str) -> str:
        guid = self.app(name, **process_types)
        assert self.start(guid).status == 200
        return guid

    def start(self, app_guid: str) -> Answered:
        return self.api.post(f"/v3/apps/{app_guid}/actions/start")

    def stop(self, app_guid: str) -> Answered:
        return self.api.post(f"/v3/apps/{app_guid}/actions/stop")

    def scale(self, app_guid: str, process_type: str = "web", **size: int) -> Answered:
        return self.api.post(f"/v3/apps/{app_guid}/processes/{process_type}/actions/scale", json=size)

    def limit(self, **sections: Any) -> str:
        """A new quota with these sections, given to the organization."""
        body = {"name": f"q-{new_guid()}", **sections, "relationships": {"organizations": self.data(self.org)}}
        made = self.api.post("/v3/organization_quotas", json=body)
        assert made.status == 201, made.text
        return made.guid

    def limit_space(self, **sections: Any) -> str:
        relationships = {"organization": {"data": {"guid": self.org}}, "spaces": self.data(self.space)}
        body = {"name": f"q-{new_guid()}", **sections, "relationships": relationships}
        made = self.api.post("/v3/space_quotas", json=body)
        assert made.status == 201, made.text
        return made.guid

    def data(self, *guids: str) -> dict[str, Any]:
        return {"data": [{"guid": guid} for guid in guids]}

    def used(self, space: bool = False) -> dict[str, int]:
        """What the counter says, without zeros."""
        return {kind: amount for kind, amount in self.counter(space).used.items() if amount}

    def counter(self, space: bool = False) -> Counter:
        return Counter.get(f"space/{self.space}" if space else f"org/{self.org}", consistent_read=True)

    def wanted(self) -> dict[str, int]:
        """The same, counted anew over all that is wanted."""
        return recount(self.space).amounts()

    def processes(self, app_guid: str) -> list[Process]:
        return listing.all_of(Process, f"app/{app_guid}/processes")


@pytest.fixture
def tenant(api: Client, world: World, org: str, space: str) -> Tenant:
    return Tenant(api, world, org, space)
