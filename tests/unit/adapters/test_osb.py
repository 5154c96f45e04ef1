"""Calls to brokers go where they may, follow nothing, and end in their time whatever the broker does."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from chalicelib.adapters.osb import Endpoint, send
from chalicelib.core.addresses import Allowed
from chalicelib.core.osb import Call

CATALOG = Call("GET", "/v2/catalog")
INSIDE = "169.254.169.254"
#: Longer than any call here may take, however slow the machine.
MUCH_TOO_LONG_S = 10.0

Conversation = Callable[[socket.socket], None]


@contextmanager
def listening(talk: Conversation) -> Iterator[int]:
    """A port where every connection is talked to in its turn; what a peer that is gone makes of it is no matter."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                peer, _ = server.accept()
                with peer, suppress(OSError):
                    talk(peer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(MUCH_TOO_LONG_S)


def dribbling(first: bytes) -> Conversation:
    """Says how it begins and then a byte every now and then, for as long as anybody listens."""

    def talk(peer: socket.socket) -> None:
        peer.recv(65536)
        peer.sendall(first)
        ends = time.monotonic() + 2 * MUCH_TOO_LONG_S
        while time.monotonic() < ends:
            peer.sendall(b" ")
            time.sleep(0.05)

    return talk


@pytest.mark.parametrize(
    ("scheme", "first", "was_sent"),
    [
        ("https", b"\x16\x03\x03\x40\x00", False),  # a record of a TLS handshake, 16 KiB long
        ("http", b"HTTP/1.1 200 OK\r\nX-Long: ", True),
        ("http", b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n{", True),
        ("http", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}", True),
    ],
)
def test_who_dribbles_is_cut_off_in_the_handshake_as_in_the_answer(scheme: str, first: bytes, was_sent: bool) -> None:
    with listening(dribbling(first)) as port:
        endpoint = Endpoint(f"{scheme}://broker.test:{port}", "u", "p", Allowed.parse("127.0.0.1"), timeout_s=0.5)
        began = time.monotonic()
        reply = send(endpoint, CATALOG, lambda host, port: ["127.0.0.1"])
        assert time.monotonic() - began < MUCH_TOO_LONG_S
    assert (reply.status, reply.sent) == (0, was_sent)
    assert ("timed out" in reply.problem) == was_sent
    gone = send(endpoint, CATALOG, lambda host, port: ["127.0.0.1"])
    assert (gone.status, gone.sent) == (0, False)


def test_the_time_that_a_name_takes_to_look_up_counts_too() -> None:
    def slow(host: str, port: int) -> list[str]:
        time.sleep(0.5)
        return ["127.0.0.1"]

    with listening(dribbling(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{")) as port:
        endpoint = Endpoint(f"http://broker.test:{port}", "u", "p", Allowed.parse("127.0.0.1"), timeout_s=0.2)
        assert send(endpoint, CATALOG, slow).status == 0


def test_names_below_the_domain_lead_to_the_routers_wherever_they_lead() -> None:
    asked: list[bytes] = []

    def answer(peer: socket.socket) -> None:
        asked.append(peer.recv(65536))
        peer.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n")

    names = {
        "api.apps.test": ["127.0.0.1"],
        "evil.apps.test": [INSIDE],
        "evil.test": [INSIDE],
        "own.apps.test": ["::1"],
    }

    def lookup(host: str, port: int) -> list[str]:
        return names[host]

    with listening(answer) as port:

        def ask(host: str, at: int = port, allowed: str = "") -> tuple[int, str]:
            own = ("apps.test", port, "api.apps.test")
            endpoint = Endpoint(f"http://{host}:{at}", "u", "p", Allowed.parse(allowed), own, timeout_s=5)
            reply = send(endpoint, CATALOG, lookup)
            return reply.status, reply.problem

        assert ask("evil.apps.test") == (302, ""), "a redirect is an answer, and nobody goes there"
        assert len(asked) == 1
        assert f"Host: evil.apps.test:{port}".encode() in asked[0]
        assert "not a public address" in ask("evil.test")[1]
        assert "not a public address" in ask("evil.apps.test", port - 1)[1]
        assert ask("own.apps.test", allowed="own.apps.test")[0] == 0, "the operator's word for a name counts as it is"
        assert len(asked) == 1
