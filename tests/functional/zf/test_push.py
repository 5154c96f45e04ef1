"""`zf push` against a fake cloud over real sockets: the good way, and each way it can go wrong."""

import io
import json
import os
import stat
import zipfile
from pathlib import Path

import pytest

from .cloud import Cloud
from .conftest import Zf


def pushed_zip(cloud: Cloud, number: int = -1) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(cloud.state.zips[number]))


def test_a_first_push_uploads_stages_starts_and_says_where(logged_in: Zf, cloud: Cloud, folder: Path) -> None:
    ran = logged_in("push", "hello", "-p", str(folder))
    assert ran.status == 0, ran.err
    assert f"hello is up: http://hello.localhost:{cloud.port}" in ran.out
    assert "-----> Static files detected" in ran.out
    assert len(pushed_zip(cloud).namelist()) == 20
    assert cloud.state.app_named("hello")["state"] == "STARTED"
    assert "\x1b" not in ran.out
    assert "\r" not in ran.out


def test_json_of_a_push_is_all_that_stands_on_stdout(logged_in: Zf, cloud: Cloud, folder: Path) -> None:
    answer = logged_in("push", "hello", "-p", str(folder), "--json").json
    assert answer["app"] == "hello"
    assert answer["guid"] == cloud.state.app_named("hello")["guid"]
    assert answer["urls"] == [f"http://hello.localhost:{cloud.port}"]
    assert [one["state"] for one in answer["instances"]] == ["RUNNING"]
    assert {"manifest", "upload", "staging", "start", "total"} <= set(answer["timings"])


def test_each_staging_line_is_shown_once(logged_in: Zf, cloud: Cloud, folder: Path) -> None:
    cloud.state.staging_log = [f"step {number}" for number in range(8)]
    out = logged_in("push", "hello", "-p", str(folder)).out
    assert [line.strip() for line in out.splitlines() if "step" in line] == cloud.state.staging_log


def test_a_push_right_after_another_shows_only_its_own_staging_lines(logged_in: Zf, cloud: Cloud, folder: Path) -> None:
    logged_in("push", "hello", "-p", str(folder))
    cloud.state.staging_log = ["-----> second time"]
    out = logged_in("push", "hello", "-p", str(folder)).out
    assert [line.strip() for line in out.splitlines() if "----->" in line] == ["-----> second time"]


def test_small_files_are_sent_without_asking_whether_they_are_known(logged_in: Zf, cloud: Cloud, folder: Path) -> None:
    logged_in("push", "hello", "-p", str(folder))
    assert cloud.count("POST", "/v3/resource_matches") == 0


def test_a_large_file_that_is_known_is_not_sent_again(logged_in: Zf, cloud: Cloud, folder: Path) -> None:
    (folder / "large.bin").write_bytes(os.urandom(70_000))
    (folder / "large.bin").chmod(0o755)
    logged_in("push", "hello", "-p", str(folder))
    ran = logged_in("push", "hello", "-p", str(folder))
    assert ran.status == 0, ran.err
    assert "large.bin" in pushed_zip(cloud, 0).namelist()
    assert "large.bin" not in pushed_zip(cloud, 1).namelist()
    *_, package = cloud.state.packages.values()
    assert [(one["path"], one["mode"]) for one in package["resources"]] == [("large.bin", "755")]


def test_when_everything_is_known_only_the_list_is_sent(logged_in: Zf, cloud: Cloud, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "large.bin").write_bytes(os.urandom(70_000))
    for _ in range(2):
        assert logged_in("push", "hello", "-p", str(tmp_path / "one")).status == 0
    assert len(cloud.state.zips) == 1


def test_an_upload_that_breaks_off_is_tried_again(logged_in: Zf, cloud: Cloud, folder: Path) -> None:
    (folder / "large.bin").write_bytes(os.urandom(3_000_000))
    cloud.uploads_to_break = 2
    assert logged_in("push", "hello", "-p", str(folder)).status == 0
    assert cloud.count("POST", "/v3/packages/.*/upload") == 3
    assert pushed_zip(cloud).testzip() is None


