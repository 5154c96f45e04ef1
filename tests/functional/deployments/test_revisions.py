"""Revisions: what an app was at each start that changed something, and the way back."""

import json

from chalicelib.services import listing, placements, revisions
from chalicelib.tables.apps import App
from chalicelib.tables.deployments import Revision
from tests.functional.deployments.conftest import DEPLOYED, Show


def descriptions(show: Show, app: str) -> list[str]:
    return [one["description"] for one in show.api.get(f"/v3/apps/{app}/revisions").json["resources"]]


def test_a_start_that_changes_something_makes_a_revision(show: Show) -> None:
    app = show.running(worker="python worker.py")
    first = show.api.get(f"/v3/apps/{app}/revisions").json["resources"][0]
    assert (first["version"], first["description"], first["deployable"]) == (1, "Initial revision.", True)
    assert first["processes"] == {"web": {"command": None}, "worker": {"command": None}}
    assert first["sidecars"] == []
    assert first["relationships"]["app"]["data"]["guid"] == app
    assert first["links"]["environment_variables"]["href"].endswith(
        f"/v3/revisions/{first['guid']}/environment_variables"
    )
    assert show.api.post(f"/v3/apps/{app}/actions/restart").status == 200
    assert descriptions(show, app) == ["Initial revision."], "nothing has changed"

    show.api.patch(f"/v3/apps/{app}/environment_variables", json={"var": {"COLOUR": "red"}})
    show.api.patch(f"/v3/apps/{app}/processes/worker", json={"command": "python other.py"})
    beside = {"name": "logger", "command": "tail", "process_types": ["web"]}
    assert show.api.post(f"/v3/apps/{app}/sidecars", json=beside).status == 201
    show.api.post(f"/v3/apps/{app}/actions/restart")
    show.serve(app)
    show.deployed(app, droplet={"guid": show.droplet(app)})
    told = descriptions(show, app)[1:]
    assert told == [
        "Custom start command added for 'worker' process. New environment variables deployed. Sidecars updated.",
        "New droplet deployed.",
    ]
    second = show.api.get(f"/v3/apps/{app}/revisions", versions="2").json["resources"]
    assert [one["version"] for one in second] == [2]
    assert second[0]["processes"]["worker"] == {"command": "python other.py"}
    assert second[0]["sidecars"][0]["name"] == "logger"
    variables = show.api.get(f"/v3/revisions/{second[0]['guid']}/environment_variables").json
    assert variables["var"] == {"COLOUR": "red"}
    assert show.api.get(f"/v3/revisions/{first['guid']}/environment_variables").json["var"] == {}
    newest = show.api.get(f"/v3/apps/{app}/revisions?order_by=-created_at&per_page=1").json["resources"][0]
    assert newest["version"] == 3
    deployed = show.api.get(f"/v3/apps/{app}/revisions/deployed").json["resources"]
    assert [one["version"] for one in deployed] == [2, 3], "both run beside each other"
    process = show.api.get(f"/v3/apps/{app}/processes/web").json
    assert process["relationships"]["revision"]["data"]["guid"] == newest["guid"]

    label = {"metadata": {"labels": {"kept": "yes"}}}
    assert show.api.patch(f"/v3/revisions/{first['guid']}", json=label).json["metadata"]["labels"] == {"kept": "yes"}
    assert show.api.get(f"/v3/apps/{app}/revisions?label_selector=kept").guids == [first["guid"]]
    assert show.api.patch(f"/v3/revisions/{first['guid']}", json={"version": 9}).status == 422
    assert show.api.get(f"/v3/apps/{app}/revisions?deployable=maybe").error[0] == 10005
    auditor = show.stage.member("ada", "space_auditor")
    assert (
        auditor.get(f"/v3/revisions/{second[0]['guid']}").json["processes"]["worker"]["command"].startswith("[PRIVATE")
    )
    assert auditor.get(f"/v3/revisions/{second[0]['guid']}/environment_variables").status == 403
    stranger = show.stage.api.user("sam")
    assert stranger.get(f"/v3/revisions/{first['guid']}").error[2] == "Revision not found"
    assert stranger.get(f"/v3/apps/{app}/revisions").error[2] == "App not found"


def test_a_deployment_goes_back_to_a_revision(show: Show) -> None:
    app = show.running(worker="python worker.py")
    first = show.api.get(f"/v3/apps/{app}/revisions").json["resources"][0]
    same = show.deploy(app, revision={"guid": first["guid"]})
    assert same.error[2].startswith(
        "Unable to rollback. The code and configuration you are rolling back to is the same"
    )
    show.api.patch(f"/v3/apps/{app}/environment_variables", json={"var": {"COLOUR": "red"}})
    show.api.patch(f"/v3/apps/{app}/processes/web", json={"command": "python wrong.py"})
    show.api.post(f"/v3/apps/{app}/sidecars", json={"name": "logger", "command": "tail", "process_types": ["web"]})
    show.stage.assign(app, show.droplet(app, {"web": "python server.py", "worker": "python worker.py"}))
    show.api.post(f"/v3/apps/{app}/actions/restart")
    show.serve(app)

    back = show.deploy(app, revision={"guid": first["guid"]})
    assert back.status == 201, back.text
    assert back.json["revision"]["version"] == 3
    assert descriptions(show, app)[-1] == (
        "Custom start command removed for 'web' process. New droplet deployed. New environment variables deployed. "
        "Sidecars updated. Rolled back to revision 1."
    )
    assert show.run(back.guid, app) == DEPLOYED
    assert show.api.get(f"/v3/apps/{app}/environment_variables").json["var"] == {}
    assert show.api.get(f"/v3/apps/{app}/droplets/current").guid == first["droplet"]["guid"]
    assert show.api.get(f"/v3/apps/{app}/processes/web").json["command"] == "python server.py"
    assert show.api.get(f"/v3/apps/{app}/sidecars").json["resources"] == []

    other = show.started("other", {"web": "run"})
    foreign = show.deploy(other, revision={"guid": first["guid"]})
    assert foreign.error[2] == "The revision does not exist"
    show.stage.assign(app, show.droplet(app))
    show.api.post(f"/v3/apps/{app}/actions/restart")
    assert show.api.finish(show.api.delete(f"/v3/droplets/{first['droplet']['guid']}"))["state"] == "COMPLETE"
    assert show.api.get(f"/v3/revisions/{first['guid']}").json["deployable"] is False
    assert first["guid"] not in show.api.get(f"/v3/apps/{app}/revisions?deployable=true").guids
    gone = show.deploy(app, revision={"guid": first["guid"]})
    assert gone.error[2] == "Unable to deploy this revision, the droplet for this revision no longer exists."


