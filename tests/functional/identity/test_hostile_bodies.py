"""Whatever is sent, the answer is a document that says what was wrong: never a 500."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.functional.client import Client

#: Fields that endpoints know, so that what is made up gets past the first check now and then.
FIELD_NAMES = (
    "name guid type host path relationships organization space domain user data username metadata labels annotations"
    " destinations app process port userName password client_id client_secret authorities suspended internal"
    " grant_type data enabled origin active emails value scope authorized_grant_types secret changeMode token"
)
FIELDS = st.sampled_from(FIELD_NAMES.split())
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.sampled_from(["space_developer", "organization_user", "admin", "a.example", "/a", "x" * 3000, "\0", "\ud800"]),
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(FIELDS, st.text(max_size=5)), inner)
    ),
    max_leaves=12,
)
BODIES = st.dictionaries(FIELDS, JSON, max_size=4)
ENDPOINTS = [
    ("POST", "/v3/organizations"),
    ("PATCH", "/v3/organizations/{org}"),
    ("POST", "/v3/spaces"),
    ("PATCH", "/v3/spaces/{space}"),
    ("POST", "/v3/roles"),
    ("POST", "/v3/users"),
    ("POST", "/v3/domains"),
    ("PATCH", "/v3/domains/{domain}"),
    ("POST", "/v3/routes"),
    ("POST", "/v3/routes/{route}/destinations"),
    ("PATCH", "/v3/routes/{route}/destinations"),
    ("POST", "/Users"),
    ("PUT", "/Users/{user}/password"),
    ("POST", "/oauth/clients"),
    ("POST", "/oauth/token"),
    ("POST", "/check_token"),
    ("POST", "/v3/isolation_segments"),
    ("PATCH", "/v3/isolation_segments/{segment}"),
    ("POST", "/v3/isolation_segments/{segment}/relationships/organizations"),
    ("PATCH", "/v3/organizations/{org}/relationships/default_isolation_segment"),
    ("PATCH", "/v3/spaces/{space}/relationships/isolation_segment"),
    ("PATCH", "/v3/spaces/{space}/features/ssh"),
    ("PATCH", "/v3/users/{user}"),
    ("PUT", "/Users/{user}"),
    ("PATCH", "/Users/{user}"),
    ("PUT", "/oauth/clients/cf"),
    ("PUT", "/oauth/clients/cf/secret"),
    ("POST", "/Groups/scim.read/members"),
]
LISTS = [
    "/v3/organizations",
    "/v3/spaces",
    "/v3/roles",
    "/v3/users",
    "/v3/domains",
    "/v3/routes",
    "/v3/routes/{route}/destinations",
    "/v3/audit_events",
    "/v3/domains/{domain}/route_reservations",
    "/Users",
    "/Groups",
    "/oauth/clients",
    "/v3/isolation_segments",
    "/v3/isolation_segments/{segment}/organizations",
    "/v3/organizations/{org}/users",
    "/v3/spaces/{space}/users",
]
PARAMETER_NAMES = (
    "page per_page order_by names guids label_selector include types hosts paths space_guids organization_guids"
    " user_guids domain_guids app_guids usernames target_guids filter host path"
    " partial_usernames origins startIndex count created_ats"
)
PARAMETERS = st.sampled_from(PARAMETER_NAMES.split())
VALUES = st.one_of(st.text(max_size=20), st.sampled_from(["", ",", "%", "%25", "a,b", "x" * 3000, "in (", "!", "\0"]))

FUZZ = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def guids(api: Client, org: str, space: str, domain: str) -> dict[str, str]:
    where = {"space": {"data": {"guid": space}}, "domain": {"data": {"guid": domain}}}
    route = api.admin.post("/v3/routes", json={"host": "shop", "relationships": where}).guid
    segment = api.admin.post("/v3/isolation_segments", json={"name": "vault"}).guid
    found = {"org": org, "space": space, "domain": domain, "route": route, "user": api.admin.user_guid}
    return found | {"segment": segment}


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
@FUZZ
@given(body=st.one_of(BODIES, JSON))
def test_no_body_breaks_an_endpoint(api: Client, guids: dict[str, str], method: str, path: str, body: Any) -> None:
    answered = api.admin.request(method, path.format(**guids), body=json.dumps(body))
    assert answered.status < 500, answered.text
    if answered.status >= 400:
        assert answered.json.keys() & {"errors", "error"}


@pytest.mark.parametrize("path", LISTS)
@FUZZ
@given(query=st.dictionaries(PARAMETERS, VALUES, max_size=3))
def test_no_query_breaks_a_list(api: Client, guids: dict[str, str], path: str, query: dict[str, str]) -> None:
    answered = api.admin.request("GET", path.format(**guids), query=query)
    assert answered.status in (200, 400), answered.text


@pytest.mark.parametrize(
    "query",
    [
        {"space_guids": ",".join(str(number) for number in range(501))},
        {"names": "," * 30_000},
        {"label_selector": "a," * 30_000},
    ],
)
def test_a_query_that_would_cost_thousands_of_reads_is_refused(api: Client, query: dict[str, str]) -> None:
    assert api.admin.get("/v3/apps", **query).error[1] == "CF-BadQueryParameter"


def test_what_is_too_long_for_a_key_is_not_found(api: Client, space: str) -> None:
    long = "x" * 5000
    assert api.admin.get(f"/v3/audit_events/{long}").status == 404
    assert api.admin.get(f"/oauth/clients/{long}").status == 404
    assert api.admin.get("/v3/apps", names=long, space_guids=space).guids == []
    form = {"grant_type": "client_credentials", "client_id": long, "client_secret": "s"}
    assert api.request("POST", "/oauth/token", form=form).status == 401


def test_a_request_id_of_any_length_is_cut(api: Client) -> None:
    answered = api.get("/v3/info", headers={"X-Vcap-Request-Id": "x" * 50_000})
    assert len(answered.headers["x-vcap-request-id"]) == 100
