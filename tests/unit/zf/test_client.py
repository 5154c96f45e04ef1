"""The client layer without a network: addresses, config file, tokens, log windows."""

import os
import stat
from pathlib import Path

import httpx
import pytest

from zf.client import config as configs
from zf.client.config import Config, Named
from zf.client.errors import ApiError, BadAnswerError, ConfigError, ZfError
from zf.client.http import api_url, is_local, raise_for
from zf.client.login import claims
from zf.client.logs import lines_of
from zf.client.models import App, Instance, read
from zf.client.pages import names


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("localhost:8080", "http://localhost:8080"),
        ("api.localhost:8080/", "http://api.localhost:8080"),
        ("127.0.0.1:80", "http://127.0.0.1:80"),
        ("api.example.com", "https://api.example.com"),
        (" http://api.example.com/v/ ", "http://api.example.com/v"),
    ],
)
def test_an_address_is_completed(typed: str, meant: str) -> None:
    assert api_url(typed) == meant


@pytest.mark.parametrize("typed", ["", "ftp://x", "http://", "http://x:99999", "http://x:y"])
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(ZfError, match="is not the address of an API"):
        api_url(typed)


def test_which_hosts_are_this_machine() -> None:
    assert all(map(is_local, ["localhost", "a.b.LOCALHOST", "127.0.0.1", "127.9.9.9", "::1", "localhost."]))
    assert not any(map(is_local, ["notlocalhost", "localhost.com", "10.0.0.1", ""]))


def test_a_config_survives_a_round_trip_in_a_private_file(tmp_path: Path) -> None:
    config = Config("http://a", "http://l", "http://c", "ada", "t", "r", Named("1", "lab"), Named("2", "dev"))
    configs.save(tmp_path / "home", config)
    assert configs.load(tmp_path / "home") == config
    assert stat.S_IMODE((tmp_path / "home" / "config.json").stat().st_mode) == 0o600


def test_no_config_is_an_empty_one(tmp_path: Path) -> None:
    assert configs.load(tmp_path) == Config()


@pytest.mark.parametrize("text", ["{", "[]", '{"org": {"x": 1}}', '{"org": 5}'])
def test_a_damaged_config_says_what_to_remove(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ConfigError) as raised:
        configs.load(tmp_path)
    assert "log in again" in raised.value.hint


def test_a_home_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="Cannot write"):
        configs.save(tmp_path / "file", Config())
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("token", ["", "a.b.c", "a", "a.bnVsbA.c", "ä.ö.ü"])
def test_a_token_that_is_no_jwt_claims_nothing(token: str) -> None:
    assert claims(token) == {}


def test_names_with_commas_and_percents_are_escaped_for_the_filter() -> None:
    assert names("a,b", "50%") == "a%2Cb,50%25"


@pytest.mark.parametrize("raw", [{}, [], None, {"guid": "g", "name": "n"}])
def test_a_resource_that_is_not_v3_is_no_traceback(raw: object) -> None:
    with pytest.raises(BadAnswerError):
        read(App.of, raw, "http://api")


def test_stats_of_an_instance_that_starts_have_no_usage() -> None:
    instance = read(Instance.of, {"index": 0, "state": "STARTING", "usage": {}, "uptime": None}, "http://api")
    assert (instance.mem, instance.uptime_s, instance.port) == (0, 0, None)


@pytest.mark.parametrize(
    "body",
    [{}, {"envelopes": None}, {"envelopes": {"batch": [{"log": {"payload": "%"}}]}}, {"envelopes": {"batch": [1]}}],
)
def test_a_log_that_is_none_is_no_traceback(body: dict[str, object]) -> None:
    with pytest.raises(BadAnswerError):
        list(lines_of(body))


@pytest.mark.parametrize(
    ("status", "said", "way"),
    [
        (422, "App with the name 'hello' already exists.", "Choose another name"),
        (422, "Organization name 'local' is already taken.", "Choose another name"),
        (422, "memory quota_exceeded", "zf org-quotas"),
        (422, "memory_in_mb exceeds organization memory quota", "zf org-quotas"),
        (422, "Routes quota exceeded for space 'dev'.", "zf org-quotas"),
        (422, "This quota is that of new organizations. It cannot be deleted.", "Correct it"),
        (422, "Instances must be less than or equal to 1000", "Correct it and run the command again"),
        (403, "You are not authorized to perform the requested action", "a manager of the org or space can grant one"),
        (403, "Feature Disabled: task_creation", "zf enable-feature-flag"),
        (403, "The organization is suspended", "An operator can lift that"),
        (503, "Service Unavailable", "Try again in a moment; if it stays, report request r-1"),
    ],
)
def test_a_refusal_says_what_to_do_about_it(status: int, said: str, way: str) -> None:
    errors = {"errors": [{"code": 10008, "title": "CF-UnprocessableEntity", "detail": said}]}
    response = httpx.Response(status, json=errors, headers={"x-vcap-request-id": "r-1"})
    with pytest.raises(ApiError) as raised:
        raise_for(response, "http://localhost")
    assert raised.value.message == said.rstrip(".")
    assert way in raised.value.hint
