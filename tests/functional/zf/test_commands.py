"""Every command but push: what it does to the cloud, what it says, and that --json is JSON and nothing else."""

import json
from pathlib import Path

import pytest

from zf.cli import COMMANDS

from .cloud import Cloud
from .conftest import Zf
from .real.runs import ELSEWHERE, RUNS


@pytest.fixture
def hello(logged_in: Zf, cloud: Cloud) -> Zf:
    """`zf` in a space with the running app hello."""
    cloud.state.add_running_app("hello", next(iter(cloud.state.spaces)))
    return logged_in


JSON_RUNS = {
    "api": ["api"],
    "login": ["login", "-u", "ada", "-p", "secret"],
    "logout": ["logout"],
    "target": ["target"],
    "orgs": ["orgs"],
    "spaces": ["spaces"],
    "create-org": ["create-org", "other"],
    "create-space": ["create-space", "other"],
    "push": ["push", "hello", "-p", "FOLDER"],
    "apps": ["apps"],
    "app": ["app", "hello"],
    "scale": ["scale", "hello", "-i", "2"],
    "start": ["start", "hello"],
    "stop": ["stop", "hello"],
    "restart": ["restart", "hello"],
    "restage": ["restage", "hello"],
    "restart-app-instance": ["restart-app-instance", "hello", "0"],
    "delete": ["delete", "hello", "-f", "-r"],
    "events": ["events", "hello"],
    "env": ["env", "hello"],
    "set-env": ["set-env", "hello", "A", "b"],
    "unset-env": ["unset-env", "hello", "A"],
    "routes": ["routes"],
    "map-route": ["map-route", "hello", "www.localhost"],
    "unmap-route": ["unmap-route", "hello", "hello.localhost"],
    "curl": ["curl", "/v3/apps"],
}


def test_every_command_has_its_json_run() -> None:
    """Here on a fake, in `real` on the API itself; logs has one object a line."""
    assert JSON_RUNS.keys() | RUNS.keys() | ELSEWHERE == COMMANDS.keys() - {"local", "admin", "cloud", "dea", "logs"}
    assert not JSON_RUNS.keys() & RUNS.keys()


@pytest.mark.parametrize("name", JSON_RUNS)
def test_json_is_all_that_stands_on_stdout(hello: Zf, folder: Path, name: str) -> None:
    hello("set-env", "hello", "A", "a")
    ran = hello(*(str(folder) if arg == "FOLDER" else arg for arg in JSON_RUNS[name]), "--json")
    assert ran.status == 0, ran.err
    assert ran.json is not None
    assert ran.err == ""


def test_apps_lists_state_instances_and_urls(hello: Zf, cloud: Cloud) -> None:
    out = hello("apps").out
    header, row = out.strip().splitlines()[-2:]
    assert header.split() == ["name", "state", "instances", "memory", "disk", "urls"]
    assert row.split() == ["hello", "started", "1/1", "256M", "1G", f"http://hello.localhost:{cloud.port}"]


def test_apps_of_an_empty_space_says_how_to_push(logged_in: Zf) -> None:
    assert "Push one: zf push NAME" in logged_in("apps").out


def test_lists_follow_every_page(logged_in: Zf, cloud: Cloud) -> None:
    space = next(iter(cloud.state.spaces))
    for number in range(25):
        cloud.state.add_app(f"app{number:02}", space)
    cloud.page_size = 10
    assert [one["name"] for one in logged_in("apps", "--json").json] == [f"app{number:02}" for number in range(25)]


def test_app_shows_each_instance(hello: Zf, cloud: Cloud) -> None:
    out = hello("app", "hello").out
    assert "running" in out
    assert "20 MB of 256 MB" in out
    stats = hello("app", "hello", "--json").json["processes"][0]["stats"]
    assert (stats[0]["host"], stats[0]["port"]) == ("127.0.0.1", 20000)


def test_an_unknown_app_is_status_1_with_near_names(hello: Zf) -> None:
    ran = hello("app", "helo")
    assert ran.status == 1
    assert ran.err == "Error: App 'helo' does not exist.\n  Did you mean hello?\n"
    assert hello("app", "helo", "--json").json["error"]["hint"] == "Did you mean hello?"


def test_names_with_commas_are_one_name(logged_in: Zf, cloud: Cloud) -> None:
    space = next(iter(cloud.state.spaces))
    cloud.state.add_app("a,b%", space)
    assert logged_in("app", "a,b%").status == 0


