"""Processes: sizes, health checks, scaling, single instances, and what stats tell."""

from typing import Any

import pytest

from chalicelib.adapters.clock import now
from chalicelib.contracts.codec import to_json
from chalicelib.contracts.heartbeat import Usage as Sample
from chalicelib.tables.actual import Instance, Usage
from chalicelib.tables.running import Placement, Process
from tests.functional.apps.conftest import Stage


def placed(app: str, index: int = 0) -> Placement:
    return Placement.get(app, index, consistent_read=True)


def heard(app: str, index: int, instance_guid: str, state: str = "RUNNING", version: int = 1, **more: Any) -> None:
    """HM hears of an instance."""
    fields: dict[str, Any] = {"since": now() - 30, "heard_at": now(), "dea": "dea-0", "boot": "b", "host": "10.0.0.1"}
    Instance(
        app,
        f"{index}#{instance_guid}",
        app_guid=app,
        version=version,
        index=index,
        instance_guid=instance_guid,
        state=state,
        **(fields | {"port": 20001} | more),
    ).save()


def stats(stage: Stage, app: str) -> list[dict[str, Any]]:
    return list(stage.api.get(f"/v3/processes/{app}/stats").json["resources"])


def scaled(stage: Stage, app: str, **sizes: Any) -> Any:
    return stage.api.post(f"/v3/apps/{app}/processes/web/actions/scale", json=sizes)


def test_a_stopped_process_has_one_line_per_instance_all_down(stage: Stage) -> None:
    app = stage.create()["guid"]
    scaled(stage, app, instances=2)

    lines = stats(stage, app)

    assert [(line["type"], line["index"], line["state"], line["uptime"]) for line in lines] == [
        ("web", 0, "DOWN", 0),
        ("web", 1, "DOWN", 0),
    ]
    assert lines[0]["usage"] == {}
    assert (lines[0]["mem_quota"], lines[0]["disk_quota"]) == (256 * 1024**2, 1024**3)


def test_a_process_runs_as_the_one_user_that_there_is(stage: Stage) -> None:
    path = f"/v3/processes/{stage.create()['guid']}"
    assert stage.api.patch(path, json={"user": "vcap"}).json["user"] == "vcap"
    refused = stage.api.patch(path, json={"user": "root"})
    assert refused.status == 422
    assert refused.error[2] == "User invalid (requested user 'root' not allowed, permitted users are: 'vcap')"
    assert stage.api.get(path).json["user"] == "vcap"


def test_stats_follow_an_instance_from_its_auction_to_its_usage(stage: Stage) -> None:
    app = stage.started()
    assert stats(stage, app)[0]["state"] == "STARTING"

    guid = str(placed(app).instance_guid)
    heard(app, 0, guid)
    Usage(
        "dea-0",
        boot="b",
        samples={guid: to_json(Sample(0.25, 1000, 2000, log_rate=3, sampled_at=now()))},
    ).save()

    (line,) = stats(stage, app)
    assert (line["state"], line["host"], line["routable"]) == ("RUNNING", "10.0.0.1", True)
    assert line["instance_ports"][0]["external"] == 20001
    assert isinstance(line["uptime"], int)
    assert 29 <= line["uptime"] <= 33
    usage = line["usage"]
    assert (usage["cpu"], usage["mem"], usage["disk"], usage["log_rate"]) == (0.25, 1000, 2000, 3)
    assert stage.api.get(f"/v3/apps/{app}/processes/web/stats").json["resources"][0]["state"] == "RUNNING"


def test_no_line_tells_of_another_version_or_of_what_is_not_wanted_any_more(stage: Stage) -> None:
    app = stage.started()
    scaled(stage, app, instances=3)
    for index in range(3):
        heard(app, index, str(placed(app, index).instance_guid))
    stage.api.post(f"/v3/apps/{app}/actions/restart")
    assert [line["state"] for line in stats(stage, app)] == ["STARTING"] * 3

    scaled(stage, app, instances=1)

    assert [line["index"] for line in stats(stage, app)] == [0]


def test_why_an_instance_has_no_place_or_crashed_is_told(stage: Stage) -> None:
    app = stage.started()
    row = placed(app)
    row.problem = "insufficient resources"
    row.save()
    assert [(line["state"], line["details"]) for line in stats(stage, app)] == [("DOWN", "insufficient resources")]

    heard(app, 0, str(row.instance_guid), "CRASHED", reason="exited with status 1")

    assert [(line["state"], line["details"]) for line in stats(stage, app)] == [("CRASHED", "exited with status 1")]


