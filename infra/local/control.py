"""Talking to a cloud's supervisor over its socket: what ``zf local`` and the fault tests do.

Control(folders.control).status()
Control(folders.control).stop("hm", "KILL")     # and keep it down
Control(folders.control).start("hm")
"""

import http.client
import json
import socket
from pathlib import Path
from typing import Any


class NoSupervisor(Exception):
    """Nobody answers on the socket."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Control:
    """The supervisor behind ``path``. Every method raises NoSupervisor when it does not answer."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def status(self) -> dict[str, Any]:
        return self._ask("GET", "/status", timeout=5)

    def start(self, component: str) -> None:
        self._ask("POST", f"/components/{component}/start")

    def stop(self, component: str, signal: str = "TERM") -> None:
        """Ends a component and keeps it down. ``signal``: TERM or KILL."""
        self._ask("POST", f"/components/{component}/stop?signal={signal}")

    def restart(self, component: str) -> None:
        self._ask("POST", f"/components/{component}/restart")

    def down(self) -> None:
        """Asks for the end of everything; the answer comes before it has happened."""
        self._ask("POST", "/down")

    def _ask(self, method: str, path: str, timeout: float = 30) -> dict[str, Any]:
        connection = _UnixConnection(self._path, timeout)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            answer: dict[str, Any] = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NoSupervisor(str(error)) from error
        finally:
            connection.close()
        if response.status != 200:
            raise LookupError(answer["error"])
        return answer
