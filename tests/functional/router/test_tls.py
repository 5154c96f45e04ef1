"""TLS at a real Envoy."""

import os
import ssl
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from chalicelib.adapters.bus import Bus
from tests.functional.router.cloud import ControlPlane, Dea, Instance, Router, eventually, free_port
from tests.support.certificates import bundle, certificate_pem, key_pem, new_key
from tests.support.tls_clients import Http1, Http2, proxy_v2, says

WILD, SHOP = ["*.apps.example", "apps.example"], ["shop.example"]
APP = "one.apps.example"

#: What clients say when the server ends a handshake: that depends on how far it was.
CUT_OFF = r"(?i)ssl|tls|eof|reset|record|broken pipe"


class Secure:
    """A router with TLS, its certificates in a folder."""

    def __init__(self, plane: ControlPlane, bus: Bus, folder: Path, router_id: str, **environment: str) -> None:
        self.folder, self.tls_port = folder, free_port()
        self.put("wild", bundle(*WILD))
        self.put("shop", bundle(*SHOP))
        self.router = Router(
            plane,
            bus.prefix,
            router_id,
            ZF_DOMAIN="apps.example",
            ZF_TLS_LISTEN=f"127.0.0.1:{self.tls_port}",
            ZF_EXTERNAL_PORT=str(self.tls_port),
            ZF_CERTIFICATES=str(folder),
            ZF_CERTIFICATES_S="0.1",
            **environment,
        )

    def put(self, name: str, pem: bytes) -> None:
        scratch = self.folder / f".{name}"
        scratch.write_bytes(pem)
        os.replace(scratch, self.folder / f"{name}.pem")

    def hosts(self, sni: str) -> list[str]:
        with Http1(self.tls_port, sni) as client:
            return client.hosts()

    def serial(self, sni: str) -> int:
        with Http1(self.tls_port, sni) as client:
            return client.serial()

    def complaints(self) -> list[str]:
        return [line for line in (self.router.dir / "agent.log").read_text().splitlines() if "is not taken" in line]


