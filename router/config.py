"""What a router is told by its environment, read once.

``ZF_ROUTER_ID``, ``ZF_HOST`` (address of this host for DEAs and other routers), ``ZF_ROUTER_DIR`` (sockets, table
and pid file; its path must be short, for Unix sockets carry at most 107 characters), ``ZF_LISTEN`` (Envoy's
address), ``ZF_API_UPSTREAM`` and ``ZF_API_CA`` (see router.api_upstream), ``ZF_UPLOADER_SOCKET``, ``ZF_DOMAIN``,
``ZF_EXTERNAL_PORT``,
``ZF_PREFIX``, ``ZF_ACCOUNT``, ``AWS_DEFAULT_REGION``, ``ZF_HTTP_PORT``, ``ZF_READY_FILE``, ``ZF_LOG_LEVEL``,
``ZF_ENVOY_CONCURRENCY`` (worker threads), ``ZF_ENVOY_HEAP_MB`` (beyond it requests are shed),
``ZF_ALLOWED_ADDRESSES`` (of log drains, see core.addresses), ``ZF_PLAIN_DRAINS`` (``true``: also without encryption),
``ZF_STICKY_COOKIES`` (names of session cookies, with commas between; ``none``: no sticky sessions) and the timers.

With ``ZF_TLS_LISTEN`` Envoy ends TLS there, ``ZF_EXTERNAL_PORT`` is the port that clients use for it, and
``ZF_LISTEN`` only sends clients to it. ``ZF_CERTIFICATES`` says where certificates are, as
chalicelib.adapters.certificates has it, looked at every ``ZF_CERTIFICATES_S`` seconds; ``ZF_HTTPS_REDIRECT`` is 308
(which keeps a POST one), 301, or ``none``, where plain HTTP is served as well.

``ZF_PROXY_PROTOCOL`` (``true``): a load balancer opens every connection with a header of the PROXY protocol, version
2, and no connection without one is served. Where it is not set such a header is refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from chalicelib.adapters.certificates import check_place
from chalicelib.core import addresses
from chalicelib.core.addresses import Allowed
from chalicelib.core.timers import Timers
from chalicelib.core.timers import from_env as timers_from_env
from router import api_upstream
from router.api_upstream import Upstream

#: sockaddr_un.sun_path is 108 bytes with its final zero; the longest name below the folder is log-cache.sock.
MAX_DIR = 107 - len("/log-cache.sock")


_COOKIE = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Tls:
    """place: where certificates are. look_s: how often they are looked at. redirect: the status that sends plain HTTP
    here, 0 for none."""

    listen: Address
    place: str
    look_s: float
    redirect: int


@dataclass(frozen=True, slots=True)
class Config:
    id: str
    host: str
    dir: Path
    listen: Address
    tls: Tls | None
    proxy_protocol: bool
    api: Upstream
    uploader_socket: Path
    domain: str
    external_port: int
    prefix: str
    account: str
    region: str
    http_port: int
    ready_file: Path | None
    log_level: str
    profile: str
    concurrency: int
    heap_mb: int
    allowed_addresses: Allowed
    plain_drains: bool
    sticky_cookies: tuple[str, ...]
    timers: Timers


def from_env(env: Mapping[str, str]) -> Config:
    """Raises ValueError, naming the variable, for what is missing or wrong."""

    def text(name: str, default: str | None = None) -> str:
        value = env.get(name) or default
        if value is None:
            raise ValueError(f"{name} is not set")
        return value

    def number(name: str, default: int) -> int:
        try:
            return int(env.get(name) or default)
        except ValueError:
            raise ValueError(f"{name} is {env[name]!r}; it must be a whole number") from None

    folder = Path(text("ZF_ROUTER_DIR")).absolute()
    if len(str(folder)) > MAX_DIR:
        raise ValueError(f"ZF_ROUTER_DIR is longer than {MAX_DIR} characters; sockets in it could not be opened")
    return Config(
        id=text("ZF_ROUTER_ID"),
        host=text("ZF_HOST", "127.0.0.1"),
        dir=folder,
        listen=_address("ZF_LISTEN", text("ZF_LISTEN", "127.0.0.1:8080")),
        tls=_tls(env) if env.get("ZF_TLS_LISTEN") else None,
        proxy_protocol=_truth("ZF_PROXY_PROTOCOL", text("ZF_PROXY_PROTOCOL", "false")),
        api=api_upstream.from_env(env),
        uploader_socket=Path(text("ZF_UPLOADER_SOCKET")).absolute(),
        domain=text("ZF_DOMAIN", "localhost"),
        external_port=number("ZF_EXTERNAL_PORT", 8080),
        prefix=text("ZF_PREFIX"),
        account=text("ZF_ACCOUNT", "123456789012"),
        region=text("AWS_DEFAULT_REGION", "us-east-1"),
        http_port=number("ZF_HTTP_PORT", 0),
        ready_file=Path(env["ZF_READY_FILE"]) if env.get("ZF_READY_FILE") else None,
        log_level=text("ZF_LOG_LEVEL", "INFO"),
        profile=text("ZF_PROFILE", "cloud"),
        concurrency=number("ZF_ENVOY_CONCURRENCY", 1),
        heap_mb=number("ZF_ENVOY_HEAP_MB", 2048),
        allowed_addresses=Allowed.parse(env.get(addresses.VARIABLE, "")),
        plain_drains=_truth("ZF_PLAIN_DRAINS", text("ZF_PLAIN_DRAINS", "false")),
        sticky_cookies=_cookies("ZF_STICKY_COOKIES", text("ZF_STICKY_COOKIES", "JSESSIONID")),
        timers=timers_from_env(env),
    )


#: How often certificates are looked at: files cost nothing; AWS asks 0.05 USD for 10,000 reads of a secret.
LOOK_S, LOOK_AT_AWS_S = 1, 300

REDIRECTS = {"308": 308, "301": 301, "none": 0}


def _tls(env: Mapping[str, str]) -> Tls:
    place, redirect = env.get("ZF_CERTIFICATES") or "", env.get("ZF_HTTPS_REDIRECT") or "308"
    if not place:
        raise ValueError("ZF_CERTIFICATES is not set; ZF_TLS_LISTEN needs certificates")
    try:
        check_place(place)
    except ValueError as error:
        raise ValueError(f"ZF_CERTIFICATES: {error}") from None
    if redirect not in REDIRECTS:
        raise ValueError(f"ZF_HTTPS_REDIRECT is {redirect!r}; it can be 308, 301 or none")
    look = env.get("ZF_CERTIFICATES_S") or str(LOOK_S if place.startswith("/") else LOOK_AT_AWS_S)
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]+)?", look) or not float(look):
        raise ValueError(f"ZF_CERTIFICATES_S is {look!r}; it must be a number of seconds above zero")
    return Tls(_address("ZF_TLS_LISTEN", env["ZF_TLS_LISTEN"]), place, float(look), REDIRECTS[redirect])


def _truth(name: str, text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f"{name} is {text!r}; it can be true or false")
    return text == "true"


def _cookies(name: str, text: str) -> tuple[str, ...]:
    """Names by RFC 6265; those characters among them that would end a string in a script are not taken."""
    names = () if text == "none" else tuple(part.strip() for part in text.split(","))
    if not all(_COOKIE.fullmatch(one) for one in names):
        raise ValueError(f"{name} is {text!r}; it must be names of cookies, with commas between, or none")
    return names


def _address(name: str, text: str) -> Address:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"{name} is {text!r}; it must look like 127.0.0.1:8080")
    return Address(host, int(port))
