"""Getting in and staying in: login, targets, tokens that end, APIs that do not answer."""

import json
import stat
from pathlib import Path

import pytest

from zf.client import config as configs
from zf.client.http import Http
from zf.client.login import Login

from .cloud import Cloud
from .cloud_state import token
from .conftest import Zf


def test_login_targets_the_only_org_and_space(zf: Zf, cloud: Cloud) -> None:
    answer = zf("login", "-a", cloud.url, "-u", "ada", "-p", "secret", "--json").json
    assert (answer["user"], answer["org"]["name"], answer["space"]["name"]) == ("ada", "lab", "dev")


def test_credentials_may_come_from_the_environment(zf: Zf, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZF_USERNAME", "ada")
    monkeypatch.setenv("ZF_PASSWORD", "secret")
    assert zf("login", "-a", cloud.url).status == 0


def test_without_a_terminal_nothing_is_asked(zf: Zf, cloud: Cloud) -> None:
    ran = zf("login", "-a", cloud.url, "-u", "ada")
    assert ran.status == 2
    assert "Password is missing" in ran.err


def test_a_wrong_address_is_told_before_a_password_is_asked_for(zf: Zf) -> None:
    assert "Cannot reach http://127.0.0.1:1" in zf("login", "-a", "http://127.0.0.1:1").err
    assert "'ftp://x' is not the address of an API" in zf("login", "-a", "ftp://x").err


def test_the_config_file_is_private_and_output_has_no_secret(zf: Zf, cloud: Cloud, home: Path) -> None:
    ran = zf("login", "-a", cloud.url, "-u", "ada", "-p", "secret")
    path = home / "config.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    stored = json.loads(path.read_text())
    for secret in (stored["access_token"], stored["refresh_token"], "secret"):
        assert secret not in ran.out + ran.err
    assert stored["access_token"] not in repr(configs.load(home))
    assert [file.name for file in home.iterdir()] == ["config.json"]


def test_wrong_credentials_are_told_without_the_password(zf: Zf, cloud: Cloud) -> None:
    ran = zf("login", "-a", cloud.url, "-u", "ada", "-p", "wrong-password")
    assert ran.status == 1
    assert "The credentials were rejected" in ran.err
    assert "wrong-password" not in ran.err


def test_a_command_before_login_says_how_to_log_in(zf: Zf, cloud: Cloud) -> None:
    ran = zf("apps")
    assert ran.status == 1
    assert ran.err == "Error: Not logged in.\n  Log in with: zf login -a URL, or start a cloud here: zf local up\n"
    zf("api", cloud.url)
    assert "Log in with: zf login\n" in zf("apps").err


def test_logout_forgets_the_tokens_and_keeps_the_api(logged_in: Zf, cloud: Cloud, home: Path) -> None:
    assert logged_in("logout").status == 0
    config = configs.load(home)
    assert (config.api, config.access_token, config.refresh_token, config.org) == (cloud.url, "", "", None)


def test_an_api_that_is_not_there_is_named_with_the_way_out(logged_in: Zf, cloud: Cloud) -> None:
    cloud.close()
    ran = logged_in("apps")
    assert ran.status == 1
    assert f"Cannot reach {cloud.url}: connection refused" in ran.err
    assert "zf local up" in ran.err


def test_a_web_server_that_is_no_cloud_is_refused(zf: Zf, cloud: Cloud) -> None:
    ran = zf("api", f"{cloud.url}/nowhere")
    assert ran.status == 1
    assert "does not answer like a Cloud Foundry API" in ran.err


def test_hosts_under_localhost_are_reached_with_their_host_header(zf: Zf, cloud: Cloud) -> None:
    ran = zf("login", "-a", f"api.localhost:{cloud.port}", "-u", "ada", "-p", "secret")
    assert ran.status == 0, ran.err
    assert cloud.hosts == {f"api.localhost:{cloud.port}"}


def test_a_token_that_the_api_no_longer_knows_is_renewed_and_the_request_repeated(
    logged_in: Zf, cloud: Cloud, home: Path
) -> None:
    before = configs.load(home).access_token
    cloud.state.tokens.clear()
    ran = logged_in("apps")
    assert ran.status == 0, ran.err
    assert configs.load(home).access_token not in ("", before)
    assert cloud.count("POST", "/oauth/token") == 1


def test_a_token_about_to_end_is_renewed_before_it_is_used(zf: Zf, cloud: Cloud) -> None:
    cloud.state.token_lifetime_s = 5
    zf("login", "-a", cloud.url, "-u", "ada", "-p", "secret")
    cloud.state.token_lifetime_s = 600
    cloud.requests.clear()
    assert zf("apps").status == 0
    assert cloud.requests[0] == ("POST", "/oauth/token")
    assert cloud.count("POST", "/oauth/token") == 1


def test_a_login_that_cannot_be_renewed_says_log_in_again(logged_in: Zf, cloud: Cloud) -> None:
    cloud.state.tokens.clear()
    cloud.state.refresh_tokens.clear()
    ran = logged_in("apps")
    assert ran.status == 1
    assert ran.err == "Error: The login has ended.\n  Log in with: zf login\n"


def test_a_token_that_another_zf_has_renewed_is_taken_from_the_file(logged_in: Zf, cloud: Cloud, home: Path) -> None:
    mine = Login(home, configs.load(home))
    http = Http(cloud.url, mine)
    cloud.state.tokens.clear()
    logged_in("apps")
    cloud.requests.clear()
    assert http.json("GET", "/v3/organizations")["resources"]
    assert cloud.count("POST", "/oauth/token") == 0


def test_clocks_that_differ_cost_one_renewal_not_one_per_request(home: Path, cloud: Cloud) -> None:
    cloud.state.refresh_tokens["r"] = "ada"
    config = configs.Config(cloud.url, cloud.url, cloud.url, "ada", token("ada", 600, -1), "r")
    http = Http(cloud.url, Login(home, config, now=lambda: 9e12))
    for _ in range(3):
        http.json("GET", "/v3/organizations")
    assert cloud.count("POST", "/oauth/token") == 1


def test_the_token_is_never_sent_to_another_host(logged_in: Zf, cloud: Cloud, home: Path) -> None:
    """A link of an answer may name any host; its path is asked of the API itself."""
    http = Http(cloud.url, Login(home, configs.load(home)))
    assert http.url("http://evil.example/v3/apps?page=2") == f"{cloud.url}/v3/apps?page=2"


def test_target_changes_and_names_near_misses(logged_in: Zf, cloud: Cloud) -> None:
    logged_in("create-space", "test")
    assert logged_in("target", "-s", "test", "--json").json["space"]["name"] == "test"
    ran = logged_in("target", "-s", "tset")
    assert ran.status == 1
    assert "Space 'tset' does not exist" in ran.err
    assert "Did you mean test?" in ran.err


def test_without_a_space_the_way_to_one_is_told(logged_in: Zf, cloud: Cloud) -> None:
    logged_in("create-org", "empty")
    logged_in("target", "-o", "empty")
    ran = logged_in("apps")
    assert ran.status == 1
    assert "No space of org empty is targeted" in ran.err
