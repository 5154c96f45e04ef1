"""The control plane killed between a write and its send: invariant 9, what was accepted is done, and once."""

import secrets
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import pytest

from infra.local import cloud
from tests.support.census import app_guid, processes, set_weather, settled
from tests.support.platform import ROOT, Platform, a_platform, eventually

PARTS = ("cc-api", "cc")


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    """Calm; its weather can be changed because it has some."""
    with a_platform(deas=2, ZF_WEATHER_DUPLICATES="0.01") as running:
        yield running


@pytest.fixture
def app_name(platform: Platform) -> Iterator[str]:
    name = f"outbox-{secrets.token_hex(4)}"
    yield name
    set_weather(platform)
    platform.zf("delete", name, "-f", "-r", check=False)
    eventually(lambda: not processes(name))


def owed(platform: Platform) -> list[dict[str, Any]]:
    """Messages that were promised in a transaction and are not known to be sent."""
    status = platform.status()
    dynamodb = cloud.client("dynamodb", status["aws_url"])
    return list(dynamodb.scan(TableName=f"{status['prefix']}-outbox", ConsistentRead=True)["Items"])


@contextmanager
def written_and_not_sent(platform: Platform, method: str, path: str, **asked: Any) -> Iterator[None]:
    """Within, the request's transaction stands, its messages could not be sent, and who was to send them is dead."""
    set_weather(platform, down=["sns", "sqs"])

    def ask() -> None:
        with suppress(httpx.HTTPError):  # the answer dies with the API
            platform.api(method, path, **asked)

    request = threading.Thread(target=ask, daemon=True)
    request.start()
    eventually(lambda: owed(platform), every_s=0.01)
    for part in PARTS:
        platform.signal(part, signal.SIGKILL)
    request.join(60)
    assert owed(platform)
    yield
    set_weather(platform)
    eventually(lambda: not owed(platform))


def test_invariant_9_a_scale_comes_true(platform: Platform, app_name: str) -> None:
    platform.push(app_name)
    before = settled(platform, app_name, 1)
    scale = f"/v3/processes/{app_guid(platform, app_name)}/actions/scale"
    with written_and_not_sent(platform, "POST", scale, json={"instances": 3}):
        assert [index for index, _, _ in processes(app_name)] == [0]
    assert before.items() <= settled(platform, app_name, 3).items()
    with written_and_not_sent(platform, "POST", scale, json={"instances": 1}):
        assert [index for index, _, _ in processes(app_name)] == [0, 1, 2]
    assert settled(platform, app_name, 1) == before


def test_invariant_9_a_start_comes_true(platform: Platform, app_name: str) -> None:
    platform.push(app_name)
    platform.zf("stop", app_name)
    eventually(lambda: not processes(app_name))
    with written_and_not_sent(platform, "POST", f"/v3/apps/{app_guid(platform, app_name)}/actions/start"):
        assert processes(app_name) == []
    settled(platform, app_name, 1)
    eventually(lambda: platform.who(app_name)["index"] == 0)


def test_invariant_9_a_build_comes_true_and_is_staged_once(platform: Platform, app_name: str) -> None:
    platform.zf("push", app_name, "-p", ROOT / "tests" / "apps" / "echo", "--no-start")
    guid = app_guid(platform, app_name)
    (package,) = platform.api("GET", f"/v3/apps/{guid}/packages").json()["resources"]
    with written_and_not_sent(platform, "POST", "/v3/builds", json={"package": {"guid": package["guid"]}}):
        pass

    def builds() -> list[dict[str, Any]]:
        return list(platform.api("GET", f"/v3/apps/{guid}/builds").json()["resources"])

    eventually(lambda: [build["state"] for build in builds()] == ["STAGED"], within_s=60)
    (droplet,) = platform.api("GET", f"/v3/apps/{guid}/droplets").json()["resources"]
    assert droplet["state"] == "STAGED"
