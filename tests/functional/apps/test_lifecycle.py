"""The way of an app: made, uploaded, staged, started, scaled, stopped, deleted."""

from tests.functional.apps.conftest import Stage


def test_a_new_app_is_stopped_and_has_a_web_process_of_its_own_guid(stage: Stage) -> None:
    app = stage.create()

    assert app["state"] == "STOPPED"
    assert app["lifecycle"] == {"type": "buildpack", "data": {"buildpacks": [], "stack": "cflinuxfs4"}}
    assert app["relationships"]["current_droplet"] == {"data": None}
    process = stage.api.get(f"/v3/apps/{app['guid']}/processes/web").json
    assert process["guid"] == app["guid"]
    assert (process["instances"], process["memory_in_mb"], process["disk_in_mb"]) == (1, 256, 1024)
    assert process["health_check"] == {
        "type": "port",
        "data": {"timeout": None, "invocation_timeout": None, "interval": None},
    }


def test_an_app_is_pushed_and_runs(stage: Stage) -> None:
    app = stage.create()["guid"]
    package = stage.ready_package(app)
    build = stage.build(package)
    assert stage.api.get(f"/v3/builds/{build}").json["state"] == "STAGING"
    (discover,) = stage.said("dea.discover")
    assert (discover["work"], discover["work_guid"]) == ("staging", build)

    droplet = stage.staged_build(build)
    assert stage.assign(app, droplet).json["data"]["guid"] == droplet
    stage.said("any")
    started = stage.api.post(f"/v3/apps/{app}/actions/start")

    assert (started.status, started.json["state"]) == (200, "STARTED")
    (discover,) = stage.said("dea.discover")
    assert (discover["work"], discover["work_guid"], discover["version"]) == ("instance", app, 1)
    assert [want["index"] for want in discover["wants"]] == [0]
    process = stage.api.get(f"/v3/processes/{app}").json
    assert process["command"] == "python server.py"


def test_an_app_without_a_droplet_cannot_be_started(stage: Stage) -> None:
    app = stage.create()["guid"]

    answered = stage.api.post(f"/v3/apps/{app}/actions/start")

    assert answered.status == 422
    assert answered.error == (10008, "CF-UnprocessableEntity", "Assign a droplet before starting this app.")


def test_starting_twice_starts_once(stage: Stage) -> None:
    app = stage.started()
    stage.said("any")

    assert stage.api.post(f"/v3/apps/{app}/actions/start").status == 200

    assert stage.said("dea.discover") == []


def test_invariant_7_restarting_wants_a_new_version_and_stops_the_old_one(stage: Stage) -> None:
    app = stage.started()
    stage.said("any")

    assert stage.api.post(f"/v3/apps/{app}/actions/restart").json["state"] == "STARTED"

    said = stage.cloud.taken("topic:dea")
    (stop,) = [message.body for message in said if message.subject == "dea.stop"]
    (discover,) = [message.body for message in said if message.subject == "dea.discover"]
    assert stop["up_to_version"] == 1
    assert discover["version"] == 2