def test_scale_waits_for_the_new_instances(hello: Zf, cloud: Cloud) -> None:
    ran = hello("scale", "hello", "-i", "3")
    assert ran.status == 0, ran.err
    assert "3/3 running" in ran.out
    assert cloud.count("POST", ".*/actions/restart") == 0


def test_scaling_memory_restarts_only_when_told_so(hello: Zf, cloud: Cloud) -> None:
    ran = hello("scale", "hello", "-m", "512M")
    assert ran.status == 2
    assert "Answer beforehand: -f" in ran.err
    assert hello("scale", "hello", "-m", "0.5G", "-f").status == 0
    assert cloud.state.web_of(cloud.state.app_named("hello")["guid"])["memory_in_mb"] == 512
    assert cloud.count("POST", ".*/actions/restart") == 1


@pytest.mark.parametrize("size", ["lots", "-5M", "0M", "5"])
def test_a_size_that_is_none_is_wrong_usage(hello: Zf, size: str) -> None:
    assert hello("scale", "hello", f"--memory={size}", "-f").status == 2


def test_stop_and_start(hello: Zf, cloud: Cloud) -> None:
    hello("stop", "hello")
    assert cloud.state.app_named("hello")["state"] == "STOPPED"
    assert hello("start", "hello").status == 0
    assert cloud.state.app_named("hello")["state"] == "STARTED"
    assert cloud.count("POST", "/v3/builds") == 0


def test_start_stages_what_was_only_uploaded(logged_in: Zf, cloud: Cloud, folder: Path) -> None:
    logged_in("push", "hello", "-p", str(folder), "--no-start")
    ran = logged_in("start", "hello")
    assert ran.status == 0, ran.err
    assert cloud.count("POST", "/v3/builds") == 1


def test_start_of_an_app_without_files_says_push(logged_in: Zf, cloud: Cloud) -> None:
    cloud.state.add_app("bare", next(iter(cloud.state.spaces)))
    assert "zf push bare" in logged_in("start", "bare").err


def test_restart_that_crashes_is_status_1_with_the_last_words(hello: Zf, cloud: Cloud) -> None:
    cloud.state.starting = "crash"
    ran = hello("restart", "hello")
    assert ran.status == 1
    assert "Traceback: no such module" in ran.err


def test_restart_app_instance_names_a_missing_instance(hello: Zf) -> None:
    assert hello("restart-app-instance", "hello", "0").status == 0
    assert "has no instance 7" in hello("restart-app-instance", "hello", "7").err


def test_delete_asks_and_with_r_takes_only_its_own_routes(hello: Zf, cloud: Cloud) -> None:
    cloud.state.add_running_app("other", next(iter(cloud.state.spaces)))
    hello("map-route", "other", "shared.localhost")
    hello("map-route", "hello", "shared.localhost")
    assert hello("delete", "hello").status == 2
    assert hello("delete", "hello", "-f", "-r").status == 0
    assert sorted(route["url"] for route in cloud.state.routes.values()) == ["other.localhost", "shared.localhost"]


def test_delete_of_what_is_not_there_is_fine_only_when_forced(hello: Zf) -> None:
    assert hello("delete", "ghost").status == 1
    assert hello("delete", "ghost", "-f").status == 0


def test_env_set_and_unset(hello: Zf, cloud: Cloud) -> None:
    hello("set-env", "hello", "GREETING", "good morning")
    assert "GREETING=good morning" in hello("env", "hello").out
    hello("unset-env", "hello", "GREETING")
    assert cloud.state.app_named("hello")["env"] == {}
    assert "Variable 'GREETING' does not exist" in hello("unset-env", "hello", "GREETING").err


def test_a_variable_of_a_stopped_app_is_applied_by_a_start(hello: Zf) -> None:
    assert hello("set-env", "hello", "A", "b").out.endswith("Apply it: zf restart hello\n")
    hello("stop", "hello")
    assert hello("set-env", "hello", "A", "b").out.endswith("Apply it: zf start hello\n")
    assert hello("unset-env", "hello", "A").out.endswith("Apply it: zf start hello\n")