def test_an_upload_that_keeps_breaking_off_changes_nothing_and_says_how_to_go_on(
    logged_in: Zf, cloud: Cloud, folder: Path
) -> None:
    (folder / "large.bin").write_bytes(os.urandom(3_000_000))
    cloud.uploads_to_break = 3
    ran = logged_in("push", "hello", "-p", str(folder))
    assert ran.status == 1
    assert "The upload broke off" in ran.err
    assert "run the same push again" in ran.err
    assert not cloud.state.builds
    assert cloud.state.app_named("hello")["state"] == "STOPPED"


def test_failed_staging_gives_the_platforms_words_and_the_last_lines(logged_in: Zf, cloud: Cloud, folder: Path) -> None:
    cloud.state.staging = "fail"
    ran = logged_in("push", "hello", "-p", str(folder))
    assert ran.status == 1
    assert "An app was not successfully detected by any available buildpack" in ran.err
    assert "zf logs hello --recent" in ran.err
    assert cloud.state.app_named("hello")["state"] == "STOPPED"


def test_a_failure_is_json_too(logged_in: Zf, cloud: Cloud, folder: Path) -> None:
    cloud.state.staging = "fail"
    ran = logged_in("push", "hello", "-p", str(folder), "--json")
    assert ran.status == 1
    assert ran.json["error"]["log"] == cloud.state.staging_log


def test_a_crashed_start_ends_the_push_with_the_apps_last_words(logged_in: Zf, cloud: Cloud, folder: Path) -> None:
    cloud.state.starting = "crash"
    ran = logged_in("push", "hello", "-p", str(folder))
    assert ran.status == 1
    assert "its instance crashed (exit status 1)" in ran.err
    assert "Traceback: no such module" in ran.err


def test_an_empty_folder_is_refused_before_anything_is_created(logged_in: Zf, cloud: Cloud, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ran = logged_in("push", "hello", "-p", str(tmp_path / "empty"))
    assert (ran.status, cloud.state.apps) == (1, {})
    assert "Nothing to push" in ran.err


def test_a_link_that_leads_outside_is_named_and_refused(logged_in: Zf, cloud: Cloud, folder: Path) -> None:
    (folder / "passwords").symlink_to("/etc/passwd")
    ran = logged_in("push", "hello", "-p", str(folder))
    assert (ran.status, cloud.state.apps) == (1, {})
    assert "passwords leads outside" in ran.err


def test_modes_links_and_empty_folders_arrive(logged_in: Zf, cloud: Cloud, folder: Path) -> None:
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "home.html").symlink_to("index.html")
    (folder / "tmp").mkdir()
    logged_in("push", "hello", "-p", str(folder))
    modes = {info.filename: info.external_attr >> 16 for info in pushed_zip(cloud).infolist()}
    assert stat.S_IMODE(modes["run.sh"]) == 0o755
    assert stat.S_ISLNK(modes["home.html"])
    assert pushed_zip(cloud).read("home.html") == b"index.html"
    assert stat.S_ISDIR(modes["tmp/"])


