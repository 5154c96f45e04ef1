"""A running app, and the test in the place of the DEAs and of the queue between them and the control plane."""

from typing import Any

import pytest

from chalicelib.adapters.clock import new_guid
from chalicelib.bootstrap import World
from chalicelib.contracts.auction import Started
from chalicelib.contracts.heartbeat import DropletExited
from chalicelib.handlers import cc
from chalicelib.services import listing, placements, rollouts, routing
from chalicelib.tables.apps import Droplet
from chalicelib.tables.deployments import Deployment
from chalicelib.tables.running import STARTED, Placement, Process
from infra.local.context import LambdaContext
from tests.functional.apps import conftest as apps
from tests.functional.apps.conftest import Stage
from tests.functional.client import Answered, Client
from tests.functional.cloud import Cloud

stage = apps.stage


class Show:
    """What the tests of deployments do again and again."""

    def __init__(self, stage: Stage, world: World, cloud: Cloud) -> None:
        self.stage, self.api, self.world, self.cloud = stage, stage.api, world, cloud

    def running(self, name: str = "shop", instances: int = 1, **types: str) -> str:
        """An app whose web instances all serve."""
        app = self.started(name, {"web": "python server.py", **types})
        if instances != 1:
            answered = self.api.post(f"/v3/apps/{app}/processes/web/actions/scale", json={"instances": instances})
            assert answered.status == 202, answered.text
        self.serve(app)
        return app

    def started(self, name: str, types: dict[str, str]) -> str:
        app = str(self.stage.create(name)["guid"])
        assert self.stage.assign(app, self.droplet(app, types)).status == 200
        answered = self.api.post(f"/v3/apps/{app}/actions/start")
        assert answered.status == 200, answered.text
        return app

    def droplet(self, app: str, types: dict[str, str] | None = None) -> str:
        """A new droplet of the app, as if it had been staged."""
        row = Droplet(
            new_guid(),
            app_guid=app,
            space_guid=self.stage.space,
            state="STAGED",
            digest=f"sha256:{'0' * 64}",
            size_bytes=7,
            process_types=types or {"web": "python server.py"},
        )
        unit = self.world.unit()
        unit.create(row)
        unit.commit()
        return str(row.guid)

    def deploy(self, app: str, api: Client | None = None, **body: Any) -> Answered:
        body |= {"relationships": {"app": {"data": {"guid": app}}}}
        return (api or self.api).post("/v3/deployments", json=body)

    def deployed(self, app: str, **body: Any) -> str:
        answered = self.deploy(app, **body)
        assert answered.status == 201, answered.text
        return answered.guid

    def webs(self, app: str) -> list[Process]:
        """In order of creation."""
        return routing.processes_of(app, "web")

    def sizes(self, app: str) -> list[int]:
        return [int(process.instances) for process in self.webs(app)]

    def serve(self, app: str, most: int = 100) -> int:
        """Have so many of the newest web process's places serve; how many began to."""
        rows = self.placed(app, -1)[:most]
        for row in rows:
            self.say_started(row)
        return len(rows)

    def placed(self, app: str, which: int) -> list[Placement]:
        """Places of one of the web processes that do not serve yet."""
        return [row for row in placements.rows(self.webs(app)[which]) if row.state != STARTED]

    @staticmethod
    def place(row: Placement) -> tuple[str, int, int, str]:
        """What a DEA says of where its instance belongs."""
        return str(row.work_guid), int(row.version), int(row.index), str(row.instance_guid)

    def say_started(self, row: Placement) -> None:
        self.hear("dea.started", Started(*self.place(row), "dea-0", "boot", "10.0.0.1", 20001))
        # It has served long enough for every router to know of it.
        row.update([Placement.started_at.set(1)])

    def crash(self, app: str, index: int = 0) -> DropletExited:
        """An instance of the newest web process ends by itself, and its place is looked for again."""
        process = self.webs(app)[-1]
        row = next(row for row in placements.rows(process) if int(row.index) == index)
        place = (int(process.version), index, str(row.instance_guid), "dea-0", "boot")
        gone = DropletExited(str(process.guid), app, *place, "CRASHED", 1, "exited with 1", 1.0)
        self.hear("droplet.exited", gone)
        if listing.find(Process, gone.process_guid) is not None:
            placements.reopened(row).save()
        return gone

    def hear(self, subject: str, body: Any) -> None:
        envelope = self.world.bus.envelope(subject, body)
        record = {"messageId": envelope.id, "body": envelope.encode()}
        failed = cc.cc_inbox({"Records": [record]}, LambdaContext("cc_inbox", 30))
        assert not failed["batchItemFailures"], failed

    def look(self, deployment: str) -> dict[str, Any]:
        """Advance it as far as it goes; the deployment as the API shows it."""
        rollouts.advance(self.world, deployment, "trace")
        return self.show(deployment)

    def show(self, deployment: str) -> dict[str, Any]:
        return dict(self.api.get(f"/v3/deployments/{deployment}").json)

    def status(self, deployment: str) -> tuple[str, str]:
        status = self.look(deployment)["status"]
        return status["value"], status["reason"]

    def run(self, deployment: str, app: str) -> tuple[str, str]:
        """Let everything that is started serve until nothing more happens; its status then."""
        status = self.status(deployment)
        while status[0] == "ACTIVE" and self.serve(app):
            status = self.status(deployment)
        return status

    def expire(self, deployment: str) -> None:
        """Its deadline passes."""
        row = listing.get(Deployment, deployment)
        row.update([Deployment.deadline.set(1)])


@pytest.fixture
def show(stage: Stage, world: World, cloud: Cloud) -> Show:
    return Show(stage, world, cloud)


DEPLOYED, DEPLOYING, CANCELED = ("FINALIZED", "DEPLOYED"), ("ACTIVE", "DEPLOYING"), ("FINALIZED", "CANCELED")
PAUSED, CANCELING, SUPERSEDED = ("ACTIVE", "PAUSED"), ("ACTIVE", "CANCELING"), ("FINALIZED", "SUPERSEDED")
