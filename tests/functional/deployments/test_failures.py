"""A new version that does not work out: taken back by itself, while the old one serves."""

import json
import threading
from contextlib import suppress

from chalicelib.bootstrap import World
from chalicelib.core.errors import Conflict
from chalicelib.services import listing, placements, rollouts
from chalicelib.tables.running import Process
from chalicelib.tables.unit import Unit
from tests.functional.deployments.conftest import CANCELED, DEPLOYED, DEPLOYING, Show


def test_a_version_that_crashes_at_once_is_taken_back_by_itself(show: Show) -> None:
    app = show.running(instances=2, worker="python worker.py")
    (old,) = show.webs(app)
    droplet = show.api.get(f"/v3/apps/{app}/droplets/current").guid
    worker = show.api.get(f"/v3/apps/{app}/processes/worker").json
    guid = show.deployed(app, droplet={"guid": show.droplet(app, {"web": "false"})})
    gone = show.crash(app)
    show.hear("droplet.exited", gone)
    show.hear("droplet.exited", gone)
    show.crash(app)
    assert show.status(guid) == DEPLOYING, "told three times, it is one crash"
    show.crash(app)
    assert show.status(guid) == CANCELED
    details = show.show(guid)["status"]["details"]
    assert details["error"] == "The new version crashed 3 times before it was healthy"
    assert [(web.guid, web.version, web.instances) for web in show.webs(app)] == [(old.guid, old.version, 2)]
    assert all(row.state == "STARTED" for row in placements.rows(old)), "the old instances were never touched"
    assert show.api.get(f"/v3/apps/{app}/droplets/current").guid == droplet
    assert show.api.get(f"/v3/apps/{app}/processes/worker").json == worker
    events = show.api.get(f"/v3/audit_events?target_guids={app}&types=audit.app.deployment.cancel").json["resources"]
    assert [event["data"]["error"] for event in events] == [details["error"]]
    assert events[0]["actor"]["type"] == "system"


def test_what_is_taken_back_restarts_with_the_commands_that_it_ran(show: Show) -> None:
    """A push describes the app before it deploys: its start commands are those of the processes that run."""
    app = show.running(worker="python worker.py")
    assert show.api.patch(f"/v3/apps/{app}/processes/web", json={"command": "python mine.py"}).status == 200
    assert show.api.post(f"/v3/apps/{app}/actions/restart").status == 200
    show.serve(app)
    ended = []
    for ends in ("crashes", "is canceled"):
        for kind in ("web", "worker"):
            assert show.api.patch(f"/v3/apps/{app}/processes/{kind}", json={"command": "exit 1"}).status == 200
        guid = show.deployed(app, droplet={"guid": show.droplet(app)})
        new = show.webs(app)[-1]
        assert started_with(show, new) == "exit 1"
        for _ in range(3 if ends == "crashes" else 0):
            show.crash(app)
        if ends == "is canceled":
            assert show.api.post(f"/v3/deployments/{guid}/actions/cancel").status == 200
        ended.append(show.status(guid))
        commands = [show.api.get(f"/v3/apps/{app}/processes/{kind}").json["command"] for kind in ("web", "worker")]
        assert commands == ["python mine.py", "python worker.py"], ends
    assert ended == [CANCELED, CANCELED]
    assert show.api.post(f"/v3/apps/{app}/actions/restart").status == 200
    (web,) = show.webs(app)
    worker = show.api.get(f"/v3/apps/{app}/processes/worker").guid
    assert started_with(show, web) == "python mine.py"
    assert started_with(show, listing.get(Process, worker)) == "python worker.py"


def started_with(show: Show, process: Process) -> str:
    """The command that its instances are started with."""
    key = placements.run_spec_key(str(process.guid), int(process.version))
    return str(json.loads(show.world.blobs.get_bytes(key))["command"])


def test_a_version_without_progress_at_its_deadline_is_taken_back(show: Show) -> None:
    app = show.running(instances=2)
    guid = show.deployed(app)
    show.expire(guid)
    show.serve(app)
    assert (show.status(guid), show.sizes(app)) == (DEPLOYING, [1, 2]), "it got there just in time"
    (row, *_) = [row for row in placements.rows(show.webs(app)[-1]) if row.state != "STARTED"]
    row.problem = "insufficient resources"
    row.save()
    show.expire(guid)
    rollouts.sweep(show.world)
    assert show.show(guid)["status"]["reason"] == "CANCELING"
    assert show.show(guid)["status"]["details"]["error"].endswith("in time: insufficient resources")
    show.expire(guid)
    assert show.status(guid) == CANCELED, "although the old version's second place never came back"
    assert show.sizes(app) == [2]


def test_whoever_looks_at_once_does_a_step_once(show: Show) -> None:
    app = show.running(instances=4)
    guid = show.deployed(app, options={"max_in_flight": 2})
    show.serve(app)
    before = len(show.stage.said("dea.discover"))
    looks = [threading.Thread(target=rollouts.advance, args=(show.world, guid, "")) for _ in range(4)]
    for look in looks:
        look.start()
    for look in looks:
        look.join()
    assert before
    assert show.sizes(app) == [2, 4]
    assert len(show.stage.said("dea.discover")) == 1
    assert show.run(guid, app) == DEPLOYED


