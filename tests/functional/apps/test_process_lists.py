"""Lists of processes: filters, hidden commands, instances embedded, and processes by type after a deployment."""

from typing import Any

import pytest

from chalicelib.adapters.clock import now
from chalicelib.services import processes
from chalicelib.tables.apps import App
from chalicelib.tables.running import Placement, Process
from tests.functional.apps.conftest import Stage


def change(app: str, index: int, **attributes: Any) -> None:
    row = Placement.get(app, index, consistent_read=True)
    row.update([getattr(Placement, name).set(value) for name, value in attributes.items()])


def embedded(stage: Stage, **query: Any) -> dict[str, list[dict[str, Any]]]:
    listed = stage.api.get("/v3/processes", embed="process_instances", **query).json["resources"]
    return {process["guid"]: process["process_instances"] for process in listed}


def test_instances_are_embedded_by_what_is_placed(stage: Stage) -> None:
    running, stopped = stage.started(), stage.create("other")["guid"]
    stage.api.post(f"/v3/processes/{running}/actions/scale", json={"instances": 5})
    change(running, 0, state="STARTED", started_at=now() - 60)
    change(running, 1, state="CRASHED")
    change(running, 2, problem="insufficient resources")
    change(running, 3, replaces="an-older-one")
    change(running, 4, version=0)

    found = embedded(stage, space_guids=stage.space)

    assert [(line["index"], line["state"]) for line in found[running]] == [
        (0, "RUNNING"),
        (1, "CRASHED"),
        (2, "DOWN"),
        (3, "RUNNING"),
        (4, "DOWN"),
    ]
    assert 60 <= found[running][0]["since"] < 70
    assert found[stopped] == [{"index": 0, "state": "DOWN", "since": 0}]
    assert embedded(stage, app_guids=stopped).keys() == {stopped}
    assert "process_instances" not in stage.api.get("/v3/processes").json["resources"][0]
    assert stage.api.get("/v3/processes", embed="stats").error[:2] == (10005, "CF-BadQueryParameter")
    one = stage.api.get(f"/v3/processes/{running}", embed="process_instances").json
    assert one["process_instances"] == embedded(stage, space_guids=stage.space)[running]
    assert "process_instances" not in stage.api.get(f"/v3/apps/{running}/processes/web").json
    assert stage.api.get(f"/v3/processes/{running}", embed="stats").error[:2] == (10005, "CF-BadQueryParameter")
    assert len(stage.api.get(f"/v3/apps/{running}/processes", embed="process_instances").guids) == 1


def test_processes_are_narrowed(stage: Stage, org: str) -> None:
    one = stage.runnable("one", {"web": "run", "worker": "work"})
    two = stage.create("two")["guid"]
    worker = stage.api.get(f"/v3/apps/{one}/processes/worker").guid
    stage.api.patch(f"/v3/processes/{worker}", json={"metadata": {"labels": {"tier": "back"}}})

    def found(**query: Any) -> set[str]:
        return set(stage.api.get("/v3/processes", **query).guids)

    assert found() == {one, two, worker}
    assert found(types="worker") == found(label_selector="tier=back") == found(guids=worker) == {worker}
    assert found(types="web,worker", app_guids=one) == {one, worker}
    assert found(organization_guids=org) == found(space_guids=stage.space) == {one, two, worker}
    assert found(organization_guids="nobody") == found(app_guids="nobody") == set()
    assert found(app_guids=",".join([one, *(f"nobody-{i}" for i in range(20))])) == {one, worker}
    assert set(stage.api.get(f"/v3/apps/{one}/processes", types="worker").guids) == {worker}
    listed = stage.api.get("/v3/processes").json["resources"]
    assert {process["command"] for process in listed} == {"[PRIVATE DATA HIDDEN IN LISTS]", None}


def test_after_a_deployment_the_newest_web_process_is_the_apps(stage: Stage) -> None:
    app = stage.runnable()
    newer = processes.draft(App.get(app), "web")
    newer.guid, newer.command = "a-newer-web", "newer"
    unit = stage.world.unit()
    unit.create(newer)
    unit.commit()

    assert stage.api.get(f"/v3/apps/{app}/processes/web").json["guid"] == "a-newer-web"
    assert stage.api.patch(f"/v3/apps/{app}/processes/web", json={"command": "newest"}).json["guid"] == "a-newer-web"
    scaled = stage.api.post(f"/v3/apps/{app}/processes/web/actions/scale", json={"instances": 2})
    assert (scaled.status, scaled.json["guid"]) == (202, "a-newer-web")
    assert len(stage.api.get(f"/v3/apps/{app}/processes/web/stats").json["resources"]) == 2
    assert int(Process.get(app).instances) == 1
    vcap = stage.api.get(f"/v3/apps/{app}/env").json["application_env_json"]["VCAP_APPLICATION"]
    assert vcap["process_id"] == "a-newer-web"


@pytest.mark.parametrize(
    "check",
    [
        {"type": "magic"},
        {"data": {"timeout": 5}},
        {"type": "http", "data": {"endpoint": "up"}},
        {"data": {"interval": "soon"}},
        {"data": []},
        7,
    ],
    ids=repr,
)
def test_bad_readiness_checks_are_refused(stage: Stage, check: Any) -> None:
    app = stage.create()["guid"]
    assert stage.api.patch(f"/v3/processes/{app}", json={"readiness_health_check": check}).status == 422
    shown = stage.api.get(f"/v3/processes/{app}").json["readiness_health_check"]
    assert shown == {"type": "process", "data": {"invocation_timeout": None, "interval": None}}


def test_readiness_is_chosen(stage: Stage) -> None:
    app = stage.create()["guid"]
    body = {"readiness_health_check": {"type": "http", "data": {"endpoint": "/ready", "interval": 9}}}
    shown = stage.api.patch(f"/v3/apps/{app}/processes/web", json=body).json["readiness_health_check"]
    assert shown == {"type": "http", "data": {"invocation_timeout": None, "interval": 9, "endpoint": "/ready"}}