def test_the_way_back_starts_with_the_revisions_own_sidecars_in_one_step(show: Show) -> None:
    """Those of the same name are changed, others come and go, and all of it is what the new process is run with."""
    app = show.running()
    sidecars = {}
    for name in ("kept", "gone"):
        beside = {"name": name, "command": "old", "process_types": ["web"]}
        sidecars[name] = show.api.post(f"/v3/apps/{app}/sidecars", json=beside).guid
    show.api.post(f"/v3/apps/{app}/actions/restart")
    show.serve(app)
    second = show.api.get(f"/v3/apps/{app}/revisions", versions="2").guids[0]
    assert show.api.delete(f"/v3/sidecars/{sidecars['gone']}").status == 204
    show.api.patch(f"/v3/sidecars/{sidecars['kept']}", json={"name": "KEPT", "command": "new", "memory_in_mb": 8})
    for number in range(11):
        beside = {"name": f"another-{number}", "command": "new", "process_types": ["web"]}
        assert show.api.post(f"/v3/apps/{app}/sidecars", json=beside).status == 201
    show.api.post(f"/v3/apps/{app}/actions/restart")
    show.serve(app)
    back = show.deploy(app, revision={"guid": second}, options={"max_in_flight": 1})
    assert back.status == 201, back.text
    there = show.api.get(f"/v3/apps/{app}/sidecars?order_by=name").json["resources"]
    assert [(one["name"], one["command"], one["memory_in_mb"]) for one in there] == [
        ("gone", "old", None),
        ("kept", "old", None),
    ]
    assert there[1]["guid"] == sidecars["kept"]
    new = show.webs(app)[-1]
    spec = json.loads(show.world.blobs.get_bytes(placements.run_spec_key(str(new.guid), 1)))
    assert sorted(one["name"] for one in spec["sidecars"]) == ["gone", "kept"]
    for number in range(18):
        beside = {"name": f"third-{number}", "command": "new", "process_types": ["web"]}
        assert show.api.post(f"/v3/apps/{app}/sidecars", json=beside).status == 201
    before = show.cloud.held()
    first = show.api.get(f"/v3/apps/{app}/revisions", versions="1").guids[0]
    assert show.deploy(app, revision={"guid": first}).error[2].startswith("Unable to rollback. Too many sidecars")
    assert show.cloud.held() == before


def test_without_the_feature_nothing_is_kept_and_nothing_gone_back_to(show: Show) -> None:
    app = show.running()
    revision = show.api.get(f"/v3/apps/{app}/revisions").guids[0]
    assert show.api.patch(f"/v3/apps/{app}/features/revisions", json={"enabled": False}).status == 200
    show.api.patch(f"/v3/apps/{app}/environment_variables", json={"var": {"COLOUR": "red"}})
    show.api.post(f"/v3/apps/{app}/actions/restart")
    assert len(show.api.get(f"/v3/apps/{app}/revisions").guids) == 1
    refused = show.deploy(app, revision={"guid": revision})
    assert refused.error[2] == "Cannot create deployment from a revision for an app without revisions enabled"
    assert show.deploy(app).json["revision"] is None


def test_the_oldest_goes_when_there_are_too_many(show: Show) -> None:
    app = show.running()
    first = show.api.get(f"/v3/apps/{app}/revisions").guids[0]
    row = listing.get(Revision, first)
    for version in range(2, revisions.KEPT + 1):
        stamp = f"2030-01-01T00:00:{version // 60:02}.{version:06}Z"
        unit = show.world.unit()
        unit.create(
            Revision(
                f"revision-{version}",
                created_at=stamp,
                app_guid=app,
                space_guid=str(row.space_guid),
                version=version,
                droplet_guid=str(row.droplet_guid),
                commands={"web": None},
            )
        )
        unit.commit()
    noted = revisions.note(show.world, listing.get(App, app), "another-droplet", show.webs(app))
    assert noted is not None
    assert (noted.revision.version, [one.guid for one in noted.surplus]) == (revisions.KEPT + 1, [first])
    show.api.patch(f"/v3/apps/{app}/environment_variables", json={"var": {"COLOUR": "red"}})
    assert show.api.post(f"/v3/apps/{app}/actions/restart").status == 200
    assert show.api.get(f"/v3/revisions/{first}").status == 404
