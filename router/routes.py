"""Route texts (``host[/path]``): what is a route, in one spelling, and which hosts are nobody's.

Envoy refuses its whole route configuration for one bad or doubled host, so nothing gets past this page that
it would not take.
"""

import re
from collections.abc import Iterable

#: RFC 1035: 253 octets in all, labels of 63. An underscore is what clients and Envoy bear, too.
MAX_HOST = 253
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")

#: Cloud Foundry's limit for a context path, and the characters of a path by RFC 3986 without query and fragment.
MAX_PATH = 128
_PATH = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+)*")


def normalise(route: str) -> str | None:
    """The one spelling of a route: host in lower case, path as it is, no slash at the end; None when it is none."""
    host, slash, path = route.partition("/")
    host, path = host.lower(), (slash + path).rstrip("/")
    fits = len(host) <= MAX_HOST and len(path) <= MAX_PATH
    return host + path if fits and _HOST.fullmatch(host) and _PATH.fullmatch(path) else None


def split(route: str) -> tuple[str, str]:
    """Host and path ("" or "/a/b") of a normalised route."""
    host, slash, path = route.partition("/")
    return host, slash + path


def wildcards_over(host: str) -> list[str]:
    """The wildcard hosts that cover ``host``, nearest first: a.b.c gives ``*.b.c``, ``*.c``."""
    labels = host.removeprefix("*.").split(".")
    start = 0 if host.startswith("*.") else 1
    covering = ["*." + ".".join(labels[i:]) for i in range(start, len(labels))]
    return [name for name in covering if name != host]


def system_hosts(domain: str) -> frozenset[str]:
    """Hosts on which the platform itself answers: refused in registrations, static in the router."""
    names = ("api", "login", "uaa", "log-cache", "logs")
    return frozenset({"127.0.0.1", "localhost", *(f"{name}.{domain}" for name in names)})


def allowed(routes: Iterable[str], system: frozenset[str]) -> tuple[str, ...]:
    """``routes`` normalised, sorted and without doubles, those left out that are malformed or the platform's."""
    spelled = {normalise(route) for route in routes}
    return tuple(sorted(route for route in spelled if route and split(route)[0] not in system))
