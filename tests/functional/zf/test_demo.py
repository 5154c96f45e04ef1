"""The demo's steps against a router and a DEA of the test's own, an app process that really dies, and a `zf` script."""

import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from zf.client.errors import ZfError
from zf.console import Console
from zf.demo import Demo

SCRIPT = """
import json, sys
answers = {"local": %s, "app": %s}
print(json.dumps(answers.get(sys.argv[1], {})))
sys.exit(%d if sys.argv[1] == "push" else 0)
"""


class Host:
    """A router and a DEA in one: answers for the app while its process lives, and starts it again once."""

    def __init__(self) -> None:
        self.app = subprocess.Popen(["sleep", "60"])
        self.generation = 0
        self.heals = True
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def port(self) -> int:
        return self.server.server_address[1]

    def look(self) -> bool:
        if self.app.poll() is None:
            return True
        if self.heals:
            self.app, self.generation = subprocess.Popen(["sleep", "60"]), self.generation + 1
        return False

    def handler(self) -> type[BaseHTTPRequestHandler]:
        host = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: object) -> None:
                pass

            def do_GET(self) -> None:
                row = {"app_guid": "a", "instance_guid": f"i{host.generation}", "pid": host.app.pid}
                varz = self.path == "/varz"
                up = varz or (host.look() and self.headers["Host"] == f"python-flask.localhost:{host.port}")
                content = json.dumps({"running_apps": [row]}) if varz else "Hello\n" if up else "unknown route"
                self.send_response(200 if up else 503)
                self.end_headers()
                self.wfile.write(content.encode())

        return Handler

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.app.kill()
        self.app.wait()


@pytest.fixture
def host() -> Iterator[Host]:
    made = Host()
    yield made
    made.close()


def demo_with(host: Host, tmp_path: Path, push_status: int = 0) -> tuple[Demo, io.StringIO]:
    status = {"port": host.port, "components": [{"name": "dea-0", "http": f"http://127.0.0.1:{host.port}"}]}
    app = {"guid": "a", "urls": [f"http://python-flask.localhost:{host.port}"]}
    script = tmp_path / "zf.py"
    script.write_text(SCRIPT % (json.dumps(status), json.dumps(app), push_status))
    out = io.StringIO()
    return Demo(Console(out=out), [sys.executable, str(script)]), out


def test_the_demo_kills_the_app_and_shows_it_healed(host: Host, tmp_path: Path) -> None:
    killed = host.app.pid
    demo, out = demo_with(host, tmp_path)
    demo.run()
    assert host.generation == 1
    text = out.getvalue()
    assert f"$ kill -9 {killed}" in text
    assert f"instance i1 on dea-0, process {host.app.pid}" in text
    assert text.index("-- healed after") < text.index("All of it")


def test_a_push_that_fails_ends_the_demo_with_a_sentence(host: Host, tmp_path: Path) -> None:
    demo, _ = demo_with(host, tmp_path, push_status=1)
    with pytest.raises(ZfError, match="zf push -f ended with status 1"):
        demo.run()


def test_an_app_that_does_not_come_back_ends_the_demo(host: Host, tmp_path: Path) -> None:
    host.heals = False
    demo, _ = demo_with(host, tmp_path)
    demo.heal_s = 0.5
    with pytest.raises(ZfError, match=r"did not come back within 0\.5 s"):
        demo.run()
