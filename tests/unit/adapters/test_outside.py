"""Connections to where a user says go to the address that was judged, and follow nothing."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from chalicelib.adapters.outside import open_connection, place_of, resolve
from chalicelib.core.addresses import AddressRefused, Allowed


class Redirecting(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", "http://169.254.169.254/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Redirecting)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_an_inner_address_is_refused(port: int) -> None:
    for host in ("127.0.0.1", "localhost", "a.localhost", "::1", "2130706433", "0x7f.1"):
        with pytest.raises(AddressRefused):
            resolve(host, port, Allowed())


def test_an_allowed_one_answers_and_its_redirect_is_not_followed(port: int) -> None:
    place = place_of(f"http://localhost:{port}/")
    connection = open_connection(place, resolve("localhost", port, Allowed.parse("localhost")), 5)
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Location")) == (302, "http://169.254.169.254/")
    connection.close()


@pytest.mark.parametrize("url", ["ftp://example.com", "example.com", "http://", "http://[", "http://a:99999/", ""])
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        place_of(url)
