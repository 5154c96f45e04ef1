"""The API describes itself: wholly, as it is now, to everybody."""

import json
from typing import Any

import pytest

from chalicelib.api.openapi import PATH
from infra.openapi.__main__ import written
from infra.openapi.document import NOT_OFFERED
from tests.functional.client import Client
from tests.unit.house.test_house import ROOT

#: What a Lambda function may answer, bytes, quotes escaped.
MOST = 6 * 1024 * 1024


@pytest.fixture(scope="module")
def document() -> Any:
    return json.loads(PATH.read_text())


def test_the_committed_description_is_that_of_the_code() -> None:
    stale = [str(path.relative_to(ROOT)) for path, text in written().items() if path.read_text() != text]
    assert stale == [], "make openapi"


def test_everybody_may_read_it(api: Client) -> None:
    answered = api.get("/v3/openapi.json")
    assert answered.status == 200
    assert answered.headers["content-type"].startswith("application/json")
    assert answered.json["openapi"].startswith("3.1")
    assert len(json.dumps(answered.text)) < MOST


def test_no_endpoint_is_left_out(document: Any) -> None:
    from app import app

    served = {
        (method.lower(), path)
        for path, methods in app.routes.items()
        for method, route in methods.items()
        if not route.view_name.startswith(NOT_OFFERED) and not path.startswith("/v2")
    }
    assert {(method, path) for path, methods in document["paths"].items() for method in methods} == served


def test_operations_have_names_of_their_own_and_say_what_they_are(document: Any) -> None:
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    assert all(operation["summary"] and operation["responses"] for operation in operations)


def test_references_lead_somewhere(document: Any) -> None:
    for reference in _references(document):
        found = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        assert found


def _references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [reference for item in node for reference in _references(item)]
    if isinstance(node, dict):
        own = [node["$ref"]] if "$ref" in node else []
        return own + [reference for item in node.values() for reference in _references(item)]
    return []


def test_what_views_take_is_read_from_their_code(document: Any) -> None:
    """By filters of helpers, by fields of parts of bodies, by loops over tables, by the words of forms."""
    assert {"stacks", "space_guids", "include", "created_ats[gt]"} <= _query(document, "/v3/apps")
    assert {"fields[space]", "type", "service_plan_names"} <= _query(document, "/v3/service_instances")
    lifecycle = _body(document, "/v3/apps", "post")["properties"]["lifecycle"]
    assert set(lifecycle["properties"]["data"]["properties"]) == {"stack", "buildpacks"}
    quota = _body(document, "/v3/organization_quotas", "post")
    assert quota["properties"]["apps"]["properties"]["total_memory_in_mb"] == {"type": "integer", "minimum": 0}
    assert quota["required"] == ["name"]
    assert {"grant_type", "refresh_token"} <= set(_body(document, "/oauth/token", "post")["properties"])
    assert (
        "app"
        in _body(document, "/v3/routes/{guid}/destinations", "post")["properties"]["destinations"]["items"][
            "properties"
        ]
    )


def test_answers_are_read_from_the_code(document: Any) -> None:
    paths = document["paths"]
    assert set(paths["/v3/service_instances"]["post"]["responses"]) == {"201", "202", "default"}
    assert "Location" in paths["/v3/apps/{guid}"]["delete"]["responses"]["202"]["headers"]
    assert paths["/v3/apps"]["get"]["security"] == [{"bearer": []}]
    assert paths["/v3/info"]["get"]["security"] == []
    assert paths["/v3/service_route_bindings"]["post"]["x-enforced"] is False
    assert "x-enforced" not in paths["/v3/security_groups"]["post"]


def _query(document: Any, path: str) -> set[str]:
    shared = document["components"]["parameters"]
    named = [
        shared[parameter["$ref"].rpartition("/")[2]] if "$ref" in parameter else parameter
        for parameter in document["paths"][path]["get"]["parameters"]
    ]
    return {parameter["name"] for parameter in named if parameter["in"] == "query"}


def _body(document: Any, path: str, method: str) -> Any:
    (content,) = document["paths"][path][method]["requestBody"]["content"].values()
    return content["schema"]
