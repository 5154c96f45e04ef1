"""What every process of the local cloud offers beside its work: a health address, a ready file, JSON logs.

``/healthz`` says "ok", ``/varz`` is the component's own JSON, ``/metrics`` the numbers among it for Prometheus.
"""

import json
import logging
import os
import re
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any

from chalicelib.adapters import json_log

Varz = Callable[[], dict[str, Any]]
Post = Callable[[Any], None]

#: Longest document that is taken, bytes.
POST_MOST = 64 * 1024


def log_as_json(component: str, level: str = "INFO") -> None:
    """Send all logging of this process to stderr as JSON lines."""
    json_log.set_up(component, level)
    # A full house of long polls is no news.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)


def serve(varz: Varz, port: int = 0, posts: Mapping[str, Post] = MappingProxyType({})) -> str:
    """Serve the health address on loopback from a daemon thread; returns it. ``posts``: what takes a JSON document,
    by path."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers: dict[str, Callable[[], tuple[str, str]]] = {
                "/healthz": lambda: ("text/plain", "ok\n"),
                "/varz": lambda: ("application/json", json.dumps(varz())),
                "/metrics": lambda: ("text/plain; version=0.0.4", metrics_text(varz())),
            }
            found = answers.get(self.path.partition("?")[0])
            self._answer(200 if found else 404, *(found() if found else ("text/plain", "unknown path\n")))

        def do_POST(self) -> None:
            post = posts.get(self.path)
            length = self.headers.get("Content-Length", "")
            raw = self.rfile.read(min(int(length), POST_MOST) if length.isdecimal() else 0)
            # A page in a browser cannot send this type here without asking first.
            if post is None or self.headers.get_content_type() != "application/json":
                return self._answer(404, "text/plain", "unknown path\n")
            try:
                post(json.loads(raw))
            except ValueError as error:
                return self._answer(400, "text/plain", f"{error}\n")
            return self._answer(200, "text/plain", "ok\n")

        def _answer(self, status: int, kind: str, body: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: Any) -> None:
            """Health checks are not worth a line each."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="ops", daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def metrics_text(varz: Mapping[str, Any], prefix: str = "zf") -> str:
    """The numbers of ``varz`` in Prometheus' text format; nested objects join their names by underscores."""
    lines = []
    for key, value in varz.items():
        name = f"{prefix}_{re.sub(r'[^a-zA-Z0-9_]', '_', key)}"
        if isinstance(value, Mapping):
            lines.append(metrics_text(value, name))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            lines.append(f"{name} {value}\n")
    return "".join(lines)


def listen(port: int = 0) -> socket.socket:
    """A listening socket on loopback. Raises OSError when the port is taken."""
    return socket.create_server(("127.0.0.1", port), backlog=512)


def announce_ready(http: str, **more: Any) -> None:
    """Write ``$ZF_READY_FILE``, by rename so that a reader never sees half of it."""
    if path := os.environ.get("ZF_READY_FILE"):
        write_private(Path(path), json.dumps({"pid": os.getpid(), "http": http, **more}))


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, all of it or nothing."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def stopping() -> threading.Event:
    """An event that SIGTERM and SIGINT set."""
    event = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: event.set())
    return event