def test_a_zip_is_pushed_like_its_folder(logged_in: Zf, cloud: Cloud, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as archive:
        archive.writestr("index.html", "<h1>zip</h1>")
        archive.writestr("large.bin", os.urandom(70_000))
    for _ in range(2):
        assert logged_in("push", "hello", "-p", str(tmp_path / "app.zip")).status == 0
    assert pushed_zip(cloud, 0).namelist() == ["index.html", "large.bin"]
    assert pushed_zip(cloud, 1).namelist() == ["index.html"]


def test_what_the_api_finds_wrong_in_a_manifest_is_told_in_its_words(logged_in: Zf, cloud: Cloud, folder: Path) -> None:
    ran = logged_in("push", "hello", "-p", str(folder), "-m", "99999G")
    assert ran.status == 1
    assert "For application 'hello': memory must be less than or equal to 1 TB" in ran.err
    assert not cloud.state.apps


def test_warnings_of_the_api_are_passed_on_beside_the_output(logged_in: Zf, cloud: Cloud, folder: Path) -> None:
    cloud.state.warnings = [{"detail": "the key 'quantum' is not known and was ignored"}]
    ran = logged_in("push", "hello", "-p", str(folder), "--json")
    assert ran.json["app"] == "hello"
    assert ran.err == "Note: the key 'quantum' is not known and was ignored\n"


def test_several_apps_of_a_manifest_are_pushed_in_turn(logged_in: Zf, cloud: Cloud, folder: Path) -> None:
    Path("manifest.yml").write_text(
        "defaults: &defaults\n  memory: 64M\napplications:\n"
        + "".join(f"- name: {name}\n  <<: *defaults\n  path: {folder}\n" for name in ("one", "two"))
    )
    answer = logged_in("push", "--json").json
    assert [one["app"] for one in answer] == ["one", "two"]
    assert [one["memory"] for one in cloud.state.manifests[0]["applications"]] == ["64M", "64M"]
    assert cloud.count("POST", "/v3/spaces/.*/actions/apply_manifest") == 1


def test_app_names_used_twice_are_refused_with_both_lines(logged_in: Zf, cloud: Cloud) -> None:
    Path("manifest.yml").write_text("applications:\n- name: same\n- name: same\n")
    ran = logged_in("push")
    assert ran.status == 1
    assert "manifest.yml:3: the app name 'same' is used twice, first in line 2" in ran.err
    assert not cloud.requests


def test_flags_win_over_the_manifest(logged_in: Zf, cloud: Cloud, folder: Path) -> None:
    (folder / "manifest.yml").write_text("applications:\n- name: hello\n  memory: 64M\n  instances: 3\n")
    logged_in("push", "-f", str(folder), "-m", "128M", "-i", "2", "--route", "www.localhost")
    (sent,) = cloud.state.manifests[0]["applications"]
    assert (sent["memory"], sent["instances"], sent["routes"]) == ("128M", 2, [{"route": "www.localhost"}])
    assert "manifest.yml" not in pushed_zip(cloud).namelist()


def test_no_start_uploads_and_stops(logged_in: Zf, cloud: Cloud, folder: Path) -> None:
    logged_in("push", "hello", "-p", str(folder))
    ran = logged_in("push", "hello", "-p", str(folder), "--no-start")
    assert ran.status == 0, ran.err
    assert "zf start hello" in ran.out
    assert (cloud.state.app_named("hello")["state"], len(cloud.state.builds)) == ("STOPPED", 1)


def test_an_api_that_is_away_for_a_moment_does_not_end_a_push(logged_in: Zf, cloud: Cloud, folder: Path) -> None:
    (folder / "large.bin").write_bytes(os.urandom(70_000))
    cloud.away = 1
    ran = logged_in("push", "hello", "-p", str(folder))
    assert ran.status == 0, ran.err


def test_a_build_whose_answer_got_lost_is_found_again(logged_in: Zf, cloud: Cloud, folder: Path) -> None:
    cloud.lost_builds = 1
    ran = logged_in("push", "hello", "-p", str(folder))
    assert ran.status == 0, ran.err
    assert len(cloud.state.builds) == 1


def test_the_manifest_reaches_the_api_as_yaml_without_local_paths(logged_in: Zf, cloud: Cloud, folder: Path) -> None:
    logged_in("push", "hello", "-p", str(folder), "-c", "null", "-b", "default")
    (sent,) = cloud.state.manifests[0]["applications"]
    assert sent == {"name": "hello", "command": None, "buildpacks": [], "default-route": True}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["push"], "Give a name: zf push NAME -p FOLDER"),
        (["push", "hello", "-m", "much"], "it must be a size with a unit"),
        (["push", "hello", "--no-route", "--random-route"], "contradict each other"),
        (["push", "hello", "--route", "http://x"], "Leave out http://"),
        (["push", "hello", "--var", "a=b"], "there is no manifest to fill"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_status_2(logged_in: Zf, args: list[str], said: str) -> None:
    ran = logged_in(*args)
    assert ran.status == 2
    assert said in ran.err


def test_a_push_of_twenty_files_needs_few_requests(logged_in: Zf, cloud: Cloud, folder: Path) -> None:
    """Speed is round trips: manifest, job, app, package, upload, its state, build, logs, droplet, restart, stats."""
    cloud.state.polls_until_done = 0
    logged_in("push", "hello", "-p", str(folder))
    others = [one for one in cloud.requests if not one[1].startswith(("/v3/builds/", "/api/v1/"))]
    assert len(others) <= 13, json.dumps(others, indent=1)
