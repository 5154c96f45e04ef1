"""The watcher of a host that AWS takes back: real sockets for the metadata and for the agent."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from dea_agent import leaving
from dea_agent.leaving import Config, Metadata


@dataclass
class Site:
    """One server for both. said: what the metadata answer by path. asked: all that was asked for, in order."""

    said: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""
    refusals: int = 0

    def answer(self, method: str, path: str, token: str | None) -> tuple[int, str]:
        self.asked.append(f"{method} {path}")
        if path == "/latest/api/token":
            return 200, "t0ken"
        if path.startswith("/latest/meta-data/"):
            if token != "t0ken":
                return 401, ""
            word = self.said.get(path.removeprefix("/latest/meta-data/"))
            return (404, "") if word is None else (200, word)
        if path == "/drain" and self.refusals:
            self.refusals -= 1
            return 403, ""
        return (202, "") if path == "/drain" else (200, "ok")


@contextmanager
def served(site: Site) -> Iterator[ThreadingHTTPServer]:
    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            status, body = site.answer(self.command, self.path, self.headers.get("X-aws-ec2-metadata-token"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_PUT = do_POST = _any

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    with served(site):
        yield site


def config(agent: str, patience_s: float = 100) -> Config:
    return Config("i-1", agent, "zf-dea", "drain", "us-east-1", "", patience_s)


class Clock:
    """A second for every look."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_machine_stays_until_its_group_ends_it(site: Site) -> None:
    site.said["autoscaling/target-lifecycle-state"] = "InService"
    looks = []

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        site.said["autoscaling/target-lifecycle-state"] = "Terminated" if len(looks) == 2 else "InService"

    assert leaving.wait_for_reason(Metadata(site.url), sleep) == "its group ends it"
    assert looks == [leaving.LOOK_S] * 2
    # Version 2 of the metadata: no word without a token.
    assert site.asked[0] == "PUT /latest/api/token"


def test_a_spot_instance_leaves_when_it_is_warned(site: Site) -> None:
    site.said["spot/instance-action"] = json.dumps({"action": "terminate", "time": "2026-11-24T12:00:00Z"})
    assert leaving.wait_for_reason(Metadata(site.url), lambda _: None) == "its spot instance is interrupted"


def test_metadata_that_do_not_answer_are_asked_again(site: Site) -> None:
    asked = []

    def sleep(seconds: float) -> None:
        asked.append(seconds)
        metadata._base = site.url
        site.said["autoscaling/target-lifecycle-state"] = "Terminated"

    metadata = Metadata("http://127.0.0.1:9")
    assert leaving.wait_for_reason(metadata, sleep)
    assert len(asked) == 1


def test_the_machine_is_let_go_when_its_agent_has_ended() -> None:
    site, clock = Site(refusals=1), Clock()
    with served(site) as agent:

        def sleep(seconds: float) -> None:
            clock.sleep(seconds)
            if clock.now == 3:  # refused, heard, seen once more
                agent.shutdown()
                agent.server_close()

        assert leaving.drain(config(site.url), clock, sleep)
    assert site.asked.count("POST /drain") == 2
    assert clock.now == 3


def test_an_agent_that_does_not_end_holds_the_machine_no_longer_than_its_patience(site: Site) -> None:
    clock = Clock()
    assert not leaving.drain(config(site.url, patience_s=5), clock, clock.sleep)
    assert clock.now == 5
    assert site.asked.count("POST /drain") == 1


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(ValueError, match="ZF_GROUP is not set"):
        leaving.from_env({"ZF_DEA_ID": "i-1", "ZF_HTTP_PORT": "9080"})
