"""Tasks as the API shows them: made, listed, numbered, cancelled, forgotten."""

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

from chalicelib.services import apps, listing, tasks
from chalicelib.tables.apps import App
from chalicelib.tables.tasks import Task, TaskCount
from tests.functional.client import Client
from tests.functional.tasks.conftest import Stage


def test_a_task_is_made_shown_and_told_of(stage: Stage) -> None:
    body = {
        "name": "migrate",
        "memory_in_mb": 64,
        "disk_in_mb": 32,
        "log_rate_limit_in_bytes_per_second": 1024,
        "metadata": {"labels": {"kind": "db"}},
    }
    answered = stage.create(command="rake db:migrate", **body)
    assert answered.status == 202
    assert "location" not in answered.headers
    droplet = listing.get(App, stage.app).droplet_guid
    shown: dict[str, Any] = answered.json
    assert {key: shown[key] for key in shown if key not in ("guid", "created_at", "updated_at", "links")} == {
        "sequence_id": 1,
        "name": "migrate",
        "command": "rake db:migrate",
        "user": "vcap",
        "state": "PENDING",
        "memory_in_mb": 64,
        "disk_in_mb": 32,
        "log_rate_limit_in_bytes_per_second": 1024,
        "result": {"failure_reason": None},
        "droplet_guid": droplet,
        "metadata": {"labels": {"kind": "db"}, "annotations": {}},
        "relationships": {"app": {"data": {"guid": stage.app}}},
    }
    assert set(shown["links"]) == {"self", "app", "droplet", "cancel"}
    assert stage.show(answered.guid) == shown
    (event,) = stage.api.admin.get("/v3/audit_events", types="audit.app.task.create").json["resources"]
    assert event["data"]["task_guid"] == answered.guid
    assert "migrate" in json.dumps(event)
    assert "rake" not in json.dumps(event)
    patched = stage.api.admin.patch(f"/v3/tasks/{answered.guid}", json={"metadata": {"labels": {"kind": None}}})
    assert (patched.status, patched.json["metadata"]["labels"]) == (200, {})


def test_a_template_gives_command_and_sizes(stage: Stage) -> None:
    process = stage.api.admin.get(f"/v3/apps/{stage.app}/processes/web").json
    template = {"process": {"guid": process["guid"]}}
    made = stage.api.admin.post(f"/v3/apps/{stage.app}/tasks", json={"template": template}).json
    assert (made["command"], made["memory_in_mb"]) == ("serve", process["memory_in_mb"])
    assert stage.create(template=template, memory_in_mb=17).json["memory_in_mb"] == 17


def test_lists_are_filtered_and_hide_commands(
    stage: Stage, org: str, counting: Callable[[], AbstractContextManager[Counter[str]]]
) -> None:
    first, second = stage.created(name="one"), stage.created(name="two", metadata={"labels": {"a": "b"}})
    stage.app = stage.an_app("other")
    third = stage.created(name="one")
    admin = stage.api.admin
    app = admin.get(f"/v3/tasks/{first}").json["relationships"]["app"]["data"]["guid"]
    assert admin.get("/v3/tasks").guids == [first, second, third]
    assert all("command" not in task for task in admin.get("/v3/tasks").json["resources"])
    assert [task["command"] for task in admin.get(f"/v3/apps/{app}/tasks").json["resources"]] == ["work", "work"]
    for query, found in (
        ({"names": "one"}, [first, third]),
        ({"names": "one", "app_guids": app}, [first]),
        ({"guids": second}, [second]),
        ({"sequence_ids": "2"}, [second]),
        ({"states": "PENDING", "label_selector": "a=b"}, [second]),
        ({"states": "RUNNING"}, []),
        ({"space_guids": stage.space, "order_by": "-created_at"}, [third, second, first]),
        ({"organization_guids": org, "per_page": 1, "page": 2}, [second]),
        ({"package_guids": "nobody"}, []),
    ):
        assert admin.get("/v3/tasks", **query).guids == found, query
    assert admin.get("/v3/tasks", colour="red").error[0] == 10005
    calls = []
    for _ in range(2):
        with counting() as counted:
            admin.get("/v3/tasks", states="PENDING")
        calls.append(counted)
        stage.created()
    assert calls[0] == calls[1]


