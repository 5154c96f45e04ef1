"""A host that AWS does not run: the agent's credentials come from the API, and end when it says so."""

import json
import os
import stat
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import CredentialRetrievalError

from dea_agent import membership as module
from dea_agent.membership import Membership

REFUSED = {"errors": [{"code": 10003, "title": "CF-NotAuthorized", "detail": "Host lab-1 was revoked at noon"}]}


class Api:
    """Answers ``answer``; ``asked`` are the bodies that came."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer: tuple[int, dict[str, Any]] = 200, {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                status, document = outer.answer
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(document).encode())

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def gives(self, number: int, expires_in_s: float = 1800, now: float | None = None) -> None:
        keys = {"access_key": f"a{number}", "secret_key": f"hush{number}", "session_token": f"t{number}"}
        self.answer = (
            200,
            {
                "id": "lab-1",
                "secret": f"secret-{number}",
                "now": time.time() if now is None else now,
                "credentials": keys | {"expires_in_s": expires_in_s},
            },
        )


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    found = Api()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def path(api: Api, tmp_path: Path) -> Path:
    file = tmp_path / "membership.json"
    file.write_text(json.dumps({"url": api.url, "id": "lab-1", "secret": "secret-0", "env": {"ZF_PREFIX": "zf"}}))
    return file


def test_credentials_are_fetched_when_they_are_wanted_and_kept_while_they_are_good(api: Api, path: Path) -> None:
    credentials = Membership(path).credentials
    assert api.asked == []
    api.gives(1)
    for _ in range(3):
        frozen = credentials.get_frozen_credentials()
        assert (frozen.access_key, frozen.secret_key, frozen.token) == ("a1", "hush1", "t1")
    assert api.asked == [{"id": "lab-1", "secret": "secret-0"}]
    kept = json.loads(path.read_text())
    assert (kept["secret"], kept["env"]) == ("secret-1", {"ZF_PREFIX": "zf"})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_they_are_renewed_before_they_end_with_the_secret_that_came_last(api: Api, path: Path) -> None:
    credentials = Membership(path).credentials
    api.gives(1, expires_in_s=600)
    credentials.get_frozen_credentials()
    api.gives(2)
    assert credentials.get_frozen_credentials().access_key == "a2"
    assert [asked["secret"] for asked in api.asked] == ["secret-0", "secret-1"]


def test_an_api_that_is_away_costs_nothing_while_the_last_ones_are_good(api: Api, path: Path) -> None:
    credentials = Membership(path).credentials
    api.gives(1, expires_in_s=600)
    credentials.get_frozen_credentials()
    api.answer = 503, {}
    for _ in range(5):
        assert credentials.get_frozen_credentials().access_key == "a1"
    assert len(api.asked) == 2, "it is left alone for a while"


def test_without_any_the_bus_counts_as_away_and_the_api_is_asked_again(
    api: Api, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AGAIN_S", 0)
    credentials = Membership(path).credentials
    for answer in ((502, {}), (200, {}), (403, {"message": "Forbidden"}), (403, {"errors": [{"code": 1}]})):
        api.answer = answer
        with pytest.raises(CredentialRetrievalError):
            credentials.get_frozen_credentials()
    api.gives(1)
    assert credentials.get_frozen_credentials().access_key == "a1"


def test_who_is_let_go_asks_no_more_and_is_told_once(api: Api, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    membership, told = Membership(path), list[str]()
    membership.on_refused = lambda: told.append("go")
    api.answer = 403, REFUSED
    for _ in range(3):
        with pytest.raises(CredentialRetrievalError, match="was revoked at noon"):
            membership.credentials.get_frozen_credentials()
    assert (len(api.asked), told) == (1, ["go"])
    assert "the platform has let this host go" in caplog.text


def test_neither_secrets_nor_credentials_are_in_the_log(api: Api, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="dea_agent")
    api.gives(1, now=time.time() - 400)
    Membership(path).credentials.get_frozen_credentials()
    assert "this host's clock is 400 s fast" in caplog.text
    assert not any(secret in caplog.text for secret in ("secret-0", "secret-1", "hush1", "t1"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_secret_that_cannot_be_kept_is_not_used(api: Api, path: Path) -> None:
    path.parent.chmod(0o500)
    credentials = Membership(path).credentials
    api.gives(1, expires_in_s=600)
    credentials.get_frozen_credentials()
    api.gives(2)
    credentials.get_frozen_credentials()
    path.parent.chmod(0o700)
    assert [asked["secret"] for asked in api.asked] == ["secret-0", "secret-0"]
