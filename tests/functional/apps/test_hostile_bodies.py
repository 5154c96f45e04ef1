"""Bodies that nobody should send: every value of a good body replaced by every kind of bad one, and nothing breaks."""

import copy
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.functional.apps.conftest import Stage

#: In the place of what was meant.
ODD: tuple[Any, ...] = (None, 7, -1, 1e300, True, "", "x" * 300, "a\0b", "\u202e", [], ["x"], {}, {"x": 1}, [[{}]])

READINESS = {"type": "http", "data": {"endpoint": "/up", "invocation_timeout": 5, "interval": 5}}
CHECK = {"type": "http", "data": {"endpoint": "/up", "timeout": 5, "invocation_timeout": 5, "interval": 5}}

#: (method, path, a good body).
ENDPOINTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (
        "PATCH",
        "/v3/apps/APP",
        {
            "name": "shop",
            "lifecycle": {"type": "buildpack", "data": {"buildpacks": ["python_buildpack"], "stack": "cflinuxfs4"}},
            "metadata": {"labels": {"a": "b"}, "annotations": {"a": "b"}},
        },
    ),
    ("PATCH", "/v3/apps/APP/environment_variables", {"var": {"A": "b"}}),
    ("PATCH", "/v3/apps/APP/features/revisions", {"enabled": True}),
    (
        "PATCH",
        "/v3/processes/APP",
        {"command": "run", "health_check": CHECK, "readiness_health_check": READINESS, "metadata": {"labels": {}}},
    ),
    (
        "POST",
        "/v3/apps/APP/processes/web/actions/scale",
        {"instances": 1, "memory_in_mb": 64, "disk_in_mb": 64, "log_rate_limit_in_bytes_per_second": -1},
    ),
    ("PATCH", "/v3/stacks/STACK", {"state": "ACTIVE", "state_reason": "why", "metadata": {"labels": {"a": "b"}}}),
)


def spoiled(body: Any) -> Iterator[Any]:
    """The body with one value after the other replaced, at every depth, and with a key that nobody knows."""
    if isinstance(body, dict):
        yield {**body, "nobody": 1}
        for key, value in body.items():
            for odd in (*ODD, *spoiled(value)):
                yield {**copy.deepcopy(body), key: odd}


@pytest.mark.parametrize(("method", "path", "body"), ENDPOINTS, ids=[path for _, path, _ in ENDPOINTS])
def test_a_spoiled_body_is_refused_or_harmless(stage: Stage, method: str, path: str, body: dict[str, Any]) -> None:
    path = path.replace("APP", stage.create()["guid"]).replace("STACK", stage.api.get("/v3/stacks").guids[0])
    good = stage.api.request(method, path, json=body)
    assert good.status in (200, 202), good.text
    statuses = set()
    for bad in (*spoiled(body), *ODD):
        answered = stage.api.request(method, path, json=bad)
        assert answered.status < 500, (bad, answered.text)
        if answered.status >= 400:
            error = answered.json["errors"][0]
            assert {"code", "title", "detail"} <= error.keys()
        statuses.add(answered.status)
    assert statuses <= {200, 202, 400, 422}
    assert 422 in statuses
    assert stage.api.request(method, path, json=body).status == good.status
    assert stage.api.get(path.split("/actions")[0]).status == 200


@pytest.mark.parametrize("guid", ["x" * 2000, "%00", "%F0%9F%98%80", "..%2F..", "a%2Fb", "'%22;--", "%E2%80%AE", "-"])
def test_odd_guids_are_not_found(stage: Stage, guid: str) -> None:
    for path in (f"/v3/apps/{guid}", f"/v3/processes/{guid}", f"/v3/stacks/{guid}", f"/v3/apps/{guid}/env"):
        assert stage.api.get(path).status == 404, path
    app = stage.create()["guid"]
    for path in (f"/v3/apps/{app}/processes/{guid}", f"/v3/apps/{app}/features/{guid}"):
        assert stage.api.get(path).status == 404, path
    assert stage.api.get(f"/v3/apps?guids={guid}&space_guids={guid}&app={guid}").status == 400
    assert stage.api.get(f"/v3/apps?guids={guid}&names={guid}&space_guids={guid}").guids == []
    assert stage.api.get(f"/v3/processes?app_guids={guid}&embed=process_instances").guids == []


def test_of_two_creations_of_one_name_at_once_one_wins(stage: Stage) -> None:
    for path, body in (("/v3/apps", stage.app_body("twin")), ("/v3/stacks", {"name": "twin"})):
        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(lambda _, path=path, body=body: stage.api.post(path, json=body), range(4)))
        assert sorted(answer.status for answer in answers) == [201, 422, 422, 422]
        assert len(stage.api.get(path, names="twin").guids) == 1
