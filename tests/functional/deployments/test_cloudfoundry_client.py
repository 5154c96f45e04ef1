"""Cloud Foundry's Python client on revisions and deployments, for which it has no manager of its own."""

from cloudfoundry_client.client import CloudFoundryClient
from cloudfoundry_client.v3.entities import EntityManager

from tests.functional.deployments.conftest import Show
from tests.functional.identity import test_cloudfoundry_client as unmodified

address, client = unmodified.address, unmodified.client


def test_it_lists_revisions_and_deployments_and_follows_their_links(client: CloudFoundryClient, show: Show) -> None:
    app = show.running()
    guid = show.deployed(app, droplet={"guid": show.droplet(app)})
    revisions = list(client.v3.apps.list_revisions(app, order_by="-created_at"))
    assert [one["version"] for one in revisions] == [2, 1]
    assert revisions[0].environment_variables()["var"] == {}
    assert revisions[0].app()["guid"] == app
    assert [one["version"] for one in client.v3.apps.list_revisions(app, versions="1")] == [1]
    assert len(list(client.v3.apps.list_deployed_revisions(app))) == 2
    deployments: EntityManager = EntityManager(client.v3.apps.target_endpoint, client, "/v3/deployments")
    (deployment,) = deployments.list(app_guids=app, status_values="ACTIVE")
    assert deployment["guid"] == guid
    assert deployment.app()["name"] == "shop"
