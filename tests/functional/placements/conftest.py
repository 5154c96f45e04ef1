"""A started process, a DEA that is played by the test, and the inbox as the queue calls it."""

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.adapters.clock import new_guid
from chalicelib.bootstrap import World
from chalicelib.contracts.auction import Bid, Discover, Offer, Start
from chalicelib.contracts.envelope import Envelope
from chalicelib.handlers import cc
from chalicelib.services import listing, placements
from chalicelib.tables.apps import App, Droplet
from chalicelib.tables.running import Placement, Process
from infra.local.context import LambdaContext
from tests.functional.cloud import Cloud


class Scene:
    """What the tests of placements do again and again."""

    def __init__(self, world: World, cloud: Cloud, space: str) -> None:
        self.world, self.cloud = world, cloud
        self.queue = cloud.make_queue(f"dea-{new_guid()}")
        self.app = App(new_guid(), name="app", space_guid=space, desired_state="STARTED")
        self.process = Process(self.app.guid, app_guid=self.app.guid, space_guid=space, routes=["app.localhost"])
        self.droplet = Droplet(
            new_guid(),
            app_guid=self.app.guid,
            space_guid=space,
            state="STAGED",
            digest="sha256:00",
            process_types={"web": "run"},
        )
        unit = world.unit()
        for resource in (self.app, self.process, self.droplet):
            unit.create(resource)
        unit.commit()

    def read(self) -> Process:
        return listing.get(Process, str(self.process.guid))

    def start(self, instances: int = 1) -> None:
        process, unit = self.read(), self.world.unit("trace")
        process.instances = instances
        placements.start_process(self.world, unit, self.app, process, self.droplet)
        unit.commit()

    def scale(self, instances: int) -> None:
        unit = self.world.unit("trace")
        placements.scale_process(self.world, unit, self.read(), self.droplet, instances)
        unit.commit()

    def stop(self) -> None:
        unit = self.world.unit("trace")
        placements.stop_process(self.world, unit, self.read())
        unit.commit()

    def rows(self) -> dict[int, Placement]:
        found = Placement.query(str(self.process.guid), consistent_read=True)
        return {int(row.index): row for row in found}

    def said(self, subject: str, address: str = "topic:dea") -> list[Envelope]:
        """What was said there since the last look, of this subject."""
        return [message for message in self.cloud.taken(address) if message.subject == subject]

    def discover(self) -> Discover:
        (message,) = self.said("dea.discover")
        return message.read(Discover)

    def bid(self, discover: Discover, dea: str = "dea-0", taint_ms: float = 1.0, room: int = 100) -> Bid:
        offers = tuple(Offer(want.index, taint_ms) for want in discover.wants)
        url = self.queue.removeprefix("url:")
        return Bid(
            discover.auction_guid,
            discover.work,
            discover.work_guid,
            discover.version,
            dea,
            "boot",
            url,
            room,
            offers,
        )

    def starts(self) -> list[Start]:
        return [message.read(Start) for message in self.said("dea.start", self.queue)]

    def hear(self, *messages: tuple[str, Any]) -> dict[str, Any]:
        """Deliver messages to the inbox in one batch, as the queue does."""
        envelopes = [self.world.bus.envelope(subject, body) for subject, body in messages]
        records = [{"messageId": envelope.id, "body": envelope.encode()} for envelope in envelopes]
        return dict(cc.cc_inbox({"Records": records}, LambdaContext("cc_inbox", 30)))


@pytest.fixture
def scene(world: World, cloud: Cloud, space: str) -> Scene:
    return Scene(world, cloud, space)


@pytest.fixture
def started(scene: Scene) -> Callable[[int], list[Start]]:
    """Start so many instances and have one DEA win them all."""

    def start(instances: int = 1) -> list[Start]:
        scene.start(instances)
        scene.hear(("dea.bid", scene.bid(scene.discover())))
        return scene.starts()

    return start
