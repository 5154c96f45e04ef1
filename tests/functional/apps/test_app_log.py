"""What CloudController says in the logs of apps: one message for a transaction, with a grant, and no secret."""

from chalicelib.contracts.codec import from_json
from chalicelib.contracts.grants import log_claims
from chalicelib.contracts.heartbeat import DropletExited
from chalicelib.contracts.logs import AppLines, LogEntry
from chalicelib.services import complaints
from tests.functional.apps.conftest import Stage

SECRET = "very-secret-2291"


def told(stage: Stage, app: str) -> list[LogEntry]:
    """What the app's log was told since the last look."""
    entries: list[LogEntry] = []
    for body in stage.said("app.lines", "topic:routes"):
        (batch,) = from_json(AppLines, body).batches
        assert batch.source_id == app
        assert stage.world.keys.verify_grant(batch.grant) == log_claims(app)
        entries += batch.entries
    return entries


def texts(stage: Stage, app: str) -> list[str]:
    return [entry.text for entry in told(stage, app)]


def test_an_apps_log_tells_what_is_done_with_it(stage: Stage) -> None:
    app = stage.create(environment_variables={"KEY": SECRET})["guid"]
    (created,) = told(stage, app)
    assert (created.type, created.source_type, created.instance_id) == ("OUT", "API", "0")
    assert created.text == f"Created app with guid {app}"
    # The line is the event's: who looks for one finds the other.
    (event,) = stage.api.get("/v3/audit_events", target_guids=app).json["resources"]
    assert created.instance_guid == event["guid"]
    assert stage.cloud.rows("outbox") == 0

    stage.assign(app, stage.staged(app))
    assert texts(stage, app)[-3:] == [
        f"Creating build for app with guid {app}",
        f"Creating droplet for app with guid {app}",
        f'Updated app with guid {app} ({{"droplet_guid"=>"{stage.api.get(f"/v3/apps/{app}/droplets/current").guid}"}})',
    ]
    stage.api.post(f"/v3/apps/{app}/actions/start")
    # One message for all that the transaction tells.
    assert texts(stage, app) == [f"Creating revision for app with guid {app}", f"Starting app with guid {app}"]
    variables = {"var": {"OTHER": SECRET}}
    assert stage.api.patch(f"/v3/apps/{app}/environment_variables", json=variables).status == 200
    hidden = '{"environment_variables"=>"[PRIVATE DATA HIDDEN]"}'
    assert texts(stage, app) == [f"Updated app with guid {app} ({hidden})"]
    assert stage.api.patch(f"/v3/processes/{app}", json={"command": f"echo {SECRET}"}).status == 200
    stage.api.post(f"/v3/apps/{app}/processes/web/actions/scale", json={"instances": 2})
    assert texts(stage, app) == ['Updating process: "web"', 'Scaling process: "web"']
    # What changes nothing, and what is refused, says nothing.
    assert stage.api.post(f"/v3/apps/{app}/actions/start").status == 200
    assert stage.api.patch(f"/v3/apps/{app}", json={"name": ""}).status == 422
    assert told(stage, app) == []


def test_a_crash_that_is_told_twice_is_the_same_lines(stage: Stage) -> None:
    app = stage.started()
    told(stage, app)
    gone = DropletExited(app, app, 1, 0, "i-1", "dea-0", "boot", "CRASHED", 137, "APP/PROC/WEB: Exited", 1.5)
    complaints.crashed(stage.world, gone, "trace")
    once = told(stage, app)
    payload = (
        '{"index"=>0, "instance"=>"i-1", "reason"=>"CRASHED", "exit_status"=>137, '
        '"exit_description"=>"APP/PROC/WEB: Exited"}'
    )
    assert [entry.text for entry in once] == [
        f"App instance exited with guid {app} payload: {payload}",
        'Process has crashed with type: "web"',
    ]
    assert {entry.timestamp for entry in once} == {1_500_000_000}
    complaints.crashed(stage.world, gone, "trace")
    assert told(stage, app) == once
