"""Rolling deployments: instance by instance, and what may be done meanwhile."""

from chalicelib.contracts.auction import Started
from chalicelib.contracts.health import DeploymentCheck
from chalicelib.services import rollouts
from chalicelib.tables.base import Member
from chalicelib.tables.deployments import Deployment
from chalicelib.tables.running import Placement, Process
from tests.functional.deployments.conftest import CANCELED, CANCELING, DEPLOYED, DEPLOYING, SUPERSEDED, Show


def test_a_new_version_takes_over_instance_by_instance(show: Show) -> None:
    app = show.running(instances=2, worker="python worker.py")
    old = show.webs(app)[0]
    old_droplet = show.api.get(f"/v3/apps/{app}/droplets/current").guid
    droplet = show.droplet(app, {"web": "python new.py", "worker": "python worker.py", "clock": "python clock.py"})
    worker = show.api.get(f"/v3/apps/{app}/processes/worker").guid
    before = int(Process.get(worker).version)

    answered = show.deploy(app, droplet={"guid": droplet}, metadata={"labels": {"why": "fix"}})
    assert answered.status == 201, answered.text
    assert "location" not in answered.headers
    made, new = answered.json, show.webs(app)[1]
    guid = made["guid"]
    assert made["status"] == {
        "value": "ACTIVE",
        "reason": "DEPLOYING",
        "details": {"last_successful_healthcheck": None, "last_status_change": made["created_at"]},
    }
    assert made["strategy"] == "rolling"
    assert made["options"] == {"max_in_flight": 1}
    assert (made["droplet"], made["previous_droplet"]) == ({"guid": droplet}, {"guid": old_droplet})
    assert made["new_processes"] == [{"guid": str(new.guid), "type": "web"}]
    assert made["metadata"]["labels"] == {"why": "fix"}
    assert made["links"]["cancel"]["href"].endswith(f"/v3/deployments/{guid}/actions/cancel")
    assert "continue" not in made["links"]
    assert show.api.get(f"/v3/revisions/{made['revision']['guid']}").json["version"] == made["revision"]["version"]
    assert show.api.get(f"/v3/apps/{app}/droplets/current").guid == droplet, "current from the beginning"

    assert show.api.get(f"/v3/apps/{app}/processes").guids[:1] == [str(old.guid)]
    assert show.api.get(f"/v3/apps/{app}/processes/web").guid == str(new.guid), "of two the newest"
    assert len(show.api.get(f"/v3/apps/{app}/processes/web/stats").json["resources"]) == 1
    assert (show.status(guid), show.sizes(app)) == (DEPLOYING, [2, 1]), "nothing serves yet"
    show.serve(app)
    assert (show.status(guid), show.sizes(app)) == (DEPLOYING, [1, 2])
    assert show.show(guid)["status"]["details"]["last_successful_healthcheck"]
    assert show.status(guid) == DEPLOYING, "looking again changes nothing"
    assert show.sizes(app) == [1, 2]
    show.serve(app)
    assert show.status(guid) == DEPLOYED

    (left,) = show.webs(app)
    assert (str(left.guid), int(left.instances), str(left.droplet_guid)) == (str(new.guid), 2, droplet)
    assert left.detected == "python new.py"
    assert [row.work_guid for row in Placement.query(str(old.guid))] == []
    assert not show.world.blobs.exists(f"runspecs/{old.guid}/1.json")
    assert int(Process.get(worker).version) == before + 1
    assert Process.get(worker).droplet_guid == droplet
    assert show.api.get(f"/v3/apps/{app}/processes/clock").status == 200, "a type that the droplet brought"
    assert [*Member.query("moving/deployments")] == []
    ended = show.show(guid)
    assert "cancel" not in ended["links"]
    events = show.api.get(f"/v3/audit_events?target_guids={app}&types=audit.app.deployment.create").json["resources"]
    assert events[0]["data"]["deployment_guid"] == guid

    # A second one follows the first, although no web process has the app's guid any more.
    again = show.deployed(app)
    assert show.run(again, app) == DEPLOYED
    assert show.api.get(f"/v3/deployments?app_guids={app}&order_by=-created_at&per_page=1").guids == [again]
    assert show.api.get("/v3/deployments?status_values=ACTIVE").guids == []
    assert show.api.get("/v3/deployments?status_reasons=DEPLOYED&states=DEPLOYED").guids == [guid, again]
    assert show.api.get("/v3/deployments?label_selector=why=fix").guids == [guid]