@pytest.fixture(scope="module")
def secure(bus: Bus, plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    secure = Secure(plane, bus, tmp_path_factory.mktemp("tls"), "router-tls")
    try:
        secure.router.start()
        yield secure
    finally:
        secure.router.close()


@pytest.fixture
def app(secure: Secure, dea: Dea, instance: Instance, request: pytest.FixtureRequest) -> Iterator[Instance]:
    """Answers at APP and at the shop; gone afterwards, for the router is everybody's and would ask it first."""
    guid = f"g-{request.node.name}"
    dea.register(dea.endpoint(guid, instance.port, APP, "shop.example"))

    def body() -> str:
        with Http1(secure.tls_port, APP) as client:
            return client.get(APP)

    eventually(lambda: body().startswith("one GET"))
    yield instance
    dea.unregister(guid)
    eventually(lambda: "does not exist" in body())


def test_an_app_is_reached_by_http1_and_http2_and_hears_how(secure: Secure, app: Instance) -> None:
    with Http1(secure.tls_port, APP) as client:
        forged = ("X-Forwarded-Proto: http", "X-Forwarded-Port: 1", "X-Forwarded-For: 6.6.6.6")
        assert client.get(APP, "/a?b=c", *forged) == "one GET /a?b=c 0"
        assert (client.alpn, client.socket.version()) == ("http/1.1", "TLSv1.3")
    heard = app.requests[-1]
    assert (heard["x-forwarded-proto"], heard["x-forwarded-port"]) == ("https", str(secure.tls_port))
    assert heard["x-forwarded-for"] == "6.6.6.6,127.0.0.1"
    with Http2(secure.tls_port, APP) as client2:
        assert client2.alpn == "h2"
        assert [client2.get(APP, f"/{n}") for n in range(3)] == [f"one GET /{n} 0" for n in range(3)]
    assert app.requests[-1]["x-forwarded-proto"] == "https"


def test_versions_from_1_2_on_are_spoken(secure: Secure, app: Instance) -> None:
    with Http1(secure.tls_port, APP, most=ssl.TLSVersion.TLSv1_2) as client:
        assert client.socket.version() == "TLSv1.2"
        assert (client.socket.cipher() or ("",))[0].startswith("ECDHE-ECDSA-")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"), pytest.raises(OSError, match=r"(?i)version|alert"):
        Http1(secure.tls_port, APP, most=ssl.TLSVersion.TLSv1_1)


def test_the_name_that_is_asked_for_chooses_the_certificate(secure: Secure, app: Instance) -> None:
    assert secure.hosts(APP) == WILD
    assert secure.hosts("shop.example") == SHOP
    assert secure.hosts("unknown.example") == WILD
    assert secure.hosts("") == WILD
    with Http2(secure.tls_port, "shop.example") as client:
        assert client.get("shop.example") == "one GET / 0"


def test_certificates_are_renewed_added_and_taken_away_under_open_connections(secure: Secure, app: Instance) -> None:
    with Http1(secure.tls_port, APP) as first, Http2(secure.tls_port, APP) as second:
        before = secure.serial(APP)
        secure.put("wild", bundle(*WILD))
        eventually(lambda: secure.serial(APP) != before)
        secure.put("late", bundle("late.example"))
        eventually(lambda: secure.hosts("late.example") == ["late.example"])
        (secure.folder / "late.pem").unlink()
        eventually(lambda: secure.hosts("late.example") == WILD)
        assert (first.get(APP), second.get(APP)) == ("one GET / 0", "one GET / 0")
        assert first.serial() == second.serial() == before


def test_a_bad_certificate_is_told_of_once_and_changes_nothing(secure: Secure, app: Instance) -> None:
    def said(words: str) -> bool:
        return words in secure.complaints()[-1]

    before = secure.serial(APP)
    bad = {
        "the private key is not": certificate_pem(new_key(), *WILD) + key_pem(new_key()),
        "expired on": bundle(*WILD, starts_days=-9, ends_days=-1),
        "encrypted": certificate_pem(key := new_key(), *WILD) + key_pem(key, b"secret"),
        "no certificate in it": b"nonsense",
    }
    for words, pem in bad.items():
        secure.put("wild", pem)
        eventually(partial(said, words))
        assert "the one before it is kept" in secure.complaints()[-1]
        assert secure.serial(APP) == before
    assert len(secure.complaints()) == len(bad)
    assert secure.router.varz()["router"]["certificate_complaints"] == 1
    # An agent that begins with what is bad leaves the running Envoy as it is.
    secure.router.kill_agent()
    (secure.folder / "shop.pem").rename(secure.folder / "shop.away")
    secure.router.start()
    assert (secure.serial(APP), secure.hosts("shop.example")) == (before, SHOP)
    assert httpx.get(f"{secure.router.facts['http']}/healthz").status_code == 200
    (secure.folder / "shop.away").rename(secure.folder / "shop.pem")
    secure.put("wild", bundle(*WILD))
    eventually(lambda: secure.serial(APP) != before)


def test_plain_http_is_sent_to_https(secure: Secure, app: Instance) -> None:
    asked = len(app.requests)
    there = f"https://{APP}:{secure.tls_port}/a%20b?c=d"
    for host in (APP, f"{APP}:{secure.router.port}"):
        for method in ("GET", "POST"):
            answer = httpx.request(method, f"{secure.router.url}/a%20b?c=d", headers={"Host": host})
            assert (answer.status_code, answer.headers["location"]) == (308, there)
    assert len(app.requests) == asked


def test_garbage_and_forged_addresses_are_cut_off_and_others_are_served(secure: Secure, app: Instance) -> None:
    for garbage in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x00\x05hello" + b"\0" * 500, b"\xff" * 1000):
        assert b"HTTP" not in says(secure.tls_port, garbage)
    with pytest.raises(OSError, match=CUT_OFF):
        Http1(secure.tls_port, APP, before=proxy_v2("203.0.113.9"))
    with Http1(secure.tls_port, APP) as client:
        assert client.get(APP) == "one GET / 0"


def test_the_first_certificate_may_come_late_and_a_load_balancer_names_the_client(
    bus: Bus, plane: ControlPlane, dea: Dea, instance: Instance, tmp_path: Path
) -> None:
    secure = Secure(plane, bus, tmp_path, "router-nlb", ZF_PROXY_PROTOCOL="true", ZF_HTTPS_REDIRECT="none")
    try:
        (tmp_path / "wild.pem").unlink()
        (tmp_path / "shop.pem").write_text("nonsense")
        secure.router.start()
        dea.register(dea.endpoint("g2", instance.port, APP))
        health = f"{secure.router.facts['http']}/healthz"
        assert (httpx.get(health).status_code, "no certificate" in httpx.get(health).text) == (503, True)
        secure.put("wild", bundle(*WILD))

        def answers() -> bool:
            with Http1(secure.tls_port, APP, before=proxy_v2("203.0.113.9")) as client:
                return client.get(APP, "/", "X-Forwarded-For: 6.6.6.6").startswith("one GET")

        eventually(answers)
        assert httpx.get(health).status_code == 200
        assert instance.requests[-1]["x-forwarded-for"] == "6.6.6.6,203.0.113.9"
        assert instance.requests[-1]["x-forwarded-proto"] == "https"
        plain = f"GET / HTTP/1.1\r\nHost: {APP}\r\nConnection: close\r\n\r\n".encode()
        assert says(secure.router.port, proxy_v2("198.51.100.7") + plain).startswith(b"HTTP/1.1 200")
        heard = instance.requests[-1]
        assert (heard["x-forwarded-for"], heard["x-forwarded-proto"]) == ("198.51.100.7", "http")
        assert heard["x-forwarded-port"] == "80"
        asked = len(instance.requests)
        for opening in (b"", b"PROXY TCP4 6.6.6.6 10.0.0.1 4711 80\r\n"):
            assert b"200" not in says(secure.router.port, opening + plain)
        with pytest.raises(OSError, match=CUT_OFF):
            Http1(secure.tls_port, APP)
        assert len(instance.requests) == asked
    finally:
        secure.router.close()
