"""Stacks: listed for everybody, changed by administrators, kept while apps are on them."""

from typing import Any

import pytest

from chalicelib.core.errors import Unprocessable
from chalicelib.services import stacks
from tests.functional.apps.conftest import Stage


def test_there_is_a_stack_from_the_beginning(stage: Stage) -> None:
    developer = stage.member("dora", "space_developer")
    (stack,) = developer.get("/v3/stacks").json["resources"]
    assert (stack["name"], stack["default"], stack["state"], stack["state_reason"]) == (
        "cflinuxfs4",
        True,
        "ACTIVE",
        None,
    )
    assert developer.get("/v3/stacks", names="cflinuxfs4", default="true").guids == [stack["guid"]]
    assert developer.get("/v3/stacks", default="false").guids == []
    assert developer.get("/v3/stacks", default="maybe").error[0] == 10005
    assert developer.get(f"/v3/stacks/{stack['guid']}").json == stack
    assert stage.api.with_token("").get("/v3/stacks").status == 401
    assert stage.api.with_token("").get(f"/v3/stacks/{stack['guid']}").status == 401


def test_the_life_of_a_stack(stage: Stage) -> None:
    made = stage.api.post(
        "/v3/stacks", json={"name": "future", "description": "Soon", "metadata": {"labels": {"a": "b"}}}
    )
    assert (made.status, made.json["description"], made.json["metadata"]["labels"]) == (201, "Soon", {"a": "b"})
    assert stage.api.post("/v3/stacks", json={"name": "FUTURE"}).error[2] == "Name must be unique"

    app = stage.create(lifecycle={"type": "buildpack", "data": {"stack": "future"}})
    assert app["lifecycle"]["data"]["stack"] == "future"
    other = stage.create("other")["guid"]
    assert stage.api.get(f"/v3/stacks/{made.guid}/apps").guids == [app["guid"]]
    assert stage.api.get("/v3/apps", stacks="future").guids == [app["guid"]]
    assert stage.api.user("sam").get(f"/v3/stacks/{made.guid}/apps").guids == []
    refused = stage.api.delete(f"/v3/stacks/{made.guid}")
    assert refused.error[2] == "Cannot delete stack 'future' because apps are currently using the stack."

    lifecycle = {"lifecycle": {"type": "buildpack", "data": {"stack": "cflinuxfs4"}}}
    assert stage.api.patch(f"/v3/apps/{app['guid']}", json=lifecycle).json["lifecycle"]["data"]["stack"] == "cflinuxfs4"
    assert stage.api.delete(f"/v3/stacks/{made.guid}").status == 204
    assert stage.api.get(f"/v3/stacks/{made.guid}").error[2] == "Stack not found"
    lifecycle["lifecycle"]["data"] = {"stack": "future"}  # type: ignore[assignment]
    assert stage.api.patch(f"/v3/apps/{other}", json=lifecycle).error[2] == "Stack must be an existing stack"


def test_a_stack_that_goes_refuses_new_apps_and_then_all(stage: Stage) -> None:
    guid = stage.api.get("/v3/stacks").guids[0]

    def become(state: str) -> None:
        answered = stage.api.patch(f"/v3/stacks/{guid}", json={"state": state, "state_reason": "Use another."})
        assert (answered.status, answered.json["state"], answered.json["state_reason"]) == (200, state, "Use another.")

    assert stacks.check_staging("cflinuxfs4", staged_before=False) is None
    become("DEPRECATED")
    assert "Use another." in str(stacks.check_staging("cflinuxfs4", staged_before=False))
    become("RESTRICTED")
    assert stacks.check_staging("cflinuxfs4", staged_before=True) is None
    with pytest.raises(Unprocessable, match=r"restricted .* Use another\."):
        stacks.check_staging("cflinuxfs4", staged_before=False)
    become("DISABLED")
    with pytest.raises(Unprocessable, match="disabled"):
        stacks.check_staging("cflinuxfs4", staged_before=True)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": 7},
        {"name": "x" * 251},
        {"name": "a\nb"},
        {"name": "x", "description": "x" * 251},
        {"name": "x", "description": []},
        {"name": "x", "state": "GONE"},
        {"name": "x", "state_reason": 7},
        {"name": "x", "colour": "blue"},
        {"name": "x", "metadata": 7},
    ],
    ids=lambda body: repr(body)[:40],
)
def test_bad_stacks_are_refused(stage: Stage, body: Any) -> None:
    assert stage.api.post("/v3/stacks", json=body).status == 422
    assert len(stage.api.get("/v3/stacks").guids) == 1


def test_administrators_alone_change_stacks(stage: Stage) -> None:
    developer, guid = stage.member("dora", "space_developer"), stage.api.get("/v3/stacks").guids[0]
    assert developer.post("/v3/stacks", json={"name": "x"}).status == 403
    assert developer.patch(f"/v3/stacks/{guid}", json={"state": "DISABLED"}).status == 403
    assert developer.delete(f"/v3/stacks/{guid}").status == 403
    assert developer.patch("/v3/stacks/nobody", json={}).error[2] == "Stack not found"
