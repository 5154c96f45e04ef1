"""What all lists have in common: filters by moment, orders, page numbers, links, and what they refuse."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.functional.api.many import apps, store
from tests.functional.client import Client
from tests.functional.cloud import Cloud

#: The apps of these tests: made a second apart from 2023-11-14T22:13:20Z on, changed as they were made.
MOMENTS = [f"2023-11-14T22:13:{second}Z" for second in (20, 21, 22, 23)]


@pytest.fixture
def four(api: Client, cloud: Cloud, space: str) -> Client:
    """An administrator, who sees four apps."""
    store(cloud, apps(space, 4))
    return api.admin


def numbers(client: Client, **query: Any) -> list[int]:
    return [int(guid[-5:]) for guid in client.get("/v3/apps", **query).guids]


@pytest.mark.parametrize("name", ["created_ats", "updated_ats"])
def test_moments_are_compared_in_whole_seconds(four: Client, name: str) -> None:
    assert numbers(four, **{name: MOMENTS[1]}) == [1]
    assert numbers(four, **{name: f"{MOMENTS[0]},{MOMENTS[3]}"}) == [0, 3]
    assert numbers(four, **{f"{name}[gt]": MOMENTS[1]}) == [2, 3]
    assert numbers(four, **{f"{name}[gte]": MOMENTS[1]}) == [1, 2, 3]
    assert numbers(four, **{f"{name}[lt]": MOMENTS[1]}) == [0]
    assert numbers(four, **{f"{name}[lte]": MOMENTS[1]}) == [0, 1]
    assert numbers(four, **{f"{name}[gt]": MOMENTS[0], f"{name}[lt]": MOMENTS[3], "names": "app-2,app-3"}) == [2]
    for path in ("/v3/organizations", "/v3/spaces", "/v3/processes", "/v3/routes", "/v3/stacks", "/v3/roles"):
        assert four.get(path, **{f"{name}[lt]": MOMENTS[0]}).guids == [], path
        assert four.get(path, **{f"{name}[gt]": MOMENTS[0]}).status == 200, path


def test_orders(four: Client) -> None:
    assert numbers(four, order_by="-created_at") == [3, 2, 1, 0]
    assert numbers(four, order_by="-updated_at") == [3, 2, 1, 0]
    assert numbers(four, order_by="+updated_at") == [0, 1, 2, 3]
    assert numbers(four, order_by="-name", per_page=2, page=2) == [1, 0]
    assert numbers(four, order_by="state", names="app-1,app-2") == [1, 2]


def test_next_leads_through_all_pages_and_keeps_what_was_asked(four: Client) -> None:
    path = "/v3/apps?names=app-0&names=app-0,app-2,app-3,a%252Cb&created_ats%5Bgt%5D=2020-01-01T00:00:00Z&per_page=1"
    seen = []
    link: str | None = path
    while link:
        answered = four.get(link)
        pagination = answered.json["pagination"]
        assert (pagination["total_results"], pagination["total_pages"]) == (3, 3)
        seen += answered.guids
        link = (pagination["next"] or {}).get("href")
    assert seen == ["app-00000", "app-00002", "app-00003"]
    first = urlsplit(four.get(path).json["pagination"]["next"]["href"])
    assert f"{first.scheme}://{first.netloc}{first.path}" == "http://api.localhost:8080/v3/apps"
    assert parse_qs(first.query) == {
        "names": ["app-0,app-2,app-3,a%2Cb"],
        "created_ats[gt]": ["2020-01-01T00:00:00Z"],
        "page": ["2"],
        "per_page": ["1"],
    }


def test_a_page_beyond_the_last_is_empty_and_leads_back(four: Client) -> None:
    answered = four.get("/v3/apps", page=9, per_page=3)
    assert answered.guids == []
    assert answered.json["pagination"]["next"] is None
    assert answered.json["pagination"]["previous"]["href"].endswith("page=8&per_page=3")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"colour": "blue"}, "Unknown query parameter(s): 'colour'"),
        ({"created_ats[eq]": MOMENTS[0]}, "Unknown query parameter(s): 'created_ats[eq]'"),
        ({"created_ats": "yesterday"}, "Created ats has an invalid timestamp format"),
        ({"updated_ats[lt]": "2023-11-14"}, "Updated ats has an invalid timestamp format"),
        ({"updated_ats[lt]": ""}, "Updated ats has an invalid timestamp format"),
        ({"page": "0"}, "Page must be a positive integer"),
        ({"page": "two"}, "Page must be a positive integer"),
        ({"per_page": "5001"}, "Per page must be between 1 and 5000"),
        ({"per_page": "-1"}, "Per page must be a positive integer"),
        ({"per_page": ""}, "Per page must be a positive integer"),
        ({"order_by": "--name"}, "Order by can only be"),
        ({"order_by": "labels"}, "Order by can only be"),
        ({"order_by": ""}, "Order by can only be"),
        ({"include": "colour"}, "Invalid included resource: 'colour'"),
        ({"label_selector": "a b"}, "Label selector: Invalid label_selector value"),
        ({"guids": ",".join(["x"] * 501)}, "guids can have at most 500 values"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_a_list_does_not_know_is_a_bad_query(api: Client, query: dict[str, str], said: str) -> None:
    code, title, detail = api.admin.get("/v3/apps", **query).error
    assert (code, title) == (10005, "CF-BadQueryParameter")
    assert detail.startswith(f"The query parameter is invalid: {said}")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v3/nothing"),
        ("GET", "/v3/apps/x/nothing"),
        ("PUT", "/v3/apps"),
        ("DELETE", "/v3/apps"),
        ("POST", "/v3/apps/x"),
        ("OPTIONS", "/v3/apps"),
        ("GET", "/v4"),
    ],
)
def test_what_there_is_not_is_an_unknown_request(api: Client, method: str, path: str) -> None:
    answered = api.admin.request(method, path)
    assert (answered.status, answered.error) == (404, (10000, "CF-NotFound", "Unknown request"))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v2/info"),
        ("GET", "/v2/spaces/x/services"),
        ("POST", "/v2/service_instances"),
        ("PUT", "/v2/user_provided_service_instances/x/routes/y"),
    ],
)
def test_v2_is_refused_in_its_own_words(api: Client, method: str, path: str) -> None:
    answered = api.request(method, path)
    assert answered.status == 404
    assert (answered.json["code"], answered.json["error_code"]) == (10000, "CF-NotFound")
    assert "version 8 of the cf CLI" in answered.json["description"]
