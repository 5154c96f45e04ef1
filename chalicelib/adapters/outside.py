"""Connections to where a user says, by the rules of ``core/addresses``: resolved once, pinned, no redirects.

``open_connection`` gives an ``http.client`` connection, which follows no redirect by itself; the certificate is
checked against the name, the connection goes to the address that was judged.
"""

import socket
import ssl
from http.client import HTTPConnection, HTTPSConnection
from urllib.parse import urlsplit

from chalicelib.core.addresses import AddressRefused, Allowed, chosen

PORTS = {"http": 80, "https": 443}


def resolve(host: str, port: int, allowed: Allowed) -> str:
    """The one address to connect to, as text. Raises AddressRefused. Blocks while the name is looked up."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise AddressRefused(f"{host} cannot be resolved") from None
    return chosen(host, [str(item[4][0]) for item in found], allowed)


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
    url: str, allowed: Allowed, timeout_s: float, context: ssl.SSLContext | None = None
) -> HTTPConnection:
    """A connection to the host of ``url``, made at the first request. Raises AddressRefused."""
    scheme, host, port = place_of(url)
    address = resolve(host, port, allowed)
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
        self._address, self._tls = address, context

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), self.timeout)
        try:
            self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise
