"""Deployments on the running platform: a new version beside the old one, while requests come the whole time."""

from typing import Any

from tests.support.platform import Platform, Traffic, eventually


def deploy(platform: Platform, name: str) -> dict[str, Any]:
    """A rolling deployment of what the app is now; the deployment once it has ended."""
    app = platform.json("app", name)["guid"]
    relationships = {"app": {"data": {"guid": app}}}
    made = platform.api("POST", "/v3/deployments", json={"relationships": relationships})
    assert made.status_code == 201, made.text
    path = f"/v3/deployments/{made.json()['guid']}"

    def ended() -> dict[str, Any] | None:
        deployment = dict(platform.api("GET", path).json())
        return deployment if deployment["status"]["value"] == "FINALIZED" else None

    found = eventually(ended)
    assert found is not None
    return found


def test_a_rolling_deployment_fails_no_request(platform: Platform, app_name: str) -> None:
    platform.push(app_name, "-i", 2)
    eventually(lambda: platform.running(app_name, 2))
    platform.zf("set-env", app_name, "MESSAGE", "new")
    with Traffic(platform, app_name) as traffic:
        assert deploy(platform, app_name)["status"]["reason"] == "DEPLOYED"
        eventually(lambda: all(platform.who(app_name)["message"] == "new" for _ in range(6)))
    assert traffic.failures == []
    assert traffic.sent > 20
    assert len(traffic.guids) >= 3, "old and new instances answered"
    assert platform.running(app_name, 2)


def test_a_version_that_crashes_at_once_is_taken_back_while_the_old_one_serves(
    platform: Platform, app_name: str
) -> None:
    platform.push(app_name)
    platform.zf("set-env", app_name, "EXIT_AT_ONCE", "3")
    with Traffic(platform, app_name) as traffic:
        status = deploy(platform, app_name)["status"]
    assert status["reason"] == "CANCELED"
    assert "crashed" in status["details"]["error"]
    assert traffic.failures == []
    assert len(traffic.guids) == 1, "the old instance alone, all the time"
    assert platform.running(app_name, 1)
