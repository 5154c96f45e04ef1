"""Cloud Foundry's Python client, unmodified, against the API on a real socket."""

import threading
from collections.abc import Iterator

import pytest
from cloudfoundry_client.client import CloudFoundryClient
from cloudfoundry_client.errors import InvalidStatusCode

from chalicelib.bootstrap import World
from chalicelib.contracts.codec import from_json
from chalicelib.services import jobs
from infra.local.api import create_server
from infra.local.gateway import Gateway
from tests.functional.client import Client
from tests.functional.cloud import Cloud
from tests.functional.conftest import ADMIN_PASSWORD
from tests.functional.identity.running import make_app


@pytest.fixture(scope="module")
def address(application: Gateway) -> Iterator[str]:
    server = create_server(application)
    threading.Thread(target=server.run, daemon=True).start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.close()


@pytest.fixture
def client(address: str, world: World) -> CloudFoundryClient:
    client = CloudFoundryClient(address)
    client.init_with_user_credentials("admin", ADMIN_PASSWORD)
    return client


@pytest.fixture
def jobs_done(world: World, cloud: Cloud) -> Iterator[None]:
    """Does what the queue of jobs holds, as the jobs function would."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.02):
            for envelope in cloud.taken("queue:jobs"):
                jobs.run(world, from_json(jobs.RunJob, envelope.body).job_guid)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join(timeout=5)


def test_it_logs_in_and_walks_through_everything(
    client: CloudFoundryClient, api: Client, world: World, org: str, space: str
) -> None:
    app = make_app(api, world, "shop", space)
    found = [
        (one["name"], inner["name"], [item["guid"] for item in client.v3.apps.list(space_guids=inner["guid"])])
        for one in client.v3.organizations
        for inner in client.v3.spaces.list(organization_guids=one["guid"])
    ]
    assert found == [("local", "dev", [app])]
    assert client.v3.spaces.get_first(names="dev", include="organization").organization()["name"] == "local"
    assert [user["username"] for user in client.v3.users] == ["admin"]
    assert client.v3.organizations.get_default_domain(org)["name"] == "localhost"
    assert client.v3.organizations.get_default_isolation_segment(org).guid is None
    assert len(client.v3.organizations) == 1


def test_it_makes_and_removes(client: CloudFoundryClient, jobs_done: None) -> None:
    org = client.v3.organizations.create("new", False, meta_labels={"kind": "test"})
    space = client.v3.spaces.create("prod", org["guid"])
    domain = client.v3.domains.create("apps.example")
    route = client.v3.routes.create(space["guid"], domain["guid"], host="shop")
    assert route["url"] == "shop.apps.example"
    assert route.space()["name"] == "prod"
    assert route.destinations()["destinations"] == []
    events = [event["type"] for event in client.v3.audit_events.list(space_guids=space["guid"])]
    assert events == ["audit.space.create", "audit.route.create"]
    client.v3.organizations.remove(org["guid"], asynchronous=False)
    with pytest.raises(InvalidStatusCode) as refused:
        client.v3.organizations.get(org["guid"])
    assert refused.value.status_code == 404
    assert refused.value.body["errors"][0]["detail"] == "Organization not found"


def test_it_goes_on_with_a_refresh_token(address: str, client: CloudFoundryClient) -> None:
    second = CloudFoundryClient(address)
    second.init_with_token(client.refresh_token)
    assert [org["name"] for org in second.v3.organizations] == ["local"]


def test_it_is_told_that_there_is_no_v2(client: CloudFoundryClient) -> None:
    with pytest.raises(NotImplementedError):
        _ = client.v2