class Killed(Exception):
    """The function ends here."""


class MortalUnit(Unit):
    """Every second commit is the last thing that its function does."""

    commits = 0

    def commit(self) -> None:
        super().commit()
        MortalUnit.commits += 1
        if MortalUnit.commits % 2 == 0:
            raise Killed


class MortalWorld(World):
    def unit(self, trace: str = "") -> Unit:
        return MortalUnit(self.bus, trace)


def test_a_control_plane_killed_at_any_commit_goes_on_where_it_was(show: Show) -> None:
    app = show.running(instances=2, worker="python worker.py", clock="python clock.py")
    guid = show.deployed(app, droplet={"guid": show.droplet(app, {"web": "new", "worker": "new"})})
    mortal = MortalWorld(show.world.config, show.world.bus, show.world.blobs, show.world.keys)
    for _ in range(30):
        with suppress(Killed, Conflict):
            rollouts.advance(mortal, guid, "")
        show.serve(app)
        if show.show(guid)["status"]["value"] == "FINALIZED":
            break
    assert MortalUnit.commits > 6
    assert show.status(guid) == DEPLOYED
    assert show.sizes(app) == [2]
    assert show.api.get(f"/v3/apps/{app}/processes/clock").status == 404
    assert show.api.get(f"/v3/apps/{app}/processes/worker").status == 200


def tighten(show: Show, instances: int) -> None:
    """The organization can have so many instances from now on."""
    org = show.api.get(f"/v3/spaces/{show.stage.space}").json["relationships"]["organization"]["data"]["guid"]
    body = {"name": "tight", "apps": {"total_instances": instances}}
    quota = show.api.post("/v3/organization_quotas", json=body).guid
    to = {"data": [{"guid": org}]}
    assert show.api.post(f"/v3/organization_quotas/{quota}/relationships/organizations", json=to).status == 200


def test_a_quota_that_does_not_allow_it_is_told_and_the_old_version_serves_on(show: Show) -> None:
    app = show.running(instances=2)
    tighten(show, 2)
    refused = show.deploy(app)
    assert refused.error[2] == (
        "app_instance_limit app_instance_limit_exceeded for organization local. This organization's quota may not be "
        "large enough to support rolling deployments or your configured max-in-flight."
    )
    assert show.sizes(app) == [2]
    assert show.api.get(f"/v3/deployments?app_guids={app}").guids == []
    assert show.api.get(f"/v3/apps/{app}").status == 200


def test_a_quota_that_does_not_allow_a_way_back_leaves_variables_and_sidecars_as_they_were(show: Show) -> None:
    app = show.running()
    first = show.api.get(f"/v3/apps/{app}/revisions").guids[0]
    show.api.patch(f"/v3/apps/{app}/environment_variables", json={"var": {"COLOUR": "red"}})
    beside = {"name": "logger", "command": "tail", "process_types": ["web"]}
    assert show.api.post(f"/v3/apps/{app}/sidecars", json=beside).status == 201
    show.api.post(f"/v3/apps/{app}/actions/restart")
    show.serve(app)
    tighten(show, 1)
    before = show.cloud.held()
    assert "app_instance_limit_exceeded" in show.deploy(app, revision={"guid": first}).error[2]
    assert show.cloud.held() == before


def test_a_quota_that_allows_a_part_of_a_stopped_app_leaves_all_of_it_as_it_was(show: Show) -> None:
    """Whether its start is one transaction or, because it has many instances, several."""
    app = show.started("shop", {"web": "python server.py", "worker": "python worker.py"})
    assert show.api.post(f"/v3/apps/{app}/actions/stop").status == 200
    droplet = show.droplet(app, {"web": "python new.py", "worker": "python other.py", "clock": "python clock.py"})
    tighten(show, 41)

    def seen() -> list[object]:
        answers = [show.api.get(f"/v3/apps/{app}{part}").json for part in ("", "/droplets/current", "/revisions")]
        kinds = ("web", "worker", "clock")
        processes = [show.api.get(f"/v3/apps/{app}/processes/{kind}").json for kind in kinds]
        own = ("command", "instances", "memory_in_mb", "errors")
        shown = [{key: process[key] for key in own if key in process} for process in processes]
        return [[{**one, "updated_at": ""} for one in answers], shown]

    for webs, workers in ((41, 1), (40, 40)):
        show.api.post(f"/v3/apps/{app}/processes/worker/actions/scale", json={"instances": workers})
        before = seen()
        options = {"web_instances": webs, "memory_in_mb": 64}
        refused = show.deploy(app, droplet={"guid": droplet}, options=options)
        assert "app_instance_limit_exceeded" in refused.error[2]
        assert seen() == before, (webs, workers)
    assert show.api.get("/v3/deployments").guids == []
    org = show.api.get(f"/v3/spaces/{show.stage.space}").json["relationships"]["organization"]["data"]["guid"]
    assert show.api.get(f"/v3/organizations/{org}/usage_summary").json["usage_summary"]["started_instances"] == 0
