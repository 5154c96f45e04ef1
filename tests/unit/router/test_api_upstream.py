"""What ZF_API_UPSTREAM may say, and what Envoy is told then."""

import ssl
from pathlib import Path

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster

from router import api_routing
from router.api_upstream import Upstream, from_env
from tests.support.certificates import authority_pem

GATEWAY = "https://abc123.execute-api.eu-central-1.amazonaws.com/cf"


@pytest.fixture
def ca(tmp_path: Path) -> str:
    file = tmp_path / "ca.pem"
    file.write_bytes(authority_pem())
    return str(file)


def told(url: str, ca: str = "") -> Upstream:
    return from_env({"ZF_API_UPSTREAM": url, "ZF_API_CA": ca})


@pytest.mark.parametrize(
    ("url", "meant", "spelled"),
    [
        ("http://127.0.0.1:9000", Upstream("127.0.0.1", 9000), "http://127.0.0.1:9000"),
        ("http://10.0.0.1/", Upstream("10.0.0.1", 80), "http://10.0.0.1"),
        ("http://[::1]:9000", Upstream("::1", 9000), "http://[::1]:9000"),
    ],
)
def test_plain_http_is_an_address(url: str, meant: Upstream, spelled: str) -> None:
    assert told(url) == meant
    assert (meant.url, meant.context()) == (spelled, None)
    cluster = Cluster.FromString(api_routing.cluster(meant))
    assert (cluster.type, cluster.HasField("transport_socket")) == (Cluster.STATIC, False)
    assert len(api_routing.routes(meant)) == 1
    assert api_routing.filters(meant) == []


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "spelled"),
    [
        (GATEWAY, "abc123.execute-api.eu-central-1.amazonaws.com", 443, "/cf", GATEWAY),
        ("https://API.example.com:443/", "api.example.com", 443, "", "https://api.example.com"),
        ("https://localhost:8443/a/b/", "localhost", 8443, "/a/b", "https://localhost:8443/a/b"),
    ],
)
def test_https_is_a_name_with_a_port_and_a_path(
    ca: str, url: str, host: str, port: int, path: str, spelled: str
) -> None:
    meant = told(url, ca)
    assert meant == Upstream(host, port, path, ca)
    assert meant.url == spelled
    context = meant.context()
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert len(context.get_ca_certs()) == 1
    cluster = Cluster.FromString(api_routing.cluster(meant))
    assert cluster.type == Cluster.STRICT_DNS
    assert cluster.HasField("transport_socket")
    assert {route["route"]["prefix_rewrite"] for route in api_routing.routes(meant)} == {f"{path}/"}
    assert {route["route"]["host_rewrite_literal"] for route in api_routing.routes(meant)} == {meant.authority}


def test_without_authorities_of_its_own_the_systems_are_believed() -> None:
    assert len(Path(told(GATEWAY).ca_file).read_text().split("BEGIN CERTIFICATE")) > 50


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:80",
        "ftp://127.0.0.1",
        "http://",
        "http://a.example:80",
        "http://127.0.0.1/path",
        "http://127.0.0.1:x",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:0",
        "http://[::1",
        "https://",
        "https:///cf",
        "https://10.0.0.1/cf",
        "https://[::1]/cf",
        "https://-a.example/cf",
        "https://a..example/cf",
        f"https://{'a' * 64}.example",
        "https://a.example/cf?x=1",
        "https://a.example/cf#x",
        "https://a.example?",
        "https://a.example//cf",
        "https://a.example/a b",
        "https://a.example/%2F",
        "https://a.example/${stage}",
        " https://a.example",
        "https://a.example\n",
    ],
)
def test_nonsense_is_told_in_one_sentence(ca: str, url: str) -> None:
    with pytest.raises(ValueError, match=r"^ZF_API_UPSTREAM is .*; it must look like [^\n]*$"):
        told(url, ca)


def test_a_password_is_refused_and_not_repeated(ca: str) -> None:
    with pytest.raises(ValueError, match=r"ZF_API_UPSTREAM is 'https://a\.example'") as refused:
        told("https://me:secret@a.example", ca)
    assert "secret" not in str(refused.value)


def test_authorities_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("nonsense")
    for file in ("bad.pem", "none.pem", "."):
        with pytest.raises(ValueError, match="ZF_API_CA"):
            told(GATEWAY, str(tmp_path / file))
