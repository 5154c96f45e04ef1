"""The supervisor's address: who answers there, and how ``zf local`` and the fault tests talk to it.

It is on loopback, where every user of the machine can knock, so its path begins with a secret that only the
owner can read (``zf local status --json``: ``supervisor.http``):

    GET  <http>/status
    POST <http>/components/<name>/stop      ends it and keeps it down; ?signal=KILL without asking it
    POST <http>/components/<name>/start
    POST <http>/components/<name>/restart
    POST <http>/down
"""

import json
import secrets
import signal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import parse_qs, urlsplit
from urllib.request import ProxyHandler, Request, build_opener

_opener = build_opener(ProxyHandler({}))


class NoSupervisor(Exception):
    """Nobody answers at the address."""


class Startable(Protocol):
    def start(self) -> None: ...
    def stop(self, number: int) -> None: ...
    def restart(self) -> None: ...
    def status(self) -> dict[str, Any]: ...


class Supervised(Protocol):
    """What the address speaks for."""

    def status(self) -> dict[str, Any]: ...
    def child(self, name: str) -> Startable | None: ...
    def down(self) -> None: ...


class ControlServer(ThreadingHTTPServer):
    """Answers for ``supervised``; ``address`` is its address with the secret."""

    daemon_threads = True

    def __init__(self, supervised: Supervised) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.supervised, self.secret = supervised, secrets.token_urlsafe(18)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/{self.secret}"


class _Handler(BaseHTTPRequestHandler):
    server: ControlServer

    def do_GET(self) -> None:
        self._answer(*self._get(self._path()))

    def do_POST(self) -> None:
        self._answer(*self._post(self._path()))

    def _path(self) -> str:
        """The path behind the secret, empty for who does not know it."""
        known, _, path = urlsplit(self.path).path.lstrip("/").partition("/")
        return path if secrets.compare_digest(known.encode(), self.server.secret.encode()) else ""

    def _get(self, path: str) -> tuple[int, dict[str, Any]]:
        return (200, self.server.supervised.status()) if path == "status" else _unknown(path)

    def _post(self, path: str) -> tuple[int, dict[str, Any]]:
        if path == "down":
            self.server.supervised.down()
            return 200, {}
        kind, _, rest = path.partition("/")
        name, _, action = rest.partition("/")
        component = self.server.supervised.child(name) if kind == "components" else None
        if component is None or action not in ("start", "stop", "restart"):
            return _unknown(path)
        if action == "stop":
            wish = parse_qs(urlsplit(self.path).query).get("signal", ["TERM"])[0]
            component.stop(signal.SIGKILL if wish == "KILL" else signal.SIGTERM)
        else:
            getattr(component, action)()
        return 200, component.status()

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Somebody polls this several times a second while the cloud comes up."""


def _unknown(path: str) -> tuple[int, dict[str, Any]]:
    return 404, {"error": f"there is no {path or 'such address'}"}


class Control:
    """A caller of the address. Every method raises NoSupervisor when nobody answers, LookupError for a component
    that there is not."""

    def __init__(self, address: str) -> None:
        self._address = address

    def status(self) -> dict[str, Any]:
        return self._ask("GET", "status")

    def start(self, component: str) -> None:
        self._ask("POST", f"components/{component}/start")

    def stop(self, component: str, number: str = "TERM") -> None:
        self._ask("POST", f"components/{component}/stop?signal={number}")

    def restart(self, component: str) -> None:
        self._ask("POST", f"components/{component}/restart")

    def down(self) -> None:
        """Asks for the end of everything; the answer comes before it has happened."""
        self._ask("POST", "down")

    def _ask(self, method: str, path: str) -> dict[str, Any]:
        try:
            with _opener.open(Request(f"{self._address}/{path}", method=method), timeout=30) as answer:
                document: dict[str, Any] = json.load(answer)
                return document
        except HTTPError as error:
            raise LookupError(error.read().decode(errors="replace")) from None
        except (URLError, OSError, ValueError) as error:
            raise NoSupervisor(str(error)) from None
