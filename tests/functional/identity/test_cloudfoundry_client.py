"""Cloud Foundry's Python client, unmodified, against the API on a real socket."""

import threading
from collections.abc import Iterator

import pytest
from cloudfoundry_client.client import CloudFoundryClient
from cloudfoundry_client.errors import InvalidStatusCode

from chalicelib.bootstrap import World
from chalicelib.contracts.codec import from_json
from chalicelib.services import jobs
from infra.local.gateway import Gateway
from tests.functional.client import Client
from tests.functional.cloud import Cloud
from tests.functional.conftest import ADMIN_PASSWORD
from tests.functional.identity.running import make_app
from tests.functional.serving import serving


@pytest.fixture(scope="module")
def address(application: Gateway) -> Iterator[str]:
    with serving(application) as address:
        yield address


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


def test_its_manager_of_organizations(client: CloudFoundryClient, jobs_done: None) -> None:
    orgs = client.v3.organizations
    org = orgs.create("acme", False, meta_labels={"kind": "test"}, meta_annotations={"note": "any text"})
    assert orgs[org["guid"]]["metadata"] == {"labels": {"kind": "test"}, "annotations": {"note": "any text"}}
    assert orgs.update(org["guid"], "umbrella", True, meta_labels={"kind": "made"})["suspended"] is True
    assert [one["name"] for one in orgs.list(label_selector="kind=made", order_by="-name")] == ["umbrella"]
    assert orgs.get_first(names="UMBRELLA")["guid"] == org["guid"]
    assert [one["name"] for one in orgs.list_domains(org["guid"])] == ["localhost"]
    assert orgs.get_default_domain(org["guid"])["name"] == "localhost"
    assert orgs.get_usage_summary(org["guid"])["usage_summary"]["memory_in_mb"] == 0
    segment = client.v3.isolation_segments.create("vault")["guid"]
    client.v3.isolation_segments.entitle_organizations(segment, org["guid"])
    assert orgs.assign_default_isolation_segment(org["guid"], segment).guid == segment
    assert orgs.get_default_isolation_segment(org["guid"]).guid == segment
    assert orgs.len(names="umbrella") == 1
    job = orgs.remove(org["guid"], asynchronous=True)
    assert client.v3.jobs.wait_for_job_completion(job, step=0.05)["state"] == "COMPLETE"
    assert orgs.len(names="umbrella") == 0


def test_its_managers_of_spaces_and_isolation_segments(client: CloudFoundryClient, org: str, space: str) -> None:
    segments, spaces = client.v3.isolation_segments, client.v3.spaces
    made = segments.create("vault", meta_labels={"tier": "gold"})
    guid = made["guid"]
    assert segments.update(guid, "safe", meta_annotations={"a": "b"})["metadata"]["labels"] == {"tier": "gold"}
    assert segments.entitle_organizations(guid, org).guids == [org]
    assert segments.list_entitled_organizations(guid).guids == [org]
    assert [one["name"] for one in segments[guid].organizations()] == ["local"]
    assert spaces.assign_isolation_segment(space, guid).guid == guid
    assert spaces.get_assigned_isolation_segment(space).guid == guid
    assert segments.list_entitled_spaces(guid).guids == [space]
    assert spaces.assign_isolation_segment(space, None).guid is None
    segments.revoke_organization(guid, org)
    segments.remove(guid)
    assert len(segments) == 0
    fresh = spaces.create("prod", org)
    assert spaces.update(fresh["guid"], "live")["name"] == "live"
    assert fresh.organization()["name"] == "local"
    assert [one["name"] for one in spaces.list(organization_guids=org, order_by="name")] == ["dev", "live"]
    spaces.remove(fresh["guid"])


def test_its_managers_of_users_and_roles(client: CloudFoundryClient, api: Client, org: str, jobs_done: None) -> None:
    users, roles = client.v3.users, client.v3.roles
    robot = users.create("robot-7", meta_labels={"kind": "robot"})
    lara = users.create(("lara", "ldap"))
    assert users.update(robot["guid"], meta_annotations={"note": "x"})["metadata"]["labels"] == {"kind": "robot"}
    assert [one["origin"] for one in users.list(usernames="lara")] == ["ldap"]
    given = api.acting_as("admin").grant("organization_user", org)
    found = roles.get_first(guids=given, include="user,organization")
    assert (found["type"], found.user()["username"], found.organization()["name"]) == (
        "organization_user",
        "admin",
        "local",
    )
    assert roles[given]["guid"] == given
    assert [one["type"] for one in roles.list(organization_guids=org, types="organization_user")] == [found["type"]]
    roles.remove(given, asynchronous=False)
    assert len(roles) == 0
    for user in (robot, lara):
        job = users.remove(user["guid"])
        assert client.v3.jobs.get(job)["state"] == "COMPLETE"
    assert [one["username"] for one in users] == ["admin"]


def test_it_goes_on_with_a_refresh_token(address: str, client: CloudFoundryClient) -> None:
    second = CloudFoundryClient(address)
    second.init_with_token(client.refresh_token)
    assert [org["name"] for org in second.v3.organizations] == ["local"]


def test_it_is_told_that_there_is_no_v2(client: CloudFoundryClient) -> None:
    with pytest.raises(NotImplementedError):
        _ = client.v2
