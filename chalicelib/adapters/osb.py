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
import threading
import time
from collections.abc import Iterator
from dataclasses import field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from chalicelib.adapters import outside
from chalicelib.adapters.clock import new_guid
from chalicelib.adapters.outside import Lookup
from chalicelib.contracts.frozen import frozen
from chalicelib.core import osb
from chalicelib.core.addresses import AddressRefused, Allowed
from chalicelib.core.osb import Call, Reply

log = logging.getLogger(__name__)

#: Largest answer, bytes: a catalog with schemas.
MAX_ANSWER = 2 * 1024 * 1024


@frozen
class Endpoint:
    """A broker.

    own: ``(domain, port, host)`` of the platform's routers, where brokers that are apps are reached: at the addresses
    of ``host``, a name that the operator alone gives away. What other names below the domain lead to counts for
    nothing; a broker there that is no app is reached if the operator's list names it.

    timeout_s: from the first look at its name to the last byte of its answer. api_url: told to brokers. trace: of the
    request that caused the call.
    """

    url: str
    username: str
    password: str = field(repr=False)
    allowed: Allowed
    own: tuple[str, int, str] = ("", 0, "")
    api_url: str = ""
    timeout_s: float = 60
    trace: str = ""


def send(endpoint: Endpoint, call: Call, lookup: Lookup = outside.lookup) -> Reply:
    """Never raises for what a broker, its name or the network does."""
    until = time.monotonic() + endpoint.timeout_s
    try:
        place = outside.place_of(endpoint.url)
        address = _address(place, endpoint, lookup)
    except AddressRefused as error:
        return Reply(problem=f"The service broker could not be reached: {error}", sent=False)
    _, host, port = place
    connection = outside.open_connection(place, address, max(0.001, until - time.monotonic()))
    with contextlib.closing(connection):
        try:
            connection.connect()
        except OSError as error:
            log.info("broker at %s cannot be reached: %s", host, error)
            return Reply(problem=f"The service broker could not be reached: {host}:{port}", sent=False)
        try:
            with _cut_off(connection.sock, until):
                return _exchange(connection, endpoint, call)
        except (OSError, http.client.HTTPException, ValueError) as error:
            log.info("broker at %s did not answer %s: %r", host, call.method, error)
            return Reply(problem=f"The request to the service broker failed or timed out: {host}:{port}")


def _address(place: tuple[str, str, int], endpoint: Endpoint, lookup: Lookup) -> str:
    """Raises AddressRefused."""
    _, host, port = place
    domain, own_port, routers = endpoint.own
    is_own = port == own_port and (host == domain or host.endswith(f".{domain}"))
    if is_own and not endpoint.allowed.names(host):
        return outside.addresses(routers, port, lookup)[0]
    return outside.resolve(host, port, endpoint.allowed, lookup)


@contextlib.contextmanager
def _cut_off(sock: socket.socket, until: float) -> Iterator[None]:
    """End what a peer drags out: who sends a byte now and then never runs into the socket's own timeout.

    until: of the monotonic clock. Raises TimeoutError when it was cut: what came by then is not the answer.
    """
    is_late = threading.Event()

    def cut() -> None:
        is_late.set()
        with contextlib.suppress(OSError):
            # Not TLS's own, which would have the reader take what is still encrypted for the answer.
            socket.socket.shutdown(sock, socket.SHUT_RDWR)

    watchdog = threading.Timer(max(0.0, until - time.monotonic()), cut)
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()
        if is_late.is_set():
            raise TimeoutError("it took too long")


def _exchange(connection: http.client.HTTPConnection, endpoint: Endpoint, call: Call) -> Reply:
    parts = urlsplit(endpoint.url)
    body = json.dumps(call.body).encode() if call.body is not None else None
    prefix = quote(parts.path.rstrip("/"), safe="/%")
    target = prefix + call.path + (f"?{urlencode(call.query)}" if call.query else "")
    connection.request(call.method, target, body, _headers(parts.netloc, endpoint, call))
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