def test_options_say_how_many_how_large_and_how_fast(show: Show) -> None:
    app = show.running(instances=3)
    options = {"max_in_flight": 2, "web_instances": 5, "memory_in_mb": 64, "disk_in_mb": 128}
    options["log_rate_limit_in_bytes_per_second"] = 1000
    answered = show.deploy(app, options=options, strategy="rolling")
    assert answered.json["options"] == options
    assert show.sizes(app) == [3, 2]
    guid = answered.guid
    show.serve(app, 1)
    assert (show.status(guid), show.sizes(app)) == (DEPLOYING, [3, 3]), "five are wanted, four serve"
    assert show.run(guid, app) == DEPLOYED
    (web,) = show.webs(app)
    sizes = (web.instances, web.memory_mb, web.disk_mb, web.log_rate_bytes)
    assert [int(size) for size in sizes] == [5, 64, 128, 1000]


def test_what_would_disturb_a_deployment_is_refused_meanwhile(show: Show, domain: str) -> None:
    app = show.running()
    guid = show.deployed(app)
    new = show.webs(app)[1]
    scaling = show.api.post(f"/v3/apps/{app}/processes/web/actions/scale", json={"instances": 3})
    assert scaling.error == (
        10008,
        "CF-UnprocessableEntity",
        "Cannot scale this process while a deployment is in flight.",
    )
    changing = show.api.patch(f"/v3/processes/{new.guid}", json={"command": "x"})
    assert changing.error[2] == "Cannot update this process while a deployment is in flight."
    droplet = show.api.get(f"/v3/apps/{app}/droplets/current").guid
    assert show.stage.assign(app, droplet).error[2].startswith("Unable to assign current droplet while the app has a")
    refused = show.api.post(f"/v3/deployments/{guid}/actions/continue")
    assert refused.error[2] == "Cannot continue a deployment with status: ACTIVE and reason: DEPLOYING"

    # Routes reach both versions.
    space = show.stage.space
    relationships = {"space": {"data": {"guid": space}}, "domain": {"data": {"guid": domain}}}
    route = show.api.post("/v3/routes", json={"host": "shop", "relationships": relationships}).guid
    assert (
        show.api.post(f"/v3/routes/{route}/destinations", json={"destinations": [{"app": {"guid": app}}]}).status == 200
    )
    assert [list(process.routes) for process in show.webs(app)] == [["shop.localhost"]] * 2
    assert show.run(guid, app) == DEPLOYED
    refused = show.api.post(f"/v3/deployments/{guid}/actions/cancel")
    assert refused.error[2] == "Cannot cancel a deployment with status: FINALIZED and reason: DEPLOYED"
    assert show.api.post(f"/v3/apps/{app}/processes/web/actions/scale", json={"instances": 3}).status == 202


def test_a_canceled_deployment_goes_back_step_by_step(show: Show) -> None:
    app = show.running(instances=3)
    old, droplet = show.webs(app)[0], show.api.get(f"/v3/apps/{app}/droplets/current").guid
    guid = show.deployed(app, droplet={"guid": show.droplet(app)})
    show.serve(app)
    show.look(guid)
    show.serve(app)
    show.look(guid)
    assert show.sizes(app) == [1, 3]
    assert show.api.post(f"/v3/deployments/{guid}/actions/cancel").status == 200
    assert show.show(guid)["status"]["reason"] == "CANCELING"
    assert show.api.post(f"/v3/deployments/{guid}/actions/cancel").status == 200, "twice is once"
    assert show.api.get(f"/v3/apps/{app}/droplets/current").guid == droplet
    assert (show.status(guid), show.sizes(app)) == (CANCELING, [2, 2]), "what serves nobody goes first"
    for row in show.placed(app, 0):
        show.say_started(row)
    show.look(guid)
    for row in show.placed(app, 0):
        show.say_started(row)
    assert show.status(guid) == CANCELED
    assert [(process.guid, process.instances) for process in show.webs(app)] == [(old.guid, 3)]
    types = {event["type"] for event in show.api.get(f"/v3/audit_events?target_guids={app}").json["resources"]}
    assert "audit.app.deployment.cancel" in types


def test_a_later_deployment_supersedes_the_one_under_way(show: Show) -> None:
    app = show.running(instances=2)
    first = show.deployed(app, options={"max_in_flight": 2})
    show.serve(app, 1)
    show.look(first)
    assert show.sizes(app) == [1, 2]
    second = show.deployed(app, droplet={"guid": show.droplet(app)})
    assert show.status(first) == SUPERSEDED
    assert show.sizes(app) == [1, 2, 1]
    assert (show.status(second), show.sizes(app)) == (DEPLOYING, [1, 1, 1]), "the one that served nobody goes"
    assert show.run(second, app) == DEPLOYED
    assert show.sizes(app) == [2]


