"""The static server alone, over real sockets."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.functional.staging.conftest import BUILDPACKS, free_port

Get = Callable[..., http.client.HTTPResponse]
FINALIZE = BUILDPACKS / "staticfile" / "bin" / "finalize"


def finalized(app: Path, deps: Path) -> subprocess.CompletedProcess[str]:
    (deps / "0").mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, str(FINALIZE), str(app), "cache", str(deps), "0", "profile"]
    # Where there is no nginx, this server is the one.
    return subprocess.run(argv, capture_output=True, text=True, check=False, env={"PATH": "/nowhere"})


@pytest.fixture
def site(tmp_path: Path) -> Path:
    site = tmp_path / "app"
    (site / "sub").mkdir(parents=True)
    (site / "index.html").write_text("home")
    (site / "sub" / "index.html").write_text("sub")
    (site / "data.bin").write_bytes(bytes(range(256)) * 4096)
    (site / "empty").write_text("")
    (site / "ünï.txt").write_text("unicode")
    (site / ".hidden").write_text("secret")
    (site / "manifest.yml").write_text("secret")
    (tmp_path / "outside").write_text("secret")
    (site / "out").symlink_to(tmp_path / "outside")
    return site


class Served:
    def __init__(self, site: Path, staticfile: str) -> None:
        deps = site.parent / "deps"
        if staticfile:
            (site / "Staticfile").write_text(staticfile)
        made = finalized(site, deps)
        assert made.returncode == 0, made.stderr
        self.port = free_port()
        env = {"PATH": os.environ["PATH"], "HOME": str(site), "PORT": str(self.port)}
        argv = [sys.executable, str(deps / "0" / "server.py")]
        self.process = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        self.process.stdout.readline()

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer, body


@pytest.fixture
def serve(site: Path) -> Iterator[Callable[..., Served]]:
    started: list[Served] = []

    def start(staticfile: str = "") -> Served:
        started.append(Served(site, staticfile))
        return started[-1]

    yield start
    for served in started:
        served.process.kill()
        served.process.wait()


def test_files_are_served_with_type_length_and_validators(serve: Callable[..., Served]) -> None:
    served = serve()
    answer, body = served.ask("/")
    assert (answer.status, body) == (200, b"home")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert served.ask("/sub/")[1] == b"sub"
    assert served.ask("/%C3%BCn%C3%AF.txt")[1] == b"unicode"
    assert served.ask("/empty")[0].status == 200
    head, nothing = served.ask("/data.bin", "HEAD")
    assert (head.headers["Content-Length"], nothing) == (str(1024**2), b"")
    assert served.ask("/data.bin")[1] == bytes(range(256)) * 4096


def test_a_known_file_is_not_sent_again(serve: Callable[..., Served]) -> None:
    served = serve()
    tag, modified = (served.ask("/")[0].headers[name] for name in ("ETag", "Last-Modified"))
    assert served.ask("/", If_None_Match=f'"x", W/{tag}')[0].status == 304
    assert served.ask("/", If_None_Match='"x"')[0].status == 200
    assert served.ask("/", If_Modified_Since=modified)[0].status == 304
    for wrong in ("garbage", "Thu, 01 Jan 1970 00:00:00 GMT"):
        assert served.ask("/", If_Modified_Since=wrong)[0].status == 200


def test_a_changed_file_of_the_same_size_has_another_tag(serve: Callable[..., Served], site: Path) -> None:
    served = serve()
    before = served.ask("/")[0].headers["ETag"]
    (site / "index.html").write_text("HOME")
    os.utime(site / "index.html", (1, 1))
    assert served.ask("/")[0].headers["ETag"] != before


@pytest.mark.parametrize(
    ("asked", "status", "length"),
    [
        ("bytes=0-9", 206, 10),
        ("bytes=-5", 206, 5),
        ("bytes=1048570-", 206, 6),
        ("bytes=0-99999999", 206, 1024**2),
        ("bytes=1048576-", 416, 0),
        ("bytes=-0", 416, 0),
        ("bytes=9-1", 416, 0),
        ("bytes=0-1,3-4", 200, 1024**2),
        ("bytes=" + "9" * 5000 + "-", 200, 1024**2),
        ("lines=1-2", 200, 1024**2),
        ("bytes=-", 200, 1024**2),
    ],
)
def test_a_range_is_sent_alone(serve: Callable[..., Served], asked: str, status: int, length: int) -> None:
    answer, body = serve().ask("/data.bin", Range=asked)
    assert (answer.status, len(body)) == (status, length)


@pytest.mark.parametrize(
    "path",
    [
        "/none",
        "/../outside",
        "/%2e%2e/outside",
        "/sub/..%2f..%2foutside",
        "/out",
        "/.hidden",
        "/manifest.yml",
        "/Staticfile",
        "/a%00b",
        "/%ff%fe",
        "/" + "x" * 5000,
        "/index.html/",
        "http://other/none",
    ],
)
def test_what_is_not_of_the_site_is_not_found(serve: Callable[..., Served], path: str) -> None:
    answer, body = serve().ask(path)
    assert answer.status == 404
    assert b"secret" not in body


def test_a_folder_without_its_slash_is_redirected_within_the_site(serve: Callable[..., Served]) -> None:
    served = serve()
    assert served.ask("/sub?a=b")[0].headers["Location"] == "/sub/?a=b"
    answer, _ = served.ask("//sub")
    assert not answer.headers.get("Location", "").startswith("//")


def test_other_methods_are_refused_and_a_body_ends_the_connection(serve: Callable[..., Served]) -> None:
    served = serve()
    assert served.ask("/", "POST")[0].status == 405
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 24\r\n\r\nGET /sub/ HTTP/1.1\r\n\r\n\r\n")
        answers = b"".join(iter(lambda: sock.recv(4096), b""))
    assert answers.count(b"HTTP/1.1 200") == 1


def test_pushstate_answers_every_page_with_the_index(serve: Callable[..., Served]) -> None:
    served = serve("pushstate: enabled\n")
    assert served.ask("/deep/link")[1] == b"home"
    assert served.ask("/missing.js")[0].status == 404


def test_other_switches_of_the_staticfile(serve: Callable[..., Served], site: Path) -> None:
    (site / "list").mkdir()
    (site / "list" / "<a>").write_text("x")
    (site / "404.html").write_text("own page")
    served = serve("# comment\ndirectory: visible\nforce_https: true\n")
    assert b"&lt;a&gt;" in served.ask("/list/")[1]
    answer, body = served.ask("/none")
    assert (answer.status, body) == (404, b"own page")
    answer, _ = served.ask("/x", Host="site.example", X_Forwarded_Proto="http")
    assert (answer.status, answer.headers["Location"]) == (301, "https://site.example/x")


def test_a_root_is_served_alone(serve: Callable[..., Served]) -> None:
    served = serve("root: sub\n")
    assert served.ask("/")[1] == b"sub"
    assert served.ask("/data.bin")[0].status == 404


@pytest.mark.parametrize(
    ("staticfile", "reason"),
    [
        ("root: ../..\n", "not a folder of the app"),
        ("root: /etc\n", "not a folder of the app"),
        ("root: none\n", "not a folder of the app"),
        ("ssi: enabled\n", "not supported here: ssi"),
        ("location_include: x\n", "not known here"),
        ("nonsense\n", "not known here"),
    ],
)
def test_a_staticfile_that_asks_for_the_impossible_fails(site: Path, staticfile: str, reason: str) -> None:
    (site / "Staticfile").write_text(staticfile)
    made = finalized(site, site.parent / "deps")
    assert made.returncode != 0
    assert reason in made.stderr


def test_a_site_with_passwords_is_refused_rather_than_opened(site: Path) -> None:
    (site / "Staticfile.auth").write_text("user:hash")
    assert "Staticfile.auth" in finalized(site, site.parent / "deps").stderr


def test_it_stops_at_once_when_asked_though_connections_are_open(serve: Callable[..., Served]) -> None:
    served = serve()
    with socket.create_connection(("127.0.0.1", served.port)) as idle:
        idle.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(4096).startswith(b"HTTP/1.1 200")
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(60) == 0, "not when the connection has been silent for long enough"


def test_the_server_needs_only_what_lies_beside_it(site: Path, tmp_path: Path, serve: Callable[..., Served]) -> None:
    serve().process.kill()
    moved = shutil.move(tmp_path / "deps", tmp_path / "elsewhere")
    assert json.loads((Path(moved) / "0" / "static.json").read_text())["root"] == "."
