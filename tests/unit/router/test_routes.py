import pytest

from router.routes import allowed, normalise, split, system_hosts, wildcards_over


@pytest.mark.parametrize(
    ("route", "spelled"),
    [
        ("a.example.com", "a.example.com"),
        ("A.Example.COM/Path/", "a.example.com/Path"),
        ("a.example.com/", "a.example.com"),
        ("*.example.com", "*.example.com"),
        ("a_b.example.com/a%20b/~c", "a_b.example.com/a%20b/~c"),
        ("localhost", "localhost"),
    ],
)
def test_a_route_has_one_spelling(route: str, spelled: str) -> None:
    assert normalise(route) == spelled


@pytest.mark.parametrize(
    "route",
    [
        *["", "*", "/", "/path", "a b.c", "a..b", ".a", "a.", "a.*.b", "*a.b", "-a.b", "a.b:80", "a.b/c?d", "a.b/c#d"],
        *["a.b//c", "a.b/%zz", "ü.b", "a.b/ü", "a" * 64 + ".b", ".".join(["a" * 60] * 5), "a.b/" + "p" * 128, "a.b\n"],
    ],
)
def test_what_envoy_would_not_take_is_no_route(route: str) -> None:
    assert normalise(route) is None


def test_host_and_path_come_apart() -> None:
    assert split("a.b/c/d") == ("a.b", "/c/d")
    assert split("a.b") == ("a.b", "")


def test_the_nearest_wildcard_comes_first() -> None:
    assert wildcards_over("a.b.c") == ["*.b.c", "*.c"]
    assert wildcards_over("*.b.c") == ["*.c"]
    assert wildcards_over("localhost") == []


def test_the_platforms_hosts_are_not_given_away() -> None:
    system = system_hosts("example.com")
    routes = (
        "API.example.com",
        "api.example.com/x",
        "127.0.0.1",
        "localhost",
        "b.example.com",
        "B.example.com",
        "bad host",
    )
    assert allowed(routes, system) == ("b.example.com",)
