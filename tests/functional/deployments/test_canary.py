"""Canary deployments: a share of the new version, a pause, and on only when somebody says so."""

from chalicelib.services import placements, rollouts
from tests.functional.deployments.conftest import CANCELED, CANCELING, DEPLOYED, DEPLOYING, PAUSED, Show


def test_a_canary_waits_beside_the_old_version_until_it_is_continued(show: Show) -> None:
    app = show.running(instances=3)
    answered = show.deploy(app, strategy="canary", droplet={"guid": show.droplet(app)})
    guid = answered.guid
    assert answered.json["status"]["canary"] == {"steps": {"current": 1, "total": 1}}
    assert show.status(guid) == DEPLOYING
    show.serve(app)
    assert (show.status(guid), show.sizes(app)) == (PAUSED, [3, 1])
    paused = show.show(guid)
    assert paused["links"]["continue"]["method"] == "POST"
    show.crash(app)
    show.expire(guid)
    assert (show.status(guid), show.sizes(app)) == (PAUSED, [3, 1]), "a pause has no deadline"
    show.serve(app)
    assert show.api.post(f"/v3/deployments/{guid}/actions/continue").status == 200
    assert show.run(guid, app) == DEPLOYED
    assert show.sizes(app) == [3]


def test_steps_are_shares_of_the_instances_each_with_its_pause(show: Show) -> None:
    app = show.running(instances=4)
    steps = [{"instance_weight": 25}, {"instance_weight": 50}]
    answered = show.deploy(app, strategy="canary", options={"canary": {"steps": steps}, "max_in_flight": 2})
    assert answered.json["options"] == {"max_in_flight": 2, "canary": {"steps": steps}}
    guid = answered.guid
    assert show.run(guid, app) == PAUSED
    assert show.sizes(app) == [4, 1]
    assert show.show(guid)["status"]["canary"] == {"steps": {"current": 1, "total": 2}}
    assert show.api.post(f"/v3/deployments/{guid}/actions/continue").status == 200
    assert show.run(guid, app) == PAUSED
    assert show.sizes(app) == [3, 2]
    assert show.show(guid)["status"]["canary"]["steps"]["current"] == 2
    assert show.api.post(f"/v3/deployments/{guid}/actions/cancel").status == 200
    assert (show.status(guid), show.sizes(app)) == (CANCELING, [4, 1])
    for row in show.placed(app, 0):
        show.say_started(row)
    assert show.status(guid) == CANCELED
    assert show.sizes(app) == [4]


def test_a_canary_that_is_canceled_goes_at_once_when_the_old_version_does_not_serve(show: Show) -> None:
    app = show.running(instances=2)
    guid = show.deployed(app, strategy="canary", droplet={"guid": show.droplet(app)})
    show.serve(app)
    assert show.status(guid) == PAUSED
    old = show.webs(app)[0]
    for row in placements.rows(old):
        placements.reopened(row).save()
    assert show.api.post(f"/v3/deployments/{guid}/actions/cancel").status == 200
    rollouts.sweep(show.world)
    shown = show.show(guid)["status"]
    assert (shown["value"], shown["reason"]) == CANCELED
    assert [(web.guid, web.version, web.instances) for web in show.webs(app)] == [(old.guid, old.version, 2)]


def test_a_canary_of_all_instances_stays_until_the_old_version_serves_again(show: Show) -> None:
    app = show.running(instances=2)
    options = {"canary": {"steps": [{"instance_weight": 100}]}, "max_in_flight": 2}
    guid = show.deployed(app, strategy="canary", options=options)
    assert show.run(guid, app) == PAUSED
    assert show.sizes(app) == [0, 2]
    assert show.api.post(f"/v3/deployments/{guid}/actions/cancel").status == 200
    assert (show.status(guid), show.sizes(app)) == (CANCELING, [2, 2])
    for row in show.placed(app, 0):
        show.say_started(row)
    assert (show.status(guid), show.sizes(app)) == (CANCELED, [2])
