"""An app's lines on their way to a syslog server: bound by the API, sent by a router, of every kind once."""

import socketserver
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.platform import Platform, eventually


class Syslog(socketserver.ThreadingTCPServer):
    """messages: as they came, without their octet counts."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Reader)
        self.messages: list[str] = []

    def of(self, source: str) -> list[str]:
        """The texts that came of a source: ``API/0``."""
        return [text for head, _, text in (m.partition(f" [{source}] ") for m in list(self.messages)) if text]


class _Reader(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Syslog)
        while size := self._size():
            self.server.messages.append(self.rfile.read(size).decode())

    def _size(self) -> int:
        digits = b""
        while (byte := self.rfile.read(1)).isdigit():
            digits += byte
        return int(digits or b"0")


@pytest.fixture
def syslog() -> Iterator[Syslog]:
    with Syslog() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_bound_drain_gets_the_lines_of_the_app_its_requests_and_the_control_plane_once(
    platform: Platform, app_name: str, syslog: Syslog
) -> None:
    platform.push(app_name)
    app = platform.api("GET", "/v3/apps", params={"names": app_name}).json()["resources"][0]
    space, port = app["relationships"]["space"], syslog.server_address[1]
    wanted = {
        "type": "user-provided",
        "name": f"{app_name}-drain",
        "syslog_drain_url": f"syslog://127.0.0.1:{port}",
        "relationships": {"space": space},
    }
    drain = _made(platform, "/v3/service_instances", wanted)["guid"]
    ends = {"app": {"data": {"guid": app["guid"]}}, "service_instance": {"data": {"guid": drain}}}
    binding = _made(platform, "/v3/service_credential_bindings", {"type": "app", "relationships": ends})["guid"]
    try:
        # An app that has been asked about had no drain; that is known for a moment.
        eventually(lambda: _says(platform, app_name, "is anybody there") and syslog.of("APP/PROC/WEB/0"))
        _says(platform, app_name, "heard-once")
        scaled = platform.api("POST", f"/v3/apps/{app['guid']}/processes/web/actions/scale", json={"memory_in_mb": 65})
        assert scaled.status_code == 202, scaled.text
        eventually(lambda: [text for text in syslog.of("APP/PROC/WEB/0") if "heard-once" in text])
        eventually(lambda: [text for text in syslog.of("RTR/0") if "text=heard-once" in text])
        (told,) = eventually(lambda: syslog.of("API/0"))
        assert told.endswith('] Scaling process: "web"\n')
        assert f'app_name="{app_name}"' in told
        _says(platform, app_name, "the-last")
        eventually(lambda: [text for text in syslog.messages if "the-last 0\n" in text])
        heard = [text for text in syslog.messages if "heard-once 0\n" in text or "heard-once&" in text]
        assert len(heard) == 2
        _gauges(platform, app["guid"])
    finally:
        platform.api("DELETE", f"/v3/service_credential_bindings/{binding}")
        platform.api("DELETE", f"/v3/service_instances/{drain}")


def _says(platform: Platform, app: str, text: str) -> bool:
    return platform.get(app, "/log", params={"text": text, "lines": 1}).status_code == 200


def _made(platform: Platform, path: str, body: object) -> dict[str, Any]:
    answer = platform.api("POST", path, json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def _gauges(platform: Platform, app: str) -> None:
    """What the app uses is in the log cache, as clients that watch it ask for it."""

    def newest() -> list[dict[str, Any]]:
        query = {"envelope_types": "GAUGE", "limit": 1, "descending": "true"}
        answered = platform.api("GET", f"/api/v1/read/{app}", params=query, headers={"Host": "log-cache.localhost"})
        return list(answered.json()["envelopes"]["batch"])

    (gauge,) = eventually(newest)
    metrics = gauge["gauge"]["metrics"]
    assert metrics["memory"]["value"] > 0
    assert set(metrics) == {"cpu", "memory", "disk", "memory_quota", "disk_quota", "log_rate"}
