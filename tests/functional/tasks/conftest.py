"""An app with a droplet, its API, and a DEA that is played by the test."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.adapters.clock import new_guid
from chalicelib.bootstrap import World
from chalicelib.contracts.auction import Bid, Discover, Offer, Refused, Start, Started
from chalicelib.contracts.envelope import Envelope
from chalicelib.contracts.heartbeat import REASON_CRASHED, TaskFinished
from chalicelib.handlers import cc
from chalicelib.services import deadlines, listing
from chalicelib.tables.actual import Dea
from chalicelib.tables.apps import App, Droplet
from chalicelib.tables.base import Due
from infra.local.context import LambdaContext
from tests.functional.client import Answered, Client
from tests.functional.cloud import Cloud
from tests.functional.identity.running import make_app


class Stage:
    """``host``: the id of the DEA. ``app``: the guid of the app, which is not started."""

    def __init__(self, api: Client, world: World, cloud: Cloud, space: str) -> None:
        self.api, self.world, self.cloud, self.space = api, world, cloud, space
        self.host, self.queue = "dea-0", cloud.make_queue(f"dea-{new_guid()}")
        self.app = self.an_app("shop")

    def an_app(self, name: str, types: dict[str, str] | None = None) -> str:
        guid = make_app(self.api, self.world, name, self.space)
        app = listing.get(App, guid)
        app.droplet_guid = new_guid()
        unit = self.world.unit()
        unit.put(app)
        unit.create(
            Droplet(
                app.droplet_guid,
                app_guid=guid,
                space_guid=self.space,
                state="STAGED",
                digest="sha256:00",
                package_guid="package-1",
                process_types={"web": "serve"} if types is None else types,
            )
        )
        unit.commit()
        return guid

    def create(self, api: Client | None = None, **body: Any) -> Answered:
        return (api or self.api.admin).post(f"/v3/apps/{self.app}/tasks", json={"command": "work"} | body)

    def created(self, **body: Any) -> str:
        answered = self.create(**body)
        assert answered.status == 202, answered.text
        return answered.guid

    def show(self, task: str) -> dict[str, Any]:
        return dict(self.api.admin.get(f"/v3/tasks/{task}").json)

    def state(self, task: str) -> tuple[str, str | None]:
        shown = self.show(task)
        return shown["state"], shown["result"]["failure_reason"]

    def cancel(self, task: str, api: Client | None = None) -> Answered:
        return (api or self.api.admin).post(f"/v3/tasks/{task}/actions/cancel")

    # What is said, and what the host says.

    def said(self, subject: str, address: str = "topic:dea") -> list[Envelope]:
        return [message for message in self.cloud.taken(address) if message.subject == subject]

    def starts(self) -> list[Start]:
        return [message.read(Start) for message in self.said("dea.start", self.queue)]

    def hear(self, *messages: tuple[str, Any]) -> None:
        """Deliver messages to the inbox in one batch, as the queue does."""
        envelopes = [self.world.bus.envelope(subject, body) for subject, body in messages]
        records = [{"messageId": envelope.id, "body": envelope.encode()} for envelope in envelopes]
        answered = cc.cc_inbox({"Records": records}, LambdaContext("cc_inbox", 30))
        assert answered == {"batchItemFailures": []}

    def claimed(self, **body: Any) -> Start:
        """A new task that the host has won."""
        self.said("dea.discover")
        self.created(**body)
        return self.won()

    def won(self) -> Start:
        """The host bids for the one auction that was said, and wins."""
        (message,) = self.said("dea.discover")
        discover = message.read(Discover)
        bid = Bid(
            discover.auction_guid,
            discover.work,
            discover.work_guid,
            discover.version,
            self.host,
            "boot",
            self.queue.removeprefix("url:"),
            1,
            (Offer(0, 1.0),),
        )
        self.hear(("dea.bid", bid))
        (start,) = self.starts()
        return start

    def running(self, **body: Any) -> Start:
        start = self.claimed(**body)
        self.hear(("dea.started", self.started(start)))
        return start

    def started(self, start: Start) -> Started:
        return Started(start.process_guid, 0, 0, start.instance_guid, self.host, "boot", "127.0.0.1", None)

    def refused(self, start: Start) -> Refused:
        return Refused("task", start.process_guid, 0, 0, start.instance_guid, self.host, "boot", "full")

    def finished(self, start: Start, status: int | None = 0, **more: Any) -> TaskFinished:
        words = f"APP/TASK/{start.process_type}: Exited with status {status}"
        told = TaskFinished(
            start.process_guid, start.instance_guid, self.host, "boot", REASON_CRASHED, status, words, 1.0
        )
        return replace(told, **more)

    def host_row(self, *tasks: str, lost: bool = False) -> None:
        """What HM knows of the host: the tasks in its last beat."""
        known = {"seq": 1, "seen_at": 0, "host": "h", "http": "", "queue_url": "", "stack": "s", "arch": "a"}
        Dea("all", self.host, boot="boot", tasks=list(tasks), lost=lost, **known).save()

    def sweep(self, *tasks: str) -> None:
        """As if the deadlines of these tasks had passed."""
        for due in list(Due.query("tasks", consistent_read=True)):
            if due.guid in tasks:
                due.delete()
                Due("tasks", f"2000-01-01T00:00:00.000000Z#{due.guid}").save()
        deadlines.sweep(self.world)


@pytest.fixture
def stage(api: Client, world: World, cloud: Cloud, space: str) -> Stage:
    return Stage(api, world, cloud, space)
