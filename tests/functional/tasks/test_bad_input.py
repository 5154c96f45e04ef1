"""What is wrong with a body is said in one answer, and nothing is half made."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.functional.identity.test_hostile_bodies import LEAVES
from tests.functional.tasks.conftest import Stage

LONG = "x" * 300

TASKS: list[tuple[dict[str, Any], int, str]] = [
    ({}, 422, "Command No command or template provided"),
    ({"command": 7}, 422, "Command must be a string"),
    ({"command": " "}, 422, "Command can't be blank"),
    ({"command": "x" * 4097}, 422, "Command is too long (maximum is 4096 characters)"),
    ({"command": "x", "colour": 1}, 422, "Unknown field(s): 'colour'"),
    ({"command": "x", "name": LONG}, 422, "Name is too long (maximum is 250 characters)"),
    ({"command": "x", "name": "a\nb"}, 422, "Name must not contain unprintable characters"),
    ({"command": "x", "memory_in_mb": 0}, 422, "Memory in mb must be greater than or equal to 1"),
    ({"command": "x", "disk_in_mb": "much"}, 422, "Disk in mb is not a number"),
    ({"command": "x", "log_rate_limit_in_bytes_per_second": -2}, 422, "must be greater than or equal to -1"),
    ({"command": "x", "droplet_guid": "foreign"}, 404, "Droplet not found"),
    ({"command": "x", "droplet_guid": []}, 422, "Droplet guid must be a string"),
    ({"command": "x", "user": "root"}, 422, "requested user 'root' not allowed"),
    ({"template": {}}, 422, "Template.process can't be blank"),
    ({"template": {"process": {"guid": "foreign"}}}, 404, "Process not found"),
    ({"template": "web"}, 422, "Template must be an object"),
    ({"command": "x", "metadata": {"labels": {"a b": "c"}}}, 422, "contains invalid characters"),
]
SIDECARS: list[tuple[dict[str, Any], int, str]] = [
    ({"command": "c", "process_types": ["web"]}, 422, "Name can't be blank"),
    ({"name": "n", "process_types": ["web"]}, 422, "Command can't be blank"),
    ({"name": "n", "command": "c"}, 422, "Process types must have at least 1 process_type"),
    ({"name": "n", "command": "c", "process_types": []}, 422, "must have at least 1 process_type"),
    ({"name": "n", "command": "c", "process_types": "web"}, 422, "Process types must be a list of strings"),
    ({"name": "n", "command": "c", "process_types": ["a b"]}, 422, "of letters, digits"),
    ({"name": "n", "command": "c", "process_types": ["web"], "memory_in_mb": 0}, 422, "greater than or equal to 1"),
    ({"name": "n", "command": "c", "process_types": ["web"], "origin": "user"}, 422, "Unknown field(s): 'origin'"),
    ({"name": LONG, "command": "c", "process_types": ["web"]}, 422, "Name is too long"),
]


def test_every_fault_is_named_and_nothing_is_made(stage: Stage) -> None:
    for kind, cases in (("tasks", TASKS), ("sidecars", SIDECARS)):
        for body, status, text in cases:
            answered = stage.api.admin.post(f"/v3/apps/{stage.app}/{kind}", json=body)
            assert answered.status == status, (body, answered.text)
            assert any(text in detail for detail in answered.details), (body, answered.details)
    assert [stage.cloud.rows(name) for name in ("tasks", "sidecars", "placements", "task-counts")] == [0] * 4
    odd = stage.create(name="名前 / %2C, x", command="écho")
    assert (odd.status, odd.json["name"]) == (202, "名前 / %2C, x")
    assert stage.api.admin.get("/v3/tasks", names="%E5%90%8D%E5%89%8D %2F %252C%2C x").guids == [odd.guid]


def test_an_app_without_a_droplet_has_no_tasks(stage: Stage) -> None:
    stage.app = stage.api.admin.post(
        "/v3/apps", json={"name": "bare", "relationships": {"space": {"data": {"guid": stage.space}}}}
    ).guid
    refused = stage.create()
    assert (refused.status, refused.error[2]) == (422, "Task must have a droplet. Assign current droplet to app.")
    stage.app = "nobody"
    assert stage.create().error[2] == "App not found"


FIELD_NAMES = (
    "name command memory_in_mb disk_in_mb log_rate_limit_in_bytes_per_second droplet_guid template user metadata"
    " process_types labels process guid"
)
FIELDS = st.sampled_from(FIELD_NAMES.split())
JSON = st.recursive(
    LEAVES, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(FIELDS, inner)), max_leaves=8
)
PATHS = st.sampled_from(
    ["/v3/apps/{app}/tasks", "/v3/apps/{app}/sidecars", "/v3/tasks/{task}", "/v3/sidecars/{sidecar}"]
)


@pytest.fixture
def names(stage: Stage) -> dict[str, str]:
    body = {"name": "n", "command": "c", "process_types": ["web"]}
    sidecar = stage.api.admin.post(f"/v3/apps/{stage.app}/sidecars", json=body).guid
    return {"app": stage.app, "task": stage.created(), "sidecar": sidecar}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=PATHS, body=st.dictionaries(FIELDS, JSON, max_size=4))
def test_no_body_makes_a_defect(stage: Stage, names: dict[str, str], path: str, body: dict[str, Any]) -> None:
    method = "PATCH" if path.endswith("}") else "POST"
    answered = stage.api.admin.request(method, path.format(**names), json=body)
    assert answered.status < 500, answered.text


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(["/v3/tasks", "/v3/apps/{app}/tasks", "/v3/apps/{app}/sidecars"]),
    query=st.dictionaries(
        st.sampled_from(["states", "sequence_ids", "package_guids", "app_guids", "order_by", "guids", "names", "page"]),
        st.one_of(st.text(max_size=12), st.sampled_from(["-name", "1", "0", "x" * 2000])),
        max_size=3,
    ),
)
def test_no_query_makes_a_defect(stage: Stage, names: dict[str, str], path: str, query: dict[str, str]) -> None:
    answered = stage.api.admin.get(path.format(**names), **query)
    assert answered.status < 500, answered.text
