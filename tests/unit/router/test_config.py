from pathlib import Path

import pytest

from router.api_upstream import Upstream
from router.config import MAX_DIR, Address, Tls, from_env

NEEDED = {
    "ZF_ROUTER_ID": "router-0",
    "ZF_ROUTER_DIR": "/run/zf/r0",
    "ZF_API_UPSTREAM": "http://127.0.0.1:9000",
    "ZF_UPLOADER_SOCKET": "/run/zf/u.sock",
    "ZF_PREFIX": "zf",
}


def test_what_is_needed_is_enough() -> None:
    config = from_env(NEEDED)
    assert (config.listen, config.api) == (Address("127.0.0.1", 8080), Upstream("127.0.0.1", 9000))
    assert (config.api.url, config.dir) == ("http://127.0.0.1:9000", Path("/run/zf/r0"))
    assert config.ready_file is None
    assert config.sticky_cookies == ("JSESSIONID",)
    assert from_env(NEEDED | {"ZF_STICKY_COOKIES": "SID, x-y"}).sticky_cookies == ("SID", "x-y")
    assert from_env(NEEDED | {"ZF_STICKY_COOKIES": "none"}).sticky_cookies == ()


def test_tls_is_an_address_and_a_place_of_certificates() -> None:
    assert (from_env(NEEDED).tls, from_env(NEEDED).proxy_protocol) == (None, False)
    wanted = {"ZF_TLS_LISTEN": "0.0.0.0:8443", "ZF_CERTIFICATES": "/etc/tls", "ZF_PROXY_PROTOCOL": "true"}
    config = from_env(NEEDED | wanted)
    assert (config.tls, config.proxy_protocol) == (Tls(Address("0.0.0.0", 8443), "/etc/tls", 1, 308), True)
    others = {"ZF_CERTIFICATES": "ssm:/zf/tls", "ZF_HTTPS_REDIRECT": "none"}
    assert from_env(NEEDED | wanted | others).tls == Tls(Address("0.0.0.0", 8443), "ssm:/zf/tls", 300, 0)
    with pytest.raises(ValueError, match="ZF_CERTIFICATES is not set"):
        from_env(NEEDED | {"ZF_TLS_LISTEN": "0.0.0.0:8443"})
    nonsense = {
        "ZF_CERTIFICATES": "s3://bucket",
        "ZF_CERTIFICATES_S": "0",
        "ZF_HTTPS_REDIRECT": "302",
        "ZF_TLS_LISTEN": "8443",
        "ZF_PROXY_PROTOCOL": "v2",
    }
    for name, value in nonsense.items():
        with pytest.raises(ValueError, match=name):
            from_env(NEEDED | wanted | {name: value})


@pytest.mark.parametrize("name", NEEDED)
def test_what_is_missing_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        from_env({key: value for key, value in NEEDED.items() if key != name})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ZF_LISTEN", "8080"),
        ("ZF_LISTEN", "127.0.0.1:0"),
        ("ZF_LISTEN", "127.0.0.1:99999"),
        ("ZF_API_UPSTREAM", "http://a/path"),
        ("ZF_HTTP_PORT", "x"),
        ("ZF_ROUTER_DIR", "/" + "x" * MAX_DIR),
        ("ZF_PRUNE_S", "soon"),
        ("ZF_PROFILE", "home"),
        ("ZF_STICKY_COOKIES", 'A,"]=0'),
        ("ZF_STICKY_COOKIES", "A,,B"),
    ],
)
def test_nonsense_is_named(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        from_env(NEEDED | {name: value})
