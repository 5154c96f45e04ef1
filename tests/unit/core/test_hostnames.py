"""Names of hosts, domains and paths: what is right, and the words for what is wrong."""

import pytest

from chalicelib.core.hostnames import ancestors, wrong_with_domain, wrong_with_host, wrong_with_path


@pytest.mark.parametrize("host", ["", "*", "shop", "SHOP", "my-shop", "my_shop", "9", "a--b", "x" * 63])
def test_right_hosts(host: str) -> None:
    assert wrong_with_host(host) is None


@pytest.mark.parametrize("host", ["-a", "a-", "a.b", "a b", "a/b", "**", "a*", "é", "a\n", "\0", "a:80", "x" * 64])
def test_wrong_hosts(host: str) -> None:
    assert (wrong_with_host(host) or "").startswith("Host ")


@pytest.mark.parametrize("path", ["", "/a", "/A/b/", "/a%20b", "/a.b", "/~me", "/a:b@c", "/" + "x" * 127])
def test_right_paths(path: str) -> None:
    assert wrong_with_path(path) is None


@pytest.mark.parametrize(
    "path", ["a", "/", "/a?b", "/a#b", "//a", "/a//b", "/.", "/a/../b", "/é", "/a%", "/a\n", " /a"]
)
def test_wrong_paths(path: str) -> None:
    assert (wrong_with_path(path) or "").startswith("Path ")


@pytest.mark.parametrize("name", ["a.b", "apps.example.com", "xn--bcher-kva.example", "1.example"])
def test_right_domains(name: str) -> None:
    assert wrong_with_domain(name) is None


@pytest.mark.parametrize(
    "name", ["", "a", ".", "a.", ".a", "a..b", "a_b.c", "-a.b", "a-.b", "é.b", "A.b", "1.2.3.4", "a.b\n"]
)
def test_wrong_domains(name: str) -> None:
    assert (wrong_with_domain(name) or "").startswith("Name ")


def test_a_domain_is_below_each_of_its_suffixes() -> None:
    assert ancestors("a.b.example") == ["b.example", "example"]
    assert ancestors("example") == []