def test_process_instances_say_state_and_age(stage: Stage) -> None:
    app = stage.started()
    heard(app, 0, str(placed(app).instance_guid))

    (line,) = stage.api.get(f"/v3/processes/{app}/process_instances").json["resources"]
    assert (line["index"], line["state"]) == (0, "RUNNING")


def test_scaling_a_running_app_opens_and_stops_instances(stage: Stage) -> None:
    app = stage.started()
    stage.said("any")

    answered = scaled(stage, app, instances="3", memory_in_mb=512)

    assert (answered.status, answered.json["instances"], answered.json["memory_in_mb"]) == (202, 3, 512)
    (discover,) = stage.said("dea.discover")
    assert [want["index"] for want in discover["wants"]] == [1, 2]
    doomed = str(placed(app, 2).instance_guid)
    scaled(stage, app, instances=2)
    (stop,) = stage.said("dea.stop")
    assert stop["instance_guids"] == [doomed]


def test_a_process_of_very_many_instances_is_started_in_portions(stage: Stage) -> None:
    app = stage.runnable(process_types={"web": "run", "worker": "work", "clock": "tick"})
    for kind in ("web", "worker", "clock"):
        path = f"/v3/apps/{app}/processes/{kind}/actions/scale"
        assert stage.api.post(path, json={"instances": 60}).status == 202
    stage.said("any")

    assert stage.api.post(f"/v3/apps/{app}/actions/start").status == 200

    assert len(stage.said("dea.discover")) == 3
    assert len(stage.said("placement.open", "queue:cc")) == 3


@pytest.mark.parametrize(
    ("sizes", "detail"),
    [
        ({"memory_in_mb": 99999 * 1024}, "Memory in mb must be less than or equal to 1048576"),
        ({"memory_in_mb": 0}, "Memory in mb must be greater than or equal to 1"),
        ({"disk_in_mb": 10**18}, "Disk in mb must be less than or equal to 1048576"),
        ({"instances": -1}, "Instances must be greater than or equal to 0"),
        ({"instances": 1001}, "Instances must be less than or equal to 1000"),
        ({"instances": 1.5}, "Instances is not a number"),
        ({"instances": "lots"}, "Instances is not a number"),
        ({"instances": True}, "Instances is not a number"),
        ({"colour": "blue"}, "Unknown field(s): 'colour'"),
    ],
)
def test_sizes_that_cannot_be_are_refused_and_change_nothing(stage: Stage, sizes: Any, detail: str) -> None:
    app = stage.create()["guid"]

    answered = scaled(stage, app, **sizes)

    assert answered.error == (10008, "CF-UnprocessableEntity", detail)
    process = stage.api.get(f"/v3/processes/{app}").json
    assert (process["instances"], process["memory_in_mb"]) == (1, 256)


def test_health_checks_are_changed_field_by_field(stage: Stage) -> None:
    app = stage.create()["guid"]

    def patched(**check: Any) -> dict[str, Any]:
        answered = stage.api.patch(f"/v3/processes/{app}", json={"health_check": check})
        assert answered.status == 200, answered.text
        return dict(answered.json["health_check"])

    assert patched(type="http", data={"endpoint": "/up", "timeout": 90, "invocation_timeout": 5}) == {
        "type": "http",
        "data": {"timeout": 90, "invocation_timeout": 5, "interval": None, "endpoint": "/up"},
    }
    assert patched(data={"timeout": None})["data"]["timeout"] is None
    assert patched(type="port")["data"] == {"timeout": None, "invocation_timeout": None, "interval": None}
    assert Process.get(app).health == {"type": "port"}


@pytest.mark.parametrize(
    "body",
    [
        {"health_check": {"type": "magic"}},
        {"health_check": {"type": "http", "data": {"endpoint": "up"}}},
        {"health_check": {"type": "http", "data": {"endpoint": "/a b"}}},
        {"health_check": {"data": {"timeout": 0}}},
        {"health_check": {"data": {"timeout": "soon"}}},
        {"health_check": {"data": {"colour": 1}}},
        {"health_check": 7},
        {"command": 7},
        {"command": "x" * 5000},
        {"command": "a\0b"},
        {"instances": 2},
        {"metadata": {"labels": {"a b": "c"}}},
    ],
    ids=repr,
)
def test_bad_changes_of_a_process_are_refused(stage: Stage, body: Any) -> None:
    app = stage.create()["guid"]

    assert stage.api.patch(f"/v3/processes/{app}", json=body).status == 422


