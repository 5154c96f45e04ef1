"""Requests to service brokers: the only module that connects to where a user said.

The host's name is looked up once, all its addresses are judged (core.addresses), and the connection goes to one that
was judged. Redirects are answers like any other. An answer has a time and a size.
"""

import base64
import contextlib
import http.client
import json
import logging
import socket
import ssl
import threading
from dataclasses import field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from chalicelib.adapters.clock import new_guid
from chalicelib.contracts.frozen import frozen
from chalicelib.core import osb
from chalicelib.core.addresses import AddressRefused, Allowed, chosen
from chalicelib.core.osb import Call, Reply

log = logging.getLogger(__name__)

#: Largest answer, bytes: a catalog with schemas.
MAX_ANSWER = 2 * 1024 * 1024


@frozen
class Endpoint:
    """A broker. own: ``(domain, port)`` of the platform's routers, where brokers that are apps are reached.

    api_url: told to brokers. trace: of the request that caused the call.
    """

    url: str
    username: str
    password: str = field(repr=False)
    allowed: Allowed
    own: tuple[str, int] = ("", 0)
    api_url: str = ""
    timeout_s: float = 60
    trace: str = ""


def send(endpoint: Endpoint, call: Call) -> Reply:
    """Never raises for what a broker, its name or the network does."""
    parts = urlsplit(endpoint.url)
    try:
        host, port = parts.hostname or "", parts.port or {"https": 443}.get(parts.scheme, 80)
        address = _address(host, port, endpoint)
    except (AddressRefused, ValueError, OSError, UnicodeError) as error:
        return Reply(problem=f"The service broker could not be reached: {_reason(error)}", sent=False)
    connection: http.client.HTTPConnection = (
        _Tls(host, address, port, endpoint.timeout_s)
        if parts.scheme == "https"
        else http.client.HTTPConnection(address, port, timeout=endpoint.timeout_s)
    )
    with contextlib.closing(connection):
        try:
            connection.connect()
        except OSError as error:
            log.info("broker at %s cannot be reached: %s", host, error)
            return Reply(problem=f"The service broker could not be reached: {host}:{port}", sent=False)
        # A peer that sends a byte now and then would never run into the socket's own timeout.
        watchdog = threading.Timer(endpoint.timeout_s, _cut, [connection.sock])
        watchdog.start()
        try:
            return _exchange(connection, parts.netloc, parts.path.rstrip("/"), endpoint, call)
        except (OSError, http.client.HTTPException, ValueError) as error:
            log.info("broker at %s did not answer %s: %r", host, call.method, error)
            return Reply(problem=f"The request to the service broker failed or timed out: {host}:{port}")
        finally:
            watchdog.cancel()


def _address(host: str, port: int, endpoint: Endpoint) -> str:
    """Raises AddressRefused, OSError."""
    domain, own_port = endpoint.own
    is_own = port == own_port and (host == domain or host.endswith(f".{domain}"))
    if host == "localhost" or host.endswith(".localhost"):
        found = ["127.0.0.1"]  # RFC 6761; not every resolver knows
    else:
        found = [str(item[4][0]) for item in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if is_own and found:
        return found[0]
    return chosen(host, found, endpoint.allowed)


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, AddressRefused) else "its host name cannot be resolved"


def _cut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


class _Tls(http.client.HTTPSConnection):
    """TLS to an address, verified as the host that was meant."""

    def __init__(self, host: str, address: str, port: int, timeout_s: float) -> None:
        super().__init__(host, port, timeout=timeout_s, context=ssl.create_default_context())
        self._address = address

    def connect(self) -> None:
        raw = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = self._context.wrap_socket(raw, server_hostname=self.host)  # type: ignore[attr-defined]


def _exchange(
    connection: http.client.HTTPConnection, netloc: str, prefix: str, endpoint: Endpoint, call: Call
) -> Reply:
    body = json.dumps(call.body).encode() if call.body is not None else None
    target = quote(prefix, safe="/%") + call.path + (f"?{urlencode(call.query)}" if call.query else "")
    connection.request(call.method, target, body, _headers(netloc, endpoint, call))
    answer = connection.getresponse()
    raw = answer.read(MAX_ANSWER + 1)
    if len(raw) > MAX_ANSWER:
        return Reply(problem=f"The service broker's answer is larger than {MAX_ANSWER} bytes")
    return Reply(answer.status, _object(raw), retry_after_s=_seconds(answer.getheader("Retry-After")))


def _headers(netloc: str, endpoint: Endpoint, call: Call) -> dict[str, str]:
    secret = base64.b64encode(f"{endpoint.username}:{endpoint.password}".encode()).decode()
    headers = {
        "Host": netloc.rpartition("@")[2],
        "Accept": "application/json",
        "Authorization": f"Basic {secret}",
        "X-Broker-API-Version": osb.VERSION,
        "X-Broker-API-Request-Identity": new_guid(),
        "X-Api-Info-Location": f"{endpoint.api_url}/",
        "X-Vcap-Request-Id": endpoint.trace or new_guid(),
    }
    if call.body is not None:
        headers["Content-Type"] = "application/json"
    if call.identity:
        who = base64.b64encode(json.dumps({"user_id": call.identity}).encode()).decode()
        headers["X-Broker-API-Originating-Identity"] = f"cloudfoundry {who}"
    return headers


def _object(raw: bytes) -> dict[str, Any] | None:
    """A JSON object that can be stored, or None."""
    try:
        data = json.loads(raw.decode(), parse_constant=_no_constant)
        json.dumps(data, ensure_ascii=False).encode()  # half a character cannot be stored
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def _seconds(header: str | None) -> float | None:
    text = (header or "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < 8 else None
