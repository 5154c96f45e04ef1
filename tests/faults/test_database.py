"""DynamoDB down: callers are told so in time, apps serve on, nothing is half made, and all goes on by itself."""

import os
import signal
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.faults.test_bus import app_guid, faults, processes, set_weather, settled
from tests.support.platform import Platform, Traffic, a_platform, eventually

DOWN_S = 30
#: API Gateway gives up after this, seconds.
GATEWAY_S = 29
#: What one call of the database, with all its repetitions, may take at most, seconds.
LONGEST_S = 16


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    """In calm weather, which can be changed."""
    with a_platform(deas=2, routers=2, ZF_WEATHER_DUPLICATES="0") as running:
        yield running


def test_a_database_that_is_down_for_30_s_is_told_and_nothing_is_half_made(platform: Platform, app_name: str) -> None:
    victim, late = f"{app_name}-victim", f"{app_name}-late"
    platform.push(app_name, "-i", 2)
    platform.push(victim)
    quiet, killed = settled(platform, app_name, 2), settled(platform, victim, 1)
    guid, space = app_guid(platform, app_name), platform.api("GET", "/v3/spaces").json()["resources"][0]["guid"]
    body = {"name": late, "relationships": {"space": {"data": {"guid": space}}}}
    asked: list[tuple[str, str, object]] = [
        ("GET", "/v3/apps", None),
        ("POST", "/v3/apps", body),
        ("POST", f"/v3/processes/{guid}/actions/scale", {"instances": 3}),
    ]
    try:
        with Traffic(platform, app_name) as traffic:
            before = faults(platform).get("InternalServerError", 0)
            set_weather(platform, down=["dynamodb"])
            over = time.monotonic() + DOWN_S
            os.kill(processes(victim)[0][2], signal.SIGKILL)
            told: list[httpx.Response] = []
            while asked and time.monotonic() < over - LONGEST_S:
                method, path, sent = asked.pop(0)
                told.append(platform.api(method, path, json=sent))
            assert told
            for answer in told:
                (error,) = answer.json()["errors"]
                assert (answer.status_code, error["code"]) == (503, 10015), answer.text
                assert answer.elapsed.total_seconds() < GATEWAY_S
            time.sleep(max(0.0, over - time.monotonic()))  # the fault is its length
            assert faults(platform)["InternalServerError"] > before
            set_weather(platform)
            eventually(lambda: platform.api("GET", "/v3/apps").is_success)
            assert platform.api("GET", "/v3/apps", params={"names": late}).json()["resources"] == []
            assert platform.api("POST", "/v3/apps", json=body).status_code == 201
            assert settled(platform, victim, 1) != killed
            assert settled(platform, app_name, 2) == quiet
        assert traffic.failures == []
        platform.zf("scale", app_name, "-i", 3)
        assert quiet.items() <= settled(platform, app_name, 3).items()
    finally:
        set_weather(platform)
        for name in (victim, late):
            platform.zf("delete", name, "-f", "-r", check=False)
