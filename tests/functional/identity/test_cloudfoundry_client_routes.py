"""Cloud Foundry's Python client, unmodified: its managers of domains and routes, and manifests of apps."""

import pytest
from cloudfoundry_client.client import CloudFoundryClient
from cloudfoundry_client.v3.entities import ToManyRelationship, ToOneRelationship
from cloudfoundry_client.v3.routes import LoadBalancing

from chalicelib.bootstrap import World
from tests.functional.client import Client
from tests.functional.identity import test_cloudfoundry_client as basics
from tests.functional.identity.running import make_app
from tests.functional.identity.test_organizations_and_spaces import make_org

address, client, jobs_done = basics.address, basics.client, basics.jobs_done


@pytest.mark.usefixtures("jobs_done")
def test_its_managers_of_domains_and_routes(
    client: CloudFoundryClient, api: Client, world: World, org: str, space: str
) -> None:
    domains, routes, other = client.v3.domains, client.v3.routes, make_org(api, "other")
    shared = domains.create("apps.example", meta_labels={"kind": "shared"})
    assert shared["relationships"]["organization"].guid is None
    own = domains.create("shop.example", organization=ToOneRelationship(org))
    assert domains.share_domain(own["guid"], ToManyRelationship(other)).guids == [other]
    assert domains[own["guid"]]["relationships"]["shared_organizations"].guids == [other]
    assert [one["name"] for one in domains.list_domains_for_org(other)] == ["localhost", "apps.example", "shop.example"]
    domains.unshare_domain(own["guid"], other)
    assert domains.update(own["guid"], meta_labels={"a": "b"})["metadata"]["labels"] == {"a": "b"}
    route = routes.create(space, own["guid"], "www", path="/till", load_balancing=LoadBalancing.LEAST_CONNECTION)
    assert (route["url"], route["options"]) == ("www.shop.example/till", {"loadbalancing": "least-connection"})
    changed = routes.update(route["guid"], LoadBalancing.ROUND_ROBIN, meta_labels={"a": "b"})
    assert changed["options"] == {"loadbalancing": "round-robin"}
    app = make_app(api, world, "shop", space)
    api.admin.post(f"/v3/routes/{route['guid']}/destinations", json={"destinations": [{"app": {"guid": app}}]})
    assert [one["url"] for one in client.v3.apps.list_routes(app)] == ["www.shop.example/till"]
    assert "route: www.shop.example/till" in client.v3.apps.get_manifest(app)
    found = routes.get_first(hosts="www", paths="/till", include="domain,space")
    assert (found["guid"], found.domain()["name"], found.space()["name"]) == (route["guid"], "shop.example", "dev")
    routes.remove(route["guid"])
    domains.remove(own["guid"], asynchronous=False)
    assert len(routes) == 0
