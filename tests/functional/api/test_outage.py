"""DynamoDB stops answering in the middle of a request: the caller is told, and whatever was asked is done whole or
not at all, so that he can simply ask again."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from chalicelib.tables.connection import PATIENCE, Patience, forget, shared
from tests.functional.apps.conftest import Stage, stage
from tests.functional.client import Answered

__all__ = ["stage"]

DOWN = (10015, "CF-ServiceUnavailable", "The platform is temporarily unavailable. Try again later.")
#: Calls of one request; each that is made is refused once.
MOST_CALLS = 60
#: API Gateway answers for a function that has not by then, seconds.
GATEWAY_S = 29


@contextmanager
def outage(after: int) -> Iterator[list[int]]:
    """DynamoDB answers so many calls more; what it refused is counted in the list's only item."""
    left, refused = [after], [0]

    def called(**_: object) -> tuple[AWSResponse, dict[str, Any]] | None:
        left[0] -= 1
        if left[0] >= 0:
            return None
        refused[0] += 1
        error = {"Error": {"Code": "InternalServerError", "Message": "down"}}
        answer: Any = AWSResponse("", 500, {}, None)
        return answer, error | {"ResponseMetadata": {"HTTPStatusCode": 500}}

    events = shared().client.meta.events
    events.register("before-call.dynamodb", called)
    try:
        yield refused
    finally:
        events.unregister("before-call.dynamodb", called)


def told(answered: Answered) -> None:
    assert (answered.status, answered.error) == (503, DOWN), answered.text
    assert answered.headers["content-type"].startswith("application/json")
    assert int(answered.headers["retry-after"]) > 0


@pytest.fixture
def app(stage: Stage) -> str:
    """It is stopped, and its droplet has two types of processes."""
    guid = stage.started("shop", {"web": "python server.py", "worker": "python worker.py"})
    assert stage.api.post(f"/v3/apps/{guid}/actions/stop").status == 200
    return guid


def test_what_is_asked_during_an_outage_is_done_whole_or_not_at_all(stage: Stage, app: str) -> None:
    api, cloud = stage.api, stage.cloud
    to_app, here = {"app": {"data": {"guid": app}}}, {"space": {"data": {"guid": stage.space}}}
    org = api.get("/v3/organizations").guids[0]
    for method, path, body in (
        ("POST", "/v3/apps", stage.app_body("other")),
        ("POST", "/v3/organizations", {"name": "other"}),
        ("POST", "/v3/spaces", {"name": "other", "relationships": {"organization": {"data": {"guid": org}}}}),
        ("PATCH", f"/v3/apps/{app}", {"name": "renamed"}),
        ("PATCH", f"/v3/apps/{app}/environment_variables", {"var": {"A": "b"}}),
        ("POST", f"/v3/apps/{app}/processes/web/actions/scale", {"instances": 3}),
        ("POST", "/v3/deployments", {"relationships": to_app, "options": {"web_instances": 2}}),
        ("POST", f"/v3/apps/{app}/actions/start", None),
        ("POST", f"/v3/apps/{app}/actions/restart", None),
        ("POST", "/v3/deployments", {"relationships": to_app}),
        ("POST", "/v3/service_instances", {"type": "user-provided", "name": "db", "relationships": here}),
        ("POST", f"/v3/apps/{app}/tasks", {"command": "work"}),
        ("DELETE", f"/v3/apps/{app}", None),
    ):
        before = cloud.held()
        for calls in range(MOST_CALLS):
            with outage(calls) as refused:
                answered = api.request(method, path, json=body)
            if answered.status < 300:
                break
            assert refused != [0], answered.text
            told(answered)
            assert cloud.held() == before, (method, path, calls)
        assert calls > 1, (method, path)
        assert answered.status in (200, 201, 202), answered.text


def test_a_manifest_that_an_outage_broke_off_is_applied_by_applying_it_again(stage: Stage) -> None:
    text = "applications: [{name: shop, instances: 2, env: {A: b}, routes: [{route: shop.localhost}]}]"
    path = f"/v3/spaces/{stage.space}/actions/apply_manifest"
    for calls in range(MOST_CALLS):
        with outage(calls):
            answered = stage.api.post(path, body=text)
        if answered.status == 202:
            break
        told(answered)
    assert calls > 5
    assert stage.api.finish(answered)["state"] == "COMPLETE"
    (app,) = stage.api.get("/v3/apps", names="shop").guids
    assert stage.api.get(f"/v3/apps/{app}/processes/web").json["instances"] == 2
    assert len(stage.api.get(f"/v3/apps/{app}/routes").guids) == 1


def test_lists_and_logins_say_that_the_platform_is_down(stage: Stage) -> None:
    member = stage.member("dora", "space_developer")
    for api, path in ((stage.api, "/v3/apps"), (member, "/v3/apps"), (stage.api, "/v3/routes?hosts=a")):
        with outage(0):
            told(api.get(path))
        assert api.get(path).status == 200
    with outage(0):
        assert stage.api.with_token("").get("/").status == 200


@pytest.fixture
def impatient() -> Iterator[Patience]:
    """The next cloud is waited for in seconds what others are in half minutes."""
    patience = Patience(connect_s=0.5, read_s=1.0, tries_s=0.5)
    yield patience
    forget()


def test_a_database_that_never_answers_is_told_before_gateways_give_up(
    stage: Stage, impatient: Patience, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel takes connections, and nobody reads
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        forget()
        shared(impatient)
        for method, path, body in (("GET", "/v3/apps", None), ("POST", "/v3/apps", stage.app_body("other"))):
            began = time.monotonic()
            told(stage.api.request(method, path, json=body))
            took = time.monotonic() - began
            assert impatient.read_s <= took
            assert took < impatient.read_s * impatient.attempts, "it tried on although it was late"
    assert impatient.longest_s < impatient.read_s * impatient.attempts
    assert PATIENCE.longest_s <= 25 < GATEWAY_S
