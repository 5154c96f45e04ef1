"""Connections to where a user says, by the rules of ``core/addresses``: resolved once, pinned, no redirects.

``open_connection`` gives an ``http.client`` connection, which follows no redirect by itself; the certificate is
checked against the name, the connection goes to the address that was judged.
"""

import socket
import ssl
import time
from collections.abc import Callable, Sequence
from http.client import HTTPConnection, HTTPSConnection
from urllib.parse import urlsplit

from chalicelib.core.addresses import AddressRefused, Allowed, chosen

PORTS = {"http": 80, "https": 443}

#: Host and port -> all its addresses, as text. Raises OSError or UnicodeError.
Lookup = Callable[[str, int], Sequence[str]]


def lookup(host: str, port: int) -> list[str]:
    """Blocks while the name is looked up."""
    if host == "localhost" or host.endswith(".localhost"):
        return ["127.0.0.1"]  # RFC 6761; not every resolver knows
    return [str(item[4][0]) for item in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def resolve(host: str, port: int, allowed: Allowed, lookup: Lookup = lookup) -> str:
    """The one address to connect to, as text. Raises AddressRefused."""
    return chosen(host, addresses(host, port, lookup), allowed)


def addresses(host: str, port: int, lookup: Lookup = lookup) -> Sequence[str]:
    """All that a name leads to, one at least. Raises AddressRefused."""
    try:
        found = lookup(host, port)
    except (OSError, UnicodeError):
        found = ()
    if not found:
        raise AddressRefused(f"{host} cannot be resolved")
    return found


def place_of(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of an http or https URL. Raises AddressRefused."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise AddressRefused("the URL is not valid") from None
    if parts.scheme not in PORTS or not host:
        raise AddressRefused("the URL must begin with https:// or http:// and name a host")
    return parts.scheme, host, port or PORTS[parts.scheme]


def open_connection(
    place: tuple[str, str, int], address: str, timeout_s: float, context: ssl.SSLContext | None = None
) -> HTTPConnection:
    """A connection to ``place`` (see ``place_of``) at ``address``, made at the first request.

    Making it takes ``timeout_s`` at most, TLS included; so does each wait for the peer afterwards.
    """
    scheme, host, port = place
    if scheme == "http":
        return _Plain(host, address, port, timeout_s)
    return _Secure(host, address, port, timeout_s, context or ssl.create_default_context())


class _Plain(HTTPConnection):
    def __init__(self, host: str, address: str, port: int, timeout_s: float) -> None:
        super().__init__(host, port, timeout=timeout_s)
        self._address = address

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, self.port), self.timeout)


class _Secure(HTTPSConnection):
    def __init__(self, host: str, address: str, port: int, timeout_s: float, context: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=timeout_s, context=context)
        self._address, self._tls, self._most_s = address, context, timeout_s

    def connect(self) -> None:
        began = time.monotonic()
        plain = socket.create_connection((self._address, self.port), self._most_s)
        try:
            # A handshake as a whole has the socket's timeout, however often the peer sends a byte of it.
            plain.settimeout(max(0.001, self._most_s - (time.monotonic() - began)))
            self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)
            self.sock.settimeout(self._most_s)
        except BaseException:
            plain.close()
            raise