def test_however_often_it_is_superseded_it_ends(show: Show) -> None:
    app = show.running()
    for _ in range(rollouts.LOWERED_AT_ONCE + 1):
        last = show.deployed(app)
    assert (show.status(last), show.sizes(app)) == (DEPLOYING, [1, 1]), "of those between nothing is left"
    assert show.run(last, app) == DEPLOYED
    assert show.sizes(app) == [1]


def test_stop_takes_a_deployment_back_and_restart_completes_it(show: Show) -> None:
    app = show.running(instances=2)
    old_droplet = show.api.get(f"/v3/apps/{app}/droplets/current").guid
    guid = show.deployed(app, droplet={"guid": show.droplet(app)})
    show.serve(app)
    show.look(guid)
    assert show.api.post(f"/v3/apps/{app}/actions/stop").json["state"] == "STOPPED"
    assert show.status(guid) == CANCELED
    assert show.sizes(app) == [2]
    assert show.api.get(f"/v3/apps/{app}/droplets/current").guid == old_droplet
    assert show.api.post(f"/v3/apps/{app}/actions/start").status == 200
    show.serve(app)

    droplet = show.droplet(app)
    guid = show.deployed(app, droplet={"guid": droplet})
    assert show.api.post(f"/v3/apps/{app}/actions/restart").status == 200
    assert show.status(guid) == DEPLOYED
    assert [(int(web.instances), web.droplet_guid) for web in show.webs(app)] == [(2, droplet)]


def test_a_deployment_of_a_stopped_app_starts_it(show: Show) -> None:
    app = show.stage.create()["guid"]
    answered = show.deploy(app, droplet={"guid": show.droplet(app)}, options={"web_instances": 2})
    assert answered.status == 201, answered.text
    assert answered.json["status"]["reason"] == "DEPLOYED"
    assert answered.json["new_processes"] == []
    assert show.api.get(f"/v3/apps/{app}").json["state"] == "STARTED"
    assert show.sizes(app) == [2]


def test_a_deleted_app_takes_its_deployments_and_revisions_along(show: Show) -> None:
    app = show.running()
    guid = show.deployed(app)
    revision = show.show(guid)["revision"]["guid"]
    assert show.api.finish(show.api.delete(f"/v3/apps/{app}"))["state"] == "COMPLETE"
    assert show.api.get(f"/v3/deployments/{guid}").error[2] == "Deployment not found"
    assert show.api.get(f"/v3/revisions/{revision}").error[2] == "Revision not found"
    assert [*Member.query("moving/deployments")] == []
    assert [*Deployment.scan()] == []
    assert show.webs(app) == []


def test_an_app_without_a_web_command_has_its_other_types_restarted(show: Show) -> None:
    app = show.started("jobs", {"worker": "python worker.py"})
    worker = show.api.get(f"/v3/apps/{app}/processes/worker").guid
    before = int(Process.get(worker).version)
    guid = show.deployed(app, droplet={"guid": show.droplet(app, {"worker": "python new.py"})})
    assert show.status(guid) == DEPLOYED
    assert show.show(guid)["new_processes"] == []
    assert (int(Process.get(worker).version), Process.get(worker).detected) == (before + 1, "python new.py")
    assert len(show.webs(app)) == 1


def test_a_start_has_its_deployment_looked_at_once_all_routers_know_of_it(show: Show) -> None:
    app = show.running()
    guid = show.deployed(app)
    show.cloud.taken("queue:cc")
    (row,) = show.placed(app, -1)
    show.hear("dea.started", Started(*show.place(row), "dea-0", "boot", "10.0.0.1", 20001))
    (check,) = [message for message in show.cloud.taken("queue:cc") if message.subject == "deployment.check"]
    assert check.body == {"deployment_guid": guid}
    # Queues count whole seconds, so it may come too early: then it waits for the rest.
    show.hear("deployment.check", check.read(DeploymentCheck))
    assert show.show(guid)["status"]["reason"] == "DEPLOYED"
    show.hear("deployment.check", check.read(DeploymentCheck))
    show.hear("deployment.check", DeploymentCheck("unknown"))
    assert show.sizes(app) == [1]
