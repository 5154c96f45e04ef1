"""From a folder to an answer, and what people do with an app afterwards."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.support.platform import ROOT, Platform, eventually


def test_a_pushed_app_answers_through_the_router(platform: Platform, app_name: str) -> None:
    platform.push(app_name)
    assert platform.who(app_name)["index"] == 0


def test_flask_from_pypi_is_staged_and_answers(platform: Platform, app_name: str) -> None:
    platform.push(
        app_name, "-f", ROOT / "examples" / "python-flask" / "manifest.yml", folder=ROOT / "examples" / "python-flask"
    )
    eventually(lambda: platform.get(app_name).status_code == 200)


def test_an_app_is_scaled_and_requests_reach_every_instance(platform: Platform, app_name: str) -> None:
    platform.push(app_name)
    platform.zf("scale", app_name, "-i", 3)
    eventually(lambda: platform.running(app_name, 3))
    seen: set[int] = set()
    eventually(lambda: seen.add(platform.who(app_name)["index"]) or seen == {0, 1, 2})
    platform.zf("scale", app_name, "-i", 1)
    eventually(lambda: [instance["index"] for instance in platform.instances(app_name)] == [0])
    eventually(lambda: {platform.who(app_name)["index"] for _ in range(10)} == {0})


def test_instances_are_spread_over_the_deas(platform: Platform, app_name: str) -> None:
    platform.push(app_name, "-i", 4)
    eventually(lambda: platform.running(app_name, 4))
    guid = platform.json("app", app_name)["guid"]
    counts = [
        sum(1 for instance in platform.varz(name)["running_apps"] if instance["app_guid"] == guid)
        for name in platform.names("dea")
    ]
    # Not always two and two: whoever staged the app a moment ago has less promised than whoever still may have to.
    assert sum(counts) == 4
    # In bad weather bids come up to half a second apart, and one that misses the auction's window (30 ms here) loses.
    assert all(counts) or "ZF_TEST_WEATHER" in os.environ


def test_variables_reach_the_app_at_its_next_start_and_its_secrets_stay_out_of_logs(
    platform: Platform, app_name: str
) -> None:
    platform.push(app_name)
    platform.zf("set-env", app_name, "MESSAGE", "very-secret-value-7261")
    assert platform.who(app_name)["message"] == ""
    platform.zf("restart", app_name)
    eventually(lambda: platform.who(app_name)["message"] == "very-secret-value-7261")
    logs = platform.home.rglob("*.log*")
    assert [path for path in logs if b"very-secret-value-7261" in path.read_bytes()] == []
    for component in platform.status()["components"]:
        if component["http"]:
            assert "very-secret-value-7261" not in platform.http.get(f"{component['http']}/varz").text


def test_no_credentials_of_the_platform_reach_an_app(platform: Platform, app_name: str) -> None:
    platform.push(app_name)
    environment = platform.get(app_name, "/env").json()
    assert [name for name in environment if name.startswith(("AWS_", "ZF_"))] == []
    assert environment["VCAP_APPLICATION"]


def test_the_log_shows_staging_app_and_router_lines(platform: Platform, app_name: str) -> None:
    platform.push(app_name)
    platform.get(app_name, "/log?text=hello-log&lines=3")

    def lines() -> bool:
        text = platform.zf("logs", app_name, "--recent").stdout
        return all(part in text for part in ("STG", "hello-log 0", "hello-log 2", "RTR", "GET /log"))

    eventually(lines)


def test_a_one_file_change_is_pushed_again_by_uploading_little(
    platform: Platform, app_name: str, tmp_path: Path
) -> None:
    folder = tmp_path / "app"
    folder.mkdir()
    for file in (ROOT / "tests" / "apps" / "echo").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "large.bin").write_bytes(bytes(range(256)) * 4096)
    platform.push(app_name, folder=folder)
    (folder / "small.txt").write_text("changed")
    platform.push(app_name, folder=folder)
    eventually(lambda: platform.who(app_name))


def test_a_context_path_leads_to_its_own_app(platform: Platform, app_name: str) -> None:
    platform.push(app_name)
    other = f"{app_name}-other"
    platform.push(other, "--no-route")
    platform.zf("map-route", other, platform.apps_domain, "-n", app_name, "--path", "/deep")
    try:
        own = platform.who(app_name)["guid"]
        eventually(lambda: platform.get(app_name, "/deep/who").json()["guid"] != own)
        assert platform.get(app_name, "/deep/who").json()["path"] == "/deep/who"
        assert platform.get(app_name, "/deeper").json()["guid"] == own
    finally:
        platform.zf("delete", other, "-f", "-r")


def test_a_stopped_app_is_an_unknown_route_until_it_is_started(platform: Platform, app_name: str) -> None:
    platform.push(app_name)
    platform.zf("stop", app_name)
    eventually(lambda: platform.get(app_name).headers.get("x-cf-routererror") == "unknown_route")
    platform.zf("start", app_name)
    eventually(lambda: platform.who(app_name))


def test_unmapped_and_deleted_leave_nothing_behind(platform: Platform, app_name: str) -> None:
    platform.push(app_name)
    platform.zf("unmap-route", app_name, platform.apps_domain, "-n", app_name)
    eventually(lambda: platform.get(app_name).status_code == 404)
    platform.zf("delete", app_name, "-f", "-r")
    assert platform.zf("app", app_name, check=False).returncode == 1
    eventually(lambda: all(app_name not in str(platform.varz(name)["running_apps"]) for name in platform.names("dea")))


def test_what_cannot_be_staged_says_why(platform: Platform, app_name: str, tmp_path: Path) -> None:
    (tmp_path / "unknown.xyz").write_text("nothing that anybody detects")
    done = platform.zf("push", app_name, "-p", tmp_path, check=False)
    assert done.returncode == 1
    assert "NoAppDetectedError" in done.stdout + done.stderr


def test_an_app_that_crashes_at_once_ends_the_push_with_its_last_words(platform: Platform, app_name: str) -> None:
    folder = ROOT / "tests" / "apps" / "echo"
    platform.zf("push", app_name, "-p", folder, "--no-start")
    platform.zf("set-env", app_name, "EXIT_AT_ONCE", "3")
    done = platform.zf("push", app_name, "-p", folder, check=False)
    assert done.returncode == 1
    assert "exiting at once" in done.stdout + done.stderr


def test_the_request_that_caused_it_is_named_in_the_log_of_the_host_that_did_it(
    platform: Platform, app_name: str
) -> None:
    platform.push(app_name)
    asked = platform.api("POST", f"/v3/apps/{platform.json('app', app_name)['guid']}/actions/restart")
    trace = asked.headers["x-vcap-request-id"]
    logs = Path(platform.status()["logs_folder"])

    def starts() -> list[str]:
        lines = [line for log in logs.glob("dea-*") for line in log.read_text().splitlines() if trace in line]
        return [
            said for line in lines if (said := str(json.loads(line)["msg"])).startswith(f"starting {app_name}/web/0")
        ]

    eventually(lambda: len(starts()) == 1)


NEEDS_NODE = pytest.mark.skipif(shutil.which("npm") is None, reason="no Node.js here: apt-get install npm")


@pytest.mark.parametrize("example", [pytest.param("nodejs-express", marks=NEEDS_NODE), "static"])
def test_examples_run(platform: Platform, app_name: str, example: str) -> None:
    platform.zf("push", app_name, "-p", ROOT / "examples" / example, "-f", ROOT / "examples" / example / "manifest.yml")
    eventually(lambda: platform.get(app_name).status_code == 200)
