"""What others do to an app at the very moment at which its deployment goes on."""

import pytest

from chalicelib.contracts.heartbeat import InstanceReady
from chalicelib.core.errors import Conflict, Unprocessable
from chalicelib.services import apps, audit, deployments, listing, placements, processes
from chalicelib.tables.apps import App, Droplet
from chalicelib.tables.deployments import Deployment
from chalicelib.tables.identity import Space
from tests.functional.deployments.conftest import CANCELED, DEPLOYED, DEPLOYING, Show


def finishing(show: Show) -> tuple[str, str]:
    """An app with a worker, and its deployment that has only that worker left to restart."""
    app = show.running(worker="python worker.py")
    guid = show.deployed(app)
    row = listing.get(Deployment, guid)
    row.update([Deployment.finishing.set(True)])
    return app, guid


def test_an_app_that_is_stopped_while_its_deployment_is_cleared_away_stays_stopped(show: Show) -> None:
    app, guid = finishing(show)
    assert show.api.post(f"/v3/apps/{app}/actions/stop").status == 200
    assert show.show(guid)["status"]["value"] == "FINALIZED"
    assert {process.state for process in processes.of_app(app)} == {"STOPPED"}
    assert show.api.post(f"/v3/apps/{app}/actions/start").status == 200
    assert {process.state for process in processes.of_app(app)} == {"STARTED"}


def test_what_is_cancelled_once_the_old_version_has_gone_is_no_error_of_ours(show: Show) -> None:
    app, guid = finishing(show)
    stale = listing.get(Deployment, guid)
    stale.finishing = False  # as it was read before it began to be cleared away
    processes.remove(show.world, show.webs(app)[0])
    space = listing.get(Space, show.stage.space)
    with pytest.raises((Conflict, Unprocessable)):
        deployments.cancel(show.world, audit.SYSTEM, stale, space)
    assert show.status(guid) == DEPLOYED


def ready(show: Show, app: str, is_ready: bool, at: float) -> None:
    (row,) = [row for row in placements.rows(show.webs(app)[-1]) if row.state == "STARTED"]
    guid, version, index, instance = show.place(row)
    show.hear("instance.ready", InstanceReady(guid, app, version, index, instance, is_ready, at))


def test_the_old_version_serves_until_the_new_one_is_ready_for_requests(show: Show) -> None:
    app = show.running()
    guid = show.deployed(app)
    show.serve(app)
    ready(show, app, False, 2.0)
    assert (show.status(guid), show.sizes(app)) == (DEPLOYING, [1, 1]), "healthy, and in no route"
    show.cloud.taken("queue:cc")
    ready(show, app, True, 3.0)
    assert "deployment.check" in {message.subject for message in show.cloud.taken("queue:cc")}
    assert show.status(guid) == DEPLOYED
    assert show.sizes(app) == [1]


def test_a_version_that_is_never_ready_for_requests_is_taken_back(show: Show) -> None:
    app = show.running()
    guid = show.deployed(app)
    show.serve(app)
    ready(show, app, False, 2.0)
    show.expire(guid)
    assert show.status(guid) == CANCELED
    assert show.sizes(app) == [1]


def test_a_droplet_that_expires_at_that_moment_becomes_nobody_s_current_one(show: Show) -> None:
    """Whoever runs it has read it as staged before; the world's unit is where the two meet."""
    app = show.running()
    before = listing.get(App, app).droplet_guid
    expiring = show.droplet(app)

    class Late(type(show.world)):  # type: ignore[misc]
        def unit(self, trace: str = "") -> object:
            listing.get(Droplet, expiring).update([Droplet.state.set("EXPIRED")])
            return super().unit(trace)

    late = Late(show.world.config, show.world.bus, show.world.blobs, show.world.keys)
    row, space = listing.get(App, app), listing.get(Space, show.stage.space)
    with pytest.raises(Unprocessable, match="Unable to assign current droplet"):
        apps.assign_droplet(late, audit.SYSTEM, row, space, expiring)
    assert listing.get(App, app).droplet_guid == before
