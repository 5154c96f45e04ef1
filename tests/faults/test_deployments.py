"""Deployments while parts are killed under them: requests are answered, the end is good, nothing runs twice."""

from typing import Any

import pytest

from tests.faults.test_control_plane import back, kill, live
from tests.faults.test_hosts import dea_of
from tests.support.platform import Platform, Traffic, eventually


def begin(platform: Platform, name: str) -> str:
    """A rolling deployment of the app with another message; the path of the deployment."""
    platform.zf("set-env", name, "MESSAGE", "new")
    app = platform.json("app", name)["guid"]
    made = platform.api("POST", "/v3/deployments", json={"relationships": {"app": {"data": {"guid": app}}}})
    assert made.status_code == 201, made.text
    return f"/v3/deployments/{made.json()['guid']}"


def status(platform: Platform, path: str) -> dict[str, Any]:
    return dict(platform.api("GET", path).json()["status"])


def ended_well(platform: Platform, path: str, name: str, instances: int) -> None:
    """The new version alone is left, each of its places once."""
    eventually(lambda: status(platform, path)["reason"] == "DEPLOYED", within_s=90)
    eventually(lambda: live(platform, name) == [*range(instances)], within_s=60)
    eventually(lambda: platform.running(name, instances), within_s=30)
    eventually(lambda: all(platform.who(name)["message"] == "new" for _ in range(3 * instances)))
    assert live(platform, name) == [*range(instances)]


@pytest.mark.parametrize("parts", [("cc",), ("cc-api", "cc", "hm")], ids=["worker", "all"])
def test_the_control_plane_is_killed_again_and_again(platform: Platform, app_name: str, parts: tuple[str, ...]) -> None:
    platform.push(app_name, "-i", 2)
    eventually(lambda: platform.running(app_name, 2))
    path = begin(platform, app_name)
    with Traffic(platform, app_name) as traffic:
        for _ in range(3):
            kill(platform, *parts)
            eventually(lambda: back(platform))
        ended_well(platform, path, app_name, 2)
    assert traffic.failures == []
    assert traffic.sent > 20


def test_a_host_is_lost_on_the_way(platform: Platform, app_name: str) -> None:
    platform.push(app_name, "-i", 2)
    eventually(lambda: platform.running(app_name, 2))
    dea = dea_of(platform, app_name)
    path = begin(platform, app_name)
    with Traffic(platform, app_name) as traffic:
        with platform.without(dea):
            # Its instances go on serving, and nobody can tell them anything: they are replaced all the same.
            ended_on_the_other(platform, path, app_name, next(one for one in platform.names("dea") if one != dea))
        ended_well(platform, path, app_name, 2)
    assert traffic.failures == []


def ended_on_the_other(platform: Platform, path: str, name: str, other: str) -> None:
    """As far as one can see while the other host says nothing."""

    def places() -> list[int]:
        told = platform.varz(other)["running_apps"]
        return sorted(one["index"] for one in told if one["app_name"] == name and one["state"] == "RUNNING")

    eventually(lambda: status(platform, path)["value"] == "FINALIZED", within_s=90)
    eventually(lambda: places() == [0, 1], within_s=60)
