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


def test_a_canary_serves_beside_the_old_version_until_it_is_continued(platform: Platform, app_name: str) -> None:
    platform.push(app_name, "-i", 2)
    eventually(lambda: platform.running(app_name, 2))
    platform.zf("set-env", app_name, "MESSAGE", "canary")
    with Traffic(platform, app_name) as traffic:
        waiting = platform.zf("restart", app_name, "--strategy", "canary")
        assert "continue-deployment" in waiting.stdout
        eventually(lambda: {platform.who(app_name)["message"] for _ in range(20)} == {"", "canary"})
        platform.zf("continue-deployment", app_name)
        eventually(lambda: {platform.who(app_name)["message"] for _ in range(20)} == {"canary"})
        platform.zf("set-env", app_name, "MESSAGE", "unwanted")
        platform.zf("restart", app_name, "--strategy", "canary")
        eventually(lambda: "unwanted" in {platform.who(app_name)["message"] for _ in range(20)})
        platform.zf("cancel-deployment", app_name)
        eventually(lambda: {platform.who(app_name)["message"] for _ in range(20)} == {"canary"})
    assert traffic.failures == []
    assert platform.running(app_name, 2)


def test_a_canary_grows_by_its_steps(platform: Platform, app_name: str) -> None:
    platform.push(app_name, "-i", 4, "-m", "64M")
    eventually(lambda: platform.running(app_name, 4))
    app = platform.json("app", app_name)["guid"]
    platform.zf("set-env", app_name, "MESSAGE", "canary")

    def served() -> tuple[int, int]:
        """Running instances of the old version and of the new one."""
        processes = platform.api("GET", f"/v3/apps/{app}/processes", params={"order_by": "created_at"}).json()
        counts = []
        for process in processes["resources"]:
            stats = platform.api("GET", f"/v3/processes/{process['guid']}/stats").json()["resources"]
            counts.append(sum(instance["state"] == "RUNNING" for instance in stats))
        return (counts[0], sum(counts[1:]))

    with Traffic(platform, app_name) as traffic:
        platform.zf("restart", app_name, "--strategy", "canary", "--instance-steps", "25,50")
        for step, counts in ((1, (4, 1)), (2, (3, 2))):
            (deployment,) = platform.api(
                "GET", "/v3/deployments", params={"app_guids": app, "status_values": "ACTIVE"}
            ).json()["resources"]
            assert deployment["status"]["reason"] == "PAUSED"
            assert deployment["status"]["canary"]["steps"] == {"current": step, "total": 2}
            eventually(lambda: served() == counts)  # noqa: B023 (read at once)
            platform.zf("continue-deployment", app_name)
        eventually(lambda: served() == (4, 0))
    assert traffic.failures == []


def test_a_version_that_never_gets_healthy_is_taken_back_and_the_command_fails(
    platform: Platform, app_name: str
) -> None:
    platform.push(app_name)
    app = platform.json("app", app_name)["guid"]
    check = {"health_check": {"type": "port", "data": {"timeout": 2}}}
    platform.api("PATCH", f"/v3/processes/{app}", json=check).raise_for_status()
    before = platform.who(app_name)["guid"]
    platform.zf("set-env", app_name, "NEVER_BIND", "1")
    with Traffic(platform, app_name) as traffic:
        failed = platform.zf("restart", app_name, "--strategy", "rolling", check=False)
    assert failed.returncode == 1
    assert "Traceback" not in failed.stderr
    assert traffic.failures == []
    assert traffic.guids == {before}, "the old instance alone, all the time"
    (deployment,) = platform.api("GET", "/v3/deployments", params={"app_guids": app}).json()["resources"]
    assert deployment["status"]["value"] == "FINALIZED"
    assert deployment["status"]["reason"] == "CANCELED"
