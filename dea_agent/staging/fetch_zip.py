"""Fetches a buildpack's zip, inside the sandbox: the agent itself never connects to where a user says.

Run as ``python3 -I -c <this file> <file> <most bytes> <address>``, the URL in ``BUILDPACK_URL``; standard library
only, for whatever Python 3 the host has. It connects to the address that was judged, and follows no redirect.
"""

import os
import socket
import ssl
import sys
from http.client import HTTPConnection, HTTPSConnection
from urllib.parse import SplitResult, urlsplit


def connection(parts: SplitResult, address: str) -> HTTPConnection:
    made = (HTTPSConnection if parts.scheme == "https" else HTTPConnection)(
        parts.hostname or "", parts.port, timeout=60
    )
    made.sock = socket.create_connection((address, made.port), 60)
    if parts.scheme == "https":
        made.sock = ssl.create_default_context().wrap_socket(made.sock, server_hostname=parts.hostname)
    return made


def main() -> None:
    target, most_bytes, address = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    parts = urlsplit(os.environ["BUILDPACK_URL"])
    http = connection(parts, address)
    http.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
    answer = http.getresponse()
    if 300 <= answer.status < 400:
        place = answer.headers.get("Location", "elsewhere").partition("?")[0]
        sys.exit(f"it has moved to {place}; redirects are not followed")
    if answer.status != 200:
        sys.exit(f"HTTP {answer.status}")
    size = 0
    with open(target, "wb") as file:
        while chunk := answer.read(256 * 1024):
            size += len(chunk)
            if size > most_bytes:
                sys.exit(f"it is larger than {most_bytes} bytes")
            file.write(chunk)


main()
