"""Logs by the log cache's protocol: recent, followed without doubles or losses, as text and as JSON."""

import json
import time
from collections.abc import Iterator

import pytest

from zf.client import config as configs
from zf.client.http import Http
from zf.client.login import Login
from zf.client.logs import LIMIT, Follower, Line, LogCache

from .cloud import Cloud
from .conftest import Zf

SECOND = 1_000_000_000


@pytest.fixture
def cache(logged_in: Zf, cloud: Cloud, home: object) -> Iterator[LogCache]:
    from pathlib import Path

    http = Http(cloud.url, Login(Path(str(home)), configs.load(Path(str(home)))))
    yield LogCache(http, cloud.url)
    http.close()


def texts(lines: list[Line]) -> list[str]:
    return [line.text for line in lines]


def test_recent_shows_the_oldest_first(logged_in: Zf, cloud: Cloud) -> None:
    app = cloud.state.add_app("hello", next(iter(cloud.state.spaces)))
    for number in range(3):
        cloud.state.say(app["guid"], f"line {number}\n", "APP/PROC/WEB", str(number))
    lines = logged_in("logs", "hello", "--recent").out.splitlines()
    assert [line.partition(" ")[2] for line in lines] == [f"[APP/PROC/WEB/{n}] OUT line {n}" for n in range(3)]


def test_json_of_a_log_is_an_object_a_line(logged_in: Zf, cloud: Cloud) -> None:
    app = cloud.state.add_app("hello", next(iter(cloud.state.spaces)))
    cloud.state.say(app["guid"], "ünï", "STG")
    (line,) = logged_in("logs", "hello", "--recent", "--json").out.splitlines()
    assert json.loads(line)["text"] == "ünï"


def test_a_followed_log_gives_each_line_once(cache: LogCache, cloud: Cloud) -> None:
    follower, seen = Follower(cache, "app", 0), []
    for number in range(10):
        cloud.state.say("app", f"line {number}", "STG")
        seen += texts(follower.new())
        seen += texts(follower.new())
    assert seen == [f"line {number}" for number in range(10)]


def test_a_line_that_comes_late_is_still_shown_once(cache: LogCache, cloud: Cloud) -> None:
    base = time.time_ns()
    follower = Follower(cache, "app", 0)
    cloud.state.say("app", "young", "APP", "0", base + SECOND)
    assert texts(follower.new()) == ["young"]
    cloud.state.say("app", "late", "APP", "1", base)
    assert texts(follower.new()) == ["late"]
    assert follower.new() == []


def test_lines_that_are_alike_are_all_shown(cache: LogCache, cloud: Cloud) -> None:
    follower = Follower(cache, "app", 0)
    for _ in range(2):
        cloud.state.say("app", "same", "APP", "0", 5 * SECOND)
    assert texts(follower.new()) == ["same", "same"]
    cloud.state.say("app", "same", "APP", "0", 5 * SECOND)
    assert texts(follower.new()) == ["same"]


def test_nothing_before_the_start_is_shown(cache: LogCache, cloud: Cloud) -> None:
    cloud.state.say("app", "old", "APP", "0", 100)
    cloud.state.say("app", "new", "APP", "0", 200)
    assert texts(Follower(cache, "app", 150).new()) == ["new"]


def test_a_burst_larger_than_an_answer_is_read_to_its_end(cache: LogCache, cloud: Cloud) -> None:
    follower, base = Follower(cache, "app", 0), time.time_ns()
    wanted = [f"line {number}" for number in range(2 * LIMIT + 5)]
    for number, text in enumerate(wanted):
        cloud.state.say("app", text, "APP", "0", base + number // 3)
    assert texts(follower.new()) == wanted
    assert follower.new() == []


def test_more_lines_of_one_instant_than_an_answer_holds_do_not_stop_it(cache: LogCache, cloud: Cloud) -> None:
    """Those beyond the limit cannot be asked for; what comes after them is."""
    for number in range(LIMIT + 10):
        cloud.state.say("app", f"line {number}", "APP", "0", SECOND)
    cloud.state.say("app", "after", "APP", "0", SECOND + 1)
    assert texts(Follower(cache, "app", SECOND).new())[-1] == "after"
