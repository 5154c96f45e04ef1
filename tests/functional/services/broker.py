"""A service broker in this process: it keeps what it made, knows what it was asked, and misbehaves when told to."""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

USER, PASSWORD = "broker", "very-secret-broker-password"


def plan(name: str, **more: Any) -> dict[str, Any]:
    return {"id": f"{name}-id", "name": name, "description": f"plan {name}", **more}


def offering(name: str, *plans: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": f"{name}-id",
        "name": name,
        "description": f"offering {name}",
        "bindable": True,
        "plans": list(plans) or [plan(f"{name}-plan")],
        **more,
    }


@dataclass
class Asked:
    """One request that came."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]


#: (status, body, headers); the body may be bytes, for what is no JSON.
Answer = tuple[int, Any, dict[str, str]]


@dataclass
class Broker:
    """``slow``: verbs (provision, update, deprovision, bind, unbind) that go on until ``states`` says how they end.

    ``answers[verb]``: what to answer instead, in order; an answer may also be a function of the request.
    """

    services: list[dict[str, Any]]
    url: str = ""
    instances: dict[str, Any] = field(default_factory=dict)
    bindings: dict[str, Any] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    slow: set[str] = field(default_factory=set)
    states: list[Any] = field(default_factory=list)
    answers: dict[str, list[Any]] = field(default_factory=dict)

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        expected = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if asked.headers.get("authorization") != f"Basic {expected}":
            return 401, {"description": "who are you?"}, {}
        verb = self._verb(asked)
        if self.answers.get(verb):
            told = self.answers[verb].pop(0)
            return told(asked) if callable(told) else told
        return self.do(verb, asked)

    def verbs(self) -> list[str]:
        return [self._verb(asked) for asked in self.asked]

    @staticmethod
    def _verb(asked: Asked) -> str:
        if asked.path == "/v2/catalog":
            return "catalog"
        if asked.path.endswith("/last_operation"):
            return "poll"
        is_binding = "/service_bindings/" in asked.path
        names = {
            "PUT": ("provision", "bind"),
            "PATCH": ("update", "update"),
            "DELETE": ("deprovision", "unbind"),
            "GET": ("fetch", "fetch-binding"),
        }
        return names[asked.method][is_binding]

    def do(self, verb: str, asked: Asked) -> Answer:
        if verb == "catalog":
            return 200, {"services": self.services}, {}
        if verb == "poll":
            told = self.states.pop(0) if self.states else "succeeded"
            return told if isinstance(told, tuple) else (200, {"state": told}, {})
        guid = asked.path.rstrip("/").rpartition("/")[2]
        store = self.bindings if "bind" in verb else self.instances
        made = self.credentials(guid) if verb == "bind" else {"dashboard_url": f"https://dash.example/{guid}"}
        if verb in ("fetch", "fetch-binding"):
            found = store.get(guid)
            more = self.credentials(guid) if verb == "fetch-binding" else {}
            return (200, {"parameters": found.get("parameters") or {}, **more}, {}) if found else (404, {}, {})
        if verb in ("deprovision", "unbind"):
            status = 200 if store.pop(guid, None) is not None else 410
            return (202, {"operation": verb}, {}) if verb in self.slow and status == 200 else (status, {}, {})
        status = 200 if guid in store or verb == "update" else 201
        store[guid] = {**store.get(guid, {}), **(asked.body or {})}
        return (202, {"operation": verb}, {}) if verb in self.slow else (status, made if verb != "update" else {}, {})

    @staticmethod
    def credentials(guid: str) -> dict[str, Any]:
        return {"credentials": {"uri": f"db://login-{guid}", "password": "very-secret-login"}}


@contextmanager
def serving(answer: Callable[[Asked], Answer]) -> Iterator[str]:
    """The URL at which ``answer`` is asked."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            parts = urlsplit(self.path)
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = json.loads(raw) if raw else None
            status, document, more = answer(
                Asked(self.command, parts.path, dict(parse_qsl(parts.query)), body, headers)
            )
            data = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(data)), **more}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PUT = do_PATCH = do_DELETE = _handle

        def log_message(self, format: str, *args: object) -> None:
            """Tests read what was asked from ``asked``."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Callers that hang up are what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
