"""Apps that die, that never come up, that eat too much."""

import os
import signal
from contextlib import suppress
from datetime import datetime
from itertools import pairwise

import httpx

from chalicelib.core.timers import LOCAL
from tests.support.platform import ROOT, Platform, eventually

ECHO = ROOT / "tests" / "apps" / "echo"


def set_up(platform: Platform, name: str, **variables: str) -> None:
    platform.zf("push", name, "-p", ECHO, "--no-start")
    for key, value in variables.items():
        platform.zf("set-env", name, key, value)


def states(platform: Platform, name: str) -> list[str]:
    return [instance["state"] for instance in platform.instances(name)]


def exits(platform: Platform, name: str) -> str:
    return platform.zf("events", name).stdout


def test_an_app_killed_with_sigkill_is_healed(platform: Platform, app_name: str) -> None:
    platform.push(app_name)
    before = platform.who(app_name)
    os.kill(before["pid"], signal.SIGKILL)
    eventually(lambda: platform.who(app_name)["guid"] != before["guid"], within_s=10)
    eventually(lambda: platform.running(app_name, 1))


def test_an_app_that_exits_0_has_crashed_and_is_healed(platform: Platform, app_name: str) -> None:
    platform.push(app_name)
    before = platform.who(app_name)
    with suppress(httpx.HTTPError):
        platform.get(app_name, "/crash?status=0")
    eventually(lambda: platform.who(app_name)["guid"] != before["guid"], within_s=10)
    eventually(lambda: "app.crash" in exits(platform, app_name))


def test_an_app_that_never_binds_its_port_is_crashed_with_a_reason(platform: Platform, app_name: str) -> None:
    set_up(platform, app_name, NEVER_BIND="1")
    done = platform.zf("push", app_name, "-p", ECHO, "-t", 2, check=False)
    assert done.returncode == 1
    assert platform.get(app_name).status_code in (404, 503)
    log = platform.zf("logs", app_name, "--recent").stdout
    assert "never binding" in log
    assert "CELL" in log


def crash_times(platform: Platform, name: str) -> list[float]:
    """Epoch seconds of its crashes, in order."""
    guid = platform.api("GET", "/v3/apps", params={"names": name}).json()["resources"][0]["guid"]
    query = {"target_guids": guid, "types": "app.crash", "order_by": "created_at"}
    events = platform.api("GET", "/v3/audit_events", params=query).json()["resources"]
    return [datetime.fromisoformat(event["created_at"]).timestamp() for event in events]


def test_an_app_that_crashes_at_once_is_backed_off_and_says_so(platform: Platform, app_name: str) -> None:
    set_up(platform, app_name, EXIT_AT_ONCE="1")
    platform.zf("push", app_name, "-p", ECHO, check=False)
    eventually(lambda: states(platform, app_name) == ["CRASHED"], within_s=20)
    free, delay_s = LOCAL.flapping_free_crashes, LOCAL.flapping_delay_s
    eventually(lambda: len(crash_times(platform, app_name)) >= free + 3, within_s=90)
    times = crash_times(platform, app_name)
    pauses = [later - earlier for earlier, later in pairwise(times)]
    # Events tell whole seconds.
    assert all(pause >= delay_s - 1 for pause in pauses[free:]), pauses
    assert pauses[free + 1] >= 2 * delay_s - 1, "each pause is twice the one before"
    assert states(platform, app_name) == ["CRASHED"], "while it waits, too"
    platform.zf("unset-env", app_name, "EXIT_AT_ONCE")
    platform.zf("restart", app_name)
    eventually(lambda: platform.running(app_name, 1), within_s=10)


def test_an_instance_over_its_memory_quota_is_ended_with_a_clear_line(platform: Platform, app_name: str) -> None:
    platform.push(app_name, "-m", "64M")
    before = platform.who(app_name)
    with suppress(httpx.HTTPError):
        platform.get(app_name, "/eat?mb=200", timeout=20)
    eventually(lambda: platform.who(app_name)["guid"] != before["guid"], within_s=20)
    assert "memory" in platform.zf("logs", app_name, "--recent").stdout.lower()


def test_an_instance_over_its_disk_quota_is_ended_with_a_clear_line(platform: Platform, app_name: str) -> None:
    platform.push(app_name, "-k", "64M")
    before = platform.who(app_name)
    with suppress(httpx.HTTPError):
        platform.get(app_name, "/fill?mb=100", timeout=20)
    eventually(lambda: platform.who(app_name)["guid"] != before["guid"], within_s=30)
    assert "disk" in platform.zf("logs", app_name, "--recent").stdout.lower()


def test_an_instance_restarted_by_its_user_is_replaced(platform: Platform, app_name: str) -> None:
    platform.push(app_name, "-i", 2)
    eventually(lambda: platform.running(app_name, 2))
    before = eventually(lambda: next((w for w in (platform.who(app_name) for _ in range(20)) if w["index"] == 1), None))
    platform.zf("restart-app-instance", app_name, 1)

    def replaced() -> bool:
        seen = [platform.who(app_name) for _ in range(10)]
        return any(w["index"] == 1 and w["guid"] != before["guid"] for w in seen)

    eventually(replaced)
