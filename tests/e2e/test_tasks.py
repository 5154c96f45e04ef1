"""Tasks and sidecars on a running platform, by the API that clients use."""

import base64
from typing import Any

import pytest

from tests.support.platform import Platform, eventually


def read_log(platform: Platform, guid: str, source_type: str) -> list[str]:
    """The app's lines of this source, from log-cache."""
    answered = platform.api("GET", f"/api/v1/read/{guid}?limit=1000", headers={"Host": "log-cache.localhost"})
    batch = answered.raise_for_status().json()["envelopes"]["batch"]
    return [
        base64.b64decode(envelope["log"]["payload"]).decode()
        for envelope in batch
        if envelope["tags"].get("source_type") == source_type
    ]


@pytest.fixture
def app(platform: Platform, app_name: str) -> str:
    """The guid of a staged app that is not started."""
    platform.push(app_name, "--no-start")
    guid = platform.api("GET", "/v3/apps", params={"names": app_name}).json()["resources"][0]["guid"]
    if platform.api("GET", f"/v3/apps/{guid}/droplets/current").status_code == 404:
        platform.zf("start", app_name)
        platform.zf("stop", app_name)
    return str(guid)


def test_tasks_of_a_stopped_app_and_a_sidecar_beside_a_started_one(platform: Platform, app_name: str, app: str) -> None:
    def create(**body: Any) -> str:
        answered = platform.api("POST", f"/v3/apps/{app}/tasks", json={"memory_in_mb": 64} | body)
        assert answered.status_code == 202, answered.text
        return str(answered.json()["guid"])

    def state(guid: str) -> tuple[str, str | None]:
        shown = platform.api("GET", f"/v3/tasks/{guid}").json()
        return shown["state"], shown["result"]["failure_reason"]

    good = create(name="greet", command='echo "hello from $(basename "$HOME"), ${PORT-no port}"')
    bad = create(name="bad", command="exit 3")
    long = create(name="long", command="sleep 600")
    eventually(lambda: state(good) == ("SUCCEEDED", None))
    eventually(lambda: state(bad) == ("FAILED", "APP/TASK/bad: Exited with status 3"))
    eventually(lambda: state(long) == ("RUNNING", None))
    assert platform.api("POST", f"/v3/tasks/{long}/actions/cancel").json()["state"] == "CANCELING"
    eventually(lambda: "hello from app, no port" in read_log(platform, app, "APP/TASK/greet"))
    eventually(lambda: state(long) == ("FAILED", "task was cancelled"))

    command = "PORT=$((PORT % 10000 + 50000)) exec python3 server.py"
    sidecar = {"name": "twin", "command": command, "process_types": ["web"], "memory_in_mb": 32}
    assert platform.api("POST", f"/v3/apps/{app}/sidecars", json=sidecar).status_code == 201
    platform.zf("start", app_name)
    told = eventually(
        lambda: [line for line in read_log(platform, app, "APP/PROC/WEB/SIDECAR/TWIN") if "listening" in line]
    )
    beside = platform.http.get(f"http://127.0.0.1:{told[-1].split()[-1]}/who").json()
    ours = eventually(lambda: platform.who(app_name))
    assert beside["guid"] == ours["guid"]
    assert beside["pid"] != ours["pid"]
