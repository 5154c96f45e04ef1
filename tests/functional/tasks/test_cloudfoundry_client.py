"""Cloud Foundry's Python client drives tasks."""

import pytest
from cloudfoundry_client.client import CloudFoundryClient
from cloudfoundry_client.errors import InvalidStatusCode

from tests.functional.identity.test_cloudfoundry_client import address, client
from tests.functional.tasks.conftest import Stage

__all__ = ["address", "client"]


def test_it_creates_lists_and_cancels_tasks(client: CloudFoundryClient, stage: Stage) -> None:
    stage.said("dea.discover")
    task = client.v3.tasks.create(stage.app, "rake", name="migrate", memory_in_mb=32)
    assert (task["state"], task["sequence_id"], task["memory_in_mb"]) == ("PENDING", 1, 32)
    assert [one["name"] for one in client.v3.tasks.list(app_guids=stage.app, states="PENDING")] == ["migrate"]
    assert task.app()["name"] == "shop"
    start = stage.won()
    stage.hear(("dea.started", stage.started(start)))
    assert client.v3.tasks.get(task["guid"])["state"] == "RUNNING"
    assert client.v3.tasks.cancel(task["guid"])["state"] == "CANCELING"
    stage.hear(("task.finished", stage.finished(start, 143, reason="STOPPED")))
    ended = client.v3.tasks.get(task["guid"])
    assert (ended["state"], ended["result"]["failure_reason"]) == ("FAILED", "task was cancelled")
    with pytest.raises(InvalidStatusCode) as refused:
        client.v3.tasks.cancel(task["guid"])
    assert refused.value.status_code == 422
