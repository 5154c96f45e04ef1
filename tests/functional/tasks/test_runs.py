"""A task on its way over the bus: claimed once, run once, ended for certain."""

import json

import httpx
import pytest

from chalicelib.contracts.health import AuctionCheck, HmOrphan, PlacementCheck
from chalicelib.services import listing, tasks
from chalicelib.tables.running import Auction, Placement
from chalicelib.tables.tasks import Task
from tests.functional.tasks.conftest import Stage


def test_a_task_runs_to_its_end(stage: Stage) -> None:
    stage.api.admin.patch(f"/v3/apps/{stage.app}/environment_variables", json={"var": {"KEY": "very secret"}})
    start = stage.claimed(name="job", memory_in_mb=64, command="echo work")
    assert (start.work, start.process_type, start.limits.memory_mb, start.routes) == ("task", "job", 64, ())
    assert "secret" not in json.dumps(start.spec_url)
    spec = httpx.get(start.spec_url).json()
    assert (spec["command"], spec["env"], spec["version"]) == ("echo work", {"KEY": "very secret"}, 0)
    application = json.loads(spec["vcap_application"])
    assert (application["application_id"], application["limits"]["mem"]) == (stage.app, 64)
    task = start.process_guid
    assert stage.state(task) == ("PENDING", None)
    stage.hear(("dea.started", stage.started(start)), ("dea.started", stage.started(start)))
    assert stage.state(task) == ("RUNNING", None)
    stage.hear(("task.finished", stage.finished(start)), ("task.finished", stage.finished(start, status=1)))
    assert stage.state(task) == ("SUCCEEDED", None)
    assert not stage.world.blobs.exists(tasks.spec_key(task))
    assert stage.cloud.rows("placements") == 0
    stage.hear(("dea.started", stage.started(start)))
    assert stage.state(task) == ("SUCCEEDED", None)


@pytest.mark.parametrize(
    ("status", "words", "reason"),
    [
        (3, "APP/TASK/job: Exited with status 3", "APP/TASK/job: Exited with status 3"),
        (None, "APP/TASK/job: Memory limit of 64M exceeded (out of memory)", "out of memory"),
    ],
)
def test_a_failure_says_why(stage: Stage, status: int | None, words: str, reason: str) -> None:
    start = stage.claimed(name="job")
    # Its end may be heard before its start.
    stage.hear(("task.finished", stage.finished(start, status, description=words)))
    state, told = stage.state(start.process_guid)
    assert state == "FAILED"
    assert reason in str(told)


def test_what_is_cancelled_is_stopped_and_fails(stage: Stage) -> None:
    start = stage.running()
    task = start.process_guid
    stage.said("dea.stop")
    answered = stage.cancel(task)
    assert (answered.status, answered.json["state"]) == (202, "CANCELING")
    (stop,) = stage.said("dea.stop")
    assert (stop.body["process_guid"], stop.body["up_to_version"]) == (task, 0)
    assert stage.cancel(task).status == 202
    stage.hear(("task.finished", stage.finished(start, 143, reason="STOPPED")))
    assert stage.state(task) == ("FAILED", "task was cancelled")
    types = [
        event["type"] for event in stage.api.admin.get("/v3/audit_events", target_guids=stage.app).json["resources"]
    ]
    assert types.count("audit.app.task.cancel") == 1


def test_a_task_that_was_done_before_it_heard_of_its_cancelling_has_succeeded(stage: Stage) -> None:
    start = stage.running()
    stage.cancel(start.process_guid)
    stage.hear(("task.finished", stage.finished(start)))
    assert stage.state(start.process_guid) == ("SUCCEEDED", None)


def test_a_cancelled_start_that_a_host_refuses_ends_the_task(stage: Stage) -> None:
    start = stage.claimed()
    stage.cancel(start.process_guid)
    stage.hear(("dea.refused", stage.refused(start)))
    assert stage.state(start.process_guid) == ("FAILED", "task was cancelled")


def test_only_a_refused_start_is_tried_again(stage: Stage) -> None:
    start = stage.claimed()
    stage.said("dea.discover")
    stage.hear(("dea.refused", stage.refused(start)))
    second = stage.won()
    assert second.process_guid == start.process_guid
    assert second.instance_guid != start.instance_guid
    stage.hear(("task.finished", stage.finished(start, 1)))
    assert stage.state(start.process_guid) == ("PENDING", None)
    row = Placement.get(start.process_guid, 0)
    row.deadline = 0
    row.save()
    stage.host_row(start.process_guid)
    check = PlacementCheck("task", start.process_guid, 0, second.instance_guid)
    stage.hear(("placement.check", check))
    assert stage.state(start.process_guid) == ("PENDING", None)
    stage.host_row()
    stage.said("dea.discover")
    stage.hear(("placement.check", check))
    assert stage.state(start.process_guid) == ("FAILED", "the task's host did not start it in time")
    assert stage.said("dea.discover") == []
    assert len(stage.said("dea.stop", stage.queue)) == 1


def test_a_task_without_a_place_is_auctioned_again_and_fails_in_the_end(stage: Stage) -> None:
    task = stage.created()
    stage.said("dea.discover")
    (auction,) = list(Auction.scan())
    stage.hear(("auction.check", AuctionCheck(auction.auction_guid)))
    assert [message.body["work_guid"] for message in stage.said("dea.discover")] == [task]
    stage.sweep(task)
    assert stage.state(task) == ("FAILED", "insufficient resources")
    stage.hear(("auction.check", AuctionCheck(auction.auction_guid)))
    assert stage.said("dea.discover") == []


def test_a_lost_host_fails_its_tasks_and_hears_of_it_should_it_return(stage: Stage) -> None:
    start = stage.running()
    task = start.process_guid
    stage.host_row(task)
    stage.hear(("hm.orphan", HmOrphan("dea-0", "boot", (), (task,))))
    assert stage.state(task) == ("RUNNING", None)
    stage.host_row(task, lost=True)
    stage.hear(("hm.orphan", HmOrphan("dea-1", "boot", (), (task,))))
    assert stage.state(task) == ("RUNNING", None)
    stage.hear(("hm.orphan", HmOrphan("dea-0", "boot", (), (task,))))
    assert stage.state(task) == ("FAILED", "the host dea-0 was lost while the task ran")
    assert len(stage.said("dea.stop", stage.queue)) == 1
    stage.hear(("task.finished", stage.finished(start)))
    assert stage.state(task)[0] == "FAILED"


def test_the_sweep_finds_tasks_that_nobody_runs_any_more(stage: Stage) -> None:
    start = stage.running()
    task = start.process_guid
    stage.host_row(task)
    stage.sweep(task)
    stage.host_row()
    stage.sweep(task)
    assert (stage.state(task), listing.get(Task, task).is_doubted) == (("RUNNING", None), True)
    stage.host_row(task)
    stage.sweep(task)
    assert not listing.get(Task, task).is_doubted
    stage.host_row()
    stage.sweep(task)
    stage.sweep(task)
    assert stage.state(task) == ("FAILED", "the host dea-0 was lost while the task ran")
    other = stage.running()
    stage.cancel(other.process_guid)
    stage.host_row(other.process_guid)
    stage.said("dea.stop", stage.queue)
    stage.sweep(other.process_guid)
    assert len(stage.said("dea.stop", stage.queue)) == 1
    stage.host_row(lost=True)
    stage.sweep(other.process_guid)
    assert stage.state(other.process_guid) == ("FAILED", "task was cancelled")
