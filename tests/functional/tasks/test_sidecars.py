"""Sidecars as the API keeps them, and as a start carries them."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from chalicelib.services import apps, listing, placements, sidecars
from chalicelib.services.sidecars import Wish
from chalicelib.tables.apps import App
from chalicelib.tables.running import Process
from tests.functional.client import Answered, Client
from tests.functional.tasks.conftest import Stage

BODY = {"name": "config", "command": "run config", "process_types": ["web", "worker"]}


def create(stage: Stage, api: Client | None = None, **body: Any) -> Answered:
    return (api or stage.api.admin).post(f"/v3/apps/{stage.app}/sidecars", json=BODY | body)


def test_a_sidecar_is_made_shown_changed_and_removed(stage: Stage) -> None:
    admin = stage.api.admin
    answered = create(stage, memory_in_mb=32)
    assert answered.status == 201
    shown = answered.json
    assert {key: shown[key] for key in (*BODY, "memory_in_mb", "origin", "relationships")} == {
        **BODY,
        "memory_in_mb": 32,
        "origin": "user",
        "relationships": {"app": {"data": {"guid": stage.app}}},
    }
    other = create(stage, name="other", process_types=["worker"]).guid
    process = admin.get(f"/v3/apps/{stage.app}/processes/web").guid
    assert admin.get(f"/v3/apps/{stage.app}/sidecars").guids == [answered.guid, other]
    assert admin.get(f"/v3/processes/{process}/sidecars").guids == [answered.guid]
    assert admin.get(f"/v3/sidecars/{answered.guid}").json == shown
    changed = admin.patch(f"/v3/sidecars/{answered.guid}", json={"command": "new", "memory_in_mb": None})
    assert (changed.status, changed.json["command"], changed.json["memory_in_mb"]) == (200, "new", None)
    taken = admin.patch(f"/v3/sidecars/{answered.guid}", json={"name": "OTHER"})
    assert taken.error == (
        10008,
        "CF-UnprocessableEntity",
        "Sidecar with name 'OTHER' already exists for given app",
    )
    assert admin.patch(f"/v3/sidecars/{answered.guid}", json={"name": "third"}).json["name"] == "third"
    assert admin.delete(f"/v3/sidecars/{answered.guid}").status == 204
    assert admin.get(f"/v3/sidecars/{answered.guid}").error[2] == "Sidecar not found"
    assert create(stage, name="third").status == 201
    apps.remove(stage.world, stage.app)
    assert stage.cloud.rows("sidecars") == 0


def test_of_two_creates_of_one_name_one_wins(stage: Stage) -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: create(stage), range(2))
    assert sorted((first.status, second.status)) == [201, 422]
    assert len(stage.api.admin.get(f"/v3/apps/{stage.app}/sidecars").guids) == 1


def test_the_process_keeps_some_of_its_memory(stage: Stage) -> None:
    assert create(stage, memory_in_mb=200).status == 201
    refused = create(stage, name="more", memory_in_mb=56)
    assert refused.error[2] == 'The memory allocation defined is too large to run with the dependent "web" process'
    assert create(stage, name="more", memory_in_mb=56, process_types=["worker"]).status == 201


def test_who_may_do_what(stage: Stage, api: Client, org: str) -> None:
    made = create(stage).guid
    auditor = api.user("auditor", organization_user=org, space_auditor=stage.space)
    stranger = api.user("stranger", organization_user=org)
    assert create(stage, auditor).status == auditor.delete(f"/v3/sidecars/{made}").status == 403
    assert auditor.patch(f"/v3/sidecars/{made}", json={}).status == 403
    assert auditor.get(f"/v3/sidecars/{made}").status == 200
    assert create(stage, stranger).error[2] == "App not found"
    for answered in (stranger.get(f"/v3/sidecars/{made}"), stranger.delete(f"/v3/sidecars/{made}")):
        assert (answered.status, answered.error[2]) == (404, "Sidecar not found")


def test_a_start_carries_what_runs_beside_its_process(stage: Stage) -> None:
    app = listing.get(App, stage.app)
    wishes = [Wish("a", "run a", ["web"]), Wish("b", "run b", ["worker"])]
    sidecars.set_sidecars(stage.world, app, wishes)
    sidecars.set_sidecars(stage.world, app, [Wish("A", "run it", ["web"], 16)])
    assert [(one.name, one.command) for one in sidecars.of_app(stage.app)] == [("A", "run it"), ("b", "run b")]
    assert stage.api.admin.post(f"/v3/apps/{stage.app}/actions/start").status == 200
    (process,) = listing.all_of(Process, f"app/{stage.app}/processes")
    spec = json.loads(stage.world.blobs.get_bytes(placements.run_spec_key(str(process.guid), 1)))
    assert spec["sidecars"] == [{"name": "A", "command": "run it"}]
    scaled = stage.api.admin.post(f"/v3/processes/{process.guid}/actions/scale", json={"memory_in_mb": 16})
    assert scaled.error[2] == "The requested memory allocation is not large enough to run all of your sidecar processes"
    assert stage.api.admin.post(f"/v3/processes/{process.guid}/actions/scale", json={"memory_in_mb": 17}).status == 202
