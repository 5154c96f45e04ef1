"""An app that runs, as far as the tables tell: what routes change, without DEAs."""

import time
from typing import Any

from chalicelib.bootstrap import World
from chalicelib.services import apps
from chalicelib.services.access import authenticate
from chalicelib.tables.apps import App
from chalicelib.tables.identity import Space
from chalicelib.tables.running import STARTED, Placement, Process
from chalicelib.tables.unit import Unit
from tests.functional.client import Client


def make_app(api: Client, world: World, name: str, space_guid: str) -> str:
    """A stopped app with its web process; its guid is that of both."""
    actor = authenticate(world, f"bearer {api.admin.token}")
    app = App(name=name, space_guid=space_guid)
    return str(apps.create(world, actor, app, Space.get(space_guid), {}).guid)


def pretend_running(world: World, app_guid: str, instances: int = 1, version: int = 1) -> list[str]:
    """Write the rows of a started web process; returns its instances' guids."""
    process = Process.get(app_guid)
    process.state, process.version, process.instances = "STARTED", version, instances
    guids = [f"{app_guid}-{index}" for index in range(instances)]
    for first in range(0, instances, 50):
        unit: Unit = world.unit()
        if first == 0:
            unit.put(process)
        for index in range(first, min(first + 50, instances)):
            unit.put(placement(app_guid, index, guids[index], version))
        unit.commit()
    return guids


def placement(process_guid: str, index: int, instance_guid: str, version: int, state: str = STARTED) -> Placement:
    return Placement(
        process_guid,
        index,
        work="instance",
        app_guid=process_guid,
        version=version,
        instance_guid=instance_guid,
        state=state,
        opened_at=time.time(),
        deadline=time.time(),
    )


def new_route(space: str, domain: str, **fields: Any) -> dict[str, Any]:
    """The body of POST /v3/routes."""
    return {
        **fields,
        "relationships": {"space": {"data": {"guid": space}}, "domain": {"data": {"guid": domain}}},
    }


def to(*app_guids: str, **more: Any) -> dict[str, Any]:
    """The body of POST destinations."""
    return {"destinations": [{"app": {"guid": guid}, **more} for guid in app_guids]}