def test_a_command_of_ones_own_goes_before_the_droplets_and_is_hidden_in_lists(stage: Stage) -> None:
    app = stage.runnable()
    patched = stage.api.patch(f"/v3/apps/{app}/processes/web", json={"command": "mine"})

    assert patched.json["command"] == "mine"
    (listed,) = stage.api.get(f"/v3/apps/{app}/processes").json["resources"]
    assert listed["command"] == "[PRIVATE DATA HIDDEN IN LISTS]"
    assert stage.api.patch(f"/v3/processes/{app}", json={"command": None}).json["command"] == "python server.py"


@pytest.mark.parametrize(
    ("role", "sees"), [("space_auditor", False), ("space_supporter", False), ("space_developer", True)]
)
def test_commands_are_shown_to_those_alone_who_may_read_secrets(stage: Stage, role: str, sees: bool) -> None:
    app = stage.runnable()
    droplet = stage.api.get(f"/v3/apps/{app}/droplets/current").guid
    member = stage.member("max", role)
    shown = [
        member.get(f"/v3/processes/{app}").json["command"],
        member.get(f"/v3/apps/{app}/processes/web").json["command"],
        member.get(f"/v3/droplets/{droplet}").json["process_types"]["web"],
        member.get(f"/v3/apps/{app}/droplets/current").json["process_types"]["web"],
    ]
    if role == "space_supporter":
        shown.append(member.post(f"/v3/processes/{app}/actions/scale", json={"instances": 2}).json["command"])
    assert set(shown) == ({"python server.py"} if sees else {"[PRIVATE DATA HIDDEN]"})


def test_processes_follow_the_droplet(stage: Stage) -> None:
    app = stage.started(process_types={"web": "run", "worker": "work"})
    worker = stage.api.get(f"/v3/apps/{app}/processes/worker").json
    assert (worker["instances"], worker["health_check"]["type"]) == (0, "process")
    stage.api.post(f"/v3/processes/{worker['guid']}/actions/scale", json={"instances": 1})
    stage.said("any")

    stage.assign(app, stage.staged(app, {"clock": "tick"}))

    kinds = [process["type"] for process in stage.api.get(f"/v3/apps/{app}/processes").json["resources"]]
    assert sorted(kinds) == ["clock", "web"]
    assert stage.api.get(f"/v3/apps/{app}/processes/worker").error[2] == "Process not found"
    (stop,) = [stop for stop in stage.said("dea.stop") if stop["process_guid"] == worker["guid"]]
    assert stop["up_to_version"] == 1
    assert list(Placement.query(worker["guid"])) == []


def test_a_type_that_comes_while_the_app_runs_starts_when_it_is_scaled(stage: Stage) -> None:
    app = stage.started()
    stage.assign(app, stage.staged(app, {"web": "run", "worker": "work"}))
    stage.said("any")

    stage.api.post(f"/v3/apps/{app}/processes/worker/actions/scale", json={"instances": 2})

    (discover,) = stage.said("dea.discover")
    assert [want["index"] for want in discover["wants"]] == [0, 1]


def test_a_single_instance_is_replaced(stage: Stage) -> None:
    app = stage.started()
    before = str(placed(app).instance_guid)
    stage.said("any")

    assert stage.api.delete(f"/v3/apps/{app}/processes/web/instances/0").status == 204

    assert placed(app).instance_guid != before
    said = {message.subject: message.body for message in stage.cloud.taken("topic:dea")}
    assert said["dea.stop"]["instance_guids"] == [before]


@pytest.mark.parametrize("index", ["1", "-1", "x", "99999999999", "0x0"])
def test_an_instance_that_is_not_there_is_not_found(stage: Stage, index: str) -> None:
    app = stage.started()

    answered = stage.api.delete(f"/v3/processes/{app}/instances/{index}")

    assert answered.error == (10010, "CF-ResourceNotFound", "Instance not found")


def test_a_stopped_app_has_no_instance_to_replace(stage: Stage) -> None:
    app = stage.create()["guid"]

    assert stage.api.delete(f"/v3/processes/{app}/instances/0").error[2] == "Instance not found"
    assert stage.api.delete(f"/v3/apps/{app}/processes/nope/instances/0").error[2] == "Process not found"
