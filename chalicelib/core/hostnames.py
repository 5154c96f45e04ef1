"""Which names hosts, domains and paths of routes may have. Pure; every check answers with what is wrong, or None."""

import re

#: RFC 1035: letters, digits and inner hyphens, 63 of them; wholly numeric top levels would be addresses.
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")
HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?\Z")
#: RFC 3986: what a path may hold unescaped, and percent-escapes.
PATH = re.compile(r"/([A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})+\Z")

MAX_HOST, MAX_DOMAIN, MAX_PATH = 63, 253, 128

#: Hosts on system domains that are the platform's own: the router serves them whatever anybody registers.
SYSTEM_HOSTS = frozenset({"api", "login", "uaa", "logs", "log-cache"})

WILDCARD = "*"


def wrong_with_domain(name: str) -> str | None:
    """``name`` in lower case."""
    labels = name.split(".")
    if len(name) > MAX_DOMAIN:
        return f"Name is too long (maximum is {MAX_DOMAIN} characters)"
    if len(labels) < 2:
        return 'Name must contain at least one "."'
    if not all(LABEL.match(label) for label in labels) or labels[-1].isdigit():
        return "Name does not comply with RFC 1035 standards"
    return None


def wrong_with_host(host: str) -> str | None:
    """An empty host is right: it stands for the domain itself."""
    if len(host) > MAX_HOST:
        return f"Host cannot exceed {MAX_HOST} characters"
    if host and host != WILDCARD and not HOST.match(host):
        return 'Host must be either "*" or contain only alphanumeric characters, "_", or "-"'
    return None


def wrong_with_path(path: str) -> str | None:
    """An empty path is right: it stands for the whole host."""
    if not path:
        return None
    if len(path) > MAX_PATH:
        return f"Path cannot exceed {MAX_PATH} characters"
    if not path.startswith("/"):
        return "Path must start with a /"
    if path == "/":
        return "Path cannot be a single slash"
    if "?" in path:
        return "Path cannot contain ?"
    if not PATH.match(path) or "//" in path or {".", ".."} & set(path.split("/")):
        return "Path is invalid"
    return None


def ancestors(domain: str) -> list[str]:
    """``a.b.example`` is below ``b.example`` and ``example``."""
    labels = domain.split(".")
    return [".".join(labels[i:]) for i in range(1, len(labels))]
