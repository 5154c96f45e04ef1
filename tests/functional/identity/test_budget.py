"""What requests cost: DynamoDB calls, counted, and none of them a scan."""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from chalicelib.bootstrap import World
from tests.functional.client import Client
from tests.functional.identity.running import make_app, new_route, pretend_running, to
from tests.functional.identity.test_organizations_and_spaces import make_org

Counting = Callable[[], AbstractContextManager[Counter[str]]]

#: (path, calls as an administrator). A caller with roles costs one more: his roles are one query.
READS = [
    ("/", 0),
    ("/v3", 0),
    ("/v3/info", 0),
    ("/login", 0),
    ("/token_keys", 0),
    ("/v3/organizations", 2),
    ("/v3/organizations?names=local", 2),
    ("/v3/organizations/{org}", 1),
    ("/v3/organizations/{org}/domains", 5),
    ("/v3/spaces", 2),
    ("/v3/spaces?names=dev&organization_guids={org}&include=organization", 3),
    ("/v3/spaces/{space}", 1),
    ("/v3/domains", 2),
    ("/v3/domains?names=localhost", 2),
    ("/v3/roles?space_guids={space}&include=user", 1),
    ("/v3/users", 2),
    ("/v3/users?usernames=admin", 3),
    ("/v3/routes", 2),
    ("/v3/routes?domain_guids={domain}&hosts=shop&paths=", 3),
    ("/v3/routes/{route}", 2),
    ("/v3/routes/{route}/destinations", 2),
    ("/v3/apps/{app}/routes", 4),
    ("/v3/audit_events?target_guids={app}", 1),
    ("/internal/log_access/{app}", 2),
]


@pytest.fixture
def guids(api: Client, world: World, org: str, space: str, domain: str) -> dict[str, str]:
    app = make_app(api, world, "shop", space)
    route = api.admin.post("/v3/routes", json=new_route(space, domain, host="shop")).guid
    api.admin.post(f"/v3/routes/{route}/destinations", json=to(app))
    return {"org": org, "space": space, "domain": domain, "app": app, "route": route}


@pytest.mark.parametrize(("path", "most"), READS)
def test_a_read_costs_so_many_calls(
    api: Client, counting: Counting, guids: dict[str, str], path: str, most: int
) -> None:
    caller = api.admin
    with counting() as calls:
        assert caller.get(path.format(**guids)).status in (200, 204)
    assert calls.total() <= most, calls
    assert not calls["Scan"]


def test_a_list_costs_the_same_however_long_it_is(api: Client, counting: Counting) -> None:
    for i in range(30):
        make_org(api, f"org-{i}")
    caller = api.admin
    with counting() as calls:
        assert len(caller.get("/v3/organizations", per_page=50).guids) == 31
    assert calls == {"Query": 1, "BatchGetItem": 1}


def test_a_caller_with_roles_costs_one_query_more(
    api: Client, counting: Counting, org: str, space: str, guids: dict[str, str]
) -> None:
    developer = api.user("developer", organization_user=org, space_developer=space)
    with counting() as calls:
        developer.get(f"/v3/routes/{guids['route']}")
    assert calls == {"Query": 1, "GetItem": 2}


def test_a_write_is_one_transaction(
    api: Client, world: World, counting: Counting, space: str, domain: str, guids: dict[str, str]
) -> None:
    caller = api.admin
    with counting() as calls:
        route = caller.post("/v3/routes", json=new_route(space, domain, host="www")).guid
    assert calls["TransactWriteItems"] == 1
    assert calls.total() <= 4, calls
    pretend_running(world, guids["app"], instances=20)
    with counting() as calls:
        caller.post(f"/v3/routes/{route}/destinations", json=to(guids["app"]))
    assert calls["TransactWriteItems"] == 1
    # Route, space, app; the app's other routes; its process and placements; the sent message leaves the outbox.
    assert calls.total() <= 11, calls


def test_a_login_costs_little(api: Client, counting: Counting) -> None:
    from tests.functional.identity.test_uaa import log_in

    with counting() as calls:
        assert log_in(api).status == 200
    assert calls == {"GetItem": 3, "BatchGetItem": 1, "TransactWriteItems": 1}
