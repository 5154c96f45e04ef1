"""A static site behind nginx: what the Staticfile can say, and the end without a lost request."""

import base64
import hashlib
import http.client
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dea_agent.runtimes.base import LAUNCHER
from dea_agent.staging.sandbox import SYSTEM_PATH
from dea_agent.unpack import give
from tests.functional.staging.conftest import BUILDPACKS, UID_BASE, free_port

pytestmark = pytest.mark.skipif(
    not shutil.which("nginx", path=SYSTEM_PATH), reason="this host has no nginx (apt install nginx)"
)

USER = None if UID_BASE is None else UID_BASE + 500


class Site:
    def __init__(self, root: Path, staticfile: str) -> None:
        app, deps = root / "app", root / "deps"
        (deps / "0").mkdir(parents=True)
        (root / "tmp").mkdir()
        if staticfile:
            (app / "Staticfile").write_text(staticfile)
        argv = [str(BUILDPACKS / "staticfile" / "bin" / "finalize"), str(app), "cache", str(deps), "0", "profile.d"]
        made = subprocess.run(argv, env={"PATH": SYSTEM_PATH}, capture_output=True, text=True, check=True)
        assert "with nginx" in made.stdout
        self.port = free_port()
        command = 'exec bash "$DEPS_DIR/0/nginx/start-nginx" "$DEPS_DIR/0/nginx/nginx.conf"'
        assert command in (deps / "0" / "launch.yml").read_text().replace('\\"', '"')
        give(root, USER)
        user = {} if USER is None else {"user": USER, "group": USER, "extra_groups": []}
        env = {"PATH": SYSTEM_PATH, "HOME": str(app), "DEPS_DIR": str(deps), "TMPDIR": str(root / "tmp")}
        argv = ["/bin/bash", "-c", LAUNCHER, "launcher", command]
        env["PORT"] = str(self.port)
        self.process = subprocess.Popen(argv, cwd=app, env=env, **user)  # type: ignore[call-overload]
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except ConnectionError:
                assert self.process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.02)

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, str, http.client.HTTPMessage]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, body, answer.headers


@pytest.fixture
def folder(open_folder: Path) -> Path:
    (open_folder / "droplet").mkdir()
    return open_folder / "droplet"


@pytest.fixture
def site(folder: Path) -> Iterator[Callable[..., Site]]:
    app = folder / "app"
    (app / "sub").mkdir(parents=True)
    (app / "list").mkdir()
    (app / "index.html").write_text("home")
    (app / "sub" / "index.html").write_text("sub")
    (app / "list" / "one.txt").write_text("x")
    (app / ".hidden").write_text("secret")
    (app / "manifest.yml").write_text("secret")
    started: list[Site] = []

    def start(staticfile: str = "") -> Site:
        started.append(Site(folder, staticfile))
        return started[-1]

    yield start
    for one in started:
        one.process.send_signal(signal.SIGTERM)
        assert one.process.wait(10) == 0


def test_the_site_is_served_and_nothing_else(site: Callable[..., Site]) -> None:
    served = site("root: .\n")
    status, body, headers = served.ask("/")
    assert (status, body, headers["Content-Type"]) == (200, "home", "text/html; charset=utf-8")
    assert served.ask("/sub/")[1] == "sub"
    assert served.ask("/sub")[2]["Location"] == "/sub/"
    assert served.ask("/", If_None_Match=headers["ETag"])[0] == 304
    assert served.ask("/list/one.txt", Range="bytes=0-0")[0] == 206
    for path in ("/list/", "/none", "/.hidden", "/manifest.yml", "/Staticfile", "/../manifest.yml"):
        status, body, _ = served.ask(path)
        assert status in (400, 404), path
        assert "secret" not in body
    assert served.ask("/", "POST")[0] == 405


def test_the_switches_of_the_staticfile(site: Callable[..., Site]) -> None:
    served = site("directory: visible\npushstate: enabled\nforce_https: true\nhttp_strict_transport_security: true\n")
    assert served.ask("/deep/link")[:2] == (200, "home")
    assert served.ask("/missing.js")[0] == 404
    assert "one.txt" in served.ask("/list/")[1]
    status, _, headers = served.ask("/x", Host="site.example", X_Forwarded_Proto="http")
    assert (status, headers["Location"]) == (301, "https://site.example/x")
    assert served.ask("/")[2]["Strict-Transport-Security"] == "max-age=31536000"


def test_a_root_is_served_alone_with_its_own_page_for_what_is_missing(site: Callable[..., Site], folder: Path) -> None:
    (folder / "app" / "sub" / "404.html").write_text("own page")
    served = site("root: sub\n")
    assert served.ask("/")[:2] == (200, "sub")
    assert served.ask("/list/one.txt")[:2] == (404, "own page")


def test_a_site_with_passwords_is_open_to_who_knows_one(site: Callable[..., Site], folder: Path) -> None:
    secret = base64.b64encode(hashlib.sha1(b"hunter2", usedforsecurity=False).digest()).decode()
    (folder / "app" / "Staticfile.auth").write_text(f"me:{{SHA}}{secret}\n")
    served = site()
    assert served.ask("/")[0] == 401
    assert served.ask("/", Authorization="Basic " + base64.b64encode(b"me:wrong").decode())[0] == 401
    right = "Basic " + base64.b64encode(b"me:hunter2").decode()
    assert served.ask("/", Authorization=right)[:2] == (200, "home")
    assert served.ask("/Staticfile.auth", Authorization=right)[0] == 404


def test_a_request_under_way_ends_well_when_the_site_is_asked_to_stop(site: Callable[..., Site], folder: Path) -> None:
    size = 32 * 1024**2
    with (folder / "app" / "large.bin").open("wb") as file:
        file.truncate(size)
    served = site()
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as sock:
        sock.sendall(b"GET /large.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        got = len(sock.recv(65536))
        served.process.send_signal(signal.SIGTERM)
        while data := sock.recv(1024**2):
            got += len(data)
    assert got > size
    assert served.process.wait(10) == 0