@pytest.mark.parametrize(
    ("args", "problem", "usage"),
    [
        (["app"], "Missing argument 'APP'", "zf app [OPTIONS] APP"),
        (["scale", "hello", "-i", "many"], "'many' is not a valid whole number", "zf scale [OPTIONS] APP"),
        (["app", "hello", "--tail"], "No such option", "zf app [OPTIONS] APP"),
        (["create-user", "ada", "s3cret", "s3cret"], "1 argument is too many", "zf create-user [OPTIONS] USERNAME"),
        (["app", "s3cret", "s3cret"], "1 argument is too many", "zf app [OPTIONS] APP"),
    ],
)
def test_a_wrong_command_line_is_one_sentence_and_the_usage(zf: Zf, args: list[str], problem: str, usage: str) -> None:
    ran = zf(*args)
    assert ran.status == 2
    first, second = ran.err.splitlines()
    assert first.startswith("Error: ")
    assert problem in first
    assert second.startswith(f"  Usage: {usage}")
    assert "s3cret" not in ran.err, "it may be a password"
    assert problem in zf(*args, "--json").json["error"]["message"]


def test_without_a_command_there_is_help(zf: Zf) -> None:
    assert "First steps: zf local up" in zf("--help").out
    ran = zf()
    assert ran.status == 2
    assert "Usage: zf" in ran.err


def test_scaling_a_process_type_that_is_not_there_says_which_are(hello: Zf) -> None:
    ran = hello("scale", "hello", "--process", "worker", "-i", "2")
    assert ran.err == "Error: hello has no process type worker.\n  See those it has: zf app hello\n"


def test_a_value_of_a_variable_is_not_repeated(hello: Zf) -> None:
    ran = hello("set-env", "hello", "PASSWORD", "very-secret")
    assert "very-secret" not in ran.out + ran.err


@pytest.mark.parametrize(
    ("args", "url"),
    [
        (["www.localhost"], "www.localhost"),
        (["localhost", "-n", "www"], "www.localhost"),
        (["localhost", "--hostname", "www", "--path", "/deep/er"], "www.localhost/deep/er"),
        (["http://www.localhost:8080/deep"], "www.localhost/deep"),
        (["localhost"], "localhost"),
    ],
)
def test_a_route_is_mapped_and_unmapped_however_it_is_written(
    hello: Zf, cloud: Cloud, args: list[str], url: str
) -> None:
    assert hello("map-route", "hello", *args).status == 0
    route = next(route for route in cloud.state.routes.values() if route["url"] == url)
    assert len(route["destinations"]) == 1
    assert hello("unmap-route", "hello", *args).status == 0
    assert route["destinations"] == []


def test_a_foreign_domain_is_refused_with_those_there_are(hello: Zf) -> None:
    ran = hello("map-route", "hello", "www.example.com")
    assert ran.status == 1
    assert "Its domains: localhost" in ran.err


def test_a_taken_route_is_told_in_the_apis_words(hello: Zf) -> None:
    ran = hello("map-route", "hello", "taken.localhost")
    assert ran.status == 1
    assert "Route already exists" in ran.err


def test_unmapping_a_route_that_is_not_mapped_names_near_ones(hello: Zf) -> None:
    ran = hello("unmap-route", "hello", "helo.localhost")
    assert ran.status == 1
    assert "Did you mean hello.localhost?" in ran.err


def test_events_newest_first(hello: Zf) -> None:
    hello("stop", "hello")
    assert hello("events", "hello", "--json").json[0]["type"] == "audit.app.stop"


def test_curl_prints_the_body_as_it_is_and_fails_only_when_asked(hello: Zf) -> None:
    assert json.loads(hello("curl", "/v3/apps").out)["resources"][0]["name"] == "hello"
    assert hello("curl", "/v3/nothing").status == 0
    assert hello("curl", "/v3/nothing", "--fail").status == 1
    assert hello("curl", "/v3/nothing", "--json").json["status"] == 404
    assert hello("curl", "https://evil.example/").status == 2


def test_curl_sends_data_as_json_by_post(logged_in: Zf, cloud: Cloud) -> None:
    Path("org.json").write_text('{"name": "curled"}')
    logged_in("curl", "/v3/organizations", "-d", "@org.json")
    assert "curled" in [org["name"] for org in cloud.state.orgs.values()]


def test_text_of_others_cannot_steer_the_terminal(logged_in: Zf, cloud: Cloud) -> None:
    cloud.state.add_app("evil\x1b]0;title\x07\x1b[2J", next(iter(cloud.state.spaces)))
    assert "\x1b" not in logged_in("apps").out