def test_numbers_grow_by_one_however_many_ask_at_once(stage: Stage) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: stage.create(), range(16)))
    assert {answered.status for answered in answers} == {202}
    assert sorted(answered.json["sequence_id"] for answered in answers) == list(range(1, 17))


def test_who_may_do_what(stage: Stage, api: Client, org: str) -> None:
    task = stage.created()
    users = {role: api.user(role, organization_user=org, **{role: stage.space}) for role in ROLES}
    stranger = api.user("stranger", organization_user=org)
    stages = {role: (stage.create(user).status, stage.cancel(task, user).status) for role, user in users.items()}
    assert stages == {
        "space_developer": (202, 202),
        "space_supporter": (403, 422),
        "space_manager": (403, 403),
        "space_auditor": (403, 403),
    }
    assert {role: "command" in user.get(f"/v3/tasks/{task}").json for role, user in users.items()} == {
        "space_developer": True,
        "space_supporter": False,
        "space_manager": False,
        "space_auditor": False,
    }
    assert stage.create(stranger).error[2] == "App not found"
    for answered in (stage.cancel(task, stranger), stranger.get(f"/v3/tasks/{task}")):
        assert (answered.status, answered.error[2]) == (404, "Task not found")
    assert stranger.get("/v3/tasks").guids == []
    stage.api.admin.patch("/v3/feature_flags/task_creation", json={"enabled": False})
    assert stage.create(users["space_developer"]).error == (
        330002,
        "CF-FeatureDisabled",
        "Feature Disabled: task_creation",
    )


ROLES = ("space_developer", "space_supporter", "space_manager", "space_auditor")


def test_quotas_count_what_has_not_ended(stage: Stage, org: str) -> None:
    quota = {"name": "small", "apps": {"total_memory_in_mb": 300, "per_app_tasks": 2}}
    guid = stage.api.admin.post("/v3/organization_quotas", json=quota).guid
    to_org = {"data": [{"guid": org}]}
    assert (
        stage.api.admin.post(f"/v3/organization_quotas/{guid}/relationships/organizations", json=to_org).status == 200
    )
    first = stage.created(memory_in_mb=200)
    before = stage.cloud.rows("tasks")
    refused = stage.create(memory_in_mb=200)
    assert (refused.status, refused.error[2]) == (422, "memory_in_mb exceeds organization memory quota")
    assert stage.cloud.rows("tasks") == before
    stage.created(memory_in_mb=50)
    assert "task" in stage.create(memory_in_mb=10).error[2]
    stage.cancel(first)
    assert stage.created(memory_in_mb=200)


def test_an_ended_task_cannot_be_cancelled_and_is_forgotten_in_time(stage: Stage) -> None:
    task = stage.created()
    answered = stage.api.admin.put(f"/v3/tasks/{task}/cancel")
    assert (answered.status, answered.json["state"]) == (202, "FAILED")
    assert stage.state(task) == ("FAILED", "task was cancelled")
    again = stage.cancel(task)
    assert again.error[2] == "Task state is FAILED and therefore cannot be canceled"
    stage.sweep(task)
    assert stage.api.admin.get(f"/v3/tasks/{task}").status == 404
    assert stage.api.admin.get(f"/v3/apps/{stage.app}/tasks").guids == []
    assert stage.show(stage.created())["sequence_id"] == 2


def test_tasks_go_with_their_app(stage: Stage) -> None:
    ended = stage.created()
    stage.cancel(ended)
    start = stage.running()
    apps.remove(stage.world, stage.app)
    (stop,) = stage.said("dea.stop", stage.queue)
    assert stop.body["process_guid"] == start.process_guid
    stage.hear(("task.finished", stage.finished(start)))
    assert [stage.cloud.rows(name) for name in ("tasks", "task-counts", "placements", "due")] == [0, 0, 0, 0]
    assert stage.api.admin.get("/v3/tasks").guids == []


def test_old_tasks_make_room_for_new_ones(stage: Stage) -> None:
    first = stage.created()
    stage.cancel(first)
    live = stage.created()
    stage.cloud.store([TaskCount(stage.app, last=tasks.KEPT_PER_APP + 1)])
    newest = stage.created()
    assert listing.get(Task, newest).sequence_id == tasks.KEPT_PER_APP + 2
    assert stage.api.admin.get("/v3/tasks").guids == [live, newest]
