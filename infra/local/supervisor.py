"""The process that keeps a local cloud up: starts all components at once, restarts what dies, answers for them.

Its socket (``control.sock`` in the cloud's run folder, for the owner only) takes ``GET /status``,
``POST /components/<name>/start|stop|restart`` (``stop?signal=KILL``) and ``POST /down``. When it dies itself, the
components stay; ``zf local down`` finds them by the pid files.

``python -m infra.local.supervisor HOME OPTIONS LOCK_FD``: OPTIONS is JSON, the lock is the one of the home.
"""

import json
import logging
import os
import secrets
import signal
import socketserver
import sys
import threading
import time
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from infra.local import folders, machine, ops, plan, processes, readiness, teardown
from infra.local.child import Child
from infra.local.folders import Folders
from infra.local.plan import Options

log = logging.getLogger(__name__)

ADMIN = "admin"

#: A component that ends this often before the cloud is ready will not come up by being started again.
HOPELESS_EXITS = 4

LOG_CHECK_S = 30


class Supervisor:
    """A cloud from its options. ``run`` returns when the cloud is down."""

    def __init__(self, where: Folders, options: Options) -> None:
        self.folders, self.options = where, options
        facts = machine.look(where.run, plan.ports_needed(options))
        password = secrets.token_urlsafe(12)
        env = plan.common_env(options, facts, where.marker, os.environ)
        self.aws_url = env["AWS_ENDPOINT_URL"]
        self.children = [Child(spec, where) for spec in plan.components(options, facts, where.run, password, env)]
        self.state, self.error = "starting", ""
        self.began, self.ready_after_s = time.monotonic(), 0.0
        self._down = threading.Event()
        me = processes.identify(os.getpid())
        assert me
        self._me = me
        self._kept = folders.State(
            supervisor=(me.pid, me.started),
            port=options.port,
            prefix=plan.PREFIX,
            api_url=f"http://api.{options.domain}:{options.port}",
            apps_domain=options.domain,
            admin_user=ADMIN,
            admin_password=password,
        )

    def run(self) -> None:
        folders.save(self.folders, self._kept)
        server = _ControlServer(self)
        threading.Thread(target=server.serve_forever, args=(0.05,), name="control", daemon=True).start()
        for child in self.children:
            child.start()
        threading.Thread(target=self._become_ready, name="readiness", daemon=True).start()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._down.set())
        while not self._down.wait(LOG_CHECK_S):
            for child in self.children:
                child.cut_log()
        self._tear_down()
        server.server_close()

    def down(self) -> None:
        self._down.set()

    def child(self, name: str) -> Child | None:
        return next((child for child in self.children if child.spec.name == name), None)

    def status(self) -> dict[str, Any]:
        lost = next((child for child in self.children if child.spec.name == "aws" and child.exits), None)
        return {
            "state": "lost" if lost and self.state != "stopping" else self.state,
            "error": self.error,
            "pid": self._me.pid,
            "ready_after_s": self.ready_after_s,
            "api_url": self._kept.api_url,
            "apps_domain": self._kept.apps_domain,
            "admin_user": self._kept.admin_user,
            "admin_password": self._kept.admin_password,
            "port": self.options.port,
            "aws_url": self.aws_url,
            "run_folder": str(self.folders.run),
            "logs_folder": str(self.folders.logs),
            "components": [child.status() for child in self.children],
        }

    def _become_ready(self) -> None:
        while not self._down.is_set():
            hopeless = next((child for child in self.children if child.exits >= HOPELESS_EXITS), None)
            if hopeless:
                words = "\n".join(hopeless.last_words())
                self.state, self.error = "failed", f"{hopeless.spec.name} does not start:\n{words}"
                return
            if all(child.ready() for child in self.children) and readiness.is_ready(
                self.aws_url, self._kept.prefix, self.options
            ):
                self.state, self.ready_after_s = "ready", round(time.monotonic() - self.began, 2)
                log.info("ready after %.2f s", self.ready_after_s)
                return
            self._down.wait(0.03)

    def _tear_down(self) -> None:
        self.state = "stopping"
        teardown.ask_agents({child.spec.name: ready["http"] for child in self.children if (ready := child.ready())})
        for child in self.children:
            if child.spec.name != "aws":
                threading.Thread(target=child.stop, daemon=True).start()
        known = {child.spec.name: child.process for child in self.children if child.process}
        teardown.end_processes(known, self.folders, [self._me])
        teardown.remove_rest(self.folders)


class _ControlServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def __init__(self, supervisor: Supervisor) -> None:
        path = supervisor.folders.control
        path.unlink(missing_ok=True)
        # Nobody else may stop this cloud: the socket is born for its owner alone.
        before = os.umask(0o177)
        try:
            super().__init__(str(path), _ControlHandler)
        finally:
            os.umask(before)
        self.supervisor = supervisor


class _ControlHandler(BaseHTTPRequestHandler):
    server: _ControlServer

    def do_GET(self) -> None:
        if self.path == "/status":
            self._answer(200, self.server.supervisor.status())
        else:
            self._answer(404, {"error": f"unknown path {self.path}"})

    def do_POST(self) -> None:
        supervisor, target = self.server.supervisor, urlsplit(self.path)
        if target.path == "/down":
            supervisor.down()
            return self._answer(200, {})
        _, _, rest = target.path.partition("/components/")
        name, _, action = rest.partition("/")
        child = supervisor.child(name)
        if not child or action not in ("start", "stop", "restart"):
            return self._answer(404, {"error": f"there is no component and action {rest!r}"})
        if action == "stop":
            wish = parse_qs(target.query).get("signal", ["TERM"])[0]
            child.stop(signal.SIGKILL if wish == "KILL" else signal.SIGTERM)
        else:
            getattr(child, action)()
        return self._answer(200, child.status())

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: Any) -> None:
        """Somebody polls this several times a second while the cloud comes up."""


def arguments(home: Path, options: Options, lock: int) -> list[str]:
    """The command line that :func:`main` understands."""
    return [sys.executable, "-P", "-m", "infra.local.supervisor", str(home), json.dumps(asdict(options)), str(lock)]


def main(home: str, options: str) -> None:
    ops.log_as_json("supervisor", os.environ.get("ZF_LOG_LEVEL", "INFO"))
    where = folders.folders(Path(home), os.environ, os.geteuid() == 0)
    Supervisor(where, Options(**json.loads(options))).run()


if __name__ == "__main__":
    main(*sys.argv[1:3])
